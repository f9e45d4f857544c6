"""Tables that come from outside are read however they were saved, and what is wrong with one is said before grading."""

import csv
import io
import json

import pytest
import records

from coursekit.grading import commands
from coursekit.grading.intake import roster
from coursekit.grading.intake.tables import Ids, TableError, read_table, table_of
from coursekit.grading.intake.text import plain_cell, unquoted_cell
from coursekit.grading.reports.canvas import check_canvas, fill_canvas, read_canvas
from coursekit.grading.reports.marks import Marks, read_marks, totals
from coursekit.grading.reports.moodle import fill_worksheet, read_worksheet
from coursekit.grading.reports.written import write_written_pages
from tests.records import with_submission

NO_MARKS = Marks({})
HEADER = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Assignment 1 (4711)", "Final Score"]
ROWS = [
    ["    Points Possible", "", "", "", "", "78", "(read only)"],
    ["Dœ, Jané", "9001", "007", "jane@x.invalid", "A, B", "", "1,5"],
    ['Roe "Joe"', "9002", "s2", "joe@x.invalid", "B; C", "-", ""],
]
SAVED = [  # (encoding, separator, first line, line end, quote all)
    ("utf-8", ",", "", "\n", False),
    ("utf-8-sig", ",", "", "\r\n", True),
    ("utf-8-sig", ";", "", "\r\n", False),
    ("utf-16", "\t", "", "\r\n", False),
    ("utf-16-be", ",", "", "\n", False),
    ("cp1252", ";", "", "\r\n", False),
    ("cp1252", ",", "sep=,", "\r\n", False),
    ("utf-8", ";", '"sep=;"', "\n", False),
    ("utf-8", "\t", "", "\n", True),
    ("utf-8", ",", "\n", "\r", False),
]


def saved(rows, encoding="utf-8", separator=",", first="", end="\n", all_quoted=False):
    """The bytes of a table as a spreadsheet saves it."""
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)
    beginning = "\ufeff" if encoding == "utf-16-be" else ""
    return (beginning + (first + end if first else "") + text.getvalue()).encode(encoding)


def learner(**about):
    return with_submission(records.make(9), learner=about)


@pytest.mark.parametrize("form", SAVED)
def test_a_gradebook_is_read_as_it_was_saved(tmp_path, form):
    """Every cell comes back, and the grade is entered."""
    path = tmp_path / "book.csv"
    path.write_bytes(saved([HEADER, *ROWS[:2], ["", "", ""], ROWS[2]], *form))
    check_canvas(path, None, "assignment1")
    text, notes = fill_canvas(read_canvas(path), [learner(name="x", user="9001")], NO_MARKS)
    rows = list(csv.reader(io.StringIO(text), delimiter=form[1]))
    expected = [row[:5] + ["78"] + row[6:] if row[1] == "9001" else row for row in ROWS]
    assert rows == [HEADER, *expected] and "not in the gradebook" not in " ".join(notes)


@pytest.mark.parametrize("shown", ["9001.0", "9.001E+03", "9,001E+03", "'9001", " 9001 ", "009001", "9001,00"])
def test_an_id_that_a_spreadsheet_changed(shown):
    rows = [HEADER, ROWS[0], ["Jane", shown, *ROWS[1][2:]], ROWS[2]]
    text, _ = fill_canvas(saved(rows).decode(), [learner(user="9001")], NO_MARKS)
    assert list(csv.reader(io.StringIO(text)))[2][5] == "78"


def test_leading_zeros_that_were_lost():
    rows = [HEADER, [*ROWS[1][:2], "7", *ROWS[1][3:]], ROWS[2]]
    text, _ = fill_canvas(saved(rows).decode(), [learner(user="007", email="x@y.invalid")], NO_MARKS)
    assert list(csv.reader(io.StringIO(text)))[1][5] == "78"


