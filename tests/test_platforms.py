"""Whatever a platform hands out is read: each learner once, with the attempt that counts and its time."""

import re
import shutil

import pytest

from coursekit.core.course import Course
from coursekit.grading import commands
from coursekit.grading.intake import roster
from coursekit.grading.intake.archive import Refused, open_submission
from coursekit.grading.intake.handed_out import of_names
from coursekit.grading.intake.platforms import github
from coursekit.grading.intake.platforms.pattern import Pattern
from coursekit.grading.intake.sources import PLATFORMS, survey
from coursekit.grading.intake.tables import table_of
from coursekit.grading.intake.times import instant
from coursekit.learner import submission
from coursekit.paths import ROOT
from tests.platforms import CLASSES, LAYERS, OPTIM, blackboard_text, clone, packed, work, write


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_read(name, tmp_path):
    """Who, which attempt, when, late or not; nobody is lost or doubled, and every other file has a reason."""
    if "github" in name and not shutil.which("git"):
        pytest.skip("git is not installed")
    folder = tmp_path / "class"
    truth = CLASSES[name](folder)
    found = survey(folder, **truth.options)
    assert found.platform == truth.platform
    assert sorted(source.name for source in found.sources) == sorted(learner.name for learner in truth.learners)
    by_name = {source.name: source for source in found.sources}
    for learner in truth.learners:
        check(by_name[learner.name], learner)
    assert set(truth.others) == set(found.others) and all(found.others.values())
    assert len({source.id for source in found.sources}) == len(found.sources)


def check(source, learner):
    known = source.about()
    assert (source.time, source.attempt) == (learner.time, learner.attempt)
    assert known.get("late") == learner.late
    assert {key: known.get(key) for key in learner.ids} == learner.ids
    layers, remarks = opened(source)
    assert layers == learner.layers
    told = [*source.remarks, *remarks]
    assert sum("earlier submission" in remark for remark in told) == learner.earlier, told
    assert all(any(name in remark for remark in told) for name in learner.told), told


def opened(source):
    """(what layers.py holds, remarks); None where there is none, with the reason."""
    try:
        result = open_submission(source, "assignment1")
    except Refused as refused:
        return None, [str(refused)]
    data = result.files.get(LAYERS)
    return data and data.decode(), result.remarks


@pytest.mark.parametrize("name", ["canvas", "moodle", "brightspace", "blackboard", "gradescope", "plain_folders"])
def test_a_class_in_folders_in_a_zip(name, tmp_path):
    """As they are when somebody has packed them once more; nothing else changes."""
    truth = CLASSES[name](tmp_path / "from" / "a" / "b")
    shutil.make_archive(str(tmp_path / "in" / "packed"), "zip", tmp_path / "from")
    for path in (tmp_path / "from", tmp_path / "in", tmp_path / "in" / "packed.zip"):
        found = survey(path)
        assert found.platform == truth.platform
        assert sorted(source.name for source in found.sources) == sorted(learner.name for learner in truth.learners)


def source_of(folder, name):
    return next(source for source in survey(folder).sources if source.name == name)


def test_files_of_one_hand_in_are_put_together(tmp_path):
    """Zips with other names are no attempts: what the last one lacks is taken from the one before."""
    first, last = packed({LAYERS: b"first", OPTIM: b"first"}), packed({LAYERS: b"last"})
    write(tmp_path, {"doe_1_10_modules.zip": first, "doe_1_11_final.zip": last, "roe_2_12_a.zip": work("roe")})
    result = open_submission(source_of(tmp_path, "doe"), "assignment1")
    assert result.files == {LAYERS: b"last", OPTIM: b"first"}
    assert any(f"{LAYERS} in final.zip was used, not {LAYERS} in modules.zip" in remark for remark in result.remarks)


def test_the_hash_is_that_of_the_zip_with_loose_files_beside_it(tmp_path):
    """A learner's receipt names it."""
    data = work("jane")
    write(tmp_path, {"doe_1_10_a.zip": data, "doe_1_11_knn.ipynb": "{}", "roe_2_12_a.zip": work("roe")})
    assert open_submission(source_of(tmp_path, "doe"), "assignment1").sha256 == submission.digest(data)


def test_one_group_hands_in_again_in_part(tmp_path):
    """Each counts whose people have not all handed in again; the later one is named."""
    people = {"1": "ab", "2": "a", "3": "cd", "4": "cd"}
    entries = [
        f"submission_{number}:\n  :created_at: 2026-01-0{number} 10:00:00 Z\n  :submitters:\n"
        + "".join(f"  - :name: {name}\n    :email: {name}@x.invalid\n" for name in names)
        for number, names in people.items()
    ]
    write(tmp_path, {"submission_metadata.yml": "\n".join(entries)})
    write(tmp_path, {f"submission_{number}/{LAYERS}": number for number in people})
    found = {source.name: source for source in survey(tmp_path).sources}
    assert {name: opened(source)[0] for name, source in found.items()} == {"a, b": "1", "a": "2", "c, d": "4"}
    assert "Some of its learners handed in again: submission_2" in found["a, b"].remarks[0]


def test_perhaps_one_learner_twice(tmp_path):
    """Nobody can know; both are graded, and the teacher is told."""
    write(tmp_path, {"jane.zip": work("1"), "jane (1).zip": work("2"), "joe.zip": work("joe")})
    assert survey(tmp_path).notes == ("Perhaps from one learner, but each is graded: jane (1).zip, jane.zip.",)
    write(tmp_path.parent, {"class.csv": "name,username\nJane Doe,jane\nJoe Roe,joe\n"})
    write(tmp_path, {"Jane Doe.zip": work("3")})
    notes = survey(tmp_path, roster=tmp_path.parent / "class.csv").notes
    assert "With more than one submission, each of which is graded: Jane Doe (jane)." in notes


