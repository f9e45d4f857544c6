"""The page for marking in a real browser, by the keys of a keyboard: what it shows, keeps and saves."""

import json
from pathlib import Path

import pytest
import records

from coursekit.grading.reports.marks import read_marks, totals
from coursekit.grading.reports.written import write_written_pages

QUESTION = "knn-answer_preprocessing"


@pytest.fixture(scope="module")
def class_of_8():
    return [records.make(number) for number in range(1, 9)]


@pytest.fixture
def page(browser, class_of_8, tmp_path):
    write_written_pages(class_of_8, tmp_path)
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(120_000)  # a busy machine
    problems = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    tab.goto((tmp_path / "written" / f"{QUESTION}.html").as_uri())
    yield tab
    context.close()
    assert problems == []


def type_keys(page, *keys):
    """Press keys one after the other; what is longer than one and no name of a key is typed."""
    for key in keys:
        if len(key) == 1 or key.split("+")[-1] in ("Tab", "Enter", "Space", "s", "a") and " " not in key:
            page.keyboard.press(key)
        else:
            page.keyboard.type(key)


def tab_to(page, selector):
    """Press Tab until the focus is on an element."""
    for _ in range(60):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"no key leads to {selector}")


def fields(page, name):
    return page.eval_on_selector_all(f"article .{name}", "all => all.map(field => field.value)")


def state(page):
    return page.inner_text("#state").strip()


def saved(page, out):
    """What Ctrl+S saves, in the folder `marks`."""
    with page.expect_download() as download:
        page.keyboard.press("Control+s")
    path = out / "marks" / download.value.suggested_filename
    download.value.save_as(path)
    return json.loads(path.read_text(encoding="utf-8"))


def test_marking_by_keys_alone(page, class_of_8, tmp_path):
    """The rubric adds up, a comment is used again by its number or beginning, and what is saved is read."""
    assert state(page) == "0 of 6 marked."
    tab_to(page, "article .choices input")
    type_keys(page, "1", "3", "c", "Say why 5 fails.", "Control+Enter")  # the first answer
    type_keys(page, "2", "c", "1", "Tab", "Enter", "Nice.", "Control+Enter")  # the second one
    type_keys(page, "1", "2", "1", "c", "nic", "Tab", "Control+Enter")  # the third one, in which 1 was a mistake
    type_keys(page, "0", "Enter")  # the fourth one has nothing
    assert fields(page, "points") == ["2", "1", "1", "0", "", ""]
    assert fields(page, "comment")[:3] == ["Say why 5 fails.", "Say why 5 fails.\nNice.", "Nice."]
    assert state(page) == "4 of 6 marked." and page.get_attribute("#progress", "max") == "6"
    content = saved(page, tmp_path)
    assert state(page).startswith(f"4 of 6 marked. Saved as marks-{QUESTION}.json")
    assert [mark["items"] for mark in content["marks"]] == [[1, 3], [2], [2], []] and content["possible"] == 4
    assert content["comments"] == ["Say why 5 fails.", "Nice."] and len(content["rubric"]) == 4
    marks = read_marks(tmp_path)
    assert marks.problems == () and sorted(mark.points for mark in marks.by_answer.values()) == [0, 1, 1, 2]
    assert {totals(record, marks).possible for record in class_of_8} == {4}


def test_what_is_changed_once_changes_everywhere(page):
    """Points and texts of the rubric, and comments; points that were typed stay."""
    tab_to(page, "article .choices input")
    type_keys(page, "1", "c", "First.", "Control+Enter", "1", "2", "c", "1", "Tab", "Control+Enter", "3", "Tab")
    tab_to(page, "article .points")
    type_keys(page, "Control+a", "0.5", "Enter")
    tab_to(page, "#save")
    for _ in range(60):  # round to the start of the page
        type_keys(page, "Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Points of item 1":
            break
    type_keys(page, "Control+a", "2", "Tab", "Control+a", "A new text", "Tab")
    assert fields(page, "points")[:3] == ["2", "3", "0.5"]
    assert "1. +2 A new text" in page.inner_text("article .choices")
    page.locator("[aria-label='Comment 1']").focus()
    type_keys(page, "Control+a", "Better.", "Tab")
    assert fields(page, "comment")[:2] == ["Better.", "Better."]


def test_the_page_remembers_and_discards(page):
    """All is there after the page was closed, until it is discarded."""
    tab_to(page, "article .choices input")
    type_keys(page, "1", "c", "Once.", "Control+Enter")
    page.locator("#add").focus()
    type_keys(page, "Enter", "An item of mine", "Tab")
    page.reload()
    assert fields(page, "points")[:2] == ["1", ""] and fields(page, "comment")[0] == "Once."
    assert page.locator("article").first.locator(".choices input").first.is_checked()
    assert "5. +1 An item of mine" in page.inner_text("article .choices")
    assert page.locator("[aria-label='Comment 1']").input_value() == "Once."
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#discard").focus()
    with page.expect_navigation():
        type_keys(page, "Enter")
    assert fields(page, "points")[0] == "" and "An item of mine" not in page.inner_text("article .choices")


def test_only_those_that_are_not_marked(page):
    """One that has just been marked stays until it is left; at the end, the page says that all are marked."""
    tab_to(page, "#unmarked")
    type_keys(page, "Space")
    shown = page.locator("article:visible")
    tab_to(page, "article .choices input")
    for left in range(6, 0, -1):
        type_keys(page, "2")
        assert shown.count() == left
        type_keys(page, "Enter")
        page.wait_for_function("n => document.querySelectorAll('article:not([hidden])').length === n", arg=left - 1)
    assert page.locator("#all-marked").is_visible() and page.evaluate("document.activeElement.id") == "save"


def test_a_comment_without_points_is_told(page, tmp_path):
    """It is not in the file that is saved, since it marks nothing: whoever wrote it has to give points."""
    page.locator("article textarea").first.fill("why?")
    assert saved(page, tmp_path)["marks"] == []
    assert state(page).endswith("Not in it: 1 with a comment and no points.")


def test_points_that_cannot_be_are_not_saved(page):
    """The field is shown, also where the filter had hidden it."""
    page.locator("article .points").nth(2).focus()
    type_keys(page, "9", "Control+s")
    assert state(page).endswith("Not saved: the points in the selected field are not valid.")
    assert page.evaluate("document.activeElement.id") == "p3"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_shuts_nobody_out(browser, class_of_8, tmp_path, width, theme):
    """Not wider than a phone, and axe finds nothing."""
    axe = pytest.importorskip("axe_playwright_python", reason="the extra `browser` is not installed")
    write_written_pages(class_of_8, tmp_path)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=True)
    tab = context.new_page()
    tab.set_default_timeout(120_000)
    tab.goto((tmp_path / "written" / f"{QUESTION}.html").as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    assert not tab.evaluate("document.documentElement.scrollWidth > innerWidth")
    tab.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = tab.evaluate("axe.run()")["violations"]
    context.close()
    assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found] == []
