"""Written answers: anonymous pages, harmless Markdown, and marks that survive."""

import csv
import json
import re
from dataclasses import replace

import pytest
import records
from records import with_answer

from coursekit.grading.record import NotebookRecord, NotebookState, SubmittedFile
from coursekit.grading.reports.class_page import write_class_page
from coursekit.grading.reports.exports import grades_csv, gradescope_results
from coursekit.grading.reports.learner_page import write_learner_page
from coursekit.grading.reports.marks import (
    answer_key,
    is_blank,
    marked_answers,
    read_marks,
    rubric_of,
    totals,
    unknown_marks,
)
from coursekit.grading.reports.rubrics import asked, points_of, rubrics_of
from coursekit.grading.reports.safe_markdown import LONGEST, to_html
from coursekit.grading.reports.written import write_written_pages
from coursekit.learner.notebook_form import prompts
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, notebook_file

START = "softmax-answer_start"


@pytest.fixture(scope="module")
def class_of_12():
    return [records.make(number) for number in range(1, 13)]


def put_marks(out, rows, name="marks.json", saved="2026-11-20T10:00:00Z"):
    path = out / "marks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"format": 1, "saved": saved, "marks": rows}))


def row(record, points, possible=3, comment="", question=START):
    answer = next(a for a in record.written if f"{a.notebook}-{a.id}" == question)
    key = answer_key(record, answer)
    return {"question": question, "answer": key, "points": points, "possible": possible, "comment": comment}


# ---- the pages


def test_pages_are_anonymous(class_of_12, tmp_path):
    write_written_pages(class_of_12, tmp_path)
    names = [getattr(r.submission, key) for r in class_of_12 for key in ("id", "name", "sha256")]
    for path in (tmp_path / "written").iterdir():
        assert not [name for name in names if name in path.read_text()]


def test_order_does_not_follow_the_ids(class_of_12, tmp_path):
    """Another order for each question, the same each time."""
    write_written_pages(class_of_12, tmp_path)
    orders = []
    for question in (START, "knn-answer_preprocessing"):
        shown = re.findall(r'data-answer="(\w+)"', (tmp_path / "written" / f"{question}.html").read_text())
        rank = {row(record, 1, question=question)["answer"]: i for i, record in enumerate(class_of_12)}
        orders.append([rank[key] for key in shown])
        assert orders[-1] != sorted(orders[-1])
    assert orders[0] != orders[1]
    before = (tmp_path / "written" / f"{START}.html").read_bytes()
    write_written_pages(class_of_12[::-1], tmp_path)
    assert (tmp_path / "written" / f"{START}.html").read_bytes() == before


def test_blank_answers_are_counted_not_shown(class_of_12, tmp_path):
    write_written_pages(class_of_12, tmp_path)
    page = (tmp_path / "written" / f"{START}.html").read_text()
    blank = sum(is_blank(record.written[1].text) for record in class_of_12)
    assert blank == 3 and f"{12 - blank} answers, {blank} blank" in page
    assert page.count("<article") == 12 - blank


@pytest.mark.parametrize(
    "text", ["", " \n", "*Write your answer here.*", "**Your answer:**\n\n*Write your answer here.*\n"]
)
def test_blank(text):
    assert is_blank(text) and not is_blank(text + "No.")


def test_fields_are_labelled_and_filled(class_of_12, tmp_path):
    put_marks(tmp_path, [row(class_of_12[1], 2.5, comment='why "N"?')])
    write_written_pages(class_of_12, tmp_path)
    page = (tmp_path / "written" / f"{START}.html").read_text()
    assert 'value="2.5"' in page and "why &#34;N&#34;?</textarea>" in page and 'id="possible"' in page
    names = re.findall(r'<(?:input|textarea) id="(\w+)"', page)
    assert set(names) == set(re.findall(r'<label for="(\w+)">', page)) and len(names) == len(set(names)) == 20


# ---- marks


def test_marks_come_back(class_of_12, tmp_path):
    put_marks(tmp_path, [row(class_of_12[1], 2, comment="good"), row(class_of_12[3], "", 3)])
    marks = read_marks(tmp_path)
    assert not marks.problems and len(marks.by_answer) == 1
    assert totals(class_of_12[1], marks) == (2, 3, 0)
    assert totals(class_of_12[3], marks)[0] == 0
    blank = next(r for r in class_of_12 if is_blank(r.written[1].text))
    assert totals(blank, marks)[:2] == (0, 3)  # blank, and its question is marked


