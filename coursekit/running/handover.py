"""`check` while a notebook is graded: it sends the values out of the sandbox, where they are judged.

What only helps a reader, `hint` and `solution`, does nothing then.
"""

import os
from typing import Any

from coursekit.core import serialization

# The environment variables of a kernel that is graded:
GRADING = "COURSEKIT_GRADING"  # the nonce to send back
CONNECTION = "COURSEKIT_KERNEL"  # the key of its messages, and the numbers of its sockets
PLOTTING = "COURSEKIT_PLOTTING"  # the folder of Matplotlib's settings
HANDED_OVER = "application/vnd.coursekit.values"


def check(question_id: str, verbose: bool = False, **values: Any) -> None:
    """Send the values of a question out of the kernel as plain bytes; no verdict is made here."""
    from IPython import get_ipython

    kernel = get_ipython().kernel
    content = {"data": {HANDED_OVER: question_id}, "metadata": {}, "transient": {}}
    data = serialization.pack({"nonce": os.environ[GRADING], "question": question_id, "values": values})
    parent = kernel.get_parent()
    kernel.session.send(kernel.iopub_socket, "display_data", content, parent=parent, buffers=[data])


def hint(question_id: str, number: int | None = None) -> None:
    """Show nothing: nobody reads it."""


def solution(question_id: str) -> None:
    """Show nothing: no answer enters the sandbox."""
