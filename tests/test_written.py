"""Written answers: anonymous pages, harmless Markdown, and marks that survive."""

import csv
import json
import re
from dataclasses import replace

import pytest
import records
from records import with_answer

from coursekit.grading.reports.marks import answer_key, is_blank, read_marks, totals, unknown_marks
from coursekit.grading.reports.safe_markdown import LONGEST, to_html
from coursekit.grading.reports.written import write_written_pages

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
    + [{"possible": ""}, {"points": [1]}, {"answer": [1], "points": "x"}],
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