def test_a_regrade_keeps_marks_and_a_new_answer_does_not(class_of_12, tmp_path):
    put_marks(tmp_path, [row(class_of_12[1], 2)])
    marks = read_marks(tmp_path)
    again = records.make(2, ["two_loops_squared"])
    assert totals(again, marks)[0] == 2 and unknown_marks(marks, [again]) == []
    again = with_answer(again, 1, again.written[1].text + " And more.")
    assert totals(again, marks)[0] == 0
    assert unknown_marks(marks, [again])[0].startswith("1 mark in marks/ belongs to no answer")


def test_the_file_saved_last_counts(class_of_12, tmp_path):
    put_marks(tmp_path, [row(class_of_12[1], 3)], "marks-a (1).json", "2026-11-20T11:00:00Z")
    put_marks(tmp_path, [row(class_of_12[1], 1)], "marks-b.json", "2026-11-20T10:00:00Z")
    marks = read_marks(tmp_path)
    assert totals(class_of_12[1], marks)[0] == 3
    assert marks.problems == (
        "marks-a (1).json marks an answer differently from an earlier file; the mark in marks-a (1).json counts",
    )


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_spreadsheet_will_do(class_of_12, tmp_path, delimiter):
    write_written_pages(class_of_12, tmp_path)
    with (tmp_path / "written" / f"{START}.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9 and all(r["points"] == "" for r in rows)
    for r in rows:
        r |= {"points": "1,5" if delimiter == ";" else "1.5", "possible": "3", "comment": "a, b; c"}
    (tmp_path / "marks").mkdir()
    with (tmp_path / "marks" / "filled in.csv").open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, rows[0], delimiter=delimiter)
        table.writeheader()
        table.writerows(rows)
    marks = read_marks(tmp_path)
    assert marks.problems == () and len(marks.by_answer) == 9
    assert totals(class_of_12[1], marks)[0] == 1.5 and unknown_marks(marks, class_of_12) == []


@pytest.mark.parametrize(
    "change",
    [{"points": 4}, {"points": -1}, {"points": "nan"}, {"possible": "inf"}, {"points": "two"}, {"points": None}]
    + [{"possible": ""}, {"points": [1]}, {"answer": [1], "points": "x"}, {"points": "", "comment": "why?"}],
)
def test_a_mark_that_cannot_be_is_left_out_and_named(class_of_12, tmp_path, change):
    put_marks(tmp_path, [row(class_of_12[1], 2) | change, row(class_of_12[3], 1)])
    marks = read_marks(tmp_path)
    assert [mark.points for mark in marks.by_answer.values()] == [1]
    assert marks.problems[0].startswith("marks.json: a mark was ignored: ")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"marks": []}', b'{"saved": "x", "marks": 3}', b"\xff\xfe", b"[" * 100_000, b"null"]
)
def test_a_file_that_is_none_of_marks_is_named(class_of_12, tmp_path, content):
    put_marks(tmp_path, [row(class_of_12[1], 2)])
    (tmp_path / "marks" / "broken.json").write_bytes(content)
    marks = read_marks(tmp_path)
    assert len(marks.by_answer) == 1 and marks.problems[0].startswith("broken.json is not a file of marks")


@pytest.mark.parametrize("rows", [[3], [None], ["x"], [{}], [{"points": 1}], [[1, 2]]])
def test_rows_that_are_none(tmp_path, rows):
    put_marks(tmp_path, rows)
    assert read_marks(tmp_path).by_answer == {} and len(read_marks(tmp_path).problems) == 1


def test_no_marks_yet(tmp_path):
    assert read_marks(tmp_path).by_answer == {} and read_marks(tmp_path).problems == ()


