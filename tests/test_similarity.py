"""What submissions have in common is found, whatever was renamed, and what everybody writes is no evidence."""

import inspect
import json
import random
import re
import textwrap
from dataclasses import replace
from functools import cache

import pytest
from classroom import packed

from coursekit.grading.similarity import pairs as pairs_module
from coursekit.grading.similarity.command import similarity
from coursekit.grading.similarity.fingerprints import LENGTH, WINDOW, Fingerprint, code_tokens, runs, winnowed, words
from coursekit.grading.similarity.page import write_similarity
from coursekit.grading.similarity.pairs import compare, weight
from coursekit.grading.similarity.works import Part, Work, functions_in, given_runs, parts_of
from coursekit.paths import ROOT, file_of
from coursekit.questions import find

ASSIGNMENT = "assignment2"


@cache
def given():
    return given_runs(ASSIGNMENT)


@cache
def styles():
    """For each function of two assignments, the ways in which the course and the zoo write it, the course's first."""
    found = {}
    for path in [*ROOT.glob("zoo/assignment1/*.py"), *ROOT.glob("zoo/assignment2/*.py")]:
        for _, text in functions_in(path.read_text(encoding="utf-8")):
            if asked := re.match(r'@right\("(\w+)"', text):
                target = find(asked[1]).implements[0]
                found.setdefault(target, [model_answer(target)]).append(text[text.index("\ndef ") + 1 :])
    return found


def model_answer(target):
    functions = dict(functions_in((ROOT / file_of(target)).read_text(encoding="utf-8")))
    return textwrap.dedent(functions[target.partition(":")[2]])


def honest(number):
    """The functions of a learner who writes each in a style of their own choice."""
    choose = random.Random(number)
    return [choose.choice(texts) for texts in styles().values()]


def renamed(functions):
    """A copy with other names for variables, other comments and layout, and the functions in another order."""
    names = {"out": "result", "dx": "grad_x", "x": "data", "w": "weights", "N": "count", "i": "row", "mask": "keep"}
    copy = []
    for text in functions[::-1]:
        for old, new in names.items():
            text = re.sub(rf"(?<![.\w]){old}(?!\w)", new, text)
        copy.append(text.replace("\n    ", "\n      ").replace("):\n", "):  # my own\n\n"))
    return copy


def submitted(id_, functions, **about):
    source = "import numpy as np\n\n\n" + "\n\n".join(functions)
    parts, problems = parts_of({"cs231n/layers.py": source.encode()}, given())
    assert not problems
    return Work(id_, parts, **about)


@pytest.fixture(scope="module")
def class_of_20():
    """Fifteen who worked alone, three who copied, and two who copied, renamed and reordered."""
    alone = {f"alone_{i:02}": honest(i) for i in range(15)}
    copies = {f"copy_{i}": alone[f"alone_{i:02}"] for i in range(3)}
    copies |= {f"renamed_{i}": renamed(alone[f"alone_{i:02}"]) for i in (3, 4)}
    return [submitted(name, functions) for name, functions in (alone | copies).items()]


COPIES = {("alone_00", "copy_0"), ("alone_01", "copy_1"), ("alone_02", "copy_2")}
COPIES |= {("alone_03", "renamed_3"), ("alone_04", "renamed_4")}


def ids(pair):
    return pair.first.id, pair.second.id


def test_copies_come_first_with_a_margin(class_of_20):
    """Also those with other names, in another order; although the honest ones have whole functions in common."""
    pairs = compare(class_of_20).pairs
    assert {ids(pair) for pair in pairs[:5]} == COPIES
    assert pairs[4].evidence > 1.25 * pairs[5].evidence
    assert min(min(pair.shares) for pair in pairs[:5]) > 0.9


def test_what_the_course_answers_itself_is_no_evidence():
    """Two whose functions are all the model answers have nothing in common that counts."""
    model = [texts[0] for texts in styles().values()]
    assert submitted("a", model).parts == [] and submitted("b", renamed(model)).parts == []


