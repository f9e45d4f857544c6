"""Figures are for readers who do not see them, or not their colours: every image has an alt text and a caption."""

import ast
import json
import shutil
import subprocess

import nbformat
import pytest
from nbclient import NotebookClient

from coursekit.learner.environment import INSTALLED_EXTENSION, LAB_EXTENSION
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, notebook_file
from cs231n.vis_utils import show_figure

LEAST = 20  # characters of an alt text
PLOTTING = {"subplots", "subplot", "figure", "plot", "imshow", "scatter", "hist", "bar", "barh", "matshow"}

each_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


def code_cells(name):
    """The code cells of a notebook by id."""
    content = json.loads((ROOT / notebook_file(name)).read_text(encoding="utf-8"))
    return {cell["id"]: cell for cell in content["cells"] if cell["cell_type"] == "code"}


def stored_alts(name):
    """(id of the cell, alt or "") of each image that is stored in a notebook."""
    for id_, cell in code_cells(name).items():
        for output in cell["outputs"]:
            for kind in output.get("data", {}):
                if kind.startswith("image/"):
                    yield id_, output["metadata"].get(kind, {}).get("alt", "")


def calls(cell):
    """The calls in a cell, by the last part of the function's name."""
    source = "".join(line for line in "".join(cell["source"]).splitlines(True) if not line.lstrip().startswith("%"))
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [(getattr(call.func, "attr", getattr(call.func, "id", "")), call) for call in found]


def alt_given(call):
    """The argument `alt` of a call; None if it has none."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == "alt"), None)


@each_notebook
def test_each_stored_image_has_an_alt_text_of_its_own(name):
    """Alt texts are whole phrases, and no two images of a notebook share one."""
    alts = list(stored_alts(name))
    assert not [id_ for id_, alt in alts if len(alt) < LEAST]
    assert len({alt for _, alt in alts}) == len(alts)
    assert not [alt for _, alt in alts if alt.lower().startswith(("figure", "image of", "a figure", "a picture of"))]


@each_notebook
def test_each_cell_that_shows_a_figure_describes_it(name):
    """Figures are shown by `show_figure` with an alt, GIFs by `Image` with one; `plt.show` has no place for it."""
    for id_, cell in code_cells(name).items():
        for function, call in calls(cell):
            assert ast.unparse(call.func) != "plt.show", f"{id_} shows a figure without alt: use show_figure(alt=...)"
            if function in ("show_figure", "Image"):
                alt = alt_given(call)
                assert alt is not None, f"{id_}: {function} without alt="
                assert not isinstance(alt, ast.Constant) or len(alt.value) >= LEAST, f"{id_}: a short alt"


@each_notebook
def test_no_figure_is_left_to_be_shown_by_the_end_of_its_cell(name):
    """Matplotlib shows what is still open when a cell ends, and that has no alt."""
    for id_, cell in code_cells(name).items():
        functions = {function for function, _ in calls(cell)}
        if {"subplots", "figure"} & functions and cell["outputs"]:
            assert {"show_figure", "Image", "close"} & functions, f"{id_} makes a figure and does not show it"


@each_notebook
def test_the_stored_alt_texts_are_those_of_the_source(name):
    """An alt that is edited in a cell is edited in its output too."""
    cells = code_cells(name)
    given = {}
    for id_, cell in cells.items():
        given[id_] = [alt_given(call) for function, call in calls(cell) if function in ("show_figure", "Image")]
    for id_, alt in stored_alts(name):
        constants = [value.value for value in given[id_] if isinstance(value, ast.Constant)]
        assert not constants or len(constants) < len(given[id_]) or alt in constants, f"{id_} was not run again"


# ---- show_figure

SHOWN = """
%matplotlib inline
import matplotlib.pyplot as plt
from cs231n.vis_utils import show_figure
plt.plot([1, 2])
plt.figure()
plt.plot([1, 3])
show_figure(alt="A line that rises.")
print(plt.get_fignums())
"""


def test_show_figure_stores_the_alt_beside_each_image(monkeypatch):
    """All open figures are shown once, with the alt in the metadata of their images, and are closed."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SHOWN)])
    NotebookClient(notebook, timeout=60).execute()
    *images, printed = notebook.cells[0].outputs
    assert [image.metadata for image in images] == [{"image/png": {"alt": "A line that rises."}}] * 2
    assert all(set(image.data) == {"image/png", "text/plain"} for image in images)
    assert printed.text == "[]\n"


def test_show_figure_without_a_notebook_is_show(monkeypatch):
    """With another backend, Matplotlib shows the figures in its own way."""
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    monkeypatch.setattr(plt, "get_backend", lambda: "agg")
    show_figure(alt="A line that rises.")
    assert shown == [True]


@pytest.mark.parametrize("alt", ["", "  ", None, 3])
def test_show_figure_needs_a_text(alt):
    """The mistake is named at once, not by a reader who hears nothing."""
    with pytest.raises(ValueError, match="expected a sentence"):
        show_figure(alt=alt)


# ---- JupyterLab

LOADS = """
globalThis.window = {};
require(process.argv[1]);
const image = {};
const factory = (kind) => ({
  mimeTypes: [kind], defaultRank: 90, safe: true,
  createRenderer: (options) => ({ node: { querySelector: () => image }, renderModel: async () => undefined }),
});
const shared = { imageRendererFactory: factory("image/png"), svgRendererFactory: factory("image/svg+xml") };
(async () => {
  const container = window._JUPYTERLAB["coursekit-image-alt"];
  container.init({ "@jupyterlab/rendermime": { "4.2.0": { get: async () => () => shared } } });
  const plugins = (await container.get("./mimeExtension"))().default;
  const renderer = plugins[0].rendererFactory.createRenderer({ mimeType: "image/png" });
  await renderer.renderModel({ metadata: { "image/png": { alt: "A line." } } });
  console.log(plugins.map((plugin) => [plugin.rendererFactory.mimeTypes[0], plugin.rank]).join(), image.alt);
})();
"""


def test_the_extension_is_what_jupyterlab_looks_for(tmp_path):
    """JupyterLab finds it in the environment, and the file to load is there."""
    from jupyterlab_server.config import get_federated_extensions

    shutil.copytree(LAB_EXTENSION, tmp_path / INSTALLED_EXTENSION)
    [found] = get_federated_extensions([str((tmp_path / INSTALLED_EXTENSION).parent)]).values()
    assert found["name"] == "coursekit-image-alt"
    assert (LAB_EXTENSION / found["jupyterlab"]["_build"]["load"]).is_file()


@pytest.mark.skipif(not shutil.which("node"), reason="Node runs the extension, and is not installed")
def test_the_extension_fills_in_the_alt():
    """What JupyterLab calls is there: the renderers keep their kinds and ranks, and images get the alt."""
    script = LAB_EXTENSION / "static" / "image_alt.js"
    done = subprocess.run(["node", "-e", LOADS, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "image/png,90,image/svg+xml,90 A line.\n"
