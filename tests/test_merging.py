"""A learner's answers reach the course's files whatever happened to the cells around them."""

import copy
import json
import time

import nbformat
import pytest

from coursekit.grading.intake import earlier_versions
from coursekit.grading.intake.archive import Refused
from coursekit.grading.intake.merging import merge_module, merge_notebook
from coursekit.grading.intake.notebook_cells import MOST_CELLS, read_cells
from coursekit.learner import notebook_form
from coursekit.learner.notebook_form import BLANK_ANSWER, is_written_answer, without_blank
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, all_questions
from coursekit.teacher.elsewhere import notebook_with_address, repository_at
from coursekit.teacher.solutions import strip_module
from tests.learner_notebooks import edition, filled, solved


def pack(notebook):
    return json.dumps(notebook).encode()


def merge(name, notebook):
    return merge_notebook(edition(name), notebook if isinstance(notebook, bytes) else pack(notebook))


def code(merged):
    """What would run, cell after cell, the learner's own cells included."""
    cells = merged.notebook["cells"]
    return [notebook_form.source(cell) for cell in cells if cell["cell_type"] == "code"]


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
    position = at(notebook, cell_id)
    notebook["cells"].insert(position - 1, notebook["cells"].pop(position))


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
    position = at(notebook, cell_id)
    below = notebook["cells"].pop(position + 1)
    cell = notebook["cells"][position]
    cell["source"] = [notebook_form.source(cell) + "\n\n" + notebook_form.source(below)]


def delete_neighbours(notebook, cell_id):
    position = at(notebook, cell_id)
    del notebook["cells"][position + 1], notebook["cells"][position - 1]


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
        cell["source"] = notebook_form.source(cell)


def empty_cells(notebook, cell_id):
    blank = {"cell_type": "code", "id": "b", "metadata": {}, "source": [], "outputs": [], "execution_count": None}
    for position in range(len(notebook["cells"]), 0, -1):
        notebook["cells"].insert(position, copy.deepcopy(blank))


def break_given(notebook, cell_id):
    """A typo in the imports, and a smaller data set."""
    cell = notebook["cells"][at(notebook, "setup")]
    cell["source"] = [notebook_form.source(cell).replace("import", "imprt", 1)]


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
        submitted = filled(name)
        expected = merge(name, submitted)
        mutilate(submitted, ANSWER[name])
        merged = merge(name, submitted)
        assert code(merged) == code(expected)
        assert merged.answers == expected.answers and ANSWER[name] in merged.answers
        assert merged.written == expected.written and all(merged.written.values())

    @pytest.mark.parametrize(
        "mutilate",
        [to_raw, to_code, rename_one, to_raw_with_new_id, move_to_end, merge_below, delete_neighbours],
        ids=lambda function: function.__name__,
    )
    @pytest.mark.parametrize("name", WRITTEN)
    def test_written(self, name, mutilate):
        submitted = filled(name)
        expected = merge(name, submitted).written
        mutilate(submitted, WRITTEN[name])
        assert merge(name, submitted).written == expected

    @pytest.mark.parametrize("name", NOTEBOOKS)
    def test_all_without_ids(self, name):
        """Colab, on every notebook of the course."""
        submitted = filled(name)
        expected = merge(name, submitted)
        as_colab_saves(submitted, None)
        merged = merge(name, submitted)
        assert (code(merged), merged.written) == (code(expected), expected.written)

    @pytest.mark.parametrize("name", NOTEBOOKS)
    def test_untouched(self, name):
        """There are no remarks, nothing is added, and the result is a valid notebook with the course's ids."""
        merged = merge(name, filled(name))
        assert merged.remarks == [] and merged.extra == []
        assert [cell["id"] for cell in merged.notebook["cells"]] == [cell["id"] for cell in edition(name)["cells"]]
        nbformat.validate(merged.notebook)

    @pytest.mark.parametrize("name", NOTEBOOKS)
    def test_blank(self, name):
        merged = merge(name, edition(name))
        assert merged.answers == {} and not any(merged.written.values()) and merged.remarks == []

    def test_solved_tree_gives_nothing_away(self):
        """Merged into the solved notebook, a blank one stays blank."""
        blank, missing = edition("svm"), edition("svm")
        del missing["cells"][at(missing, "svm_search")]
        for submitted in (blank, missing):
            merged = merge_notebook(solved("svm"), pack(submitted))
            assert "SOLUTION" not in json.dumps(merged.notebook)
            assert "raise NotImplementedError" in notebook_form.source(
                merged.notebook["cells"][at(merged.notebook, "svm_search")]
            )


