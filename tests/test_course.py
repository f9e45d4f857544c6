"""A course's own rules: what is wrong with a file is told with its line, and the learner's edition follows the rest."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from records import make

from coursekit.core.course import Course, CourseError, Known, for_grading, for_learners, parse_course, read_course
from coursekit.core.question import Finding, Status, Verdict
from coursekit.core.toml_lines import lines_of
from coursekit.grading.judgement import cases_right
from coursekit.grading.record import Partial, Record, RecordedSettings
from coursekit.grading.reports.learner_page import write_learner_page
from coursekit.grading.reports.marks import Marks
from coursekit.grading.reports.phrases import phrases, read_words
from coursekit.grading.reports.words import partial_sentence
from coursekit.learner import memory, progress, start_page, submission
from coursekit.learner.progress import verdicts
from coursekit.paths import ROOT, files_in
from coursekit.questions import (
    NOTEBOOKS,
    all_questions,
    asked_notebooks,
    course,
    declared,
    find,
    notebook_file,
    use_course,
)
from coursekit.teacher.adapted import adapted, given
from coursekit.teacher.release import write_edition
from coursekit.teacher.solutions import has_marker

KNOWN = Known(NOTEBOOKS, {q.id: q.notebook for q in declared().values()})
FEW = """
[course]
title = "Vision, autumn"
language = "de"
time_zone = "Europe/Berlin"

[asks]
notebooks = ["knn", "svm", "softmax"]
leave_out = ["knn_two_loops", "knn_cross_validation", "svm_loss_naive"]

[points]
knn_no_loops = 1
softmax_search = 40

[due]
assignment1 = 2026-10-12T23:59:00

[late]
days = 2
penalty = 0.1
extensions = "secret.csv"

