"""Classes of submissions for the tests of grading, the same each time: right, wrong, blank and mutilated ones."""

import io
import random
import zipfile

from coursekit.learner import submission
from coursekit.paths import ROOT, file_of
from coursekit.questions import find
from coursekit.teacher.solutions import stripped
from tests.zoo_files import stands_alone, with_entry
from zoo import entries

# What learners get wrong, each as a change of the solved files: (file, right, wrong, the questions it is about).
MISTAKES = (
    ("cs231n/layers.py", "out = rows @ w + b", "out = rows @ w", {"affine_forward"}),
    ("cs231n/layers.py", "db = dout.sum(axis=0)  # b is", "db = dout.mean(axis=0)  # b is", {"affine_backward"}),
    ("cs231n/layers.py", "out = np.maximum(0, x)", "out = np.abs(x)", {"relu_forward"}),
    ("cs231n/layers.py", "# p - one_hot(y)\n    dx /= len(y)", "", {"softmax_loss"}),
    ("cs231n/optim.py", 'next_w = w - config["learning_rate"] * dw\n', "next_w = w + dw\n", {"sgd"}),
)


def solved(assignment="assignment1"):
    """The files of a submission that is right, bytes by name."""
    names = (name for name in submission.allowed(assignment) if (ROOT / name).is_file())
    return {name: (ROOT / name).read_bytes() for name in names}


def blank(assignment="assignment1"):
    """The files as distributed."""
    return {name: stripped(ROOT / name, name) for name in solved(assignment)}


def with_mistake(mistake):
    """The solved files with one mistake in them."""
    name, right, wrong, _ = mistake
    files = solved()
    assert files[name].count(right.encode()) == 1, f"{name} does not say {right!r} just once"
    return files | {name: files[name].replace(right.encode(), wrong.encode())}


def packed(files):
    """A zip of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def _without(files, ending):
    return {name: data for name, data in files.items() if not name.endswith(ending)}


def _broken_notebook(files):
    return {name: data[: len(data) // 2] if name.endswith("knn.ipynb") else data for name, data in files.items()}


# What happens to submissions, and whether they must be graded all the same.
MUTILATIONS = {
    "truncated": (lambda files: packed(files)[:2000], False),
    "no-zip": (lambda files: b"%PDF-1.7 my homework", False),
    "empty": (lambda files: packed({}), False),
    "other-top-folder": (lambda files: packed({f"my homework/{name}": data for name, data in files.items()}), True),
    "broken-notebook": (lambda files: packed(_broken_notebook(files)), True),
    "no-notebook": (lambda files: packed(_without(files, "svm.ipynb")), True),
    "traversal": (lambda files: packed(files | {"../../../tmp/owned": b"!"}), None),
}


def write_class(folder, size, share_mutilated=0.1, seed=0):
    """Write a class into a folder; {submission id: (kind, mistake or None, mutilation or None)}."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    mutilated = set(chance.sample(range(size), round(share_mutilated * size)))
    made, names = {}, sorted(MUTILATIONS)
    for i in range(size):
        kind = ("solved", "mistake", "blank")[min(i % 5, 2)] if i % 5 < 2 else ("blank" if i % 10 == 9 else "mistake")
        mistake = MISTAKES[i % len(MISTAKES)] if kind == "mistake" else None
        files = solved() if kind == "solved" else blank() if kind == "blank" else with_mistake(mistake)
        mutilation = names[len(made) % len(names)] if i in mutilated else None
        data = MUTILATIONS[mutilation][0](files) if mutilation else packed(files)
        (folder / f"submission_{i:03}_assignment1.zip").write_bytes(data)
        made[f"submission_{i:03}_assignment1"] = (kind, mistake, mutilation)
    return made


# ---- a class from the zoo


def write_zoo_class(folder, size, assignment="assignment1", seed=0):
    """Write a class into a folder: solved, but for one to three functions of each, which are from the zoo.

    Returns the ids of the questions that each must lose, by its id.
    """
    chance, files, pool = random.Random(seed), solved(assignment), zoo_entries(assignment)
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for number in range(size):
        chosen = {entry.target: entry for entry in chance.sample(pool, 1 + number % 3)}.values()
        name = f"zoo_{number:04}_{assignment}"
        (folder / f"{name}.zip").write_bytes(packed(_with_entries(files, chosen)))
        made[name] = {entry.question_id for entry in chosen if entry.sentence}
    return made


def zoo_entries(assignment):
    """The entries for the functions of an assignment that need nothing else of the zoo."""
    asked = {question.id for question in submission.questions(assignment) if not question.in_notebook}
    return [e for e in entries() if e.question_id in asked and not e.beside and (e.edits or stands_alone(e))]


def _with_entries(files, chosen):
    changed = dict(files)
    for entry in chosen:
        name = file_of(entry.target)
        changed[name] = with_entry(changed[name].decode(), entry, entry.target).encode()
    return changed


def unfair(record, must_lose):
    """What is wrong with the grade of a submission of this class, in sentences."""
    shared = {target for id_ in must_lose for target in find(id_).implements}
    for question in record.questions:
        if question.status == "not run" or not question.points:
            continue
        if question.id in must_lose:
            if question.earned:
                yield f"{record.submission.id}: {question.id} is wrong, and earned {question.earned}"
        elif question.earned < question.points and not shared & set(find(question.id).implements):
            yield f"{record.submission.id}: {question.id} is right, and earned {question.earned}: {question.text}"
