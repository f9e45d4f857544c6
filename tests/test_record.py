"""Records: what is written is read again, what an earlier version wrote is read too, and all else is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import records

from coursekit.core.question import Status
from coursekit.grading.comparison import differences, with_questions_of
from coursekit.grading.record import (
    FORMAT,
    FollowThrough,
    NotebookState,
    Record,
    State,
    Timings,
    read_record,
    read_records,
    record_path,
    write_record,
)
from coursekit.grading.reports.class_reports import write_reports
from coursekit.grading.reports.marks import read_marks, totals, unknown_marks
from coursekit.learner import submission

FORMAT_1 = Path(__file__).parent / "data" / "format_1"  # a class as the version before format 2 graded it


@pytest.fixture(scope="module")
def few():
    return records.few()


@pytest.fixture(scope="module")
def old():
    """Records in format 1, by id without the name of the assignment."""
    return {record.submission.id.removesuffix("_assignment1"): record for record in read_records(FORMAT_1)}


# ---- what a record says


def test_score_is_the_sum_of_the_points(few):
    assert [record.score for record in few] == [78, 74, 70, 67, 73, 71, 0, 0]
    assert isinstance(few[6].score, float)


def test_final_and_settled(few):
    """A refused submission has no final grade, but nothing would change it; an infrastructure error calls for more."""
    assert [record.is_final for record in few] == [True] * 5 + [False] * 3
    assert [record.is_settled for record in few] == [True] * 5 + [False, True, False]
    assert [record.state_words for record in few[4:]] == [
        *("graded", "graded, not final", "refused", "infrastructure error"),
    ]


@pytest.mark.parametrize(
    "status, through, passed",
    [
        (Status.OK, None, True),
        (Status.WRONG, None, False),
        (Status.CRASHED, FollowThrough(("sgd",), Status.OK, 0.0), True),
        (Status.WRONG, FollowThrough(("sgd",), Status.TIMED_OUT, 0.0), False),
    ],
)
def test_passed(few, status, through, passed):
    assert replace(few[0].questions[0], status=status, follow_through=through).passed is passed


def test_evidence_leaves_out_what_changes_each_time(few):
    again = replace(few[1], timings=Timings("2027-01-01", 1.0, 0.5), fingerprint="another")
    assert again.evidence() == few[1].evidence() != few[2].evidence()


# ---- its file


def test_records_come_back(few, tmp_path):
    for record in few:
        write_record(record, tmp_path)
        assert read_record(record_path(tmp_path, record.submission.id)) == record
    assert read_records(tmp_path) == few


def test_the_file_is_plain_json(few):
    """Scripts may read it: the format, the score, and every status as its word."""
    content = json.loads(few[2].to_json())
    assert (content["format"], content["score"], content["state"]) == (FORMAT, 70.0, "graded")
    statuses = {question["status"] for question in content["questions"]}
    assert statuses == {"ok", "wrong", "timed out", "not attempted"}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"format": 3}, "expected a record of format 1 or 2"),
        ({"format": [1]}, "expected a record of format 1 or 2"),
        ({"questions": None}, "record.questions should be of type list; it is None"),
        ({"questions": [{}]}, r"record.questions\[0\] lacks earned, id, notebook"),
        (
            {"state": "done"},
            "record.state should be one of graded, refused, infrastructure error; it is 'done'",
        ),
        ({"possible": "78"}, "record.possible should be of type float; it is '78'"),
        ({"possible": True}, "record.possible should be of type float"),
        ({"remarks": [1]}, r"record.remarks\[0\] should be of type str"),
        ({"versions": {"numpy": 2}}, "record.versions.numpy should be of type str"),
        ({"grade": 1}, "record has unknown grade"),
        ({"submission": {"id": "a", "name": "a", "receipt": {}}}, "record.submission.receipt lacks verified"),
        ({"submission": {"id": "a", "name": "a", "learner": {"late": 1}}}, "record.submission.learner.late"),
    ],
)
def test_what_is_no_record(few, change, message):
    with pytest.raises(ValueError, match=message):
        Record.from_json(json.dumps(json.loads(few[0].to_json()) | change))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b'{"format": 2}', b"\xff", b"[" * 100_000])
def test_a_file_that_holds_no_record_is_named(tmp_path, content):
    path = tmp_path / "ada.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="ada.json is not the record of a graded submission: "):
        read_record(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="is not the record of a graded submission"):
        read_record(tmp_path / "ada.json")


# ---- format 1


def test_format_1_is_read(old):
    assert {id_: (record.state, record.score) for id_, record in old.items()} == {
        "blank": (State.GRADED, 0.0),
        "mistake": (State.GRADED, 76.0),
        "not_a_zip": (State.REFUSED, 0.0),
        "solved": (State.GRADED, 53.0),
    }
    solved, mistake = old["solved"], old["mistake"]
    assert solved.is_final and solved.fingerprint and solved.versions["nbval"] == "0.11.0"
    assert {question.status for question in solved.questions} == {Status.OK, Status.NOT_GRADABLE}
    assert sum(map(solved.left_out, solved.questions)) == 7
    loss = records.question_of(mistake, "two_layer_net_loss")
    assert loss.follow_through == FollowThrough(("affine_forward",), Status.OK, 1.0)
    assert records.question_of(mistake, "affine_forward").first_wrong
    states = [notebook.state for notebook in mistake.notebooks]
    assert states == [NotebookState.AS_EXPECTED] * 3 + [NotebookState.DIFFERS] * 2
    assert len(mistake.written) == 12 and len(mistake.notebooks[0].cells) == 29


def test_format_1_says_the_same_as_format_2(old):
    """The record, written and read again, is the same; nothing of its content is lost."""
    for id_, record in old.items():
        assert Record.from_json(record.to_json()) == record
        before = json.loads(record_path(FORMAT_1, record.submission.id).read_bytes())
        after = json.loads(record.to_json())
        for renamed in (("environment", "versions"), ("key", "fingerprint")):
            before[renamed[1]] = before.pop(renamed[0])
        for question in before["questions"]:
            question["first_wrong"] = question.pop("failed")
            question["full_text"] = ""
        before["settings"]["edges"] = "ignore"
        before["timings"]["memory"] = 0
        for file in before["submission"]["files"]:
            file["size"] = file.pop("bytes")
        assert before | {"format": FORMAT} == after, id_


def test_receipts_of_earlier_versions_are_read(old):
    receipt = submission.read_receipt((FORMAT_1 / "assignment1_receipt.json").read_bytes())
    files = {file.name: file.sha256 for file in old["solved"].submission.files}
    assert receipt["files"] == files and receipt["questions"]["sgd"] == "ok"
    assert old["solved"].submission.receipt.verified
    assert old["solved"].submission.receipt.questions == receipt["questions"]


def test_marks_of_earlier_versions_count(old):
    marks = read_marks(FORMAT_1)
    assert not marks.problems and not unknown_marks(marks, old.values())
    assert totals(old["mistake"], marks)[:2] == (2.5, 3.0)
    assert totals(old["blank"], marks)[:2] == (0.0, 3.0)  # blank, and its question is marked


def test_reports_and_exports_from_format_1(old, tmp_path):
    write_reports(list(old.values()), tmp_path)
    for record in old.values():
        page = (tmp_path / "reports" / f"{record.submission.id}.html").read_text()
        assert record.submission.sha256 in page
    text = (tmp_path / "reports" / "mistake_assignment1.txt").read_text()
    assert text.splitlines()[3].startswith("76 of 78 points.")
    assert "Likely mistake:\n    the bias b is not added" in text
    assert "Cell check_affine_forward, " in text and "Fix affine_forward (wrong) first" in text
    rows = (tmp_path / "grades.csv").read_text("utf-8-sig").splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [f"{id_}_assignment1" for id_ in sorted(old)]
    assert "4 submissions, 3 graded." in (tmp_path / "class.html").read_text()
    assert len(list((tmp_path / "written").glob("*.html"))) == 12


# ---- compared with a new record


def test_the_same_record_has_no_differences(old, few):
    for record in [*old.values(), *few]:
        assert list(differences(record, Record.from_json(record.to_json()))) == []


def test_differences_are_named(old):
    record = old["mistake"]
    new = records.with_question(record, "sgd", status=Status.WRONG, earned=0.0)
    new = records.with_question(new, "relu_forward", text="relu_forward: ok, 1 point")
    new = replace(new, versions=record.versions | {"numpy": "3.0"})
    assert list(differences(record, new)) == [
        "relu_forward: the text of its verdict has changed",
        "sgd: ok, 1 of 1 before, wrong, 0 of 1 now",
        f"numpy was {record.versions['numpy']}, is 3.0",
        "the records are not identical",
    ]


def test_a_submission_that_has_changed(few):
    changed = records.with_submission(few[0], sha256="another")
    assert list(differences(few[0], changed, only_questions=True)) == ["the submission has changed"]


def test_one_question_is_taken_over(old):
    """What was graded again replaces what was there; a question that is new comes last."""
    record = old["solved"]
    known, added = replace(record.questions[0], earned=0.0), replace(record.questions[1], id="new_one")
    new = replace(record, questions=[known, added])
    assert list(differences(record, new, only_questions=True))[1] == "new_one is new: ok, 2 of 2"
    taken = with_questions_of(record, new)
    assert [q.id for q in taken.questions] == [*(q.id for q in record.questions), "new_one"]
    assert taken.score == record.score - record.questions[0].earned + added.earned
    assert taken.possible == record.possible + added.points
