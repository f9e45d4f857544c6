"""Six questions of assignment 1 as a notebook for each grading system, with the same cases and the same answers.

nbgrader and otter-grader get the functions in answer cells, and for each question a test with the inputs and expected
outputs of the public cases. coursekit gets the module, and a notebook with check cells.
"""

import ast
import json
import os
import subprocess
from pathlib import Path
from textwrap import indent

import nbformat
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CALLS = {  # the outputs to compare, in the order of the stored ones
    "affine_forward": "[affine_forward(x, w, b)[0]]",
    "affine_backward": "affine_backward(dout, (x, w, b))",
    "relu_forward": "[relu_forward(x)[0]]",
    "relu_backward": "[relu_backward(dout, x)]",
    "svm_loss": "svm_loss(x, y)",
    "softmax_loss": "softmax_loss(x, y)",
}
QUESTIONS = tuple(CALLS)
SETUP = "import numpy as np\n\nfrom cs231n._errors import require_columns, require_labels"
MARKERS = ("### BEGIN SOLUTION", "### END SOLUTION")


# ---- the parts


def answers():
    """The reference's functions with their solution markers, by name."""
    source = (ROOT / "cs231n" / "layers.py").read_text(encoding="utf-8")
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    return {name: ast.get_source_segment(source, functions[name]) for name in QUESTIONS}


def without_markers(source):
    """An answer as a learner would have written it."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in MARKERS)


def tests(question_id):
    """For each case of a question, the lines that test it."""
    from coursekit.judging import reference_answers
    from coursekit.questions import find

    question = find(question_id)
    expected = reference_answers.expected(question)
    for index, case in enumerate(question.cases):
        lines = [f"{name} = {_literal(value)}" for name, value in question.draw_inputs(index).items()]
        outputs = ", ".join(map(_literal, expected[index].values()))
        lines.append(f"for actual, expected in zip({CALLS[question_id]}, [{outputs}], strict=True):")
        lines.append(f"    np.testing.assert_allclose(actual, expected, rtol={case.tolerance}, atol={case.tolerance})")
        yield lines


def _literal(value):
    value = np.asarray(value)
    return f"np.array({value.tolist()!r}, dtype={value.dtype.name!r})"


def _code(source, **metadata):
    return nbformat.v4.new_code_cell(source, metadata=metadata)


def _write(path, cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


def _run(command, folder):
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader looks for alembic there
    env = os.environ | {"PATH": path}
    done = subprocess.run(list(map(str, command)), cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


# ---- the systems: each writes its files, and returns what grades them and what counts the points


def nbgrader(python, folder):
    """A course: a release is generated from the source, and the answers are filled in there."""
    cells = [_nbgrader_cell(SETUP, "setup", locked=True)]
    for name, source in answers().items():
        lines = [line for case in tests(name) for line in case]
        cells.append(_nbgrader_cell(source, name, solution=True))
        cells.append(_nbgrader_cell("\n".join(lines), f"test_{name}", grade=True, locked=True, points=1))
    _write(folder / "source" / "layers" / "layers.ipynb", cells)
    (folder / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'course'\n")
    command = [python, "-m", "nbgrader"]
    _run([*command, "generate_assignment", "layers", "--create"], folder)
    notebook = nbformat.read(folder / "release" / "layers" / "layers.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.metadata.nbgrader.solution:
            cell.source = without_markers(answers()[cell.metadata.nbgrader.grade_id])
    _write(folder / "submitted" / "learner" / "layers" / "layers.ipynb", notebook.cells)

    def points():
        _run([*command, "export", "--to", "grades.csv"], folder)
        names, grades = (line.split(",") for line in (folder / "grades.csv").read_text().splitlines())
        return float(dict(zip(names, grades, strict=True))["score"])

    return lambda: _run([*command, "autograde", "layers", "--force"], folder), points


def _nbgrader_cell(source, grade_id, solution=False, grade=False, locked=False, points=None):
    about = {"schema_version": 3, "grade_id": grade_id, "solution": solution, "grade": grade, "locked": locked}
    about |= {"task": False} | ({"points": points} if grade else {})
    return _code(source, nbgrader=about)


def otter(python, folder):
    """A notebook with otter's check cells, and the zip of the tests."""
    cells = [_code('import otter\n\ngrader = otter.Notebook(tests_dir="tests")'), _code(SETUP)]
    for name, source in answers().items():
        cells += [_code(without_markers(source)), _code(f'grader.check("{name}")')]
        (folder / "tests").mkdir(exist_ok=True)
        (folder / "tests" / f"{name}.py").write_text(_otter_test(name), encoding="utf-8")
    _write(folder / "layers.ipynb", cells)
    command = [python, "-m", "otter"]
    zipped = ["-t", "tests", "-o", "autograder.zip", "--no-requirements", "--no-environment"]
    _run([*command, "generate", *zipped], folder)

    def points():
        found = json.loads((folder / "results.json").read_text())["tests"]
        return sum(float(test["score"]) for test in found if test["name"] in QUESTIONS)

    return lambda: _run([*command, "run", "-a", "autograder.zip", "--no-logo", "layers.ipynb"], folder), points


def _otter_test(name):
    text = (
        f"import numpy as np\nfrom otter.test_files import test_case\n\nOK_FORMAT, name, points = False, {name!r}, 1\n"
    )
    for number, lines in enumerate(tests(name)):
        text += f"\n\n@test_case()\ndef test_{number}({name}):\n" + indent("\n".join(lines), "    ") + "\n"
    return text


def ours(python, folder, isolation):
    """The module only, and the module with a notebook of check cells: what grades each of them."""
    from coursekit.learner.submit import pack

    (folder / "submissions").mkdir()
    module = without_markers((ROOT / "cs231n" / "layers.py").read_text(encoding="utf-8"))
    (folder / "submissions" / "learner.zip").write_bytes(pack({"cs231n/layers.py": module.encode()}))
    whole = nbformat.read(ROOT / "assignments" / "assignment1" / "two_layer_net.ipynb", as_version=4)
    wanted = {f"check_{name}" for name in QUESTIONS}
    setup = nbformat.v4.new_code_cell("import numpy as np\n\nfrom coursekit import check", id="setup")
    _write(folder / "layers.ipynb", [setup, *(cell for cell in whole.cells if cell.id in wanted)])
    command = [python, Path(__file__).with_name("_grading_child.py"), "grade", "submissions", isolation]
    return lambda: _run(command, folder), lambda: _run([*command, "layers.ipynb"], folder)
