"""A learner's work goes into our files whatever happened to the cells around it."""

import copy
import json
import time

import nbformat
import pytest

from coursekit.grading.intake.archive import Refused
from coursekit.grading.intake.merging import graft_module, graft_notebook
from coursekit.grading.intake.notebook_cells import MOST_CELLS, read_cells
from coursekit.learner import submission
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, notebook_file
from coursekit.teacher.solutions import strip_module
from tests.handins import edition, filled


def pack(notebook):
    return json.dumps(notebook).encode()


def graft(name, notebook):
    return graft_notebook(edition(name), notebook if isinstance(notebook, bytes) else pack(notebook))


def code(grafted):
    """What would run, cell after cell, the learner's own cells included."""
    cells = grafted.notebook["cells"]
    return [submission.source(cell) for cell in cells if cell["cell_type"] == "code"]


def at(notebook, cell_id):
    return next(i for i, cell in enumerate(notebook["cells"]) if cell["id"] == cell_id)


ANSWER = {"svm": "svm_search", "features": "features_two_layer_net", "knn": "knn_cross_validation"}
WRITTEN = {"svm": "answer_templates", "features": "answer_mistakes", "knn": "answer_statements"}


# Each takes a notebook and the id of a cell (the answer in code, or the written one) and does something to it.


def rename_all(notebook, cell_id):
    """VS Code gives new ids when it reads an old nbformat."""
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"{number:08x}"


def drop_ids(notebook, cell_id):
    """Nbformat 4.4 has no ids."""
    notebook["nbformat_minor"] = 4
    for cell in notebook["cells"]:
        del cell["id"]


def as_colab_saves(notebook, cell_id):
    """Colab keeps ids in the metadata, of its own making."""
    drop_ids(notebook, cell_id)
    notebook["metadata"]["colab"] = {"provenance": []}
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"]["id"] = f"aB{number}_x"
        cell["metadata"]["outputId"] = "f00"


def rename_one(notebook, cell_id):
    notebook["cells"][at(notebook, cell_id)]["id"] = "other"


def move_to_end(notebook, cell_id):
    notebook["cells"].append(notebook["cells"].pop(at(notebook, cell_id)))


def move_up(notebook, cell_id):
    place = at(notebook, cell_id)
    notebook["cells"].insert(place - 1, notebook["cells"].pop(place))


def to_markdown(notebook, cell_id):
    notebook["cells"][at(notebook, cell_id)]["cell_type"] = "markdown"


def to_raw(notebook, cell_id):
    notebook["cells"][at(notebook, cell_id)]["cell_type"] = "raw"


def to_code(notebook, cell_id):
    notebook["cells"][at(notebook, cell_id)]["cell_type"] = "code"


def to_raw_with_new_id(notebook, cell_id):
    to_raw(notebook, cell_id)
    rename_one(notebook, cell_id)


def merge_below(notebook, cell_id):
    place = at(notebook, cell_id)
    below = notebook["cells"].pop(place + 1)
    cell = notebook["cells"][place]
    cell["source"] = [submission.source(cell) + "\n\n" + submission.source(below)]


def delete_neighbours(notebook, cell_id):
    place = at(notebook, cell_id)
    del notebook["cells"][place + 1], notebook["cells"][place - 1]


def delete_checks(notebook, cell_id):
    notebook["cells"] = [cell for cell in notebook["cells"] if not cell["id"].startswith("check_")]


def copy_given(notebook, cell_id):
    for name in ("setup", notebook["cells"][-1]["id"]):
        notebook["cells"].append(copy.deepcopy(notebook["cells"][at(notebook, name)]))


def windows_lines(notebook, cell_id):
    for cell in notebook["cells"]:
        cell["source"] = [line.replace("\n", "\r\n") for line in cell["source"]]


def one_text(notebook, cell_id):
    for cell in notebook["cells"]:
        cell["source"] = submission.source(cell)


def empty_cells(notebook, cell_id):
    blank = {"cell_type": "code", "id": "b", "metadata": {}, "source": [], "outputs": [], "execution_count": None}
    for place in range(len(notebook["cells"]), 0, -1):
        notebook["cells"].insert(place, copy.deepcopy(blank))


def break_given(notebook, cell_id):
    """A typo in the imports, and a smaller data set."""
    cell = notebook["cells"][at(notebook, "setup")]
    cell["source"] = [submission.source(cell).replace("import", "imprt", 1)]


def break_given_without_ids(notebook, cell_id):
    break_given(notebook, cell_id)
    drop_ids(notebook, cell_id)


def odd_structure(notebook, cell_id):
    """What no editor writes, but some script might."""
    notebook["cells"] += [
        None,
        7,
        {},
        {"cell_type": "code"},
        {"cell_type": "code", "source": [1, None], "metadata": []},
    ]
    notebook["metadata"] = None


