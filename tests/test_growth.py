"""The reports of a class: twice as many submissions take twice as many steps, and pages twice as long."""

import sys
from contextlib import contextmanager

import pytest
import records

from coursekit.grading.intake.sources import survey
from coursekit.grading.reports.class_reports import write_reports
from coursekit.paths import ROOT

SIZES = (5, 10, 20)
CODE = str(ROOT / "coursekit")


def small(number, source):
    """A record of a few questions, with another one wrong and another remark for each submission."""
    asked = records.QUESTIONS[:3]
    statuses = {question.id: "wrong" if number % 3 == i else "ok" for i, question in enumerate(asked)}
    record = records.make(number, statuses={q.id: "ok" for q in records.QUESTIONS} | statuses)
    record.questions[3:], record.written[1:] = [], []
    record.remarks.append(f"knn.ipynb: Cell check_knn_two_loops: changed, in the way number {number:05}.")
    return records.with_submission(record, id=source.id, name=source.name)


def write(folder, size):
    """Write the reports of a class that Canvas handed out; the steps that this takes, and the sizes of the files."""
    (folder / "in").mkdir(parents=True)
    for number in range(size):
        (folder / "in" / f"learner{number:05}_{number:05}_{number:05}_assignment1.zip").touch()
    with counted() as steps:
        found = survey(folder / "in")
        write_reports([small(n, source) for n, source in enumerate(found.sources)], folder / "out", found=found)
    return len(steps), {path.name: path.stat().st_size for path in (folder / "out").iterdir() if path.is_file()}


@contextmanager
def counted():
    """Count the lines of the project that run, with each round of each loop."""
    steps = []

    def follow(frame, event, _):
        if not frame.f_code.co_filename.startswith(CODE):
            return None
        steps.append(event)
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        yield steps
    finally:
        sys.settrace(before)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The steps and the sizes for each number of submissions."""
    folder = tmp_path_factory.mktemp("growth")
    write(folder / "first", 1)  # templates are read, caches are filled
    return [write(folder / str(size), size) for size in SIZES]


def test_steps(written):
    """The steps for a pair of submissions add up to less than a hundredth of those for each."""
    few, more, many = (steps for steps, _ in written)
    assert many - more == pytest.approx(2 * (more - few), rel=0.01)


def test_sizes(written):
    few, more, many = (sizes for _, sizes in written)
    assert {"class.html", "grades.csv", "junit.xml", "feedback.zip"} <= few.keys() == many.keys()
    for name in few:
        assert many[name] - more[name] == pytest.approx(2 * (more[name] - few[name]), rel=0.05), name