@pytest.mark.parametrize("name", ANSWER)
def test_deleted_answers(name):
    """What was deleted is not attempted; everything else stays."""
    submitted = filled(name)
    expected = merge(name, submitted)
    submitted["cells"] = [cell for cell in submitted["cells"] if cell["id"] not in (ANSWER[name], WRITTEN[name])]
    merged = merge(name, submitted)
    assert merged.answers == {key: text for key, text in expected.answers.items() if key != ANSWER[name]}
    assert merged.written == expected.written | {WRITTEN[name]: ""}


class TestAnswersInOddPlaces:
    def test_split(self):
        """Both halves run, in order."""
        for keeps_id in (0, 1):
            submitted = filled("svm")
            position = at(submitted, "svm_search")
            lines = notebook_form.source(submitted["cells"][position]).splitlines(keepends=True)
            halves = [copy.deepcopy(submitted["cells"][position]) for _ in range(2)]
            halves[0]["source"], halves[1]["source"] = lines[:4], lines[4:]
            halves[1 - keeps_id]["id"] = "new"
            submitted["cells"][position : position + 1] = halves
            merged = merge("svm", submitted)
            assert "".join("".join(code(merged)).split()) == "".join("".join(code(merge("svm", filled("svm")))).split())
            assert len(merged.extra) == 1

    def test_copied_answer_of_which_one_is_blank(self):
        for order in (1, -1):
            submitted, blank = filled("svm"), edition("svm")
            position = at(submitted, "svm_search")
            pair = [submitted["cells"][position], blank["cells"][position]][::order]
            submitted["cells"][position : position + 1] = pair
            merged = merge("svm", submitted)
            assert merged.answers == merge("svm", filled("svm")).answers
            assert not any("raise NotImplementedError" in text for text in code(merged))

    def test_two_different_answers_run_in_order(self):
        submitted = filled("svm")
        position = at(submitted, "svm_search")
        second = copy.deepcopy(submitted["cells"][position])
        second["source"] = ["best_svm = 'second'"]
        submitted["cells"].insert(position + 1, second)
        sources = code(merge("svm", submitted))
        assert (
            sources.index("best_svm = 'second'")
            == sources.index(notebook_form.source(submitted["cells"][position])) + 1
        )

    def test_answer_in_a_new_cell_below_the_stub(self):
        submitted = filled("svm")
        position = at(submitted, "svm_search")
        stub = edition("svm")["cells"][position]
        submitted["cells"][position]["id"] = "fresh"
        submitted["cells"].insert(position, stub)
        merged = merge("svm", submitted)
        assert merged.answers == merge("svm", filled("svm")).answers

    def test_looking_around_does_not_count_as_an_answer(self):
        submitted = edition("svm")
        looking = {"cell_type": "code", "id": "mine", "metadata": {}, "source": ["X_train.shape"], "outputs": []}
        submitted["cells"].insert(at(submitted, "svm_search") + 1, looking)
        merged = merge("svm", submitted)
        assert merged.answers == {} and "X_train.shape" in code(merged)

    def test_written_in_a_cell_below(self):
        submitted = edition("knn")
        mine = {"cell_type": "markdown", "id": "mine", "metadata": {}, "source": ["Rows are bright because ..."]}
        submitted["cells"].insert(at(submitted, "answer_distance_matrix") + 1, mine)
        assert merge("knn", submitted).written["answer_distance_matrix"] == "Rows are bright because ..."

    def test_written_in_the_question(self):
        submitted = edition("knn")
        question = submitted["cells"][at(submitted, "answer_distance_matrix") - 1]
        question["source"].append("\n\nRows are bright because ...")
        merged = merge("knn", submitted)
        assert merged.written["answer_distance_matrix"] == "Rows are bright because ..."
        assert any(question["id"] in remark for remark in merged.remarks)

    def test_written_as_a_comment_in_code(self):
        submitted = edition("knn")
        mine = {"cell_type": "code", "id": "mine", "metadata": {}, "source": ["# Rows are bright because ..."]}
        submitted["cells"].insert(at(submitted, "answer_distance_matrix") + 1, mine)
        merged = merge("knn", submitted)
        assert merged.written["answer_distance_matrix"] == "# Rows are bright because ..." and merged.extra == []

    def test_imports_added_to_a_given_cell(self):
        """What an answer may need is kept; what was changed of the given part is not."""
        submitted = filled("svm")
        setup = submitted["cells"][at(submitted, "setup")]
        setup["source"] = [
            notebook_form.source(setup).replace(
                "import numpy as np", "from itertools import product\nimport nump as np"
            )
        ]
        merged = merge("svm", submitted)
        assert code(merged)[1:3] == [
            notebook_form.source(edition("svm")["cells"][at(edition("svm"), "setup")]),
            "from itertools import product",
        ]
        assert any("setup" in remark for remark in merged.remarks)

    def test_check_that_was_edited_is_restored(self):
        submitted = filled("svm")
        submitted["cells"][at(submitted, "check_svm_search")]["source"] = ["print('svm_search: ok')"]
        assert code(merge("svm", submitted)) == code(merge("svm", filled("svm")))


