"""Written answers: for each question a page to mark them on, and the same as a spreadsheet.

The page has the question, the course's model answer and a rubric beside the answers.
"""

import base64
import csv
import hashlib
import io
from pathlib import Path

from coursekit.files import write_file
from coursekit.grading.intake.text import plain_cell
from coursekit.grading.record import Record, WrittenAnswer
from coursekit.grading.reports import pages
from coursekit.grading.reports.marks import (
    KEY,
    Mark,
    Marks,
    Sheet,
    answer_key,
    is_blank,
    question_key,
    read_marks,
    rubric_of,
    suggested_points,
)
from coursekit.grading.reports.rubrics import RubricItem, asked
from coursekit.grading.reports.safe_markdown import to_html

_COLUMNS = ("question", "answer", "text", "points", "possible", "comment")

Keyed = list[tuple[str, WrittenAnswer]]  # answers with their keys


def write_written_pages(records: list[Record], out: str | Path, marks: Marks | None = None) -> None:
    """Write a page and a spreadsheet for each written question into `out`/written.

    Answers come in an order that does not depend on who wrote them. Blank answers are only counted.
    """
    marks = read_marks(out) if marks is None else marks
    folder = Path(out, "written")
    for question, answers in _by_question(pages.harmless(records)).items():
        shown = sorted((pair for pair in answers if not is_blank(pair[1].text)), key=lambda pair: pair[0])
        blank = len(answers) - len(shown)
        write_file(folder / f"{question}.html", _page(question, answers[0][1].prompt, shown, blank, marks))
        write_file(folder / f"{question}.csv", _spreadsheet(question, shown, marks))


def try_written_pages(record: Record, marks: Marks) -> None:
    """Raise if the pages could not be made of this record."""
    for question, answers in _by_question([pages.harmless(record)]).items():
        _page(question, answers[0][1].prompt, answers, 0, marks)
        _spreadsheet(question, answers, marks)


def _by_question(records: list[Record]) -> dict[str, Keyed]:
    questions: dict[str, Keyed] = {}
    for record in records:
        for answer in record.written:
            questions.setdefault(question_key(answer), []).append((answer_key(record, answer), answer))
    return questions


def _page(question: str, prompt: str, answers: Keyed, blank: int, marks: Marks) -> str:
    script = (pages.TEMPLATES / "written.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    course, rubric = asked(question), rubric_of(question, marks)
    return pages.fill(
        "written.html",
        title=f"Mark {question}",
        key=question,
        prompt=to_html(prompt or course.prompt),
        model=to_html(course.model) if course.model else "",
        comparison=to_html(course.comparison) if course.comparison else "",
        rubric=[{"id": i, "points": item.points, "text": item.text} for i, item in enumerate(rubric, 1)],
        comments=list(marks.sheets.get(question, Sheet()).comments),
        answers=[_answer(key, answer, marks.by_answer.get(key), rubric) for key, answer in answers],
        blank=blank,
        possible=suggested_points(question, marks),
        script=script,
        scripts=f"'sha256-{digest}'",
    )


def _answer(key: str, answer: WrittenAnswer, mark: Mark | None, rubric: tuple[RubricItem, ...]) -> dict:
    """An answer on its page; `chosen` are the numbers of those of the rubric that it has."""
    chosen = [rubric.index(item) + 1 for item in mark.items] if mark else []
    return {"key": key, "html": to_html(answer.text), "mark": mark, "chosen": chosen}


def _spreadsheet(question: str, answers: Keyed, marks: Marks) -> bytes:
    rows = io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(_COLUMNS)
    for key, answer in answers:
        table.writerow([question, KEY + key, plain_cell(answer.text), *_mark_cells(marks.by_answer.get(key))])
    return rows.getvalue().encode("utf-8-sig")


def _mark_cells(mark: Mark | None) -> list[str]:
    if not mark:
        return ["", "", ""]
    return [pages.number(mark.points), pages.number(mark.possible), plain_cell(mark.comment)]
