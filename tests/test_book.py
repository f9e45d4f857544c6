"""The book: every notebook without its answers, every link leads somewhere, and nothing is loaded from elsewhere."""

import doctest
import html
import json
import os
import re
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from importlib.util import find_spec
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

from coursekit.paths import PACKAGE, ROOT, files_in
from coursekit.questions import NOTEBOOKS, all_questions, notebook_file
from coursekit.teacher.book import build as building
from coursekit.teacher.book import notebooks, pages
from coursekit.teacher.book.words import entries
from coursekit.teacher.release import write_edition
from coursekit.teacher.solutions import SolutionError

MISSING = [name for name in building.NEEDED if find_spec(name) is None]
needs_sphinx = pytest.mark.skipif(bool(MISSING), reason=f"the extra `book` is not installed: {', '.join(MISSING)}")
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
SHOWN = ("index", "words", "shapes", "assignment1/softmax", "api/cs231n.layers")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The built book; where the tests run in several processes, one of them builds it for all."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "book"
    try:
        folder.mkdir()
    except FileExistsError:
        return _built_by_another(folder)
    status = None
    try:
        status = building.build(folder / "site")
    finally:
        (folder / "status").write_text(str(status))
    assert status == 0
    return folder / "site"


def _built_by_another(folder):
    while not (folder / "status").exists():
        time.sleep(0.2)
    assert (folder / "status").read_text() == "0", "the book was not built, see the test that tried"
    return folder / "site"


@pytest.fixture(scope="session")
def texts(site):
    """The text of each page as a reader sees it, with single spaces."""
    return {path.relative_to(site).as_posix(): visible(path.read_text(encoding="utf-8")) for path in pages_in(site)}


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """All that the learner's edition says, as one text."""
    folder = tmp_path_factory.mktemp("release") / "edition"
    write_edition(folder)
    return " ".join(flat(said(path)) for path in folder.rglob("*") if path.suffix in (".py", ".ipynb", ".md"))


def flat(text):
    return " ".join(text.split())


def pages_in(site):
    """The pages of the site; the theme leaves a template among its own files."""
    return [path for path in site.rglob("*.html") if "_static" not in path.parts]


def visible(page):
    """The text of an HTML page."""
    return flat(html.unescape(re.sub(r"<[^>]*>", "", page)))


