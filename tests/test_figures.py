"""Figures are for readers who do not see them, or not their colours: every image has an alt text and a caption."""

import ast
import json
import shutil
import subprocess

import matplotlib.figure
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from coursekit import prepare_notebook
from coursekit.learner.environment import JUPYTER
from coursekit.paths import ROOT
from coursekit.questions import COMPANIONS, NOTEBOOKS, all_questions, notebook_file
from cs231n.vis_utils import show_figure

LEAST = 20  # characters of an alt text
EXTENSION = JUPYTER / "labextensions" / "coursekit-image-alt"

each_notebook = pytest.mark.parametrize("name", [*NOTEBOOKS, *COMPANIONS])


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


def tree(cell):
    """The syntax tree of a cell, without IPython's magics."""
    lines = "".join(cell["source"]).splitlines(True)
    return ast.parse("".join(line for line in lines if not line.lstrip().startswith("%")))


def calls(cell):
    """The calls in a cell, with the last part of each function's name."""
    found = [node for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)]
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
    for id_, alt in stored_alts(name):
        given = [alt_given(call) for _, call in calls(cells[id_])]
        assert alt in [value.value for value in given if isinstance(value, ast.Constant)], f"{id_} was not run again"


# ---- code that only draws

MOST = 6  # lines of plotting code that stay open
DRAWERS = {"ax", "axes", "fig", "plt"}
FOLDED = "is folded away"


def is_drawing(call):
    """Whether a call draws: `show_figure`, or a method of a figure, of axes or of pyplot."""
    found = call.func
    if not isinstance(found, ast.Attribute):
        return isinstance(found, ast.Name) and found.id == "show_figure"
    while isinstance(found, ast.Attribute | ast.Subscript):
        found = found.value
    return isinstance(found, ast.Name) and found.id in DRAWERS


def plotting_lines(cell):
    """The lines of the statements that draw, without those of long alt texts."""
    count = 0
    for statement in tree(cell).body:
        drawn = [node for node in ast.walk(statement) if isinstance(node, ast.Call) and is_drawing(node)]
        alts = [call for call in drawn if getattr(call.func, "id", "") == "show_figure"]
        if drawn:
            count += 1 + statement.end_lineno - statement.lineno
            count -= sum(call.end_lineno - call.lineno for call in alts)
    return count


def is_folded(cell):
    """Whether JupyterLab and the book fold the source of a cell."""
    hidden = cell["metadata"].get("jupyter", {}).get("source_hidden", False)
    assert hidden == ("hide-input" in cell["metadata"].get("tags", [])), f"{cell['id']}: folded in one of two places"
    return hidden


@each_notebook
def test_long_plotting_code_is_folded(name):
    """More than a few lines that only draw are folded, except in the cell to play with."""
    cells = code_cells(name)
    long = [id_ for id_, cell in cells.items() if plotting_lines(cell) > MOST and id_ not in ("play", "setup")]
    assert not [id_ for id_ in long if not is_folded(cells[id_])]


@each_notebook
def test_nothing_but_drawing_is_folded(name):
    """Questions, checks and printed results stay open, and the first folded cell is explained."""
    content = json.loads((ROOT / notebook_file(name)).read_text(encoding="utf-8"))
    cells = code_cells(name)
    folded = [id_ for id_, cell in cells.items() if is_folded(cell)]
    own = {"setup", "play", "negative_control", *all_questions()}
    assert not [id_ for id_ in folded if id_.removeprefix("check_") in own]
    assert not [id_ for id_ in folded if any("text" in output for output in cells[id_]["outputs"])]
    assert all(plotting_lines(cells[id_]) for id_ in folded)
    texts = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "markdown"]
    assert any(FOLDED in text for text in texts) == bool(folded)


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


# ---- colours


def luminance(colour):
    """The relative luminance of WCAG, of a colour such as "#0072B2"."""
    shares = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_the_lines_of_a_plot_differ_without_their_colours():
    """After `prepare_notebook`, each line of a plot has a style of its own, and figures are white in a dark page."""
    with matplotlib.rc_context({"figure.facecolor": "black"}):
        prepare_notebook()
        cycle = list(matplotlib.rcParams["axes.prop_cycle"])
        lines = matplotlib.figure.Figure().subplots().plot(np.eye(len(cycle)))
        assert matplotlib.rcParams["figure.facecolor"] == "white"
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == len(cycle) == 7
    assert len({line.get_color() for line in lines}) == 7
    assert all((1 + 0.05) / (luminance(style["color"]) + 0.05) > 3 for style in cycle[:4]), "too pale on white"


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

    shutil.copytree(JUPYTER, tmp_path, dirs_exist_ok=True)
    found = get_federated_extensions([str(tmp_path / "labextensions")])["coursekit-image-alt"]
    assert found["name"] == "coursekit-image-alt"
    assert (EXTENSION / found["jupyterlab"]["_build"]["load"]).is_file()


@pytest.mark.skipif(not shutil.which("node"), reason="Node runs the extension, and is not installed")
def test_the_extension_fills_in_the_alt():
    """What JupyterLab calls is there: the renderers keep their kinds and ranks, and images get the alt."""
    script = EXTENSION / "static" / "image_alt.js"
    done = subprocess.run(["node", "-e", LOADS, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "image/png,90,image/svg+xml,90 A line.\n"
