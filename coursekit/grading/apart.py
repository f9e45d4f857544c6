"""Grade one submission in this process: `python -m coursekit.grading.apart`, as the workers of a cluster start it.

The request on standard input comes from the grader itself. What is written to standard output is the record.
"""

import os
import pickle
import sys

from coursekit.grading.evaluate import grade_submission
from coursekit.grading.intake.sources import Source
from coursekit.grading.interruption import stop_when_told, stoppable
from coursekit.grading.settings import Settings
from coursekit.questions import use_course


def request(source: Source, settings: Settings) -> bytes:
    """What to send."""
    return pickle.dumps((source, settings))


def main() -> None:
    """Serve one request."""
    stop_when_told()
    source, settings = pickle.loads(sys.stdin.buffer.read())
    if settings.course:
        use_course(settings.course)
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that is printed on the way may mix with the record
    record = stoppable(grade_submission, source, settings)
    answer.write(record.to_json().encode("utf-8", "replace"))
    answer.close()


if __name__ == "__main__":
    main()
