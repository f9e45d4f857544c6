"""The pages made of records: what they say, that they hold nothing that acts, and that browsers have no complaint."""

import base64
import hashlib
import html.parser
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import records
from records import gap_of, question_of, with_question, with_settings

from coursekit.core.question import Status
from coursekit.files import write_file
from coursekit.grading.record import FollowThrough, Record
from coursekit.grading.reports.class_page import write_class_page
from coursekit.grading.reports.learner_page import write_learner_page
from coursekit.grading.reports.pages import file_name, harmless
from coursekit.grading.reports.words import follow_through_sentence, next_steps
from coursekit.grading.reports.written import write_written_pages

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}\x1b[31m\u202e\ud800\x00"


@pytest.fixture(scope="module")
def few():
    return records.few()


def words(page):
    """The text of a page as it is read, without markup and folding."""

    class Reader(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.parts, self.hidden = [], 0

        def handle_starttag(self, tag, attrs):
            self.hidden += tag in ("style", "script", "title")
            self.parts += [" "] * (tag in ("td", "th"))

        def handle_endtag(self, tag):
            self.hidden -= tag in ("style", "script", "title")

        def handle_data(self, data):
            self.parts += [data] * (not self.hidden)

    reader = Reader()
    reader.feed(page)
    return " ".join("".join(reader.parts).split())


def report_of(record, out):
    page, twin = write_learner_page(record, out)
    return page.read_text(), twin.read_text()


# ---- the learner's page


def test_wrong_answer_is_explained(few, tmp_path):
    page, text = report_of(few[1], tmp_path)
    for shown in (words(page), " ".join(text.split())):
        assert "74 of 78 points. Look first at knn_two_loops: Distances with two loops." in shown
        assert "wrong, 0 of 2 points" in shown and "What the check found" in shown
        assert "dists is the square of what it should be: is a root missing, or a square too many?" in shown
        assert gap_of(few[1], "knn_two_loops") in shown
        assert 'then run check("knn_two_loops") in knn.ipynb' in shown
        assert "knn.ipynb: Cell check_knn_two_loops: came changed." in shown
        assert "bubblewrap: no network" in shown and few[1].submission.sha256 in shown


def test_mistake_is_said_once(few, tmp_path):
    _, text = report_of(few[1], tmp_path)
    assert " ".join(text.split()).count("is a root missing") == 1


def test_follow_through_is_explained(few, tmp_path):
    page, _ = report_of(few[1], tmp_path)
    loss = question_of(few[1], "two_layer_net_loss")
    assert loss.follow_through and loss.passed
    assert "wrong; ok with follow-through, 2 of 2 points" in words(page)
    assert "With the course's answer in its place, yours is ok and earns 100% of its points." in words(page)
    assert next_steps(loss, few[1])[0] == "Fix affine_forward (wrong) first: this question builds on it."


def test_follow_through_past_several_is_one_sentence(few):
    through = FollowThrough(("a", "b", "c"), Status.OK, 0.5)
    loss = replace(question_of(few[1], "two_layer_net_loss"), follow_through=through)
    assert follow_through_sentence(loss) == (
        "This question builds on a, b and c, which are not right yet. With the course's answers in their place, yours "
        "is ok and earns 50% of its points."
    )


def test_what_is_right_with_the_reference_alone_names_what_to_fix(few, tmp_path):
    """No other mistake is suggested: the only one is in the earlier question, which may have no points here."""
    record = few[0]
    for id_, mistake, wrong in (
        ("two_layer_net_loss", "the loss is halved", ("relu_forward",)),
        ("two_layer_net_gradients", "", ("relu_forward", "two_layer_net_loss")),
    ):
        through = FollowThrough(wrong, Status.OK, 1.0)
        record = with_question(record, id_, status=Status.WRONG, mistake=mistake, follow_through=through)
    page, text = report_of(record, tmp_path)
    for written in (words(page), " ".join(text.split())):
        assert (
            "Some questions are right only with the course's relu_forward in place of yours: fix that first." in written
        )
        assert "the loss is halved" not in written


def test_follow_through_that_failed_is_explained(few, tmp_path):
    through = FollowThrough(("affine_forward",), Status.WRONG, 0.0)
    record = with_question(few[1], "two_layer_net_loss", earned=0.0, follow_through=through)
    page, _ = report_of(record, tmp_path)
    assert "is still wrong: there is something to fix here too" in words(page)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (1, "78 of 78 points. Every question that carries points is right."),
        (3, "timed out, 0 of 3 points (linear_classifier_train) What to try next It exceeded its time limit of 20 s"),
        (4, "There is no answer in your submission."),
        (5, "crashed, 0 of 3 points"),
        (6, "This score is not final: grading failed for some questions"),
        (6, "The receipt does not match the submission: knn.ipynb is not the file that the receipt names."),
        (7, "This submission was not graded: The zip has a member outside its folder"),
        (8, "This submission was not graded: The sandbox did not start."),
    ],
)
def test_every_outcome_has_its_words(few, tmp_path, number, sentence):
    page, text = report_of(few[number - 1], tmp_path)
    assert sentence in words(page)
    assert sentence.split(" (")[0] in " ".join(text.split())


