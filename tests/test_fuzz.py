"""All that comes from outside, damaged: names, archives, notebooks, sources, receipts, kernel messages, records.

Each is read or refused within a limit on processor time, nothing is written where nothing should be, and reports can be
made of every record that can be read. `make test` tries a few hundred; to try 50,000 and see the figures:
`python -m tests.test_fuzz 50000`.
"""

import contextlib
import io
import json
import os
import random
import re
import signal
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from coursekit.core.question import Status
from coursekit.files import pack_zip, write_file
from coursekit.grading.evaluate import new_record
from coursekit.grading.intake.archive import Refused, find_submissions, open_submission, verify_receipt
from coursekit.grading.intake.merging import merge_module, merge_notebook
from coursekit.grading.intake.reading import read_files
from coursekit.grading.intake.sources import Source, readable, survey
from coursekit.grading.intake.text import clean, short
from coursekit.grading.record import (
    CellRecord,
    CellStatus,
    FollowThrough,
    NotebookRecord,
    NotebookState,
    QuestionRecord,
    Receipt,
    Record,
    State,
    SubmissionInfo,
    SubmittedFile,
    WrittenAnswer,
)
from coursekit.grading.reports.class_reports import write_reports
from coursekit.grading.running.messages import counting_session
from coursekit.grading.settings import Settings
from coursekit.learner import notebook_form, submission
from coursekit.paths import ROOT
from coursekit.teacher.solutions import strip_module
from tests.learner_notebooks import edition, filled

resource = pytest.importorskip("resource")  # with the alarm below, what Windows lacks

LIMIT = 10  # seconds of processor time for one case; honest ones take some hundredths
NOTEBOOKS = ("svm", "features", "knn")
MODULES = ("cs231n/layers.py", "cs231n/classifiers/softmax.py")
NUMBERS = (0, 1, 2, 255, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1)
NAMES = (
    b"../x",
    b"..\\x",
    b"/etc/x",
    b"C:/x",
    b"a\0b",
    b"\xff\xfe",
    b"//",
    b".",
    b"..",
    b"con",
    b"\xc3\xbc",
    b"a" * 300,
)
LEAVES = (None, True, 0, -1, 2**63, 1e308, "", "\0", "\ud800", "a" * 5_000, [], {}, [[]], {"source": 3})
LEAVES += (float("nan"), float("inf"), 10**400, "\x1b[2J\u202e\ufffe", "<!--" * 3_000, "](" * 3_000, "=1+1", "\r\n\t-")
CODE = (
    "(" * 300,
    "x = " * 200 + "1",
    "%%bash\nls /",
    "\\",
    '"' * 3,
    "\t x",
    "def f(:",
    "<<<<<<< a\n=======\n>>>>>>> b",
)
CODE += ('check("svm_search")', "raise SystemExit", "# a\n# b", "x = 1")
DEEP = (
    "(",
    "[",
    "-",
    "not ",
    "a.",
    "a if b else ",
    "lambda: ",
    "f(",
    "{1:",
    "x = ",
    "import a.",
    "if x:\n ",
    "1+",
    "*a,",
)
DEEP += (
    "for x in y: ",
    "a[",
    "@a\n",
    "await ",
    "yield ",
    "f'{",
    "x for x in y ",
    "**a, ",
    "a:=",
    "\\\n",
    "  " * 50 + "x\n",
)


class Hang(BaseException):
    """A case took longer than `LIMIT`; no Exception, so that nothing on the way catches it."""


class Wrote(BaseException):
    """Something was written to disk."""


# ---- mutations of bytes


