"""The process that answers earlier questions in follow-through: the reference, in a sandbox of its own.

It is joined to the sandbox of the learner's code by two pipes and by nothing else, so no file, no memory and no message
in the learner's sandbox holds a line of the reference.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from coursekit.grading.intake.confined import Allowance
from coursekit.grading.running import sandbox, workspace
from coursekit.grading.running.tree import Tree
from coursekit.judging.runner import WAITING
from coursekit.running.earlier import ANSWERS, CHANNEL

# How it can end because of what it is asked: it could not read the question, or took too much time or memory for it.
BY_THE_LEARNER = {0, *(status for s in (signal.SIGXCPU, signal.SIGKILL) for status in (-s, 128 + s))}
_IMPORTED = ("coursekit.core.serialization", "unittest.mock")  # by what it runs
LARGEST_PIPE = 1 << 20  # bytes; more is for root alone


@dataclass(frozen=True)
class Reference:
    """What a sandbox gets to ask the reference by: environment variables, pipes, and the process to wait for."""

    variables: dict[str, str]
    pipes: tuple[int, ...]
    tree: Tree | None


NOBODY = Reference({}, (), None)


@contextlib.contextmanager
def started(
    folder: Path, answers: dict[str, Any], limits: sandbox.Limits, isolation: str, allowance: Allowance
) -> Iterator[Reference]:
    """The reference, ready to answer until the end of the `with` block.

    Parameters
    ----------
    folder : Path
        From `workspace.build_reference`.
    answers : dict
        What it may be asked for, from `workspace.answers_to`.
    limits : Limits
        Those of the learner's code.
    isolation : str
    allowance : Allowance
        What the reference may use for this submission, since it can be asked often.

    Raises
    ------
    SandboxError
        If it does not run, which is never a learner's fault.
    """
    with contextlib.ExitStack() as stack:
        reading, asking = _pipe(stack)
        hearing, answering = _pipe(stack)
        ends = reading.fileno(), answering.fileno()
        start = partial(
            sandbox.started_command,
            [sys.executable, "-m", "coursekit.running.earlier"],
            folder,
            replace(limits, seconds=allowance.seconds(WAITING * limits.seconds)),
            {CHANNEL: ",".join(map(str, ends)), ANSWERS: json.dumps(answers)},
            isolation,
            readable=[workspace.data_folder()],
            pass_fds=ends,
            pipes=subprocess.DEVNULL,
        )
        running = sandbox.warm_or_cold(
            lambda modules: stack.enter_context(start(preload=modules)), _IMPORTED, isolation
        )
        reading.close()  # here: so that each side sees when the other one has ended
        answering.close()
        ends = hearing.fileno(), asking.fileno()
        yield Reference({CHANNEL: ",".join(map(str, ends))}, ends, running.tree)
        running.tree.look()
        allowance.spend(running.tree.seconds)
        if running.has_ended() and running.process.wait() not in BY_THE_LEARNER:
            raise sandbox.SandboxError(f"the reference ended early, with status {running.process.returncode}")


def _pipe(stack: contextlib.ExitStack) -> tuple[IO, IO]:
    """The two ends of a pipe, to read and to write."""
    reading, writing = os.pipe()
    with contextlib.suppress(OSError):  # it would only be slower
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, LARGEST_PIPE)
    return stack.enter_context(open(reading, "rb", 0)), stack.enter_context(open(writing, "wb", 0))