def test_an_exact_id_is_preferred():
    ids = Ids([("07", 1), ("7", 2), ("7.0", 3)])
    assert ids.rows("07") == {1} and ids.rows("7") == {2} and ids.rows("007") == {1, 2, 3} and ids.rows("") == set()


def test_a_column_that_pandas_added():
    rows = [["", *HEADER], *([str(i), *row] for i, row in enumerate(ROWS))]
    text, _ = fill_canvas(saved(rows).decode(), [learner(user="9002")], NO_MARKS)
    assert list(csv.reader(io.StringIO(text)))[3] == [*ROWS[2][:5], "78", ""]


WRONG = {
    "none.csv": (None, "none.csv cannot be read"),
    "book.xlsx": (
        b"PK\x03\x04...",
        "book.xlsx is a workbook of Excel or LibreOffice: open it there and save it as CSV",
    ),
    "book.ods": (b"PK\x03\x04...", "save it as CSV"),
    "book.xls": (b"\xd0\xcf\x11\xe0...", "an old workbook of Excel"),
    "empty.csv": (b"\r\n \n", "empty.csv is empty"),
    "nul.csv": (b"Student\0,ID", "line 1 is not in UTF-8 or cp1252"),
    "half.csv": ("Student".encode("utf-16")[:-1], "line 1 is not in utf-16"),
    "other.csv": (b"Name,ID,x,y\n", "its first row must start with Student and have a column ID; it is Name, ID, x, y"),
    "page.csv": (b"<html>log in</html>", "is a web page"),
    "twice.csv": (
        saved([HEADER, ROWS[1], ROWS[2], [*ROWS[1][:1], "9001.0"]]),
        "lines 2 and 4 have the same ID, 9001.0",
    ),
    "column.csv": (
        saved([[*HEADER[:5], "Quiz"], ROWS[1]]),
        "line 1: 0 columns match 'assignment1'; choose one of 'Quiz'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_before_anything_is_graded(name, tmp_path, capsys, monkeypatch):
    """In one sentence with the file; nothing is graded, and no traceback is shown."""
    monkeypatch.setattr(commands, "grade_all", lambda *_: pytest.fail("grading started"))
    content, told = WRONG[name]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "jane.zip").write_bytes(b"")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    options = [str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--assignment", "assignment1"]
    assert commands.grade([*options, "--canvas", str(tmp_path / name)]) == 2
    said = capsys.readouterr().out.strip()
    assert told in said and name in said and "\n" not in said


@pytest.mark.parametrize("option", ["--roster", "--moodle", "--pattern", "--column"])
def test_other_options_are_checked_first_too(option, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(commands, "grade_all", lambda *_: pytest.fail("grading started"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "jane.zip").write_bytes(b"")
    (tmp_path / "book.csv").write_bytes(saved([HEADER, *ROWS]))
    values = {"--pattern": "(?P<learner>", "--column": "Homework"}
    options = [str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--assignment", "assignment1"]
    more = ["--canvas", str(tmp_path / "book.csv")] * (option == "--column")
    assert commands.grade([*options, *more, option, values.get(option, str(tmp_path / "none.csv"))]) == 2
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(?P<learner>", "is not a regular expression"),
        ("(.*)", "has no group (?P<learner>...)"),
        ("(?P<learner>.*)(?P<date>x)?", "a group named date; the groups are learner, name, time, attempt, late"),
        (r"(?P<learner>\d+)\.zip", "matches none of jane.zip"),
    ],
)
def test_a_pattern_that_does_not_fit(pattern, told, tmp_path):
    from coursekit.grading.intake.sources import survey

    (tmp_path / "jane.zip").write_bytes(b"")
    with pytest.raises(ValueError, match="--pattern") as error:
        survey(tmp_path, pattern)
    assert told in str(error.value)


# ---- the list of the class

LEARNERS = [
    {"name": "doejane", "user": "9001", "late": False},
    {"name": "Joe Roe", "number": "55"},
    {"name": "Ann Poe, Kim Su", "user": "s4, s5", "email": "ann@x.invalid, kim@x.invalid"},
    {"name": "max"},
    {"name": "Somebody Else", "login": "nobody"},
]
HANDED = [("doejane_9001_1_a.zip",), ("Joe Roe_55_x/",), ("submission_1/",), ("max.zip",), ("nobody",)]


@pytest.mark.parametrize("form", SAVED)
@pytest.mark.parametrize(
    "titles",
    [
        ["Student ID", "Last name", "First name", "E-mail", "Username"],
        ["identifier", "Surname", "Given Name", "Email address", "github_username"],
    ],
)
def test_a_list_of_the_class(tmp_path, form, titles):
    rows = [
        titles,
        ["9001.0", "Dœ", "Jané", "jane@x.invalid", "jd"],
        ["s3", "Roe", "Joe", "joe@x.invalid", "jr"],
        ["s4", "Poe", "Ann", "ANN@x.invalid", ""],
        ["s5", "Su", "Kim", "kim@x.invalid", ""],
        ["s6", "Mustermann", "Max", "max@x.invalid", "max"],
        ["s7", "Absent", "Abe", "abe@x.invalid", ""],
    ]
    (tmp_path / "class.csv").write_bytes(saved(rows, *form))
    found = roster.matched(roster.read_roster(tmp_path / "class.csv"), LEARNERS, HANDED)
    names = [learner["name"] for learner in found.learners]
    assert names == ["Jané Dœ", "Joe Roe", "Ann Poe, Kim Su", "Max Mustermann", "Somebody Else"]
    known = {"name": "Jané Dœ", "email": "jane@x.invalid", "login": "jd", "canvas": "9001", "id": "9001"}
    assert found.learners[0] == LEARNERS[0] | known
    assert found.notes == [
        "Not on class.csv: Somebody Else.",
        "On class.csv, but handed in nothing: Abe Absent (s7).",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "Topic,Room\n1,2\n",
            "class.csv, line 1: no column is called identifier, username, name or email; its columns",
        ),
        ("id,name\n7,Jane\n\n7,Joe\n", "class.csv: lines 2 and 4 have the same id, 7"),
    ],
)
def test_a_list_that_is_none(text, told):
    with pytest.raises(TableError, match=told):
        roster.roster_of(table_of(text, "class.csv"))


def test_people_of_the_same_name_are_not_mixed_up():
    people = roster.roster_of(table_of("id,name\n1,Jane Doe\n2,Jane Doe\n", "class.csv"))
    assert people.find([], "Jane Doe") is None and people.find([], "Jane Doe", "2") == 1


# ---- marks


@pytest.mark.parametrize("form", SAVED)
def test_marks_of_a_spreadsheet(tmp_path, form):
    """Every mark counts, in whatever form the filled-in spreadsheet was saved."""
    class_of_2 = [records.make(1), records.make(2)]
    write_written_pages(class_of_2, tmp_path)
    [path, *_] = sorted((tmp_path / "written").glob("*.csv"))
    table = read_table(path)
    rows = [table.header, *(row[:3] + ["1,5", "3", "=ré"] for _, row in table.rows)]
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "filled.csv").write_bytes(saved(rows, *form))
    marks = read_marks(tmp_path)
    assert marks.problems == () and len(marks.by_answer) == len(rows) - 1 > 0
    assert {(mark.points, mark.comment) for mark in marks.by_answer.values()} == {(1.5, "=ré")}
    assert sum(totals(record, marks).points for record in class_of_2) == 1.5 * (len(rows) - 1)


def test_what_is_wrong_with_marks_names_the_line(tmp_path):
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "a.csv").write_text("question,answer,points,possible\n\nknn-a,k,two,3\n")
    (tmp_path / "marks" / "b.xlsx").write_bytes(b"PK\x03\x04")
    (tmp_path / "marks" / "c.csv").write_text("question,points\nknn-a,2\n")
    first, second, third = sorted(read_marks(tmp_path).problems, key=lambda problem: problem[0])
    assert first == "a.csv, line 3: a mark was ignored: points should be a number; it is 'two'"
    assert "b.xlsx is a workbook" in second and "c.csv, line 1: no column is called answer" in third