# ---- Markdown of strangers


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a *b* `c`", "<p>a <em>b</em> <code>c</code></p>"),
        ("$a_1 * b_2 < c$", "<p><code>$a_1 * b_2 &lt; c$</code></p>"),
        ("[a](javascript:alert(1))", "<p>a (javascript:alert(1))</p>"),
        ("<https://x.invalid>", "<p>https://x.invalid</p>"),
        ("# big", "<p><strong>big</strong></p>"),
        ("<b onclick=x>hi</b>", "<p>&lt;b onclick=x&gt;hi&lt;/b&gt;</p>"),
        ("<div>\n<script>x</script>\n</div>", "<pre>&lt;div&gt;\n&lt;script&gt;x&lt;/script&gt;\n&lt;/div&gt;</pre>"),
        ("![p](http://x.invalid/a.png)", "<p>[image: p]</p>"),
        ("![p](data:image/svg+xml;base64,AAAA)", "<p>[image: p]</p>"),
        ("![p](data:image/png;base64,AAAA)", '<p><img src="data:image/png;base64,AAAA" alt="p"></p>'),
    ],
)
def test_markdown_is_shown_and_does_nothing(text, wanted):
    assert to_html(text).strip() == wanted


@pytest.mark.parametrize(
    "text",
    [
        '![" onerror="x](data:image/png;base64,AAAA)',
        "![![a](data:image/png;base64,AAAA)](data:image/png;base64,AAAA)",
        '[a](x "\\" onclick=\\"y")',
        '```"><script>\nx\n```',
        "[r]: javascript:x\n\n[<img src=x onerror=y>][r]",
        '| <script> |\n|---|\n| ![x](data:image/png;base64,AAAA" onload="x) |',
    ],
)
def test_no_way_out_of_an_attribute(text):
    shown = to_html(text)
    tags = re.findall(r"<[a-zA-Z][^>]*>", shown)
    for tag in tags:
        assert not re.search(r"<(script|a)\b|\son\w+=", re.sub(r'"[^"]*"', '""', tag)), shown


def test_long_answers_are_cut():
    assert "The rest of this answer is not shown." in to_html("word " * LONGEST)


def test_deep_nesting_is_shown_as_text():
    assert "&gt;" in to_html(">" * LONGEST)


def test_points_possible_are_the_same_for_all(class_of_12, tmp_path):
    """As soon as one answer to a written question is marked, it counts for every learner of that assignment alone."""
    put_marks(
        tmp_path, [row(class_of_12[0], 2), {"question": "Dropout-answer_x", "answer": "a", "points": 1, "possible": 9}]
    )
    marks = read_marks(tmp_path)
    missing = replace(class_of_12[2], written=[])
    assert {totals(record, marks).possible for record in (*class_of_12, missing)} == {3.0}
    assert totals(class_of_12[0], marks).points == 2 and totals(missing, marks).points == 0


# ---- rubrics and model answers of the course


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_written_question_has_a_rubric_and_a_model_answer(notebook):
    """And there is no rubric for a question that does not exist."""
    asked_there = prompts(json.loads((ROOT / notebook_file(notebook)).read_text(encoding="utf-8")))
    assert set(rubrics_of(NOTEBOOKS[notebook]).get(notebook, {})) == set(asked_there)
    for id_ in asked_there:
        course = asked(f"{notebook}-{id_}")
        assert course.model and course.comparison and "SOLUTION" not in course.model + course.comparison
        assert 2 <= points_of(course.rubric) <= 4 and all(item.text.endswith(".") for item in course.rubric)


def test_what_the_course_does_not_ask():
    assert asked("knn-answer_nothing").rubric == asked("nothing-answer_x").rubric == asked("").rubric == ()


def test_the_page_has_the_question_a_model_answer_and_the_rubric(class_of_12, tmp_path):
    write_written_pages(class_of_12, tmp_path)
    page = (tmp_path / "written" / "knn-answer_preprocessing.html").read_text()
    assert "A rotation of the axes (5) preserves L2 distances" in page and "What learners compare theirs with" in page
    rubric = json.loads(re.search(r"data-rubric='([^']*)'", page)[1])
    assert [item["id"] for item in rubric] == [1, 2, 3, 4] and sum(item["points"] for item in rubric) == 4
    assert 'id="possible" type="number" min="0" step="any" value="4"' in page


# ---- what a page saves


def saved(name="marks.json", when="2026-11-20T10:00:00Z", **about):
    """A file as the page saves it."""
    content = {"format": 2, "saved": when, "question": PREPROCESSING, "possible": 4, "rubric": [], "comments": []}
    return {"name": name, "content": content | {"marks": []} | about}


