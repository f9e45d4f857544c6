"""Cells that learners could add to a notebook, against the grading of a class: each must cost its own notebook at most.

`CELLS` maps a name to the source of a cell that is put after the first code cell of `Dropout.ipynb` of assignment 2.
"""

import json

from tests.classroom import packed, solved

ASSIGNMENT, NOTEBOOK = "assignment2", "assignments/assignment2/Dropout.ipynb"

_FAKE = """
from IPython import get_ipython
kernel = get_ipython().kernel
def say(text, **more):
    content = {"name": "stdout", "text": text} | more
    kernel.session.send(kernel.iopub_socket, "stream", content, parent=kernel.get_parent())
"""

CELLS = {
    "honest": "x_of_mine = 1",
    "endless": "while True: pass",
    "sleep": "import time\ntime.sleep(10 ** 6)",
    "input": "input('how many points? ')",
    "exit": "import os\nos._exit(0)",
    "kill": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos.kill(-1, signal.SIGKILL)",
    "own-check": "import coursekit\ndef check(*_, **__): print('ok, 2 points')\ncoursekit.check = check",
    "fake-verdict": "print('dropout_forward\\ndropout_forward: ok, 2 points')",
    "output": "while True: print('x' * 100_000)",
    "image": """
from IPython.display import Image, display
display(Image(data=b"\\x89PNG" + b"0" * 100_000_000, format="png"))
""",
    "html": """
from IPython.display import HTML, display
for _ in range(20_000):
    display(HTML("<div>" * 1_000 + "<script>while (true) {}</script>"))
""",
    "metadata": """
from IPython.display import display
display({"text/plain": "x"}, metadata={"a": "b" * 60_000_000}, raw=True)
""",
    "forks": """
import os
for _ in range(10):
    try:
        os.fork()
    except OSError:
        pass
while True:
    pass
""",
    "threads": """
import threading, time
for _ in range(10_000):
    threading.Thread(target=time.sleep, args=[600]).start()
""",
    "deletes": """
import os, shutil
for top in ("/", os.getcwd(), "../..", os.path.expanduser("~"), "/tmp"):
    shutil.rmtree(top, ignore_errors=True)
""",
    "fills": """
import os
with open(os.path.expanduser("~/x"), "wb") as file:
    while True:
        file.write(bytes(1 << 20))
""",
    "at-the-end": """
import atexit, time
class Last:
    def __del__(self):
        raise RuntimeError("x" * 10_000)
last = Last()
atexit.register(time.sleep, 600)
""",
    "half-a-character": f"{_FAKE}\nsay('\\ud800\\x00\\x1b]0;x\\x07')",
    "no-text": f"{_FAKE}\nsay(None)\nsay('x', name=['stdout'])\nsay({{}})",
    "no-messages": f"{_FAKE}\nfor _ in range(1_000): kernel.iopub_socket.send_multipart([b'x' * 1_000])",
    "idle": f"""{_FAKE}
for parent in ({{}}, kernel.get_parent()):
    kernel.session.send(kernel.iopub_socket, "status", {{"execution_state": "idle"}}, parent=parent)
""",
    "no-socket": f"{_FAKE}\nkernel.iopub_socket.close()",
}


def submission_with(name):
    """A zip: the solved modules, and one notebook with the cell."""
    files = {path: data for path, data in solved(ASSIGNMENT).items() if not path.endswith((".ipynb", ".npz"))}
    notebook = json.loads(solved(ASSIGNMENT)[NOTEBOOK])
    first = next(i for i, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code")
    cell = {"cell_type": "code", "id": "mine", "metadata": {}, "source": CELLS[name], "outputs": []}
    notebook["cells"].insert(first + 1, cell | {"execution_count": 1})
    return packed(files | {NOTEBOOK: json.dumps(notebook).encode()})