[grading]
partial_credit = true
"""


@pytest.fixture
def few(tmp_path):
    """A course with three notebooks, without three of their questions; every rule is undone afterwards."""
    (tmp_path / "secret.csv").write_text("name,days\nAda,3\n")
    (tmp_path / "course.toml").write_text(FEW)
    yield use_course(tmp_path / "course.toml")
    use_course(None)


def problems(text):
    """What is wrong with a file, a list of sentences."""
    with pytest.raises(CourseError) as failed:
        parse_course(text, Path("/nowhere/course.toml"), KNOWN)
    return str(failed.value).splitlines()


# ---- the file


LINES = '''# a comment
title = """
[not.a.table]
neither = 1
"""
a.b = [
  "x", # ] no end
  "[",
]
"quoted key" = { inner = 1 }

[late]
days = 2   # why
then = 'a # b'
[ asks . more ]
last = true
'''


def test_each_key_is_found_on_its_line():
    """Texts and lists of several lines, comments and quoted keys lead to no other line."""
    assert lines_of(LINES).keys == {
        ("title",): 2,
        ("a", "b"): 6,
        ("quoted key",): 10,
        ("late",): 12,
        ("late", "days"): 13,
        ("late", "then"): 14,
        ("asks", "more"): 15,
        ("asks", "more", "last"): 16,
    }
    assert lines_of(LINES).of(("a", "b"), "[") == 8 and lines_of(LINES).of(("late", "dyas")) == 12


@pytest.mark.parametrize(
    "text, told",
    [
        ("[late\n", "course.toml, line 1: it is not TOML: expected ']'"),
        ("x = 1", "line 1, x: there is no table 'x'; there are asks, course"),
        ("days = 1", "line 1, days: it belongs into the table [late]"),
        ("late = 1", "line 1, late: it is a table, [late], and not a value"),
        ("[[late]]\ndays = 1", "line 1, late: it is one table, [late], in single brackets"),
        ("[late]\ndays = 1\n[late]", "line 3: it is not TOML: cannot declare ('late',) twice, in `[late]`. A table"),
        ("[course]\ntitle = Vision", "line 2: it is not TOML: invalid value, in `title = Vision`. A text stands in"),
        ("[due]\nassignment1 = 2026-10-12T23:59Z", "A time has seconds: 23:59:00."),
        ("[late]\npenalty = 0,1", "A decimal number has a point: 0.1."),
        ("[course]\ntitle = 'a\u2028b'", "line 2, course.title: it should be a text of one line"),
        ('[course]\ntitle = """a\nb"""', 'such as "My course"; it is "a\\nb"'),
        ("[course]\nlanguage = 'de'\n\ntitle = \"a\\rb\"", "line 4, course.title: it should be a text of one line"),
        (f"[course]\nwords = '{'w' * 5000}'", "line 2, course.words: there is no file"),
        ("[late]\ndays_each = 2\npenalty = 0.1", "line 2, late.days_each: say of how many late days"),
        ("[late]\nthen = 'not accepted'", "line 2, late.then: say after how many days"),
        ("[asks]\nnotebooks = ['knn', 3]", 'such as ["knn"]; it has 3 in it'),
        (
            "[asks]\nnotebooks = ['softmax']\n[points]\nsoftmax_loss = 5",
            "line 4, points.softmax_loss: softmax_loss is a question of two_layer_net, which is not asked",
        ),
        (
            "[asks]\nassignments = ['assignment1']\n[due]\nassignment2 = 2026-10-12T23:59:00Z",
            "line 4, due.assignment2: assignment2 is not asked",
        ),
        (
            "[asks]\nassignments = [\n'assignment1',\n'practice']\nnotebooks = ['knn']",
            "line 4, asks.assignments: none of asks.notebooks is in practice",
        ),
        ("[due]\nassignment1 = 9999-12-31T23:59:59Z", "line 2, due.assignment1: the year should be from 1970 to 8999"),
        ("[course]\ntime_zone = 'x'\n[due]\nassignment1 = 2026-10-12T23:59:00", "line 2, course.time_zone: it should"),
        ("[late]\ndyas = 1", "line 2, late.dyas: there is no key 'dyas' (the nearest is days)"),
        ("[late]\ndays = 1.5\npenalty = 0", "line 2, late.days: it should be a whole number from 0 to 1000; it is 1.5"),
        ("[late]\ndays = 2", "line 2, late.days: say what follows the late days"),
        ("[late]\npenalty = 10", "line 2, late.penalty: it should be a number from 0 to 1, a share of the points"),
        ("[late]\nthen = 'no'", 'line 2, late.then: it should be "zero" or "not accepted"; it is "no"'),
        ("[late]\nextensions = 'x.csv'", "line 2, late.extensions: there is no file /nowhere/x.csv"),
        ("[points]\nsoftmax_los = 1", "line 2, points.softmax_los: there is no question 'softmax_los' (the nearest is"),
        ("[points]\nsgd = 0", "line 2, points.sgd: points are whole numbers from 1 to 10000; it is 0"),
        ("[points]\nsgd = '3'", 'line 2, points.sgd: points are whole numbers from 1 to 10000; it is "3"'),
        ("[points]\nsgd = true", "line 2, points.sgd: points are whole numbers from 1 to 10000; it is true"),
        ("[asks]\nleave_out = ['sgd']\n[points]\nsgd = 1", "line 4, points.sgd: sgd is left out by asks.leave_out"),
        ("[asks]\nnotebooks = [\n'knn',\n'smv',\n]", "line 4, asks.notebooks: there is no notebook 'smv' (the nearest"),
        ("[asks]\nnotebooks = 'knn'", "line 2, asks.notebooks: it should be a list of names"),
        (
            "[asks]\nassignments = ['assignment2']\nnotebooks = ['knn']",
            "line 3, asks.notebooks: none of these notebooks",
        ),
        ("[due]\nassignment1 = 2026-10-12T23:59:00", "line 2, due.assignment1: 2026-10-12T23:59:00 has no time zone"),
        ("[due]\nassignment1 = 2026-10-12", "line 2, due.assignment1: it should be a day and a time"),
        (
            "[due]\nassignmnt1 = 2026-10-12T23:59:00Z",
            "line 2, due.assignmnt1: there is no assignment 'assignmnt1' (the",
        ),
        (
            "[course]\ntime_zone = 'Berlin'",
            'line 2, course.time_zone: it should be a time zone, such as "Europe/Berlin"',
        ),
        ("[course]\ntime_zone = '../x'", "line 2, course.time_zone: it should be a time zone"),
        ("[course]\nlanguage = 'de\" onload'", "line 2, course.language: it should be the code of a language"),
        ("[grading]\npartial_credit = 1", "line 2, grading.partial_credit: it should be true or false; it is 1"),
        ("[grading]\ncell_seconds = 0", "line 2, grading.cell_seconds: it should be a number above 0"),
        ("[grading]\nmemory_mb = 1", "line 2, grading.memory_mb: it should be a whole number from 256"),
        (
            "[release]\nrepository = 'github.com/us/cv'",
            'line 2, release.repository: it should be like "https://github.com/OWNER/NAME"; it is "github.com/us/cv"',
        ),
        ("[release]\nbranch = 'my branch'", 'line 2, release.branch: it should be like "main"; it is "my branch"'),
        ("[release]\nsolutions = 'yes'", 'line 2, release.solutions: it should be "none" or "after-ok"; it is "yes"'),
    ],
)
def test_what_is_wrong_is_one_sentence_with_file_line_and_key(text, told):
    """Each mistake in a file brings its own sentence, and no other."""
    [sentence] = problems(text)
    assert told in sentence and sentence.startswith("course.toml, line ") and sentence.endswith(".")


def test_brackets_beyond_all_reason_are_no_toml():
    """What the reader of TOML cannot bear is told as well."""
    [sentence] = problems("x = " + "[" * 5000)
    assert sentence.startswith("course.toml: it is not TOML that can be read")


def test_a_line_ends_where_toml_says_so():
    """A separator of lines in a comment or a text moves no later key to another line."""
    [sentence] = problems("# a\u2028b\n[late]\ndays = 1.5")
    assert sentence.startswith("course.toml, line 3, late.days")


def test_all_problems_are_told_at_once_in_the_order_of_the_file():
    """Nobody has to run a command once for each mistake."""
    told = problems(
        "[points]\nsgd = 0\n[late]\nthen = 1\n[due]\nassignment1 = 2026-10-12\n[asks]\nleave_out = ['?', '!']"
    )
    assert [int(re.search(r"line (\d+)", sentence)[1]) for sentence in told] == [2, 4, 6, 8, 8]


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path):
    """The path and the reason, and no traceback."""
    with pytest.raises(CourseError, match=r"x\.toml cannot be read: No such file"):
        read_course(tmp_path / "x.toml", KNOWN)
    (tmp_path / "y.toml").write_bytes(b"[course]\ntitle = '\xff'")
    with pytest.raises(CourseError, match=r"y\.toml cannot be read: it is not UTF-8"):
        read_course(tmp_path / "y.toml", KNOWN)


def test_an_empty_file_changes_nothing():
    """Each default is what the project has."""
    assert parse_course("", Path("course.toml"), KNOWN) == Course(path=str(Path("course.toml")))


def test_learners_get_the_dates_but_nothing_of_grading(few):
    """What ships reads back as the same questions, points and dates, and names no list of extensions."""
    text = for_learners(few)
    shipped = parse_course(text, Path("/nowhere/course.toml"), KNOWN)
    assert (shipped.asks, shipped.points, shipped.about.title) == (few.asks, few.points, few.about.title)
    assert shipped.due_of("assignment1") == few.due_of("assignment1")
    assert not any(word in text for word in ("late", "extensions", "secret", "grading", "time_zone"))
    elsewhere = parse_course(for_grading(few), Path("/nowhere/course.toml"), KNOWN)
    assert elsewhere.grading == few.grading and not elsewhere.due and not elsewhere.late.extensions


# ---- what is asked


def test_questions_follow_the_rules(few):
    """Those of other notebooks and those left out are gone, points are the course's; all of them stay declared."""
    assert list(asked_notebooks()) == ["knn", "svm", "softmax"] and submission.assignments() == ["assignment1"]
    assert "knn_two_loops" not in all_questions() and "knn_two_loops" in declared()
    assert all_questions()["softmax_search"].points == 40 and declared()["softmax_search"].points != 40
    assert {question.notebook for question in submission.questions("assignment1")} == {"knn", "svm", "softmax"}
    with pytest.raises(ValueError, match="This course does not ask knn_two_loops"):
        find("knn_two_loops")


