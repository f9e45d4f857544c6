"""The page on the topics of the practice notebooks names cells, functions and tests that exist."""

import json
import re
from importlib import import_module

import pytest

from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, notebook_file

ROW = re.compile(r"\| ([^|]+) \| \[(\w+)\]\((\S+)\): ([^|]+) \| ([^|]+) \| `(\w+)\.(\w+)` \|")
PAGE = (ROOT / "docs/topics.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("line", ROWS, ids=lambda line: line.split("|")[1].strip())
def test_a_topic_is_taught_implemented_and_tested(line):
    _, notebook, link, cells, functions, module, test = ROW.fullmatch(line).groups()
    assert (ROOT / "docs" / link).resolve() == ROOT / notebook_file(notebook)
    ids = {cell["id"] for cell in json.loads((ROOT / notebook_file(notebook)).read_text(encoding="utf-8"))["cells"]}
    assert set(re.findall(r"`(\w+)`", cells)) <= ids
    for name in re.findall(r"`([\w.]+)`", functions):
        path, _, function = name.rpartition(".")
        assert callable(getattr(import_module(f"cs231n.{path}"), function))
    source = (ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8")
    assert re.search(rf"^ *(def|class) {test}\b", source, re.MULTILINE)


def test_every_practice_notebook_has_topics():
    named = {ROW.fullmatch(line)[2] for line in ROWS}
    assert named == {name for name, assignment in NOTEBOOKS.items() if assignment == "practice"}
