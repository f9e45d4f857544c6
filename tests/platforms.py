"""Classes as platforms hand them out, made up here, with the truth about each: who, which attempt, when, late or not.

Each entry of `CLASSES` writes a class into a folder and returns its `Truth`. The content of a file says whose attempt
it is, so that a test can tell which one was read: `cs231n/layers.py` of Jane's second attempt holds "jane 2".
"""

import io
import os
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.classroom import solved

LAYERS, OPTIM = "cs231n/layers.py", "cs231n/optim.py"
KNN = "assignments/assignment1/knn.ipynb"


@dataclass(frozen=True)
class Learner:
    """What must be known of one learner, and what `cs231n/layers.py` must hold; None where nothing can be graded."""

    name: str
    layers: str | None
    late: bool | None = None
    time: str = ""
    attempt: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    earlier: int = 0  # attempts that were ignored, with a remark about each
    told: tuple[str, ...] = ()  # what the remarks name


@dataclass(frozen=True)
class Truth:
    """The learners of a class; `others` are the names that must be on the class page with a reason."""

    platform: str
    learners: tuple[Learner, ...]
    others: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)


CLASSES: dict[str, Callable[[Path], Truth]] = {}


def handed_out(function):
    CLASSES[function.__name__] = function
    return function


def work(words, files=(LAYERS, OPTIM)):
    """A zip with the course's files, each of which says whose it is."""
    return packed({name: words.encode() for name in files})