def flip_bits(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def truncate(data, rng):
    return data[: rng.randrange(len(data) + 1)] if rng.random() < 0.7 else data[rng.randrange(len(data) + 1) :]


def splice(data, rng):
    """A piece of the data copied to another position, over the bytes there or between them."""
    start, length, to = (rng.randrange(len(data) + 1) for _ in range(3))
    piece = data[start : start + length // rng.choice((1, 10, 100))]
    return data[:to] + piece + data[to + (len(piece) if rng.random() < 0.5 else 0) :]


def insert_noise(data, rng):
    to = rng.randrange(len(data) + 1)
    return data[:to] + rng.randbytes(rng.choice((1, 4, 100))) + data[to:]


BYTES = (flip_bits, truncate, splice, insert_noise)


# ---- mutations of zips


FIELDS = {  # of a zip: (offset, size) after each signature
    b"PK\x01\x02": [(6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (38, 4), (42, 4)],
    b"PK\x03\x04": [(4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)],
    b"PK\x05\x06": [(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)],
}


def edit_directory(data, rng):
    """Other numbers in the fields of a zip's directory, of its end record, or of the headers before the files."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        signature = rng.choice(list(FIELDS))
        positions = [at for at in range(len(data)) if data.startswith(signature, at)] if signature in data else []
        if positions:
            offset, size = rng.choice(FIELDS[signature])
            value = rng.choice((*NUMBERS, rng.randrange(2**32), len(data))) % 256**size
            at = rng.choice(positions) + offset
            data[at : at + size] = value.to_bytes(size, "little")
    return bytes(data)


def edit_names(data, rng):
    """Other names, in the directory or before the files, of the same length."""
    names = [info.orig_filename.encode() for info in zipfile.ZipFile(io.BytesIO(data)).infolist()]
    old, new = rng.choice(names), rng.choice((*NAMES, *names))
    new = (new + old[len(new) :])[: len(old)]
    return data.replace(old, new, rng.choice((1, 2, -1)))


def add_zip64(data, rng):
    """Sizes that are said to stand in an extra field, which says what it likes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in unzip(data):
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<HHQQ", 1, 16, rng.choice(NUMBERS), rng.choice(NUMBERS))[: rng.randrange(21)]
            archive.writestr(info, content)
    return edit_directory(buffer.getvalue(), rng)


def rebuild(data, rng):
    """A sound zip of odd members: names, links, packings, doubles, zips in it, content that was mutated."""
    buffer, members = io.BytesIO(), unzip(data)
    with contextlib.redirect_stderr(io.StringIO()), zipfile.ZipFile(buffer, "w") as archive:
        for _ in range(rng.randrange(1, 12)):
            name, content = rng.choice(members)
            odd = rng.choice(NAMES).decode("latin-1").replace("\0", "0")
            bare = name.rsplit("/")[-1]
            name = rng.choice((name, name, name.upper(), f"{odd}/{name}", name.replace("/", "\\"), bare, odd))
            info = zipfile.ZipInfo(name, (rng.randrange(1980, 2100), 1, 1, 0, 0, 0))
            info.external_attr = rng.choice((0, 0, 0o120777 << 16, 0o10644 << 16, 0o40755 << 16, 2**32 - 1))
            content = rng.choice((content, rng.choice(BYTES)(content, rng), bytes(rng.choice((0, 3_000_000))), data))
            with contextlib.suppress(UserWarning):  # of a name that is there already
                archive.writestr(info, content, rng.choice((0, 8, 8, 8, 12, 14)))
    return buffer.getvalue()


def unzip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


ZIPS = (*BYTES, edit_directory, edit_directory, edit_names, add_zip64, rebuild, rebuild)


# ---- mutations of notebooks


def edit_tree(data, rng):
    """Other values somewhere in the JSON; cells copied, moved, lost."""
    tree = json.loads(data)
    for _ in range(rng.choice((1, 2, 5, 20))):
        holder, key = rng.choice(list(values_in(tree)))
        match rng.randrange(6):
            case 0:
                holder[key] = rng.choice(LEAVES)
            case 1:
                del holder[key]
            case 2:
                holder[key] = rng.choice(CODE) if isinstance(holder[key], str) else rng.choice(LEAVES)
            case 3:
                other, name = rng.choice(list(values_in(tree)))
                holder[key] = copied(other[name])
            case 4 if isinstance(holder, list):
                holder.insert(rng.randrange(len(holder) + 1), copied(holder[key]))
            case _ if isinstance(tree, dict) and isinstance(tree.get("cells"), list):
                rng.shuffle(tree["cells"])
        if not isinstance(tree, (dict, list)) or not tree:
            break
    return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def copied(value):
    """A copy of a piece of a tree, of a small one: a tree that holds itself twice, and so on, has no end."""
    text = json.dumps(value)
    return json.loads(text) if len(text) < 20_000 else None


def values_in(tree):
    """(holder, key) of every value in a JSON tree."""
    todo = [tree]
    while todo:
        holder = todo.pop()
        items = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
        for key, value in items:
            yield holder, key
            if isinstance(value, (dict, list)):
                todo.append(value)


def edit_cells(data, rng):
    """What editors and learners do, at random: ids, kinds, splits, merges, copies."""
    notebook = json.loads(data)
    cells = notebook["cells"]
    for _ in range(rng.choice((1, 3, 10, 40))):
        if not cells:
            break
        at = rng.randrange(len(cells))
        text = notebook_form.source(cells[at])
        match rng.randrange(7):
            case 0:
                cells[at]["id"] = rng.choice(cells).get("id", "")
            case 1:
                cells[at].pop("id", None)
            case 2:
                cells[at]["cell_type"] = rng.choice(("code", "markdown", "raw", "heading", "x", None, 3))
            case 3:
                cells.insert(rng.randrange(len(cells)), json.loads(json.dumps(cells[at])))
            case 4:
                cells[at]["source"] = text + "\n" + notebook_form.source(rng.choice(cells))
            case 5:
                cut = rng.randrange(len(text) + 1)
                cells[at : at + 1] = [{**cells[at], "source": text[:cut]}, {**cells[at], "source": text[cut:]}]
            case 6:
                cells[at]["source"] = rng.choice((text * 50, rng.choice(CODE), text[::-1], text.replace("\n", "\r")))
    return json.dumps(notebook).encode()


def nest(data, rng):
    depth = rng.choice((50, 900, 5_000, 200_000))
    return b'{"cells": ' + b"[" * depth + b"]" * rng.choice((depth, 0)) + b"}"


JSONS = (*BYTES, edit_tree, edit_tree, edit_tree, edit_cells, edit_cells, edit_cells, nest)


# ---- one case


class Fuzzer:
    """Runs cases; each is made of its number alone, so that one can be tried again."""

    def __init__(self, folder, seed=0):
        self.seed, self.count, self.slowest = seed, Counter(), (0.0, -1)
        self.inbox, self.out = Path(folder, "inbox"), Path(folder, "out")
        self.inbox.mkdir()
        self.editions = {name: edition(name) for name in NOTEBOOKS}
        self.given = {name: strip_module((ROOT / name).read_text(encoding="utf-8"), name) for name in MODULES}
        self.notebooks = {name: json.dumps(without_outputs(filled(name))).encode() for name in NOTEBOOKS}
        modules = {name: (ROOT / name).read_bytes() for name in MODULES}
        answered = {f"assignments/assignment1/{name}.ipynb": data for name, data in self.notebooks.items()}
        self.zip = pack_zip({**answered, **modules, "cs231n/saved/a.npz": b"w" * 100, "receipt.json": b'{"files": {}}'})

        self.record = json.dumps(json.loads(example_record().to_json()))

    def run(self, number):
        """One case of one kind after the other. Watched is what reads, not what makes the case."""
        rng = random.Random(f"{self.seed}/{number}")
        kinds = (self.a_zip, self.a_notebook, self.a_zip, self.a_notebook, self.a_name, self.a_source)
        kinds += (self.a_receipt, self.a_message, self.a_record)
        read = kinds[number % len(kinds)](rng)
        start = time.perf_counter()
        with guarded():
            read()
        self.slowest = max(self.slowest, (time.perf_counter() - start, number))

    def a_zip(self, rng):
        for path in self.inbox.iterdir():
            path.unlink()
        data = mutated(self.zip, ZIPS, rng.choice((1, 1, 1, 2)), rng)
        (self.inbox / "x.zip").write_bytes(data)
        return self.read_inbox

    def a_notebook(self, rng):
        name, module = rng.choice(NOTEBOOKS), rng.choice(MODULES)
        notebook = mutated(self.notebooks[name], JSONS, rng.choice((1, 1, 2, 3)), rng)
        source = mutated((ROOT / module).read_bytes(), BYTES, 1, rng)
        return lambda: self.merge({f"assignments/assignment1/{name}.ipynb": notebook, module: source})

    def a_name(self, rng):
        """A class of a few files with odd names."""
        for path in self.inbox.iterdir():
            path.unlink()
        for _ in range(rng.randrange(1, 5)):
            with contextlib.suppress(OSError):  # no file can have this name
                (self.inbox / os.fsdecode(odd_name(rng))).write_bytes(b"")
        return self.read_names

    def read_names(self):
        found = survey(self.inbox)
        used = {name for source in found.sources for name in source.handed}
        rest = {path.name for path in self.inbox.iterdir()} - used
        remarks = [remark for source in found.sources for remark in source.remarks]
        earlier = {name for name in rest if readable(name) not in found.others}  # attempts of the same learner
        assert not earlier or any(short(readable(name)) in remark for name in earlier for remark in remarks)
        assert len({source.id for source in found.sources}) == len(found.sources)
        for source in found.sources:
            assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,80}", source.id)
        for name in [*found.others, *(source.name for source in found.sources)]:
            assert clean(name) == name and "\n" not in name
        self.count["names read"] += 1

    def a_source(self, rng):
        """A module that is hard to parse, in a process of its own, since Python may crash."""
        depth, piece = rng.choice((10, 95, 1_000, 30_000)), rng.choice(DEEP)
        text = rng.choice(("", "x = ", "def f():\n    x = ")) + piece * (depth // rng.choice((1, 1, len(piece))) + 1)
        data = (text + rng.choice(("1", "", "x\n"))).encode()
        if rng.random() < 0.3:
            data = mutated((ROOT / MODULES[0]).read_bytes(), BYTES, 1, rng) + b"\n" + data
        return lambda: self.read_source(data[:200_000])

    def read_source(self, data):
        [line] = read_files({MODULES[0]: data}, "assignment1")
        file = json.loads(line)
        assert file["name"] == MODULES[0] and ("broken" in file) != ("source" in file)
        self.count["sources refused" if "broken" in file else "sources read"] += 1

    def a_receipt(self, rng):
        hashes = {name: submission.digest(data) for name, data in unzip(self.zip)}
        honest = json.dumps({"files": hashes, "questions": {"sgd": "ok", "svm_search": "wrong"}}).encode()
        data = mutated(honest, (*BYTES, edit_tree, edit_tree, nest), rng.choice((1, 2, 4)), rng)
        return lambda: self.read_receipt(data)

    def read_receipt(self, data):
        remarks = []
        receipt = verify_receipt(data, dict(unzip(self.zip)), remarks)
        text = json.dumps([receipt, remarks], ensure_ascii=False)
        text.encode()
        assert len(text) < 20_000 and receipt["verified"] == (not receipt["problems"])
        self.count["receipts read"] += 1

    def a_message(self, rng):
        sender = counting_session(key=b"")
        parts = [sender.msg_header("stream") | {"date": "2026-01-01"}, {"msg_id": "1"}, {}, {"traceback": ["a", "b"]}]
        frames = [b"", *(json.dumps(part).encode() for part in parts), b"buffer"]
        for _ in range(rng.choice((1, 1, 2, 3))):
            at = rng.randrange(len(frames))
            frames[at] = mutated(frames[at], (*BYTES, edit_tree, edit_tree, nest), 1, rng)
        return lambda: self.read_message(frames[: rng.choice((6, 6, 6, 5, 3, 0))])

    def read_message(self, frames):
        try:
            message = counting_session(key=b"").deserialize(frames)
        except Exception:  # `Checks` ends the kernel then
            self.count["messages refused"] += 1
            return
        self.count["messages read"] += 1
        json.dumps(message["content"], ensure_ascii=False).encode()

    def a_record(self, rng):
        data = self.record.encode()
        for _ in range(rng.choice((1, 1, 2))):
            data = mutated(data, (flip_bits, edit_tree, *[other_texts] * 4, *[other_numbers] * 2), 1, rng)
        return lambda: self.read_record(data)

    def read_record(self, data):
        """Reports of a class are made, whatever one of its records holds; a record that was read can be written."""
        try:
            record = Record.from_json(data)
        except (ValueError, RecursionError):
            self.count["records refused"] += 1
            return
        self.count["records read"] += 1
        with unwatched():
            notes = write_reports([record, example_record()], self.out)
            write_record_or_fail(record, self.out)
        assert (self.out / "class.html").exists() and len(notes) <= 1

    def read_inbox(self):
        for source in find_submissions(self.inbox):
            try:
                files = open_submission(source, "assignment1").files
            except Refused as refused:
                self.tell("zips refused", refused)
                continue
            self.count["zips opened"] += 1
            assert all(
                submission.is_allowed(name, "assignment1") and type(data) is bytes for name, data in files.items()
            )
            self.merge(files)

    def merge(self, files):
        for name, data in files.items():
            if name in self.given:
                merge_module(self.given[name], data).source.encode()
            elif name.endswith(".ipynb") and Path(name).stem in self.editions:
                self.merge_notebook(Path(name).stem, data)

    def merge_notebook(self, name, data):
        try:
            merged = merge_notebook(self.editions[name], data)
        except Refused as refused:
            return self.tell("notebooks refused", refused)
        self.count["notebooks merged"] += 1
        self.require_original(name, merged)
        return None

    def tell(self, what, refused):
        """Count a refusal; its words must say something, and stay of a readable length."""
        self.count[what] += 1
        assert 10 < len(str(refused)) < 2_000, str(refused)[:200]

    def require_original(self, name, merged):
        """All our cells are there, in order, and what is given is untouched."""
        cells = [cell for cell in merged.notebook["cells"] if cell["id"] not in merged.extra]
        for cell, original in zip(cells, self.editions[name]["cells"], strict=True):
            answer = original["id"] in merged.answers or bool(merged.written.get(original["id"]))
            assert cell["id"] == original["id"] and cell["cell_type"] == original["cell_type"]
            assert answer or notebook_form.source(cell) == notebook_form.source(original)
        json.dumps(merged.notebook, ensure_ascii=False).encode()


def mutated(data, mutations, times, rng):
    for _ in range(times):
        with contextlib.suppress(Exception):  # a second mutation may not be able to read what the first one left
            data = rng.choice(mutations)(data, rng)
    return data[: submission.LARGEST[".ipynb"]]  # no more gets past the reader


def odd_name(rng):
    """The bytes of a name that a file may have."""
    parts = [
        rng.choice((b"-", b".", b"\xff", b"\xc3\xbc", b"\x1b[2J", b"\n", b" ", b"_1_22_", b"a", b"\xf0\x9f\x98\x80"))
    ]
    parts += rng.choices((b"LATE", b"con", b"A", b"\xe2\x80\xae", b"\xed\xa0\x80", b"(1)", b"9" * 30, b"=", b"\\"), k=2)
    rng.shuffle(parts)
    return b"".join(parts) + rng.choice((b".zip", b".py", b".ipynb", b".pdf", b".ZIP", b"", b".tar.gz", b".zip "))


def other_texts(data, rng):
    """Other texts in some places of a record that hold a text."""
    tree = json.loads(data)
    texts = [(holder, key) for holder, key in values_in(tree) if isinstance(holder[key], str)]
    for holder, key in rng.choices(texts, k=rng.choice((1, 5, 30))):
        holder[key] = rng.choice([leaf for leaf in LEAVES if isinstance(leaf, str)])
    return json.dumps(tree).encode()


def other_numbers(data, rng):
    """Other numbers in some places of a record that hold one, of the same type."""
    tree = json.loads(data)
    numbers = [(holder, key) for holder, key in values_in(tree) if type(holder[key]) in (int, float)]
    for holder, key in rng.choices([pair for pair in numbers if pair[1] != "format"], k=rng.choice((1, 3))):
        floats = (-1.0, 1e308, -1e308, float("nan"), float("inf"), 5e-324)
        holder[key] = rng.choice(floats if isinstance(holder[key], float) else (-1, 0, 10**400, 2**64))
    return json.dumps(tree).encode()


def example_record():
    """A record with something in every field."""
    record = new_record(Source("ada", "ada", Path("ada.zip"), {"name": "Ada", "user": "1"}), Settings("assignment1"))
    through = FollowThrough(("affine_forward",), Status.OK, 1.0)
    about = {"title": "SGD", "notebook": "two_layer_net", "points": 1, "earned": 0.0, "seed": 0}
    record.state = State.GRADED
    record.questions = [
        QuestionRecord("sgd", **about, status=Status.WRONG, text="sgd: wrong\n  gap", mistake="a sign"),
        QuestionRecord("affine_backward", **about, status=Status.WRONG, text="wrong", follow_through=through),
        QuestionRecord("affine_forward", **about, status=Status.OK, text="ok"),
    ]
    cells = (CellRecord("a", CellStatus.ERROR, "detail"), CellRecord("b", CellStatus.OK))
    record.notebooks = [NotebookRecord("knn", NotebookState.DIFFERS, "1 of 2 cells", cells)]
    record.written = [WrittenAnswer("answer_a", "knn", "Why?", "Because of **this**.")]
    receipt = Receipt(False, ("a problem",), {"sgd": "ok"})
    files = (SubmittedFile("cs231n/optim.py", "0" * 64, 10),)
    record.submission = SubmissionInfo("ada", "Ada", "0" * 64, {"name": "Ada", "late": True}, files, receipt)
    record.remarks, record.timings.questions = ["A remark."], {"sgd": 0.5}
    return record


def write_record_or_fail(record, out):
    """Write a record as grading does; one that no file can hold is replaced there, by the record of a failure."""
    with contextlib.suppress(ValueError):
        write_file(Path(out, "record.json"), record.to_json())


def without_outputs(notebook):
    for cell in notebook["cells"]:
        cell.update({"outputs": []} if cell["cell_type"] == "code" else {})
    return notebook


# ---- the watch


class Watch:
    """Raises `Wrote`, while it is on, at any attempt to write a file or to start a program."""

    EVENTS = ("os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link", "os.truncate", "subprocess.Popen")
    on = False

    def __call__(self, event, arguments):
        flags = arguments[2] if self.on and event == "open" else 0
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if self.on and (writes or event in self.EVENTS):
            raise Wrote(f"{event} {arguments!r:.200}")


WATCH = Watch()
sys.addaudithook(WATCH)


@contextlib.contextmanager
def unwatched():
    """Let something be written in a case."""
    WATCH.on = False
    try:
        yield
    finally:
        WATCH.on = True


def _stop(*_):
    raise Hang(f"after {LIMIT} s")


@contextlib.contextmanager
def guarded():
    """Raise `Wrote` at a write, and `Hang` after the time limit."""
    before = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    WATCH.on = True
    try:
        yield
    finally:
        WATCH.on = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def sentinel(folder):
    """Check that a folder with some files in it, the working folder of the reader, is as it was."""
    here, before = Path(folder, "here"), os.getcwd()
    (here / "sub").mkdir(parents=True)
    (here / "sub" / "layers.py").write_text("mine")
    os.chdir(here / "sub")
    try:
        yield
    finally:
        os.chdir(before)
    assert [path.relative_to(here).as_posix() for path in sorted(here.rglob("*"))] == ["sub", "sub/layers.py"]
    assert (here / "sub" / "layers.py").read_text() == "mine"


def fuzz(folder, count, seed=0):
    """Run so many cases; the `Fuzzer`, with its counts."""
    with sentinel(folder):
        fuzzer = Fuzzer(folder, seed)
        for number in range(count):
            try:
                fuzzer.run(number)
            except BaseException as error:
                error.add_note(f"case {number} of seed {seed}")
                raise
    assert sorted(path.name for path in Path(folder).iterdir()) == ["here", "inbox", "out"]
    return fuzzer


@pytest.mark.parametrize("count", [270, pytest.param(50_000, marks=pytest.mark.slow)])
def test_nothing_gets_through(tmp_path, count):
    """Both outcomes of each kind occur; no crash, no hang, nothing written (each would raise)."""
    counted = fuzz(tmp_path, count).count
    kinds = {"zips": "opened", "notebooks": "merged", "messages": "read", "records": "read"}
    both = {f"{kind} {outcome}" for kind, read in kinds.items() for outcome in (read, "refused")}
    sources = {"sources read", "sources refused"} & set(counted)  # nearly all can be repaired
    assert set(counted) == {*both, *sources, "names read", "receipts read"}
    assert min(counted[what] for what in counted if what != "sources refused") > count // 100


def test_watch_sees_a_write(tmp_path):
    """The guard itself works."""
    with pytest.raises(Wrote), guarded():
        (tmp_path / "x").write_text("x")
    with pytest.raises(Wrote), guarded():
        os.symlink("a", tmp_path / "b")


def main(count=50_000, seed=0):
    """Print what became of so many cases."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = fuzz(folder, int(count), int(seed))
    print(f"{count} cases of seed {seed} in {time.perf_counter() - start:.0f} s; no crash, no hang, nothing written")
    print(*(f"{what}: {number}" for what, number in sorted(fuzzer.count.items())), sep="\n")
    print(f"slowest: {fuzzer.slowest[0]:.2f} s (case {fuzzer.slowest[1]})")
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