def test_infrastructure_error_is_nobodys_mistake(few):
    failed = next(q for q in few[5].questions if q.status == Status.INFRASTRUCTURE_ERROR)
    assert next_steps(failed, few[5])[0].startswith("Nothing for you to do")
    assert not few[5].is_final and few[0].is_final


def test_notebooks_left_out_are_nobodys_mistake(tmp_path):
    in_notebooks = [q.id for q in records.QUESTIONS if q.in_notebook]
    run = records.make(1, ["two_loops_squared"], dict.fromkeys(in_notebooks, "not gradable"))
    skipped = records.make(1, ["two_loops_squared"], dict.fromkeys(in_notebooks, "not run"))
    record = with_settings(skipped, notebooks="skip")
    page, _ = report_of(record, tmp_path)
    assert "Notebooks were left out of this grading" in words(page)
    assert "Look first at knn_two_loops" in words(page) and "Nothing for you to do: notebooks" in words(page)
    assert "not gradable" not in words(page)
    assert "not run, submission_1" not in words(write_class_page([record], tmp_path).read_text())
    assert "not gradable, submission_1" in words(write_class_page([run], tmp_path).read_text())


def test_every_question_is_there_in_order(few, tmp_path):
    page, text = report_of(few[2], tmp_path)
    ids = [q.id for q in few[2].questions]
    assert re.findall(r'<h3 id="q-([^"]+)">', page) == ids
    assert re.findall(r"^\S.* \((\w+)\): ", text, re.MULTILINE) == ids
    assert re.findall(r'<h2 id="n-([^"]+)">', page) == list(dict.fromkeys(q.notebook for q in few[2].questions))


def test_twin_says_the_same(few, tmp_path):
    """Every word of the page's questions is in the plain text."""
    page, text = report_of(few[1], tmp_path)
    body = words(page[page.index("<article") : page.index('<h2 id="written">')])
    assert set(re.findall(r"\w+", body)) <= set(re.findall(r"\w+", text))


def test_same_record_same_bytes(few, tmp_path):
    assert report_of(few[1], tmp_path / "a") == report_of(few[1], tmp_path / "b")


# ---- the class page


def test_class_page(few, tmp_path):
    page = write_class_page(few, tmp_path).read_text()
    shown = words(page)
    assert "8 submissions, 6 graded." in shown
    assert "knn_two_loops knn 67 % (4 of 6)" in shown
    assert "dists is the square of what it should be: is a root missing, or a square too many? (2)" in shown
    assert "crashed 1" in shown and "infrastructure error, submission_8: The sandbox did not start." in shown
    assert "refused, submission_7: The zip has a member outside its folder" in shown
    assert "remark, submission_2: knn.ipynb: Cell check_knn_two_loops" in shown
    assert "receipt, submission_6: knn.ipynb is not the file" in shown
    assert "written answers, softmax-answer_start: 4 of 6 not marked yet" in shown
    for record in few:
        assert f'href="reports/{record.submission.id}.html"' in page
    assert "Discrimination is shown for questions with at least 20 judged answers that differ." in shown


