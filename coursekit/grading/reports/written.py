"""Written answers: a page for each question to mark them on, and the marks that come back.

Marks belong to an answer: to its question, its submission and its text together. A regrade keeps them; an answer
that is handed in anew with other words has to be marked anew.
"""

import base64
import csv
import hashlib
import html
import io
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import mistune

from coursekit.grading.reports import pages
from coursekit.learner.submission import without_blank

LONGEST = 20_000  # characters of an answer that a page shows
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")
_COLUMNS = ("question", "answer", "text", "points", "possible", "comment")


@dataclass(frozen=True)
class Mark:
    """What an instructor gave for one written answer."""

    question: str
    points: float
    possible: float
    comment: str = ""


@dataclass(frozen=True)
class Marks:
    """All marks by the key of the answer, and what was wrong with their files, in sentences."""

    by_answer: dict
    problems: tuple = ()

    def possible(self, question):
        """The points a written question is worth, or None while none of its answers is marked."""
        return max((mark.possible for mark in self.by_answer.values() if mark.question == question), default=None)


def question_key(answer):
    """The name of a written question over all notebooks: ids repeat from notebook to notebook."""
    return pages.file_name(f"{answer['notebook']}-{answer['id']}")


def answer_key(record, answer):
    """A name for one answer that tells nothing about who wrote it."""
    parts = [answer["notebook"], answer["id"], record["submission"]["id"], answer["text"]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def is_blank(text):
    """Whether nothing was written."""
    return not without_blank(_COMMENT.sub("", text))


# ---- marks


def read_marks(out):
    """Read the marks in `out`/marks: .json files as the pages save them, .csv files as a spreadsheet does.

    Where an answer was marked twice, the file that was saved last counts; .csv files do not say when, so they go first.
    """
    by_answer, problems = {}, []
    read = [(path, *_read_file(path, problems)) for path in sorted(Path(out, "marks").glob("*.*"))]
    for path, _, rows in sorted(read, key=lambda entry: entry[1]):
        for row in rows:
            try:
                mark = _mark(row)
            except (KeyError, TypeError, ValueError) as error:
                problems.append(f"{path.name}: a mark is left out: {_why(error)}")
                continue
            if mark:
                old = by_answer.get(row["answer"])
                if old and old != mark:
                    problems.append(f"{path.name} marks an answer otherwise than an earlier file; this mark counts")
                by_answer[row["answer"]] = mark
    return Marks(by_answer, tuple(pages.clean(problems)))


def unknown_marks(marks, records):
    """How many marks belong to no answer in the records, as a list of at most one sentence."""
    known = {answer_key(record, answer) for record in records for answer in record["written"]}
    lost = len(set(marks.by_answer) - known)
    if not lost:
        return []
    return [f"{pages.counted(lost, 'mark')} in marks/ without an answer: it was handed in anew, or is of another class"]


def _read_file(path, problems):
    """(when it was saved, its rows); no rows, and a problem noted, if the file is not one of marks."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            delimiter = ";" if ";" in text.partition("\n")[0] else ","
            return "", list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
        if path.suffix == ".json":
            content = json.loads(text)
            return str(content["saved"]), list(content["marks"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, csv.Error) as error:
        problems.append(f"{path.name} is not a file of marks ({_why(error)})")
    return "", []


def _mark(row):
    """The mark in a row; None where no points are given yet."""
    if str(row["points"]).strip() == "":
        return None
    points, possible = (float(str(row[name]).replace(",", ".")) for name in ("points", "possible"))
    if not (math.isfinite(possible) and 0 <= points <= possible):
        raise ValueError(f"{points:g} of {possible:g} points is not possible")
    return Mark(str(row["question"]), points, possible, pages.clean(str(row.get("comment") or "")))


def _why(error):
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def marked_answers(record, marks):
    """The written answers of a record with what they got: a dict for each, for pages and exports."""
    return [_marked(record, answer, marks) for answer in record["written"]]


def _marked(record, answer, marks):
    possible = marks.possible(question_key(answer))
    mark = marks.by_answer.get(answer_key(record, answer))
    blank = is_blank(answer["text"])
    if mark is None and blank and possible is not None:
        mark = Mark(question_key(answer), 0.0, possible)
    return answer | {"mark": mark, "blank": blank, "key": question_key(answer)}


def totals(record, marks):
    """(points, possible points, number of answers not marked yet) of a record's written answers."""
    answers = marked_answers(record, marks)
    given = [answer["mark"] for answer in answers if answer["mark"]]
    points, possible = sum(mark.points for mark in given), sum(mark.possible for mark in given)
    return points, possible, sum(not answer["mark"] and not answer["blank"] for answer in answers)


# ---- pages


def write_written(records, out, marks=None):
    """Write a page and a spreadsheet for each written question into `out`/written.

    Answers come in an order that has nothing to do with who wrote them; those that are blank are only counted.
    """
    marks = read_marks(out) if marks is None else marks
    records = pages.clean(records)
    questions = {}
    for record in records:
        for answer in record["written"]:
            questions.setdefault(question_key(answer), []).append((answer_key(record, answer), answer))
    for key, answers in questions.items():
        shown = sorted((name, answer) for name, answer in answers if not is_blank(answer["text"]))
        pages.write(Path(out, "written", f"{key}.html"), _page(key, shown, len(answers) - len(shown), marks))
        pages.write(Path(out, "written", f"{key}.csv"), _spreadsheet(key, shown, marks))


def _page(key, answers, blank, marks):
    script = (pages.TEMPLATES / "written.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    entries = [{"key": name, "html": to_html(a["text"]), "mark": marks.by_answer.get(name)} for name, a in answers]
    prompts = [answer["prompt"] for _, answer in answers]
    return pages.fill(
        "written.html",
        title=f"Mark {key}",
        key=key,
        prompt=to_html(prompts[0]) if prompts else "",
        answers=entries,
        blank=blank,
        possible=marks.possible(key),
        script=script,
        scripts=f"'sha256-{digest}'",
    )


def _spreadsheet(key, answers, marks):
    rows = io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(_COLUMNS)
    for name, answer in answers:
        mark = marks.by_answer.get(name)
        given = ["", "", ""]
        if mark:
            given = [pages.number(mark.points), pages.number(mark.possible), plain_cell(mark.comment)]
        table.writerow([key, name, plain_cell(answer["text"]), *given])
    return rows.getvalue().encode("utf-8-sig")


def plain_cell(text):
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) or text.startswith(("\t", "\n")) else text


# ---- Markdown that a stranger wrote


class _Inert(mistune.HTMLRenderer):
    """HTML without anything that acts or loads: no links, no raw HTML, no pictures but those inside the text."""

    def link(self, text, url, title=None):
        """Show the address beside the text."""
        return text if mistune.escape(url) in text else f"{text} ({mistune.escape(url)})"

    def image(self, text, url, title=None):
        """Show a picture that the text carries itself; name any other."""
        if _PICTURE.fullmatch(url):
            return f'<img src="{url}" alt="{_plain(text) or "a picture in the answer"}">'
        return f"[picture: {_plain(text)}]"

    def heading(self, text, level, **attrs):
        """Show a heading as a bold line: the headings of the page are ours."""
        return f"<p><strong>{text}</strong></p>\n"

    def inline_math(self, text):
        """Show a formula as it was typed."""
        return f"<code>${mistune.escape(text)}$</code>"

    def block_math(self, text):
        """Show a formula of its own lines as it was typed."""
        return f"<pre>$${mistune.escape(text)}$$</pre>\n"

    def inline_html(self, source):
        """Show raw HTML as it was typed."""
        return mistune.escape(source)

    def block_html(self, source):
        """Show raw HTML as it was typed."""
        return f"<pre>{mistune.escape(source.strip())}</pre>\n"


def _plain(text):
    """Escape a text that is escaped already, in part or in whole; a tag in it is shown."""
    return html.escape(html.unescape(text))


_markdown = mistune.create_markdown(renderer=_Inert(escape=True), plugins=["table", "math"])


def to_html(text):
    """Markdown as harmless HTML; a text that cannot be read as Markdown is shown as it is."""
    shown = text[:LONGEST] + ("\n\n(cut here: the answer is longer)" if len(text) > LONGEST else "")
    try:
        return _markdown(shown)
    except (RecursionError, ValueError, IndexError, KeyError):
        return f"<pre>{mistune.escape(shown)}</pre>\n"