def test_progress_names_a_notebook_that_is_there(tmp_path):
    """The command that it ends with works in this course."""
    (tmp_path / "course.toml").write_text("[asks]\nnotebooks = ['Dropout']\n")
    try:
        use_course(tmp_path / "course.toml")
        told = " ".join("\n".join(progress._overview({}, tmp_path)).split())
        assert "`python -m coursekit progress Dropout` lists" in told
    finally:
        use_course(None)


def test_without_rules_nothing_is_adapted():
    """A notebook is the same object, nothing is given away, and no file of rules is in the edition."""
    assert not course().path, "the project itself has no course.toml"
    notebook = json.loads((ROOT / notebook_file("knn")).read_text(encoding="utf-8"))
    assert adapted(notebook, "knn") is notebook and given() == frozenset()


def test_what_is_given_is_what_is_built_on_or_called(few):
    """Cells call the two loops, and the vectorised loss needs nothing of the naive one but its notebook calls it."""
    assert {"knn_two_loops", "svm_loss_naive"} <= given()
    assert not given() & {"affine_forward", "conv_forward_naive", "word_embedding_forward"}


def test_experiments_get_the_functions_that_their_cells_call(tmp_path):
    """Tuning's questions build on nothing, but its experiments train a network of assignment 2."""
    (tmp_path / "course.toml").write_text("[asks]\nnotebooks = ['Tuning']\n")
    try:
        use_course(tmp_path / "course.toml")
        assert {"affine_forward", "adam", "sgd_momentum"} <= given()
        assert not given() & {"lstm_step_forward", "knn_no_loops"}
    finally:
        use_course(None)