def test_what_befell_many_is_said_once(few, tmp_path):
    """A sandbox that does not start befalls all; a class of 300 is still readable."""
    shown = words(write_class_page([few[7], replace(few[7], submission=few[0].submission)], tmp_path).read_text())
    assert "infrastructure error, submission_1, submission_8: The sandbox did not start." in shown


@pytest.mark.parametrize(
    ("remark", "doubtful"),
    [
        ("knn.ipynb: Cells a, check_svm_loss: each was changed; ours was used.", True),
        ("Not on the list of files to hand in, so not taken: conftest.py.", True),
        ("receipt.json is a link, not a file, so it was not taken.", True),
        ("knn (1).ipynb was taken as assignments/assignment1/knn.ipynb.", False),
        ("knn.ipynb: Cell check_knn_two_loops: stood elsewhere; it was put back.", False),
        ("Not on the list of files to hand in, so not taken: notes.txt.", False),
    ],
)
def test_repairs_are_not_called_tampering(few, tmp_path, remark, doubtful):
    record = records.make(1, remarks=[remark])
    shown = words(write_class_page([record], tmp_path).read_text())
    assert (f"remark, submission_1: {remark}" in shown) == doubtful


def test_histogram_counts_every_graded_submission(few, tmp_path):
    page = write_class_page(few, tmp_path).read_text()
    title = re.search(r"<title id=\"hist-title\">(.*?)</title>", page)[1]
    assert title.endswith("80 to below 90 %: 2; 90 to 100 %: 4")
    assert sum(map(int, re.findall(r"%: (\d+)", title))) == 6


def test_item_analysis_with_enough_submissions(tmp_path):
    """A question that only the strong get right discriminates; one that all get right has no figure."""
    many = [records.make(number, ["two_loops_squared", "one_loop_squared"] * (number > 12)) for number in range(1, 25)]
    page = words(write_class_page(many, tmp_path).read_text())
    assert re.search(r"knn_two_loops knn 50 % \(12 of 24\) .*? wrong 12 0\.5 s 1\.00 knn_predict", page)
    assert re.search(r"knn_predict_labels knn 0 % \(0 of 24\) all ok 0\.8 s knn_one_loop", page)


def test_a_question_is_not_held_against_its_own_points(tmp_path):
    """With nothing else to tell the learners apart there is no figure."""
    many = [records.make(number, ["two_loops_squared"] * (number % 2)) for number in range(1, 25)]
    page = words(write_class_page(many, tmp_path).read_text())
    assert "wrong 12 0.5 s knn_predict_labels" in page


def test_unlike_settings_are_named(few, tmp_path):
    other = with_settings(records.make(9), isolation="limits")
    page = words(write_class_page([few[0], other], tmp_path).read_text())
    assert "not all submissions were graded alike: isolation is bubblewrap (1), limits (1)" in page


def test_no_submissions_at_all(tmp_path):
    assert "0 submissions, 0 graded. Nothing needs a human." in write_class_page([], tmp_path).read_text()


# ---- what a stranger wrote