def said(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


def answers():
    """The text of every answer in the solved tree."""
    names = [*files_in(PACKAGE), *map(notebook_file, NOTEBOOKS)]
    for name in names:
        if name.endswith((".py", ".ipynb")):
            yield from re.findall(r"BEGIN SOLUTION(?: -->)?\n(.*?)\n[^\n]*END SOLUTION", said(ROOT / name), re.DOTALL)


# ---- what is on the pages


@needs_sphinx
def test_no_answer_is_on_a_page(texts, edition):
    """No line of an answer is in the site, but for lines that the learner's edition has itself."""
    everything = " ".join(texts.values())
    lines = {flat(line) for answer in answers() for line in answer.splitlines()}
    telling = {line for line in lines if len(line) > 30 and line not in edition}
    assert len(telling) > 800
    assert [line for line in telling if line in everything] == []
    assert "BEGIN SOLUTION" not in everything and "END SOLUTION" not in everything


@needs_sphinx
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_each_notebook_has_its_page(site, texts, notebook):
    """With its questions, the figures of the solved notebook, and what it prints."""
    name = pages.pages_of()[notebook_file(notebook)].replace(".ipynb", ".html")
    solved = json.loads((ROOT / notebook_file(notebook)).read_text(encoding="utf-8"))
    found = [output for cell in solved["cells"] for output in cell.get("outputs", [])]
    figures = re.findall(r"<img [^>]*_images/[^>]*>", (site / name).read_text(encoding="utf-8"))
    assert len(figures) == sum(any(kind.startswith("image/") for kind in output.get("data", {})) for output in found)
    assert all(re.search(r'alt="[^"]{20,}"', figure) for figure in figures)
    for question in (q for q in all_questions().values() if q.notebook == notebook):
        assert f"{question.id}: ok" in texts[name]


@needs_sphinx
def test_the_reference_has_what_learners_write(site):
    """Every function and class of a question has an entry."""
    ids = {name for path in (site / "api").glob("*.html") for name in ids_of(path)}
    targets = {
        target.replace(":", ".") for q in all_questions().values() for target in q.implements if target[0] != "_"
    }
    public = {target for target in targets if not any(part.startswith("_") for part in target.split("."))}
    assert len(public) > 100 and public <= ids


def ids_of(path):
    return set(re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8")))


@needs_sphinx
def test_every_link_leads_somewhere(site):
    """Each href and src of a page names a file of the site, and each fragment a place in it."""
    ids, lost = {path: ids_of(path) for path in pages_in(site.resolve())}, []
    for path in ids:
        for link in re.findall(r'\b(?:href|src)="([^"]*)"', path.read_text(encoding="utf-8")):
            parts = urlsplit(html.unescape(link))
            if parts.scheme in ("http", "https", "mailto", "data"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists() or parts.fragment and unquote(parts.fragment) not in ids[target]:
                lost.append((path.name, link))
    assert lost == []


@needs_sphinx
def test_nothing_is_loaded_from_elsewhere(site):
    """No page, style or script names another server for what it loads; links that a reader follows may."""
    loads = re.compile(
        r"""<(?:script|img|iframe|source|embed|object|video|audio)\b[^>]*\b(?:src|srcset|data)=["']?(?:https?:)?//"""
        r"""|<link\b[^>]*\bhref=["']?(?:https?:)?//"""
        r"""|@import\s+(?:url\()?["']?(?:https?:)?//|url\(\s*["']?(?:https?:)?//"""
        r"""|(?:\bimport|importScripts|fetch|Worker)\s*\(\s*["'`](?:https?:)?//|\bsrc\s*=\s*["'`](?:https?:)?//""",
        re.IGNORECASE,
    )
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css", ".js"):
            assert not loads.search(path.read_text(encoding="utf-8")), path.name


@needs_sphinx
def test_words_are_in_order(site, texts):
    """Every word of an introduction is on the page of words, and the letters follow each other."""
    for notebook in NOTEBOOKS:
        first = json.loads((ROOT / notebook_file(notebook)).read_text(encoding="utf-8"))["cells"][0]
        found = list(entries("".join(first["source"]), notebook))
        assert found, notebook
        for entry in found:
            assert re.sub(r"[`$\\{}*_]", "", entry.word)[:3] in texts["words.html"]
    letters = re.findall(r"<h2>([A-Z])<", (site / "words.html").read_text(encoding="utf-8"))
    assert letters == sorted(letters) and len(letters) > 15


def test_examples_of_shapes():
    """The examples on the page of shapes print what it says."""
    text = re.sub(r"^```.*$", "", (ROOT / "docs/book/shapes.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    example = doctest.DocTestParser().get_doctest(text, {}, "shapes.md", None, 0)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    result = doctest.DocTestRunner(optionflags=flags).run(example)
    assert result.failed == 0 and result.attempted > 50


@needs_sphinx
def test_topics_lead_to_cells(site):
    """Each cell that the topics name has a place on its notebook's page, and a link to it."""
    linked = pages.linked_cells((ROOT / "docs/topics.md").read_text(encoding="utf-8"))
    links = set(re.findall(r'href="practice/\w+\.html#([\w-]+)"', (site / "topics.html").read_text(encoding="utf-8")))
    assert len(linked) > 60 and linked <= links


# ---- how a page is made


def page(*cells):
    notebook = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return notebooks.notebook_page(json.dumps(notebook), "assignments/assignment1/svm.ipynb")["cells"]


def code(name, text, *outputs, **metadata):
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": text.splitlines(True),
        "outputs": [*outputs],
    }


def markdown(name, text):
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text.splitlines(True)}


def printed(text):
    return {"output_type": "stream", "name": "stdout", "text": [text]}


def drawn(**metadata):
    return {"output_type": "display_data", "data": {"image/png": "aGk="}, "metadata": metadata}


ANSWER = "### BEGIN SOLUTION\nrate = 4e-7\nreg = 100.0\n### END SOLUTION\nprint(rate)"


def test_output_that_tells_a_setting_is_left_out():
    """A learning rate that the answer found is not printed; what the answer does not choose is."""
    cells = page(code("svm_search", ANSWER, printed("rate 4e-07: 0.4\n"), printed("100 steps, 0.39\n")))
    assert cells[0]["outputs"] == [printed("100 steps, 0.39\n")]
    assert cells[1]["source"] == [notebooks.LEFT_OUT]
    assert "4e-7" not in "".join(cells[0]["source"])
    assert page(code("plain", "rate = 4e-7", printed("4e-07")))[0]["outputs"] == [printed("4e-07")]


def test_places_for_written_answers_are_left_out():
    cells = page(markdown("question_a", "> Why?"), markdown("answer_a", "..."), markdown("compare_a", "..."))
    assert [cell["id"] for cell in cells] == ["question_a"]


def test_folded_source_is_folded():
    """Source that JupyterLab hides is behind a fold in the book."""
    hidden, shown = page(code("a", "1", jupyter={"source_hidden": True}, tags=["x"]), code("b", "1", tags=["x"]))
    assert hidden["metadata"]["tags"] == ["x", "hide-input"] and shown["metadata"]["tags"] == ["x"]


def test_descriptions_of_figures():
    """A figure's own description comes first, then the caption in the text after it; two figures have one each."""
    caption = markdown("seen", "*Figure: a curve\nthat falls.* More.")
    cells = page(
        code("a", "1", drawn(**{"image/png": {"alt": "own"}}), printed("x"), drawn()), caption, code("b", "1", drawn())
    )
    alts = [cell["metadata"]["mystnb"]["image"]["alt"] for cell in cells if cell["cell_type"] == "code"]
    assert alts[:2] == ["own", "a curve that falls."] and "figure" in alts[2]
    assert cells[1]["metadata"]["tags"] == ["remove-input"]


def test_links_to_files_without_a_page(tmp_path):
    """With the address of the repository, all links of the course's texts lead to it or to a page of the book."""
    pages.write_pages(tmp_path, "https://example.org/course")
    assert "[`cs231n/layers.py`](../api/cs231n.layers.rst)" in said(tmp_path / "assignment2/BatchNormalization.ipynb")
    assert not [path for path in tmp_path.rglob("*.md") if "](../assignments" in path.read_text(encoding="utf-8")]


def test_every_picture_of_a_text_is_beside_its_page(tmp_path):
    """Sphinx stops at a picture that is not there."""
    pages.write_pages(tmp_path)
    shown = [(path, name) for path in tmp_path.rglob("*.md") for name in PICTURE.findall(path.read_text("utf-8"))]
    assert {name for _, name in shown} >= {"scenes.png", "depth.png"}
    assert not [name for path, name in shown if not path.with_name(name).is_file()]


# ---- errors


def test_without_its_packages(monkeypatch, tmp_path, capsys):
    """One sentence says what is missing and how to install it."""
    monkeypatch.setattr(building, "NEEDED", ("json", "no_such_package"))
    assert building.build(tmp_path / "book") == 1
    said = capsys.readouterr().out
    assert "(no_such_package)" in said and "pip install -r requirements-book.lock" in said and said.count("\n") == 1
    assert not (tmp_path / "book").exists()


@needs_sphinx
def test_a_folder_in_use_is_refused(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert building.build(tmp_path) == 1
    assert "is not empty" in capsys.readouterr().out


@needs_sphinx
def test_an_error_of_sphinx_leaves_no_book(monkeypatch, tmp_path, capsys):
    """A page that Sphinx warns about ends the build with what Sphinx says, and nothing is left behind."""

    def write_one_page(work, repository=""):
        (work / "pages").mkdir()
        (work / "edition").mkdir()
        (work / "pages" / "conf.py").write_text("")
        (work / "pages" / "index.rst").write_text("Title\n=====\n\n`broken\n")

    monkeypatch.setattr(building, "write_sources", write_one_page)
    assert building.build(tmp_path / "out" / "book") == 1
    assert "without end-string" in capsys.readouterr().out
    assert list((tmp_path / "out").iterdir()) == []


def test_a_notebook_with_wrong_markers_is_named():
    with pytest.raises(SolutionError, match="svm.ipynb, cell svm_search"):
        page(code("svm_search", "### BEGIN SOLUTION\nx = 1"))


@needs_sphinx
@pytest.mark.slow
def test_same_to_the_byte(site, tmp_path):
    """The same tree gives the same site."""
    assert building.build(tmp_path / "again") == 0
    assert contents(tmp_path / "again") == contents(site)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- in a browser


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site):
    """The address at which a server on this machine shows the site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@needs_sphinx
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_a_browser(address, browser, width, theme):
    """Pages load nothing from elsewhere, are not wider than a phone, and axe finds nothing that shuts anybody out."""
    axe = pytest.importorskip("axe_playwright_python", reason="the extra `browser` is not installed")
    script = (files(axe) / "axe.min.js").read_text(encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    tab, asked, problems = context.new_page(), [], []
    tab.set_default_timeout(300_000)  # a busy machine
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("response", lambda response: problems.extend([response.url] if response.status >= 400 else []))
    for name in SHOWN:
        tab.goto(f"{address}{name}.html")
        tab.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
        tab.evaluate(script)
        found = tab.evaluate("axe.run({preload: false})")["violations"]  # it would look for styles in the wrong folder
        problems += [f"{name}: {violation['id']}: {violation['nodes'][0]['html'][:200]}" for violation in found]
        if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
            problems.append(f"{name}: wider than {width}")
        assert tab.evaluate("document.documentElement.dataset.theme") == theme
    context.close()
    assert problems == [] and asked and all(url.startswith((address, "data:", "blob:")) for url in asked)