EVERYTHING = [rename_all, drop_ids, as_colab_saves, rename_one, move_to_end, move_up, to_markdown, to_raw, merge_below]
EVERYTHING += [delete_neighbours, delete_checks, copy_given, windows_lines, one_text, empty_cells, break_given]
EVERYTHING += [break_given_without_ids, odd_structure]


class TestMutilated:
    """What runs, and what is read, is what an untouched notebook would give."""

    @pytest.mark.parametrize("mutilate", EVERYTHING, ids=lambda function: function.__name__)
    @pytest.mark.parametrize("name", ANSWER)
    def test_answer(self, name, mutilate):
        theirs = filled(name)
        wanted = graft(name, theirs)
        mutilate(theirs, ANSWER[name])
        came = graft(name, theirs)
        assert code(came) == code(wanted)
        assert came.answers == wanted.answers and ANSWER[name] in came.answers
        assert came.written == wanted.written and all(came.written.values())

    @pytest.mark.parametrize(
        "mutilate",
        [to_raw, to_code, rename_one, to_raw_with_new_id, move_to_end, merge_below, delete_neighbours],
        ids=lambda function: function.__name__,
    )
    @pytest.mark.parametrize("name", WRITTEN)
    def test_written(self, name, mutilate):
        theirs = filled(name)
        wanted = graft(name, theirs).written
        mutilate(theirs, WRITTEN[name])
        assert graft(name, theirs).written == wanted

    @pytest.mark.parametrize("name", NOTEBOOKS)
    def test_all_without_ids(self, name):
        """Colab, on every notebook of the course."""
        theirs = filled(name)
        wanted = graft(name, theirs)
        as_colab_saves(theirs, None)
        came = graft(name, theirs)
        assert (code(came), came.written) == (code(wanted), wanted.written)

    @pytest.mark.parametrize("name", NOTEBOOKS)
    def test_untouched(self, name):
        """Nothing is said, nothing is added, and the result is a valid notebook with our ids."""
        ours = edition(name)
        came = graft(name, filled(name))
        assert came.remarks == [] and came.extra == []
        assert [cell["id"] for cell in came.notebook["cells"]] == [cell["id"] for cell in ours["cells"]]
        nbformat.validate(came.notebook)

    @pytest.mark.parametrize("name", NOTEBOOKS)
    def test_blank(self, name):
        came = graft(name, edition(name))
        assert came.answers == {} and not any(came.written.values()) and came.remarks == []

    def test_solved_tree_gives_nothing_away(self):
        """Grafted into the solved notebook, a blank one stays blank."""
        solved = json.loads((ROOT / notebook_file("svm")).read_text(encoding="utf-8"))
        blank, missing = edition("svm"), edition("svm")
        del missing["cells"][at(missing, "svm_search")]
        for theirs in (blank, missing):
            came = graft_notebook(solved, pack(theirs))
            assert "SOLUTION" not in json.dumps(came.notebook)
            assert "raise NotImplementedError" in submission.source(
                came.notebook["cells"][at(came.notebook, "svm_search")]
            )


@pytest.mark.parametrize("name", ANSWER)
def test_deleted_answers(name):
    """What was deleted is not attempted; all else is as it was."""
    theirs = filled(name)
    wanted = graft(name, theirs)
    theirs["cells"] = [cell for cell in theirs["cells"] if cell["id"] not in (ANSWER[name], WRITTEN[name])]
    came = graft(name, theirs)
    assert came.answers == {key: text for key, text in wanted.answers.items() if key != ANSWER[name]}
    assert came.written == wanted.written | {WRITTEN[name]: ""}