def test_a_list_tells_times_that_the_platform_does_not(tmp_path):
    """As Moodle's worksheet does, in its own words; a time that a platform tells counts."""
    sheet = "Identifier,Full name,Grade,Last modified (submission)\n"
    sheet += 'Participant 1001,Jane Doe,,"Monday, 12 October 2026, 11:58 PM"\nParticipant 1002,张伟,,-\n'
    write(tmp_path, {"sheet.csv": sheet})
    CLASSES["moodle"](tmp_path / "class")
    options = [tmp_path / "class", "--out", tmp_path / "out", "--moodle", tmp_path / "sheet.csv"]
    args = commands._parser(Course()).parse_args(list(map(str, options)))
    people = roster.read_roster(commands._worksheet_as_list(args))
    found = survey(tmp_path / "class", roster=args.moodle)
    times = {source.name: source.learner.get("time") for source in found.sources}
    assert (times["Jane Doe"], times["张伟"]) == ("2026-10-12T23:58:00", None)
    kept = roster._with({"name": "Jane Doe", "time": "2026-10-01T08:00:00"}, people.people[:1], 1)
    assert kept["time"] == "2026-10-01T08:00:00"


def test_what_grade_wrote_is_no_submission(tmp_path):
    write(
        tmp_path, {"jane.zip": work("1"), "joe.zip": work("2"), "out/batch.json": "{}", "out/records/jane.json": "{}"}
    )
    found = survey(tmp_path)
    assert [source.name for source in found.sources] == ["jane", "joe"] and "grade" in found.others["out"]


def test_a_text_typed_into_blackboard_takes_time_in_proportion(tmp_path):
    """It is the learner's: whatever it is, it is read once."""
    typed = ("\n " * 100_000) + "(" * 100_000
    write(tmp_path, {"A_jane_attempt_2026-01-09-23-04-11.txt": blackboard_text(" " * 100_000, "jane", typed)})
    [source] = survey(tmp_path).sources
    assert len(source.remarks[0]) < 200


@pytest.mark.parametrize("name", ["moodle", "blackboard", "brightspace", "canvas", "gradescope"])
def test_a_reader_needs_names_alone(name, tmp_path):
    """Each platform is recognised by a list of names, and by no other platform's reader."""
    CLASSES[name](tmp_path / "class")
    names = sorted(path.relative_to(tmp_path / "class").as_posix() for path in (tmp_path / "class").rglob("*"))
    names = [path.removeprefix("assignment_77_export/") for path in names if path != "assignment_77_export"]
    readers = [reader.NAME.lower() for reader in PLATFORMS if reader.is_mine(of_names(names))]
    assert readers == [name]


def test_a_clone_runs_nothing(tmp_path):
    """The settings in a learner's `.git` may name programs: none is run, and no file outside is read."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    clone(tmp_path / "a", {LAYERS: "x"}, "2026-01-09T10:00:00+0000")
    hook = f"touch {tmp_path / 'owned'}"
    settings = f"[core]\n fsmonitor = {hook}\n sshCommand = {hook}\n pager = {hook}\n[log]\n showSignature = true\n"
    settings += f'[gpg]\n program = {hook}\n[extensions]\n partialClone = x\n[remote "x"]\n url = "ext::sh -c {hook}"\n'
    (tmp_path / "a" / ".git" / "config").write_text(settings)
    assert github.commit_time(tmp_path / "a").isoformat() == "2026-01-09T10:00:00+00:00"
    for head in ("ref: ../../secret", "ref: refs/heads/../../config", "0" * 40, "--help", ""):
        (tmp_path / "a" / ".git" / "HEAD").write_text(head)
        assert github.commit_time(tmp_path / "a") is None
    assert not (tmp_path / "owned").exists()


def test_the_example_of_the_page_fits():
    """The pattern that docs/teaching.md shows reads the name that it shows."""
    page = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    [name] = re.findall(r"For `(hw1-.*?)`", page)
    [expression] = re.findall(r"--pattern '(hw1-.*)'", page)
    [attempt] = Pattern(expression).read(of_names([name])).attempts
    assert (attempt.learner["login"], attempt.learner["time"]) == ("jane.doe", "2026-01-09T23:04:00")


def test_the_page_lists_every_option_and_title():
    page = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    options = [action.option_strings[-1] for action in commands._parser(Course())._actions if action.option_strings]
    assert [option for option in options if f"{option}" not in page and option != "--help"] == []
    rows = re.findall(r"^\| (?:identifier|user name|email) \| (.*) \|$", page, re.M)
    for title in ", ".join(rows).split(", "):
        assert roster.roster_of(table_of(f"{title},Room\n7,1\n", "class.csv")).people, title


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jan 9, 2026 1104 PM", "2026-01-09T23:04:00"),
        ("January 9, 2026 12-04 AM", "2026-01-09T00:04:00"),
        ("9 janv. 2026 23:04", "2026-01-09T23:04:00"),
        ("9 de enero de 2026 1104", "2026-01-09T11:04:00"),
        ("20260109_230411", "2026-01-09T23:04:11"),
        ("2026-01-09T23:04:11.5Z", "2026-01-09T23:04:11+00:00"),
        ("2026-01-09 23:04:11 -0800", "2026-01-09T23:04:11-08:00"),
        ("2026-01-09", "2026-01-09T00:00:00"),
        ("2026-02-30 10:00", None),
        ("2026-01-09 99:99", None),
        ("9999-12-31 23:59", None),
        ("0001-01-01 00:00", None),
        ("assignment 1", None),
        ("9" * 500, None),
        (["2026"], None),
    ],
)
def test_times(text, expected):
    found = instant(text)
    assert (found and found.isoformat()) == expected
