"""The kernel of a notebook that is graded: IPython's, on sockets that it is given, with nothing to write outside /tmp.

Its sockets are open when it starts, as the process that grades has made them; so they lie in a folder that the sandbox
does not see.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import zmq
from ipykernel import kernelapp
from ipykernel.iostream import IOPubThread

from coursekit.running.handover import CONNECTION, PLOTTING


class _OutputThread(IOPubThread):
    """Sends what is printed, without the network connection by which forked processes would reach it."""

    def __init__(self, socket: zmq.Socket, pipe: bool = False, **options: Any) -> None:
        super().__init__(socket, pipe=False, **options)


class SandboxedKernelApp(kernelapp.IPKernelApp):
    """A kernel whose ports are the numbers of open sockets."""

    def _try_bind_socket(self, s: zmq.Socket, port: int) -> int:
        s.setsockopt(zmq.USE_FD, port)
        s.bind(f"ipc://{self.ip}-{port}")
        return port


def main() -> None:
    """Start the kernel."""
    home = Path(os.environ["HOME"])
    shutil.copytree(os.environ[PLOTTING], home / "matplotlib")  # Matplotlib wants a folder that it can write to
    os.environ["MPLCONFIGDIR"] = str(home / "matplotlib")
    kernelapp.IOPubThread = _OutputThread  # type: ignore[attr-defined,assignment]
    connection = json.loads(os.environ[CONNECTION])
    app = SandboxedKernelApp.instance(transport="ipc", ip=str(home / "socket"), hb_port=1, **connection["ports"])
    app.config.Session.key = connection["key"].encode()
    app.config.HistoryManager.enabled = False
    app.initialize(argv=[])
    app.start()


if __name__ == "__main__":
    main()