@pytest.mark.parametrize("name", ["knn", "Dropout"])
def test_edition_with_an_address(name):
    """Badges and the address in the first cell, which its edition was released with, are no edits."""
    repository = repository_at("https://github.com/owner/name", "2026-autumn")
    submitted = notebook_with_address(json.dumps(filled(name)), f"assignments/{name}.ipynb", repository)
    merged, expected = merge(name, submitted.encode()), merge(name, filled(name))
    assert "owner/name" in submitted and "owner/name" not in json.dumps(merged.notebook)
    assert (merged.remarks, code(merged), merged.written) == ([], code(expected), expected.written)


EARLIER = ("features", "Dropout")  # as submitted with version 0.1.0


def earlier(name):
    return json.loads((ROOT / "tests" / "data" / "earlier_notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))


def rewritten(notebook):
    """A notebook as a later version of the course might have it: other texts, other ids, one more cell."""
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown" and not cell["id"].startswith("answer_"):
            cell["id"] = f"text_{number}" if number % 2 and not cell["id"].startswith("compare_") else cell["id"]
            cell["source"] = [f"Rewritten, paragraph {number}, since the course goes on."]
        elif cell["id"] == "setup":
            cell["source"] = [notebook_form.source(cell), "\nnp.seterr(all='raise')"]
    more = {"cell_type": "code", "id": "more", "metadata": {}, "outputs": [], "source": ["print(1)"]}
    notebook["cells"].insert(5, more)
    return notebook


class TestEarlierVersion:
    """A submission made with notebooks of an earlier version: its answers are taken, its provided cells are not."""

    @pytest.mark.parametrize(
        "change", [lambda notebook: None, lambda n: as_colab_saves(n, None)], ids=["ids", "no ids"]
    )
    @pytest.mark.parametrize("newer", [rewritten, lambda notebook: notebook], ids=["rewritten", "today"])
    @pytest.mark.parametrize("name", EARLIER)
    def test_answers_are_taken(self, name, newer, change):
        submitted = earlier(name)
        given = {c["id"]: without_blank(notebook_form.source(c)) for c in submitted["cells"] if is_written_answer(c)}
        code_answers = {c["id"]: notebook_form.source(c) for c in submitted["cells"] if c["id"] in all_questions()}
        change(submitted)
        course = newer(edition(name))
        merged = merge_notebook(course, pack(submitted))
        assert merged.written == given and all(given.values())
        assert merged.answers == code_answers
        assert merged.extra == [] and len(merged.remarks) <= 2, merged.remarks
        provided = {cell["id"]: cell["source"] for cell in course["cells"] if cell["id"] not in given | code_answers}
        assert provided == {cell["id"]: cell["source"] for cell in merged.notebook["cells"] if cell["id"] in provided}

    def test_remark(self):
        merged = merge_notebook(rewritten(edition("features")), pack(earlier("features")))
        assert "earlier version of the course" in merged.remarks[0]

    def test_own_cells_are_kept(self):
        submitted = earlier("features")
        own = {"cell_type": "code", "id": "x", "metadata": {}, "outputs": [], "source": ["mine = 3"]}
        submitted["cells"].insert(3, own)
        assert "mine = 3" in code(merge_notebook(rewritten(edition("features")), pack(submitted)))

    @pytest.mark.parametrize("name", EARLIER)
    def test_blank_one_stays_blank(self, name):
        blank = earlier(name)
        for cell in blank["cells"]:
            if is_written_answer(cell):
                cell["source"] = BLANK_ANSWER
        merged = merge_notebook(rewritten(edition(name)), pack(blank))
        assert not any(merged.written.values())

    @pytest.mark.parametrize("name", ["svm", "Dropout"])
    def test_cell_that_came_later_is_not_missed(self, name):
        """The notebooks of version 0.2.0 do not begin with a cell that finds the course."""
        submitted = earlier(f"{name}_0.2.0")
        merged = merge(name, submitted)
        assert [remark for remark in merged.remarks if "earlier version" not in remark] == [] and merged.extra == []
        sources = {cell["id"]: notebook_form.source(cell) for cell in submitted["cells"]}
        assert merged.answers == {key: text for key, text in sources.items() if key in all_questions()}
        assert all(merged.written.values())
        assert "start" in [cell["id"] for cell in merged.notebook["cells"]] and "start" not in sources

    def test_cell_that_its_version_had_is_missed(self):
        submitted = earlier("svm_0.2.0")
        del submitted["cells"][at(submitted, "setup")]
        remarks = merge("svm", submitted).remarks
        assert any("setup is missing" in remark or "earlier version" in remark for remark in remarks)
        assert not any("start" in remark for remark in remarks)

    def test_cells_are_recorded(self, tmp_path, monkeypatch):
        monkeypatch.setattr(earlier_versions, "FILE", tmp_path / "cells.json")
        (tmp_path / "assignments" / "assignment1").mkdir(parents=True)
        notebook = solved("svm")
        (tmp_path / "assignments" / "assignment1" / "svm.ipynb").write_text(json.dumps(notebook))
        earlier_versions.record("9.9", tmp_path)
        earlier_versions.record("9.10", tmp_path)
        recorded = json.loads((tmp_path / "cells.json").read_text())
        assert list(recorded) == ["9.9", "9.10"] and len(recorded["9.9"]) > 30


class TestReading:
    """Formats and encodings, and what is no notebook."""

    def test_nbformat_3(self):
        submitted = filled("svm")
        cells = [
            {"cell_type": "code", "input": cell["source"], "language": "python", "outputs": [], "prompt_number": 1}
            if cell["cell_type"] == "code"
            else {"cell_type": "markdown", "source": cell["source"]}
            for cell in submitted["cells"]
        ]
        old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells, "metadata": {}}]}
        assert code(merge("svm", old)) == code(merge("svm", submitted))

    def test_heading_of_nbformat_3(self):
        [cell], _ = read_cells(
            b'{"worksheets": [{"cells": [{"cell_type": "heading", "level": 2, "source": "Hello"}]}]}'
        )
        assert (cell.kind, cell.source) == ("markdown", "## Hello")

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_byte_order_marks(self, encoding):
        text = json.dumps(filled("svm"), ensure_ascii=False)
        assert code(merge("svm", text.encode(encoding))) == code(merge("svm", filled("svm")))

    def test_bytes_that_are_no_text(self):
        data = pack(filled("svm")).replace(b"## ", b"## \xff")
        assert any("not valid UTF-8" in remark for remark in merge("svm", data).remarks)

    def test_halves_of_characters(self):
        submitted = filled("svm")
        submitted["cells"][at(submitted, "svm_search")]["source"].append("\n# \ud800")
        json.dumps(merge("svm", submitted).notebook, ensure_ascii=False).encode()

    @pytest.mark.parametrize("style", ["", "||||||| base\n"])
    def test_merge_conflict_in_the_file(self, style):
        """Git writes its marks between the lines of JSON; each side is tried."""
        lines = json.dumps(filled("svm"), indent=1).splitlines(keepends=True)
        position = next(i for i, line in enumerate(lines) if '"execution_count"' in line)
        base = style and [style, ' "execution_count": 3,\n']
        lines[position : position + 1] = [
            "<<<<<<< HEAD\n",
            lines[position],
            *base,
            "=======\n",
            lines[position],
            ">>>>>>> submitted\n",
        ]
        merged = merge("svm", "".join(lines).encode())
        assert code(merged) == code(merge("svm", filled("svm")))
        assert "merge conflict" in merged.remarks[0]

    def test_merge_conflict_in_a_cell(self):
        submitted = filled("svm")
        submitted["cells"][at(submitted, "svm_search")]["source"] = [
            "<<<<<<< HEAD\n",
            "a = 1\n",
            "=======\n",
            ">>>>>>> b\n",
        ]
        assert any("merge conflict" in remark for remark in merge("svm", submitted).remarks)

    @pytest.mark.parametrize(
        "data, message",
        [
            (b"", "JSON is damaged"),
            (pack({"cells": []})[:-3], "JSON is damaged"),
            (b"[" * 100_000, "JSON is damaged"),
            (b'{"cells": [' + b"9" * 5_000 + b"]}", "JSON is damaged"),
            (b"[]", "not a notebook"),
            (b'{"cells": {}}', "not a notebook"),
            (b"<<<<<<< a\n{\n=======\n[\n>>>>>>> b\n", "merge conflict"),
            (pack({"cells": [{"cell_type": "code", "source": ""}] * 1001}), "1001 cells"),
        ],
    )
    def test_refused(self, data, message):
        with pytest.raises(Refused, match=message):
            merge("svm", data)