def packed(files):
    """A zip of bytes by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def write(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)


def zipped(function):
    """The same class in one zip, as platforms hand it out."""

    def write_zip(folder):
        inner = folder.parent / f"{folder.name}-files"
        truth = function(inner)
        names = sorted(path for path in inner.rglob("*") if path.is_file())
        content = {path.relative_to(inner).as_posix(): path.read_bytes() for path in names}
        write(folder, {"submissions.zip": packed(content)})
        return truth

    CLASSES[f"{function.__name__}_zip"] = write_zip
    return function


# ---- Canvas


@zipped
@handed_out
def canvas(folder):
    write(
        folder,
        {
            "doejane_12_101_assignment1-1.zip": work("jane 2"),
            "doejane_12_99_assignment1.zip": work("jane 1"),
            "roejoe_LATE_34_103_assignment1.zip": work("joe"),
            "roejoe_LATE_34_104_screenshot.png": b"\x89PNG",
            "roejoe_LATE_34_105_assignment1_receipt.json": "{}",
            "poeann_56_106_layers.py": "ann",
            "poeann_56_107_optim-1.py": "ann",
            "poeann_56_108_knn.ipynb": "{}",
            "limo_78_109_report.pdf": b"%PDF-1.7",
            "kimsu_80_text.html": "<p>I could not upload it</p>",
            "voeval_82_111_work.tar.gz": b"\x1f\x8b\x08",
            "zoetim_84_112_layers.py": "tim",
            "zoetim_84_113_assignment1.zip": work("tim zip"),
            "readme.txt": "from the platform",
        },
    )
    return Truth(
        "Canvas",
        (
            Learner("doejane", "jane 2", False, attempt="2", ids={"user": "12"}, earlier=1),
            Learner("roejoe", "joe", True, ids={"user": "34"}, told=("screenshot.png", "assignment1_receipt.json")),
            Learner("poeann", "ann", False, attempt="2", ids={"user": "56"}),
            Learner("limo", None, False, ids={"user": "78"}),
            Learner("kimsu", None, False, ids={"user": "80"}),
            Learner("voeval", None, False, ids={"user": "82"}),
            Learner("zoetim", "tim zip", False, ids={"user": "84"}, told=("layers.py",)),
        ),
        ("readme.txt",),
    )


@zipped
@handed_out
def canvas_anonymous(folder):
    write(
        folder,
        {
            "anonymous_Ab3dE_201_assignment1.zip": work("one"),
            "anonymous_LATE_9Zk2f_202_assignment1.zip": work("two"),
            "anonymous_12345_203_assignment1.zip": work("three"),
            "anonymous_54321_LATE_204_assignment1.zip": work("four"),
        },
    )
    return Truth(
        "Canvas",
        (
            Learner("anonymous Ab3dE", "one", False, ids={"number": "Ab3dE"}),
            Learner("anonymous 9Zk2f", "two", True, ids={"number": "9Zk2f"}),
            Learner("anonymous 12345", "three", False, ids={"number": "12345"}),
            Learner("anonymous 54321", "four", True, ids={"number": "54321"}),
        ),
    )


@zipped
@handed_out
def canvas_one_learner(folder):
    """The screenshot must not make the class one submission."""
    write(folder, {"doejane_12_99_assignment1.zip": work("jane"), "doejane_12_100_error.png": b"\x89PNG"})
    return Truth("Canvas", (Learner("doejane", "jane", False, ids={"user": "12"}, told=("error.png",)),))


# ---- Moodle


@zipped
@handed_out
def moodle(folder):
    ends = "assignsubmission_file_"
    write(
        folder,
        {
            f"Jane Doe_1001_{ends}/assignment1.zip": work("jane"),
            f"Jane Doe_1001_{ends}/notes.pdf": b"%PDF-1.7",
            "Jane Doe_1001_assignsubmission_onlinetext_/onlinetext.html": "<p>see the zip</p>",
            f"张伟_1002_{ends}/layers.py": "zhang",
            f"Anne-Marie Müller_1003_{ends}/my work/cs231n/layers.py": "anne",
            "Kim Su_1004_assignsubmission_onlinetext_/onlinetext.html": "<p>nothing</p>",
        },
    )
    return Truth(
        "Moodle",
        (
            Learner("Jane Doe", "jane", ids={"number": "1001"}, told=("notes.pdf", "onlinetext")),
            Learner("张伟", "zhang", ids={"number": "1002"}),
            Learner("Anne-Marie Müller", "anne", ids={"number": "1003"}),
            Learner("Kim Su", None, ids={"number": "1004"}),
        ),
    )


@zipped
@handed_out
def moodle_flat(folder):
    write(
        folder,
        {
            "Jane Doe_1001_assignsubmission_file_assignment1.zip": work("jane"),
            "Jane Doe_1001_assignsubmission_onlinetext_onlinetext.html": "<p>hello</p>",
            "Participant 77_1002_assignsubmission_file_layers.py": "two",
            "Participant 77_1002_assignsubmission_file_optim.py": "two",
        },
    )
    return Truth(
        "Moodle",
        (
            Learner("Jane Doe", "jane", ids={"number": "1001"}, told=("onlinetext.html",)),
            Learner("Participant 77", "two", ids={"number": "1002"}),
        ),
    )


# ---- Brightspace


@zipped
@handed_out
def brightspace(folder):
    write(
        folder,
        {
            "index.html": "<table></table>",
            "501-9 - Jane Doe - Jan 9, 2026 1104 PM/assignment1.zip": work("jane 1"),
            "501-9 - Jane Doe - Jan 10, 2026 104 AM/assignment1.zip": work("jane 2"),
            "502-9 - Anne-Marie O'Neil - January 9, 2026 903 AM/layers.py": "anne",
            "502-9 - Anne-Marie O'Neil - January 9, 2026 903 AM/shot.png": b"\x89PNG",
        },
    )
    return Truth(
        "Brightspace",
        (
            Learner("Jane Doe", "jane 2", time="2026-01-10T01:04:00", ids={"number": "501"}, earlier=1),
            Learner("Anne-Marie O'Neil", "anne", time="2026-01-09T09:03:00", ids={"number": "502"}, told=("shot.png",)),
        ),
    )


@handed_out
def brightspace_flat(folder):
    write(
        folder,
        {
            "index.html": "<table></table>",
            "501-9 - Jane Doe - Jan 9, 2026 1104 PM - assignment1.zip": work("jane"),
            "502-9 - Joe Roe - Jan 9, 2026 1105 PM - layers.py": "joe",
        },
    )
    return Truth(
        "Brightspace",
        (
            Learner("Jane Doe", "jane", time="2026-01-09T23:04:00", ids={"number": "501"}),
            Learner("Joe Roe", "joe", time="2026-01-09T23:05:00", ids={"number": "502"}),
        ),
    )


# ---- Blackboard


def blackboard_text(name, login, typed="There is no student submission text data for this assignment."):
    return (
        f"Name: {name} ({login})\r\nAssignment: Assignment_1\r\nDate Submitted: Friday, January 9, 2026\r\n"
        f"Current Grade: Not Yet Graded\r\n\r\nSubmission Field:\r\n{typed}\r\n\r\nComments:\r\nNone.\r\n"
    )


@zipped
@handed_out
def blackboard(folder):
    first, second = "2026-01-09-23-04-11", "2026-01-10-01-00-00"
    write(
        folder,
        {
            f"Assignment_1_jdoe_attempt_{first}_assignment1.zip": work("jane 1"),
            f"Assignment_1_jdoe_attempt_{first}.txt": blackboard_text("Jane Doe", "jdoe"),
            f"Assignment_1_jdoe_attempt_{second}_assignment1.zip": work("jane 2"),
            f"Assignment_1_jdoe_attempt_{second}.txt": blackboard_text("Jane Doe", "jdoe", "the right one"),
            f"Assignment_1_joe_roe_attempt_{first}_layers.py": "joe",
            f"Assignment_1_joe_roe_attempt_{first}.txt": blackboard_text("Joe Roe", "joe_roe"),
            f"Assignment_1_ann_attempt_{first}.txt": blackboard_text("Ann Poe", "ann", "I am ill"),
        },
    )
    return Truth(
        "Blackboard",
        (
            Learner(
                "Jane Doe",
                "jane 2",
                time="2026-01-10T01:00:00",
                ids={"login": "jdoe"},
                earlier=1,
                told=("the right one",),
            ),
            Learner("Joe Roe", "joe", time="2026-01-09T23:04:11", ids={"login": "joe_roe"}),
            Learner("Ann Poe", None, time="2026-01-09T23:04:11", ids={"login": "ann"}),
        ),
    )


# ---- Gradescope

_METADATA = """---
submission_1:
  :submitters:
  - :name: Jane Doe
    :sid: '007'
    :email: jane@example.org
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: &1 2026-01-10 07:00:00.000000000 Z
    zone: !ruby/object:ActiveSupport::TimeZone
      name: America/Los_Angeles
    time: 2026-01-09 23:00:00.000000000 Z