# ---- Moodle's worksheet

WORKSHEET = [
    [
        "Identifier",
        "Full name",
        "Email address",
        "Grade",
        "Maximum Grade",
        "Last modified (grade)",
        "Feedback comments",
    ],
    ["Participant 9001", "Jane Doe", "jane@x.invalid", "", "78.00", "-", ""],
    ["Participant 9002", "Joe, Roe", "joe@x.invalid", "3.00", "78.00", "-", "by hand"],
    ["Participant 9003", "=HYPERLINK(1)", "ann@x.invalid", "", "78.00", "-", ""],
]


@pytest.mark.parametrize("form", SAVED)
def test_a_worksheet_of_moodle(tmp_path, form):
    path = tmp_path / "sheet.csv"
    path.write_bytes(saved(WORKSHEET, *form))
    graded = [learner(name="Jane Doe", number="9001"), learner(name="Joe", number="77", email="joe@x.invalid")]
    text, notes = fill_worksheet(read_worksheet(path), graded, NO_MARKS)
    rows = list(csv.reader(io.StringIO(text), delimiter=form[1]))
    assert rows[0] == WORKSHEET[0] and [row[3] for row in rows[1:]] == ["78", "78", ""]
    assert rows[1][6].startswith("assignment1: ") and rows[2][6] == "by hand" and rows[3][1] == "'=HYPERLINK(1)"
    assert not [note for note in notes if "not in the grading worksheet" in note]