def test_what_many_write_counts_little(class_of_20):
    """The same pair has less evidence in a class in which others wrote the same."""
    two = [work for work in class_of_20 if work.id in ("alone_00", "copy_0")]
    others = [submitted(f"again_{i}", honest(0)) for i in range(6)]
    evidence = [compare(works).pairs[0].evidence for works in (two, two + others)]
    assert evidence[1] < 0.6 * evidence[0]
    assert weight(2, 1000) == 1 and weight(500, 1000) < 0.12 and weight(1000, 1000) == 0


def test_the_parts_in_common_are_marked(class_of_20):
    """Each stretch that is marked on one side has, but for names, something that is marked on the other."""
    pair = next(pair for pair in compare(class_of_20).pairs if ids(pair) == ("alone_03", "renamed_3"))
    assert len(pair.matches) > 20
    for match in pair.matches:
        first, second = (
            [
                {run.hash for run in runs(code_tokens(part.text)) if start <= run.start < run.end <= end}
                for start, end in spans
            ]
            for part, spans in ((match.first, match.in_first), (match.second, match.in_second))
        )
        assert all(one & set().union(*second) for one in first) and all(one & set().union(*first) for one in second)


def test_groups_and_earlier_work_of_the_same_learner_are_left_out(class_of_20):
    pair = [work for work in class_of_20 if work.id in ("alone_00", "copy_0")]
    for about in ({"group": "g1"}, {"people": frozenset({"email a@b.c"})}):
        found = compare([replace(work, **about) for work in pair])
        assert found.pairs == [] and [ids(pair) for pair in found.left_out] == [("alone_00", "copy_0")]


def test_earlier_classes_are_compared_with_this_one_only(class_of_20):
    earlier = [replace(work, earlier="2025") for work in class_of_20 if work.id in ("copy_0", "alone_00", "copy_1")]
    now = [work for work in class_of_20 if work.id in ("alone_00", "alone_05")]
    pairs = [{pair.first.label, pair.second.label} for pair in compare(now + earlier).pairs]
    assert {"alone_00", "copy_0 (2025)"} in pairs[:2] and {"alone_00 (2025)", "copy_0 (2025)"} not in pairs


def test_written_answers_are_compared_by_their_words():
    text = "Since every row moves by the very same amount, nobody overtakes anybody else, and so the order stays put."
    other = "Order does not change: we subtract one vector from all of them, which the difference of two rows forgets."
    works = []
    for name, answer in (("a", text), ("b", text.upper()), ("c", other)):
        cell = {"cell_type": "markdown", "id": "answer_x", "source": f"**Your answer:**\n\n{answer}"}
        notebook = json.dumps({"cells": [cell]}).encode()
        works.append(Work(name, parts_of({"assignments/assignment2/Dropout.ipynb": notebook}, given())[0]))
    assert [ids(pair) for pair in compare(works, least=1).pairs] == [("a", "b")]


# ---- what strangers write


HOSTILE = {
    "not Python": b"def f(x:\n  return ((((\n\t'''never closed\ndef g(:\n",
    "tabs": b"def f(x):\n\tif x:\n        return 1\n\t  return 2\n",
    "bytes": bytes(range(256)) * 50,
    "one long line": b"def f(): return " + b"1+" * 200_000 + b"1",
    "deep": b"def f(): return " + b"(" * 100_000,
    "many functions": b"def f(): pass\n" * 20_000,
    "markup": b"def f():\n    return '<script>alert(1)</script>' + '</pre>' + x + y + z + a + b + c + d + e\n",
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_code_that_is_none_stops_nothing(name):
    parts, problems = parts_of({"cs231n/layers.py": HOSTILE[name], "cs231n/optim.py": b"def g(a):\n    return a"})
    assert problems == [] and sum(len(part.text) for part in parts) < 1_000_000


@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b"null", b'{"cells": 3}', b'{"cells": [{"source": 1}]}'])
def test_a_notebook_that_is_none_is_named(data):
    parts, problems = parts_of({"assignments/assignment2/Dropout.ipynb": data})
    assert (parts, problems) == ([], ["assignments/assignment2/Dropout.ipynb"])