class TestAnswersInOddPlaces:
    def test_split(self):
        """Both halves run, in order."""
        for keeps_id in (0, 1):
            theirs = filled("svm")
            place = at(theirs, "svm_search")
            lines = submission.source(theirs["cells"][place]).splitlines(keepends=True)
            halves = [copy.deepcopy(theirs["cells"][place]) for _ in range(2)]
            halves[0]["source"], halves[1]["source"] = lines[:4], lines[4:]
            halves[1 - keeps_id]["id"] = "new"
            theirs["cells"][place : place + 1] = halves
            came = graft("svm", theirs)
            assert "".join("".join(code(came)).split()) == "".join("".join(code(graft("svm", filled("svm")))).split())
            assert len(came.extra) == 1

    def test_copied_answer_of_which_one_is_blank(self):
        for order in (1, -1):
            theirs, blank = filled("svm"), edition("svm")
            place = at(theirs, "svm_search")
            pair = [theirs["cells"][place], blank["cells"][place]][::order]
            theirs["cells"][place : place + 1] = pair
            came = graft("svm", theirs)
            assert came.answers == graft("svm", filled("svm")).answers
            assert not any("raise NotImplementedError" in text for text in code(came))

    def test_two_different_answers_run_in_order(self):
        theirs = filled("svm")
        place = at(theirs, "svm_search")
        second = copy.deepcopy(theirs["cells"][place])
        second["source"] = ["best_svm = 'second'"]
        theirs["cells"].insert(place + 1, second)
        sources = code(graft("svm", theirs))
        assert sources.index("best_svm = 'second'") == sources.index(submission.source(theirs["cells"][place])) + 1

    def test_answer_in_a_new_cell_below_the_stub(self):
        theirs = filled("svm")
        place = at(theirs, "svm_search")
        stub = edition("svm")["cells"][place]
        theirs["cells"][place]["id"] = "fresh"
        theirs["cells"].insert(place, stub)
        came = graft("svm", theirs)
        assert came.answers == graft("svm", filled("svm")).answers

    def test_look_round_does_not_count_as_an_answer(self):
        theirs = edition("svm")
        looking = {"cell_type": "code", "id": "mine", "metadata": {}, "source": ["X_train.shape"], "outputs": []}
        theirs["cells"].insert(at(theirs, "svm_search") + 1, looking)
        came = graft("svm", theirs)
        assert came.answers == {} and "X_train.shape" in code(came)

    def test_written_in_a_cell_below(self):
        theirs = edition("knn")
        mine = {"cell_type": "markdown", "id": "mine", "metadata": {}, "source": ["Rows are bright because ..."]}
        theirs["cells"].insert(at(theirs, "answer_distance_matrix") + 1, mine)
        assert graft("knn", theirs).written["answer_distance_matrix"] == "Rows are bright because ..."

    def test_written_in_the_question(self):
        theirs = edition("knn")
        theirs["cells"][at(theirs, "question_distance_matrix")]["source"].append("\n\nRows are bright because ...")
        came = graft("knn", theirs)
        assert came.written["answer_distance_matrix"] == "Rows are bright because ..."
        assert any("question_distance_matrix" in remark for remark in came.remarks)

    def test_written_as_a_comment_in_code(self):
        theirs = edition("knn")
        mine = {"cell_type": "code", "id": "mine", "metadata": {}, "source": ["# Rows are bright because ..."]}
        theirs["cells"].insert(at(theirs, "answer_distance_matrix") + 1, mine)
        came = graft("knn", theirs)
        assert came.written["answer_distance_matrix"] == "# Rows are bright because ..." and came.extra == []

    def test_imports_added_to_a_given_cell(self):
        """What an answer may need is kept; what was changed of the given part is not."""
        theirs = filled("svm")
        setup = theirs["cells"][at(theirs, "setup")]
        setup["source"] = [
            submission.source(setup).replace("import numpy as np", "from itertools import product\nimport nump as np")
        ]
        came = graft("svm", theirs)
        assert code(came)[:2] == [
            submission.source(edition("svm")["cells"][at(edition("svm"), "setup")]),
            "from itertools import product",
        ]
        assert any("setup" in remark for remark in came.remarks)

    def test_check_that_was_changed_is_ours(self):
        theirs = filled("svm")
        theirs["cells"][at(theirs, "check_svm_search")]["source"] = ["print('svm_search: ok')"]
        assert code(graft("svm", theirs)) == code(graft("svm", filled("svm")))