submission_2:
  :submitters:
  - :name: Jane Doe
    :sid: '007'
    :email: jane@example.org
  :created_at: 2026-01-10 01:00:00.000000000 -08:00
submission_3:
  :submitters:
  - :name: Joe Roe
    :email: joe@example.org
  :created_at: '2026-01-10 10:00:00 +0100'
submission_4:
  :submitters:
  - :name: Joe Roe
    :email: joe@example.org
  - :name: Ann Poe
    :email: ann@example.org
  :created_at: '2026-01-10 09:30:00 UTC'
submission_5:
  :submitters:
  - :name: Kim Su
    :email: kim@example.org
  :created_at: 2026-01-09
"""


@zipped
@handed_out
def gradescope(folder):
    """Jane's first hand-in reads later as a text; Joe's first one, by himself, reads later too."""
    export = folder / "assignment_77_export"
    write(export, {"submission_metadata.yml": _METADATA})
    write(export, {f"submission_{i}/{LAYERS}": f"hand-in {i}" for i in range(1, 5)})
    write(export, {"submission_5/assignment1.zip": work("hand-in 5"), "submission_5/plot.png": b"\x89PNG"})
    return Truth(
        "Gradescope",
        (
            Learner("Jane Doe", "hand-in 2", time="2026-01-10T01:00:00-08:00", ids={"user": "007"}, earlier=1),
            Learner("Joe Roe, Ann Poe", "hand-in 4", time="2026-01-10T09:30:00+00:00", earlier=1),
            Learner("Kim Su", "hand-in 5", time="2026-01-09T00:00:00", told=("plot.png",)),
        ),
    )


# ---- GitHub Classroom


def clone(folder, files, when):
    """A repository with one commit."""
    write(folder, files)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    env |= {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env |= {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "work"]):
        subprocess.run(["git", *command], cwd=folder, env=env, check=True, capture_output=True)


EDITION = {
    "README.md": "# Course",
    "coursekit/__init__.py": "",
    "cs231n/__init__.py": "",
    "cs231n/layers.py": "jane",
    "cs231n/solver.py": "theirs",
    "assignments/assignment1/knn.ipynb": "{}",
    "datasets/get_datasets.py": "",
    "assignment1.zip": b"an old zip",
}


@handed_out
def github(folder):
    clones = folder / "assignment1-submissions"
    clone(clones / "assignment1-jane-doe", EDITION, "2026-01-09T23:04:11-0800")
    clone(clones / "assignment1-jane-roe", {LAYERS: "roe"}, "2026-01-08T12:00:00+0000")
    roster = (
        '"identifier","github_username","github_id","name"\n"s1","jane-doe","1","Jane Doe"\n"s3","kim","3","Kim Su"\n'
    )
    write(clones, {"classroom_roster.csv": roster})
    return Truth(
        "GitHub Classroom",
        (
            Learner("Jane Doe", "jane", time="2026-01-09T23:04:11-08:00", ids={"login": "jane-doe", "id": "s1"}),
            Learner("jane-roe", "roe", time="2026-01-08T12:00:00+00:00", ids={"login": "jane-roe"}),
        ),
    )


# ---- no platform


@zipped
@handed_out
def plain_zips(folder):
    write(
        folder,
        {
            "jane.zip": work("jane"),
            "joe roe.zip": work("joe"),
            "ann_layers.py": solved()[LAYERS],
            "grades.csv": "a,b",
            ".DS_Store": b"",
            "__MACOSX/._jane.zip": b"",
        },
    )
    known = Learner("jane", "jane"), Learner("joe roe", "joe"), Learner("ann_layers.py", solved()[LAYERS].decode())
    return Truth("", known, ("grades.csv",))


@zipped
@handed_out
def plain_folders(folder):
    write(
        folder,
        {
            f"all/jane/{LAYERS}": "jane",
            f"all/jane/{KNN}": "{}",
            "all/joe/work.zip": work("joe"),
            "all/joe/plot.png": b"\x89PNG",
            "all/ann/layers.py": "ann",
            "all/.DS_Store": b"",
        },
    )
    return Truth("", (Learner("jane", "jane"), Learner("joe", "joe", told=("plot.png",)), Learner("ann", "ann")))


@handed_out
def one_folder_is_the_class(folder):
    write(folder, {LAYERS: "jane", KNN: "{}"})
    return Truth("", (Learner(folder.name, "jane"),))


@handed_out
def one_zip_is_the_class(folder):
    write(folder, {"jane.zip": work("jane"), "notes.pdf": b"%PDF-1.7"})
    return Truth("", (Learner("jane", "jane"),), ("notes.pdf",))


@handed_out
def unpacked_beside_its_zip(folder):
    """A Mac unpacks what it downloads; nobody is doubled."""
    write(folder, {"jane.zip": work("jane"), f"jane/{LAYERS}": "jane", "joe.zip": work("joe")})
    return Truth("", (Learner("jane", "jane"), Learner("joe", "joe")), ("jane",))


@handed_out
def with_a_pattern(folder):
    names = (
        "a1 jane@x 2026-01-09 23h04 try2.zip",
        "a1 jane@x 2026-01-10 01h00 try1.zip",
        "a1 joe@x 2026-01-09 09h00 LATE.zip",
    )
    write(folder, {name: work(f"work {i}") for i, name in enumerate(names)} | {"other.zip": work("other")})
    pattern = r"a1 (?P<learner>\S+) (?P<time>\S+ \S+)(?: try(?P<attempt>\d))?(?P<late> LATE)?"
    known = (
        Learner("jane@x", "work 1", False, time="2026-01-10T01:00:00", attempt="1", earlier=1),
        Learner("joe@x", "work 2", True, time="2026-01-09T09:00:00"),
    )
    return Truth("--pattern", known, ("other.zip",), {"pattern": pattern})


# ---- zips of other systems


@handed_out
def names_of_other_systems(folder):
    """Backslashes of Windows, UTF-8 that does not say so, code page 437."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Jane Doe_1_assignsubmission_file_\\work.zip", work("jane"))
        archive.writestr("./Em Pty_4_assignsubmission_file_/", b"")
        archive.writestr("Ann Muellxxr_2_assignsubmission_file_/work.zip", work("ann"))
        archive.writestr("Bo Ob_3_assignsubmission_file_/work.zip", work("bo"))
    data = buffer.getvalue().replace(b"Muellxxr", "Müllxxr".encode()).replace(b"Bo Ob", b"Bo \x84b")
    write(folder, {"submissions.zip": data})
    known = (
        Learner("Jane Doe", "jane", ids={"number": "1"}),
        Learner("Ann Müllxxr", "ann", ids={"number": "2"}),
        Learner("Bo äb", "bo", ids={"number": "3"}),
        Learner("Em Pty", None, ids={"number": "4"}),
    )
    return Truth("Moodle", known)