def test_pasted_image_is_kept():
    submitted = filled("knn")
    cell = submitted["cells"][at(submitted, WRITTEN["knn"])]
    cell.update(source="See ![](attachment:a.png)", attachments={"a.png": {"image/png": "iVBORw0="}})
    assert merge("knn", submitted).written[WRITTEN["knn"]] == "See ![](data:image/png;base64,iVBORw0=)"


def test_worst_case_takes_seconds():
    """As many cells as are taken, each as long as is parsed, and each like the answer."""
    submitted, lines = filled("svm"), "".join(f"v{i} = {i} + a[{i}]\n" for i in range(250))
    cell = {"cell_type": "code", "metadata": {}, "outputs": []}
    submitted["cells"] = [{**cell, "source": f"results = best_val = {i}\n{lines}"} for i in range(MOST_CELLS)]
    start = time.process_time()  # not the clock's: other processes may have the cores
    merge("svm", submitted)
    assert time.process_time() - start < 30


class TestModule:
    EDITION = strip_module((ROOT / "cs231n/layers.py").read_text(encoding="utf-8"), "cs231n/layers.py")

    def test_taken_as_a_whole(self):
        solved = (ROOT / "cs231n/layers.py").read_text(encoding="utf-8")
        assert merge_module(self.EDITION, solved).source == solved
        assert merge_module(self.EDITION, solved.replace("\n", "\r\n").encode("utf-8-sig")).source == solved

    def test_missing_function_is_added_unanswered(self):
        merged = merge_module(self.EDITION, "import numpy as np\n\ndef affine_forward(x, w, b):\n    return 1, 2\n")
        scope = {}
        exec(merged.source, scope)
        assert scope["affine_forward"](0, 0, 0) == (1, 2)
        with pytest.raises(NotImplementedError, match="relu_forward"):
            scope["relu_forward"](0)
        assert any("relu_forward" in remark for remark in merged.remarks)

    def test_missing_function_comes_with_what_it_imports(self):
        """Its decorator is needed at once; the learner's own names stay theirs."""
        submitted = "def affine_forward(x, w, b):\n    return 1, 2\n\ndef require_gains():\n    return 3\n"
        merged = merge_module(self.EDITION, submitted)
        scope = {}
        exec(merged.source, scope)
        assert scope["in_float32"].__module__ == "cs231n._precision" and scope["require_gains"]() == 3
        assert merged.source.startswith(submitted.rstrip("\n"))

    def test_no_python_is_taken_with_a_remark(self):
        text = "Dear teacher,\n  I could not do it.\n" * 40
        merged = merge_module(self.EDITION, text)
        assert merged.source == text and "line 1" in merged.remarks[0]

    def test_a_function_that_is_no_python_is_repaired(self):
        merged = merge_module(self.EDITION, "def f(:\n")
        assert merged.source.startswith("def f(*args, **kwargs): raise SyntaxError(")
        assert merged.remarks[0].startswith("Line 1: f is not valid Python")

    def test_merge_conflict(self):
        merged = merge_module(self.EDITION, "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> other\n")
        assert "merge conflict" in merged.remarks[0]

    @pytest.mark.parametrize(
        "data",
        [b"\xff\xfe\x00", b"x = '\xe9'\n", b"\0", b"(" * 50_000, "x = '\ud800'".encode("utf-8", "surrogatepass")],
    )
    def test_odd_bytes(self, data):
        merge_module(self.EDITION, data).source.encode()