def put(out, *files):
    (out / "marks").mkdir(exist_ok=True)
    for file in files:
        (out / "marks" / file["name"]).write_text(json.dumps(file["content"]))


PREPROCESSING = "knn-answer_preprocessing"
RUBRIC = [{"id": 1, "points": 3, "text": "says <why>"}, {"id": 7, "points": -0.5, "text": "misses 5"}]


def test_rubric_and_comments_come_back(class_of_12, tmp_path):
    """They are on the page again, on the learner's page, and in what Gradescope and Moodle show."""
    mark = row(class_of_12[0], 2.5, 4, "Good.", PREPROCESSING) | {"items": [1, 7, 99]}
    put(tmp_path, saved(rubric=RUBRIC, comments=["Good.", "Why?"], marks=[mark]))
    marks = read_marks(tmp_path)
    assert marks.problems == () and next(iter(marks.by_answer.values())).told == "+3: says <why>\n-0.5: misses 5\nGood."
    write_written_pages(class_of_12, tmp_path, marks)
    page = (tmp_path / "written" / f"{PREPROCESSING}.html").read_text()
    assert json.loads(re.search(r"data-rubric='([^']*)'", page)[1]) == [RUBRIC[0], RUBRIC[1] | {"id": 2}]
    assert json.loads(re.search(r"data-comments='([^']*)'", page)[1]) == ["Good.", "Why?"]
    assert f"data-answer=\"{mark['answer']}\" data-items='[1, 2]'" in page
    html, text = (path.read_text() for path in write_learner_page(class_of_12[0], tmp_path, marks))
    assert "+3: says &lt;why&gt;" in html and "- +3: says <why>" in text and "-0.5: misses 5" in html
    tests = {test["name"]: test for test in gradescope_results(class_of_12[0], marks)["tests"]}
    test = tests["knn: written answer answer_preprocessing"]
    assert (test["score"], test["max_score"], test["output"]) == (2.5, 4, "+3: says <why>\n-0.5: misses 5\nGood.")


def test_two_markers_have_both_comments_and_the_later_rubric(class_of_12, tmp_path):
    """What the earlier one has chosen stays on the page, too."""
    first = row(class_of_12[0], 3, 4, question=PREPROCESSING) | {"items": [1]}
    second = row(class_of_12[1], 1, 4, question=PREPROCESSING) | {"items": [1]}
    other = [{"id": 1, "points": 1, "text": "another item"}]
    put(
        tmp_path,
        saved("z.json", "2026-11-20T10:00:00Z", rubric=RUBRIC, comments=["a", "b"], marks=[first]),
        saved("a.json", "2026-11-20T11:00:00Z", rubric=other, comments=["b", "c"], marks=[second]),
    )
    marks = read_marks(tmp_path)
    assert marks.sheets[PREPROCESSING].comments == ("a", "b", "c")
    assert [item.text for item in rubric_of(PREPROCESSING, marks)] == ["another item", "says <why>"]


def test_marks_of_the_format_before_are_read():
    marks = read_marks(ROOT / "tests" / "data" / "format_1")
    assert marks.problems == () and marks.possible("knn-answer_distance_matrix") == 3


@pytest.mark.parametrize(
    "about",
    [
        {"possible": "x"},
        {"possible": -1},
        {"rubric": 3},
        {"rubric": [3]},
        {"rubric": [{"id": 1, "points": "nan", "text": ""}]},
    ]
    + [{"comments": 3}, {"rubric": [{"id": [], "points": 1, "text": ""}]}, {"possible": None}],
)
def test_a_sheet_that_is_none_is_named(class_of_12, tmp_path, about):
    put(tmp_path, saved("broken.json", **about))
    marks = read_marks(tmp_path)
    assert marks.by_answer == {} and marks.problems[0].startswith("broken.json is not a file of marks")


# ---- points possible


