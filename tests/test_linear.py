"""What reads a learner's text takes time in proportion to its length, however the text was chosen."""

import time

import pytest

from coursekit.files import has_conflict
from coursekit.grading.intake.sources import _source
from coursekit.grading.intake.text import clean
from coursekit.grading.reports.learner_page import _MISTAKE, _squeeze
from coursekit.grading.reports.marks import is_blank
from coursekit.grading.reports.safe_markdown import LONGEST, to_html
from coursekit.grading.running.cells import detail_of
from coursekit.learner import notebook_form

PIECES = (
    "<!--",
    "-->",
    "<!---->",
    "(",
    "[",
    "![](",
    "](",
    "*",
    "_",
    "`",
    "$",
    "> ",
    "- ",
    "|",
    "<a ",
    "&",
    "\\",
    "\n",
    "\r",
)
PIECES += ("a_1_", "_1", " ", "\t", "<<<<<<< ", "attachment:a", "attachment:)", "check(", "> **Written question", "# ")
PIECES += (
    "\x1b[",
    "\x1b[0",
    "  likely mistake: a\n",
    "    a\n",
    "**Your answer:**\n",
    "**Inline question",
    "1.1e",
    "[a]: <",
)


def cell(text):
    return {"cell_type": "markdown", "id": "answer_a", "source": text, "attachments": {"a": {"image/png": "AAAA"}}}


def form(text):
    notebook = {"cells": [cell(text), {"cell_type": "code", "id": "b", "source": text}]}
    notebook_form.written_answers(notebook)
    notebook_form.prompts(notebook)
    notebook_form.shown_verdict(notebook, "sgd")
    notebook_form.question_in(text)


READERS = {
    "blank": is_blank,
    "form": form,
    "conflict": has_conflict,
    "clean": clean,
    "error": detail_of,
    "verdict": lambda text: _squeeze(_MISTAKE.sub("", text)),
}


def seconds(function, text):
    """Processor time, the least of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        function(text)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("name", READERS)
def test_reading_a_text_is_linear(name):
    """Sixteen times the text must not take two hundred times as long: a quadratic reader takes 256 times."""
    for piece in PIECES:
        short, long = (seconds(READERS[name], (piece * size)[:size]) for size in (16_000, 256_000))
        assert long < 80 * max(short, 0.002), piece


def test_markdown_is_cut_before_it_can_cost():
    for piece in PIECES:
        short, long = (seconds(to_html, (piece * size)[:size]) for size in (LONGEST, 50 * LONGEST))
        assert long < 5 * max(short, 0.01), piece


def test_many_attachments():
    """Each is looked up where it is used; a pass over the text for each of them would be quadratic."""

    def with_images(count):
        text = "".join(f"![](attachment:{i}.png)" for i in range(count))
        images = {f"{i}.png": {"image/png": "A" * 400} for i in range(count)}
        return lambda _: notebook_form.with_images(text, {"attachments": images})

    assert seconds(with_images(8_000), "") < 80 * max(seconds(with_images(500), ""), 0.002)


def test_names_of_files(tmp_path):
    """A number that is too long for one of Canvas is part of the name."""
    assert _source(tmp_path / "x", "a_" + "9" * 5_000 + "_1_x").learner.keys() == {"name"}
    short, long = (seconds(lambda name: _source(tmp_path / "x", name), "_1" * size) for size in (500, 8_000))
    assert long < 80 * max(short, 0.002)