class TestReading:
    """Formats and encodings, and what is no notebook."""

    def test_nbformat_3(self):
        theirs = filled("svm")
        cells = [
            {"cell_type": "code", "input": cell["source"], "language": "python", "outputs": [], "prompt_number": 1}
            if cell["cell_type"] == "code"
            else {"cell_type": "markdown", "source": cell["source"]}
            for cell in theirs["cells"]
        ]
        old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells, "metadata": {}}]}
        assert code(graft("svm", old)) == code(graft("svm", theirs))

    def test_heading_of_nbformat_3(self):
        [cell], _ = read_cells(
            b'{"worksheets": [{"cells": [{"cell_type": "heading", "level": 2, "source": "Hello"}]}]}'
        )
        assert (cell.kind, cell.source) == ("markdown", "## Hello")

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_byte_order_marks(self, encoding):
        text = json.dumps(filled("svm"), ensure_ascii=False)
        assert code(graft("svm", text.encode(encoding))) == code(graft("svm", filled("svm")))

    def test_bytes_that_are_no_text(self):
        data = pack(filled("svm")).replace(b"Think and write", b"Think \xff and write")
        assert any("not UTF-8" in remark for remark in graft("svm", data).remarks)

    def test_halves_of_characters(self):
        theirs = filled("svm")
        theirs["cells"][at(theirs, "svm_search")]["source"].append("\n# \ud800")
        json.dumps(graft("svm", theirs).notebook, ensure_ascii=False).encode()

    @pytest.mark.parametrize("style", ["", "||||||| base\n"])
    def test_merge_conflict_in_the_file(self, style):
        """Git writes its marks between the lines of JSON; each side is tried."""
        lines = json.dumps(filled("svm"), indent=1).splitlines(keepends=True)
        place = next(i for i, line in enumerate(lines) if '"execution_count"' in line)
        base = style and [style, ' "execution_count": 3,\n']
        lines[place : place + 1] = [
            "<<<<<<< HEAD\n",
            lines[place],
            *base,
            "=======\n",
            lines[place],
            ">>>>>>> theirs\n",
        ]
        came = graft("svm", "".join(lines).encode())
        assert code(came) == code(graft("svm", filled("svm")))
        assert "merge conflict" in came.remarks[0]

    def test_merge_conflict_in_a_cell(self):
        theirs = filled("svm")
        theirs["cells"][at(theirs, "svm_search")]["source"] = ["<<<<<<< HEAD\n", "a = 1\n", "=======\n", ">>>>>>> b\n"]
        assert any("merge conflict" in remark for remark in graft("svm", theirs).remarks)

    @pytest.mark.parametrize(
        "data, message",
        [
            (b"", "JSON is broken"),
            (pack({"cells": []})[:-3], "JSON is broken"),
            (b"[" * 100_000, "JSON is broken"),
            (b'{"cells": [' + b"9" * 5_000 + b"]}", "JSON is broken"),
            (b"[]", "not a notebook"),
            (b'{"cells": {}}', "not a notebook"),
            (b"<<<<<<< a\n{\n=======\n[\n>>>>>>> b\n", "merge conflict"),
            (pack({"cells": [{"cell_type": "code", "source": ""}] * 1001}), "1001 cells"),
        ],
    )
    def test_refused(self, data, message):
        with pytest.raises(Refused, match=message):
            graft("svm", data)


def test_pasted_picture_comes_along():
    theirs = filled("knn")
    cell = theirs["cells"][at(theirs, WRITTEN["knn"])]
    cell.update(source="See ![](attachment:a.png)", attachments={"a.png": {"image/png": "iVBORw0="}})
    assert graft("knn", theirs).written[WRITTEN["knn"]] == "See ![](data:image/png;base64,iVBORw0=)"


def test_worst_case_takes_seconds():
    """As many cells as are taken, each as long as is parsed, and each like the answer."""
    theirs, lines = filled("svm"), "".join(f"v{i} = {i} + a[{i}]\n" for i in range(250))
    cell = {"cell_type": "code", "metadata": {}, "outputs": []}
    theirs["cells"] = [{**cell, "source": f"results = best_val = {i}\n{lines}"} for i in range(MOST_CELLS)]
    start = time.process_time()  # not the clock's: other processes may have the cores
    graft("svm", theirs)
    assert time.process_time() - start < 30


class TestModule:
    OURS = strip_module((ROOT / "cs231n/layers.py").read_text(encoding="utf-8"), "cs231n/layers.py")

    def test_taken_as_a_whole(self):
        solved = (ROOT / "cs231n/layers.py").read_text(encoding="utf-8")
        assert graft_module(self.OURS, solved).source == solved
        assert graft_module(self.OURS, solved.replace("\n", "\r\n").encode("utf-8-sig")).source == solved

    def test_lost_function_comes_back_unanswered(self):
        came = graft_module(self.OURS, "import numpy as np\n\ndef affine_forward(x, w, b):\n    return 1, 2\n")
        scope = {}
        exec(came.source, scope)
        assert scope["affine_forward"](0, 0, 0) == (1, 2)
        with pytest.raises(NotImplementedError, match="relu_forward"):
            scope["relu_forward"](0)
        assert any("relu_forward" in remark for remark in came.remarks)

    def test_no_python_is_taken_with_a_remark(self):
        came = graft_module(self.OURS, "def f(:\n")
        assert came.source == "def f(:\n" and "line 1" in came.remarks[0]

    def test_merge_conflict(self):
        came = graft_module(self.OURS, "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> other\n")
        assert "merge conflict" in came.remarks[0]

    @pytest.mark.parametrize(
        "data",
        [b"\xff\xfe\x00", b"x = '\xe9'\n", b"\0", b"(" * 50_000, "x = '\ud800'".encode("utf-8", "surrogatepass")],
    )
    def test_odd_bytes(self, data):
        graft_module(self.OURS, data).source.encode()