def test_unmarked_answers_are_not_marked_yet_for_everybody(class_of_12, tmp_path):
    """With a file that sets the points, and a mark for one learner: the points possible are the same for all."""
    marked, blank, unmarked = class_of_12[:3]
    put(tmp_path, saved(marks=[row(marked, 3, 4, question=PREPROCESSING)]))
    marks = read_marks(tmp_path)
    assert is_blank(next(a.text for a in blank.written if a.id == "answer_preprocessing"))
    words = {}
    for record in (marked, unmarked, blank):
        words[record.submission.id] = next(
            a for a in marked_answers(record, marks) if a.question == PREPROCESSING
        ).words
        tests = gradescope_results(record, marks)["tests"]
        assert sum(test["max_score"] for test in tests) == record.possible + 4
    assert list(words.values()) == ["3 of 4 points", "not marked yet, out of 4 points", "0 of 4 points"]
    assert (
        "1 written answer is not marked yet." not in gradescope_results(unmarked, read_marks(tmp_path / "x"))["output"]
    )
    assert "written answers are not marked yet." in gradescope_results(unmarked, marks)["output"]
    rows = list(csv.DictReader(grades_csv(class_of_12, marks).splitlines()))
    assert {row_["possible"] for row_ in rows} == {"82"}
    assert [rows[i][PREPROCESSING] for i in (0, 2, 1)] == ["3", "", "0"]


def test_a_maximum_that_is_not_the_same_everywhere_is_named(class_of_12, tmp_path):
    """The larger one counts, for those as well who were marked out of the other one."""
    rows = [row(class_of_12[0], 2, 2, question=PREPROCESSING), row(class_of_12[1], 3, 4, question=PREPROCESSING)]
    put_marks(tmp_path, rows)
    marks = read_marks(tmp_path)
    told = [next(a for a in marked_answers(r, marks) if a.question == PREPROCESSING).words for r in class_of_12[:2]]
    assert told == ["2 of 4 points", "3 of 4 points"]
    assert marks.unequal() == ["knn-answer_preprocessing is marked out of 2 and 4 points: 4 count for everybody"]
    write_class_page(class_of_12, tmp_path, marks)
    assert marks.unequal()[0] in (tmp_path / "class.html").read_text()


def test_the_histogram_compares_what_compares(class_of_12, tmp_path):
    """A question that is not marked for all is left out of it; then it counts."""
    put(tmp_path, saved(marks=[row(class_of_12[0], 0, 4, question=PREPROCESSING)]))

    def last_bar():
        write_class_page(class_of_12, tmp_path)
        page = (tmp_path / "class.html").read_text()
        return int(re.search(r"90 to 100 %: (\d+)", page)[1]), "not marked for everybody yet: knn-answer_prep" in page

    assert last_bar() == (12, True)
    shown = [r for r in class_of_12 if not is_blank(next(a.text for a in r.written if a.id == "answer_preprocessing"))]
    many = [row(r, 20 * (r is not shown[0]), 20, question=PREPROCESSING) for r in shown]
    put(tmp_path, saved(possible=20, marks=many))
    assert last_bar() == (len(shown) - 1, False)


@pytest.mark.parametrize("notebooks", ["run", "skip"])
def test_answers_in_a_damaged_notebook_are_lost_not_blank(class_of_12, tmp_path, notebooks):
    """A person hears of them; the points possible are those of the others; the learner reads why."""
    reason = "knn.ipynb cannot be read: it is damaged. With it, 3 written answers cannot be read."
    broken = [NotebookRecord("knn", NotebookState.BROKEN, reason)]
    files = (SubmittedFile("assignments/assignment1/knn.ipynb", "0" * 64, 9),)
    lost = replace(class_of_12[2], notebooks=broken, written=class_of_12[2].written[1:])
    lost = records.with_settings(records.with_submission(lost, files=files), notebooks=notebooks)
    put(tmp_path, saved(marks=[row(class_of_12[0], 3, 4, question=PREPROCESSING)]))
    marks = read_marks(tmp_path)
    assert totals(lost, marks).possible == totals(class_of_12[0], marks).possible == 4
    html, text = (path.read_text() for path in write_learner_page(lost, tmp_path, marks))
    assert (
        "could not be read, out of 4 points" in html and reason in html and "could not be read, out of 4 points" in text
    )
    tests = {test["name"]: test for test in gradescope_results(lost, marks)["tests"]}
    assert tests["knn: written answer answer_preprocessing"]["output"] == reason
    write_class_page([class_of_12[0], lost], tmp_path, marks)
    page = (tmp_path / "class.html").read_text()
    assert re.search(rf"<strong>notebook</strong>.*submission.*3.*{re.escape(reason)}", page)
    assert f"not marked for everybody yet: {PREPROCESSING}" in page