def test_a_worksheet_fills_nobody_else(tmp_path):
    (tmp_path / "sheet.csv").write_bytes(saved(WORKSHEET))
    text, notes = fill_worksheet(
        read_worksheet(tmp_path / "sheet.csv"), [learner(name="Jane Doe", number="1")], NO_MARKS
    )
    assert text == saved(WORKSHEET).decode().replace("=HYP", "'=HYP")
    assert notes == ["submission_9 is not in the grading worksheet"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([HEADER, *ROWS], "no column Identifier has values such as Participant 123456"),
        ([WORKSHEET[0], WORKSHEET[1], WORKSHEET[1]], "lines 2 and 3 have the same Identifier"),
        ([["Identifier", "Bewertung"], ["Teilnehmer/in 1", ""]], "no column is called Grade; .*'Bewertung'"),
    ],
)
def test_what_is_no_worksheet(rows, told, tmp_path):
    (tmp_path / "sheet.csv").write_bytes(saved(rows))
    with pytest.raises(TableError, match=told):
        read_worksheet(tmp_path / "sheet.csv")


# ---- what spreadsheets take for a formula


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@a", "\t=1", "\rx", "\nx", "＝1", "＋1", "－1", "＠a", "\u3000＝1", "\u200b=1"]
)
def test_no_cell_is_a_formula(text):
    assert plain_cell(text) == f"'{text}" and unquoted_cell(plain_cell(text)) == text


@pytest.mark.parametrize("text", ["", "a=b", "'quoted'", "it's", "1-2", "张伟"])
def test_other_cells_stay(text):
    assert plain_cell(text) == text == unquoted_cell(text)


def test_records_of_the_first_format_keep_their_marks(tmp_path):
    """The keys of marks that pages saved are as before; only spreadsheets write a word before them."""
    (tmp_path / "marks").mkdir()
    mark = {"question": "knn-a", "answer": "abc", "points": 1, "possible": 2}
    (tmp_path / "marks" / "a.json").write_text(json.dumps({"saved": "2026", "marks": [mark]}))
    (tmp_path / "marks" / "b.csv").write_text("question,answer,points,possible\nknn-a,def,1,2\nknn-a,answer-ghi,1,2\n")
    assert set(read_marks(tmp_path).by_answer) == {"abc", "def", "ghi"}