# ---- the edition


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """The edition of the course with few questions, built twice."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "secret.csv").write_text("name,days\nAda,3\n")
    (folder / "course.toml").write_text(FEW)
    try:
        use_course(folder / "course.toml")
        for name in ("edition", "again"):
            write_edition(folder / name)
    finally:
        use_course(None)
    return folder


def cells(folder, name):
    content = json.loads((folder / notebook_file(name)).read_text(encoding="utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in content["cells"]}


def test_it_is_the_same_to_the_byte(edition):
    """The same rules give the same edition."""
    first, second = (
        {n: p.read_bytes() for n, p in files_in(["**/*"], edition / x).items()} for x in ("edition", "again")
    )
    assert first == second and "course.toml" in first


def test_only_what_is_asked_is_in_it(edition):
    """Notebooks, and answers to compare with, of what is not asked stay with the teacher; so do the names of people."""
    names = files_in(["**/*"], edition / "edition")
    assert sorted(Path(n).stem for n in names if n.endswith(".ipynb")) == ["knn", "softmax", "svm"]
    assert not [n for n in names if re.search(r"answers/.*(two_loops|loss_naive|affine)", n) and "softmax" not in n]
    text = (edition / "edition" / "course.toml").read_text()
    assert "secret" not in text and "knn_no_loops = 1" in text


def test_a_question_that_is_left_out_is_gone_from_its_notebook(edition):
    """Neither card, check nor row is left; the cell whose values are read later is there, solved."""
    knn = cells(edition / "edition", "knn")
    assert not {"card_knn_two_loops", "check_knn_two_loops", "check_knn_cross_validation"} & set(knn)
    assert "knn_two_loops" not in knn["intro"] and 'hint("knn_predict_labels")' in knn["intro"]
    assert "best_k = " in knn["knn_cross_validation"] and not has_marker(knn["knn_cross_validation"])
    assert "<details>" not in knn["help_knn_two_loops"]


def test_points_and_minutes_are_the_courses_in_card_and_introduction(edition):
    """One line in the rules changes all places where a learner reads points."""
    knn, softmax = cells(edition / "edition", "knn"), cells(edition / "edition", "softmax")
    assert "· 1 point · 30 minutes ·" in knn["card_knn_no_loops"]
    assert "| `knn_no_loops` | 1 | 30 |" in knn["intro"] and "**Points**: 5." in knn["intro"]
    assert "about 1 hour 50 minutes, 55 minutes of them for the questions" in knn["intro"]
    assert "· 40 points ·" in softmax["card_softmax_search"]


def test_nothing_that_is_asked_is_answered_and_what_is_given_is(edition, few):
    """The edition proves itself for what is asked; a function that is left out, and called, is there."""
    asked = [all_questions()[name] for name in ("knn_one_loop", "softmax_search")]
    assert {str(v.status) for v in verdicts(asked, edition / "edition")} == {"not attempted"}
    assert all(v.ok for v in verdicts([declared()["svm_loss_naive"]], edition / "edition"))
    layers = (edition / "edition/cs231n/layers.py").read_text()
    assert 'NotImplementedError("affine_forward is left out of this course")' in layers and "TODO" not in layers


def test_the_start_page_has_title_language_and_date(few, tmp_path):
    """What a learner sees first says which course it is, and until when."""
    page = start_page.page(dict.fromkeys(all_questions(), memory.State.NOT_CHECKED), memory.Memory({}))
    assert page.startswith('<div lang="de">\n\n# Vision, autumn\n')
    assert "points, due 12 October 2026, 23:59 (UTC+02:00)" in page


# ---- what a record keeps


def test_partial_credit_counts_the_cases_that_are_asked():
    """A case is right if all that is asked of it holds; edges do not count."""
    question = declared()["affine_forward"]
    found = [("a", True, ""), ("a", False, ""), ("b", True, ""), ("c", True, ""), ("d", False, "an edge")]
    findings = tuple(Finding("holds", ok, case=case, edge=edge) for case, ok, edge in found)
    assert cases_right(Verdict(question, Status.WRONG, findings)) == Partial(2, 3)
    assert cases_right(Verdict(question, Status.WRONG, findings[:2])) is None
    one = replace(make(1).questions[0], partial=Partial(2, 3), earned=2.0, points=3)
    assert partial_sentence(one) == "2 of 3 cases are right, which earns 2 of 3 points."


def test_new_fields_are_written_only_where_they_say_something():
    """A record without them is as it always was; one with them reads back the same."""
    plain = make(1)
    assert not {"partial", "partial_credit", "cell_seconds", "late"} & set(plain.to_json().replace('"', " ").split())
    settings = RecordedSettings(7, 1.0, "limits", "run", partial_credit=True, cell_seconds=60.0, memory_mb=512)
    questions = [replace(plain.questions[0], partial=Partial(1, 4)), *plain.questions[1:]]
    record = replace(plain, settings=settings, questions=questions)
    assert Record.from_json(record.to_json()) == record


# ---- what reports say


def test_each_phrase_that_a_page_says_is_in_the_list():
    """No page asks for a phrase that there is not, and none is in the list for nothing."""
    folder = ROOT / "coursekit" / "grading" / "reports"
    sources = "\n".join(p.read_text() for p in [*folder.glob("*.py"), *folder.glob("templates/learner.*")])
    asked = set(re.findall(r"\"((?:points|through|late|steps|first|page)\.\w+)\"|'(\w+\.\w+)'", sources))
    asked = {key for pair in asked for key in pair if key}
    computed = {"page.checked", "page.why", "page.found", *(f"status.{s}" for s in (*Status, "followed"))}
    assert set(phrases()) - asked - computed == set()
    assert all(
        key in phrases() for key in asked if key.split(".")[0] in ("points", "through", "late", "steps", "first")
    )


def test_a_course_translates_what_it_wants(tmp_path):
    """Its phrases replace the English ones; the others stay, and verdicts are as they were."""
    (tmp_path / "de.toml").write_text(
        '[points]\nof = ["{earned} von {possible} Punkt", "{earned} von {possible} Punkten"]\n'
    )
    (tmp_path / "course.toml").write_text('[course]\nlanguage = "de"\nwords = "de.toml"\n')
    try:
        use_course(tmp_path / "course.toml")
        page, text = write_learner_page(make(1), tmp_path, Marks({}))
    finally:
        use_course(None)
    assert '<html lang="de">' in page.read_text() and re.search(r"\d von \d+ Punkten\.", text.read_text())
    assert "Every question that carries points is right." in text.read_text()


@pytest.mark.parametrize(
    "text, told",
    [
        (
            "[late]\nnothin = 'x'",
            "de.toml, line 2, late.nothin: there is no phrase 'late.nothin' (the nearest is late.nothing).",
        ),
        (
            "[points]\nof = 'x'",
            "de.toml, line 2, points.of: it should be a list of two texts, for one and for several.",
        ),
        (
            "[late]\ndue = 'bis {datum}'",
            "de.toml, line 2, late.due: it should have {moment} in braces, as the English one.",
        ),
        ("[late]\ndue = 'bis {moment'", "de.toml, line 2, late.due: its braces do not fit"),
        ("[late]\ndue = 3", "de.toml, line 2, late.due: it should be a text."),
    ],
)
def test_a_translation_that_does_not_fit_is_told_with_its_line(tmp_path, text, told):
    """Before anything is graded: a page without the points, or with a KeyError, helps nobody."""
    (tmp_path / "de.toml").write_text(text)
    with pytest.raises(CourseError, match=re.escape(told)):
        read_words(tmp_path / "de.toml")