def spoiled(value, keep=("id", "state", "status", "notebook", "isolation", "assignment", "replaced")):
    """A record with harmful text wherever a learner, or an error of ours, could put any."""
    if isinstance(value, dict):
        return {key: item if key in keep else spoiled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [spoiled(item) for item in value]
    return EVIL + value if isinstance(value, str) else value


def evil_records():
    evil = [spoiled(json.loads(record.to_json())) for record in records.few()]
    for record in evil:
        record["remarks"].append(f"nonce {EVIL}")
        for answer in record["written"]:
            answer["text"] = f"{EVIL} [a](javascript:alert(1)) ![b](http://x.invalid/y.png)\n\n<script>x</script>\n"
    return [Record.from_json(json.dumps(record)) for record in evil]


def test_nothing_in_a_record_acts(tmp_path):
    evil = evil_records()
    for record in evil:
        write_learner_page(record, tmp_path)
    write_class_page(evil, tmp_path)
    write_written_pages(evil, tmp_path)
    found = list(tmp_path.glob("**/*.html"))
    assert len(found) == len(evil) + 3
    for path in found:
        tags = tags_of(path.read_text())
        assert [name for name, _ in tags].count("script") == ("written" in path.parts)
        assert not [a for name, attrs in tags for a in attrs if a.startswith("on")]
        assert not [attrs for name, attrs in tags if name in ("img", "iframe", "object", "embed", "form", "base")]
        links = [attrs["href"] for name, attrs in tags if name == "a"]
        assert all(re.fullmatch(r"#[\w-]+|(reports/|written/)?[\w.-]+\.(html|txt)", link) for link in links), links
        assert "49" not in re.findall(r"onerror=alert\(2\)&gt;(\S+)", path.read_text())
    for path in tmp_path.glob("**/*.txt"):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ufffe]", path.read_text())


def tags_of(page):
    tags = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append((tag, dict(attrs)))

    Reader().feed(page)
    return tags


def test_pages_load_nothing_and_allow_no_script_but_ours(few, tmp_path):
    write_learner_page(few[1], tmp_path)
    write_written_pages(few, tmp_path)
    for path in tmp_path.glob("**/*.html"):
        page = path.read_text()
        script = re.search(r"<script>(.*)</script>", page, re.DOTALL)
        wanted = "'none'"
        if script:
            wanted = f"'sha256-{base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()}'"
        policy = next(attrs["content"] for name, attrs in tags_of(page) if attrs.get("http-equiv"))
        assert "default-src 'none'" in policy and f"script-src {wanted};" in policy
        assert not [name for name, _ in tags_of(page) if name == "link"]


@pytest.mark.parametrize("name", ["", "..", "../up", "a/b", "a\\b", ".hidden", "a\nb", "a" * 300])
def test_names_that_are_no_file_names(name):
    with pytest.raises(ValueError, match="cannot be the name of a file"):
        file_name(name)


def test_harmless_keeps_what_people_write():
    assert harmless("naïve – 你好 😀\ttab\nline\r\nnext") == "naïve – 你好 😀\ttab\nline\nnext"
    assert harmless({"a\x00": ["\ud800", 1.5, None, True]}) == {"a\ufffd": ["\ufffd", 1.5, None, True]}


def test_files_are_replaced_in_one_step(tmp_path):
    path = write_file(tmp_path / "new" / "file.txt", "one")
    write_file(path, "two")
    assert path.read_text() == "two" and [p.name for p in path.parent.iterdir()] == ["file.txt"]
    with pytest.raises(UnicodeEncodeError):
        write_file(path, "\ud800")
    assert path.read_text() == "two"


# ---- in a browser


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
RUN_AXE = """
<pre id="axe">waiting</pre><script>
document.querySelectorAll("details").forEach((d) => { d.open = true; });
axe.run(document.querySelector("main")).then((r) => {
  document.getElementById("axe").textContent = "violations " + JSON.stringify(r.violations.map((v) => v.id));
});
</script>"""


@pytest.mark.skipif(not CHROMIUM or not AXE.exists(), reason="needs Chromium, and axe.min.js named by AXE_CORE")
@pytest.mark.parametrize("name", ["reports/submission_2.html", "class.html", "written/softmax-answer_start.html"])
def test_axe_has_no_complaint(few, tmp_path, name):
    write_learner_page(few[1], tmp_path)
    write_class_page(few, tmp_path)
    write_written_pages(few, tmp_path)
    page = re.sub(r"<meta http-equiv[^>]*>", "", (tmp_path / name).read_text())
    copy = tmp_path / "copy.html"
    copy.write_text(page.replace("</body>", f"<script>{AXE.read_text()}</script>{RUN_AXE}</body>"))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=20000", "--dump-dom", copy.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert '<pre id="axe">violations []</pre>' in shown, re.findall(r'<pre id="axe">.*?</pre>', shown)