def test_the_page_escapes_what_strangers_write_and_accuses_nobody(tmp_path):
    code = HOSTILE["markup"].decode()
    works = [submitted(f"id_{i}", [code], name="<img src=x onerror=alert(1)>") for i in range(2)]
    page, table = write_similarity(compare(works, least=1), tmp_path, ["<b>bold</b>"])
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text and "<img" not in text and "<b>" not in text
    assert "&lt;script&gt;" in text and "<mark>" in text and "≈ " in text
    assert "is no finding against anybody" in text and not re.search("cheat|plagiar|guilt|suspect", text, re.I)
    assert not re.search(r"https?://", text)
    assert table.read_text(encoding="utf-8-sig").startswith("first,second,evidence,")


def test_the_work_grows_as_the_class_does():
    """Twice as many works that all share a hundred passages, and share others with few, make twice as many pairs."""

    def pairs_in(count):
        shared = [[*range(100), *range(1000 + 10 * (i // 5), 1010 + 10 * (i // 5))] for i in range(count)]
        works = [Work(f"{i}", [Part("f", "", [Fingerprint(h, 0, 1) for h in ids])]) for i, ids in enumerate(shared)]
        return len(pairs_module._evidence(works, [pairs_module._places(work) for work in works])[1])

    assert 0 < pairs_in(400) == 2 * pairs_in(200)


# ---- the parts of it


def test_functions_in():
    source = (
        "import numpy\n@d\ndef f(x):\n    def g(): pass\nclass A(B):\n    y = 1\n    async def h(self):\n        pass\n"
    )
    assert [name for name, _ in functions_in(f"{source}def k(): pass\n")] == ["f", "A", "A.h", "k"]


def test_a_common_run_is_found_wherever_it_stands():
    """The promise of winnowing: a run of LENGTH + WINDOW - 1 tokens in common has a fingerprint in common."""
    draw = random.Random(0)
    for _ in range(50):
        shared = [f"w{draw.randrange(50)}" for _ in range(LENGTH + WINDOW - 1)]
        texts = [[f"{name}{draw.randrange(9)}" for _ in range(draw.randrange(40))] for name in "abcd"]
        first, second = (
            {one.hash for one in winnowed(runs(words(" ".join([*before, *shared, *after]))))}
            for before, after in (texts[:2], texts[2:])
        )
        assert first & second


# ---- the command


def test_the_command_reads_submissions_and_writes_the_page(tmp_path, capsys):
    """A damaged submission is named; the pair is found in files as learners hand them in."""
    submissions, grades = tmp_path / "assignment1", tmp_path / "grades"
    submissions.mkdir()
    own = "\n\n" + inspect.getsource(renamed) + "\n\n" + inspect.getsource(styles)
    for name, more in (("ann", own), ("bob", own.replace("found", "known")), ("cleo", "")):
        files = {"cs231n/layers.py": (ROOT / "cs231n/layers.py").read_bytes() + more.encode()}
        (submissions / f"{name}.zip").write_bytes(packed(files))
    (submissions / "dan.zip").write_bytes(b"PK\x03\x04 nothing")
    assert similarity([str(grades), "--submissions", str(submissions), "--assignment", "assignment1"]) == 0
    assert "dan: " in capsys.readouterr().out
    rows = (grades / "similarity.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 2 and rows[1].startswith("ann,bob,")
    roster = tmp_path / "class.csv"
    roster.write_text("login,team\nann,blue\nbob,blue\ncleo,red\ndan,\n")
    (grades / "batch.json").write_text(json.dumps({"submissions": str(submissions), "roster": str(roster)}))
    assert similarity([str(grades), "--assignment", "assignment1", "--compare-with", str(submissions)]) == 0
    page = (grades / "similarity.html").read_text(encoding="utf-8")
    assert "Left out, because they are of one learner or one group: ann and bob" in page
    assert similarity([str(tmp_path / "nothing"), "--submissions", str(submissions)]) == 2
