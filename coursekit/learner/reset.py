"""Reset: put a function, a notebook cell, a written answer or a whole file back to its first form.

What stood there is kept, one file for each reset, in `kept/` in the course's folder, and `--restore` puts it back.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from coursekit.core.question import Question
from coursekit.files import CONFLICT, has_conflict, syntax_tree, write_file
from coursekit.learner import blocks, notebook_form, start_page
from coursekit.learner.first_forms import first_files
from coursekit.paths import ROOT, file_of
from coursekit.questions import all_questions, asked_notebooks, find, notebook_file

FOLDER = "kept"
NOTHING_HANDED_OUT = """There is nothing to reset to: this is the solved tree, from which the learners' edition is made.
`git checkout FILE` brings back a file as it was committed."""
_RELOAD = "If {file} is open in JupyterLab, choose File > Reload from Disk there: saving it would undo this."
_KEPT_NAME = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)(?:-(\d+))?_(.+)")
_SECTION = "# ---- "


class ResetError(Exception):
    """Something cannot be reset; the message says why, and what to do instead."""


class Change(NamedTuple):
    """What a reset, or a restore, does.

    Parameters
    ----------
    name : str
        What the learner called it.
    files : dict
        The new contents by name.
    kept : str or bytes
        What stood there; empty if it is nothing of the learner's.
    ending : str
        Of the file in which it is kept.
    said : list of str
        What to say about it.
    """

    name: str
    files: dict[str, bytes]
    kept: str | bytes
    ending: str
    said: list[str]


def reset(names: Sequence[str], restore: bool = False, yes: bool = False, root: Path = ROOT) -> int:
    """Reset what is named, or restore it; 0 if all is done, 2 if something cannot be.

    Parameters
    ----------
    names : sequence of str
        Questions, notebooks, files such as "cs231n/optim.py", and written answers such as "knn/distance_matrix".
    restore : bool
        Put back what the last reset kept.
    yes : bool
        Do not ask before a whole file is reset.
    root : Path
        The course's folder.

    Returns
    -------
    int
        The exit status.
    """
    root = Path(root)
    if not first_files(root):
        print(NOTHING_HANDED_OUT)
        return 2
    status = 0
    for name in names:
        try:
            _do(_restoring(name, root) if restore else _resetting(name, root), root, yes or restore)
        except (ResetError, OSError) as error:
            print(f"{name}: nothing was changed. {error}")
            status = 2
    start_page.update(root)
    return status


def _do(change: Change, root: Path, yes: bool) -> None:
    if not change.files:
        print(*change.said, sep="\n")
        return
    if change.name in first_files(root) and not yes:
        _require_consent(change.name)
    kept = _keep(change, root) if change.kept else None
    for file, data in change.files.items():
        path = Path(root, file)
        write_file(path.resolve() if path.exists() else path, data)  # a link stays one, unless it leads nowhere
    print(*change.said, sep="\n")
    if kept:
        print(f"What stood there is kept in {kept}. To put it back: python -m coursekit reset {change.name} --restore")
    print(_RELOAD.format(file=" or ".join(change.files)))


def _require_consent(name: str) -> None:
    if not sys.stdin.isatty():
        raise ResetError("This resets the whole file: add --yes if you mean it.")
    print(f"This puts all of {name} back to its first form. Your text is kept.")
    if input("Go on? (yes or no) ").strip().lower() not in ("y", "yes"):
        raise ResetError("You did not say yes.")


# ---- what is kept


def _keep(change: Change, root: Path) -> str:
    """Write what stood there into a new file; its name."""
    folder, slug = Path(root, FOLDER), change.name.replace("/", "-")
    folder.mkdir(exist_ok=True)
    stem = time.strftime("%Y-%m-%d_%H-%M-%S")
    for number in range(1, 10_000):
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}_{slug}{change.ending}"
        try:
            with path.open("xb") as file:  # never over one that is there
                file.write(change.kept.encode() if isinstance(change.kept, str) else change.kept)
            return f"{FOLDER}/{path.name}"
        except FileExistsError:
            continue
    raise ResetError(f"{FOLDER}/ has no free name left.")


def _last_kept(name: str, ending: str, root: Path) -> Path:
    """The file in which the last reset of something kept what stood there."""
    found = []
    for path in Path(root, FOLDER).glob("*"):
        match = _KEPT_NAME.fullmatch(path.name)
        if match and match[3] == f"{name.replace('/', '-')}{ending}":
            found.append((match[1], int(match[2] or 1), path))
    if not found:
        raise ResetError(f"{FOLDER}/ has nothing of {name}: it was not reset, or its file was deleted.")
    return max(found)[-1]


# ---- what is meant


def _resetting(name: str, root: Path) -> Change:
    return _meant(name, root, _reset_functions, _reset_cell, _reset_file)


def _restoring(name: str, root: Path) -> Change:
    return _meant(name, root, _restore_functions, _restore_cell, _restore_file)


def _meant(name: str, root: Path, functions: Callable, cell: Callable, file: Callable) -> Change:
    """The change that a name stands for."""
    name = _file_name(name.replace("\\", "/"), root)
    if name in first_files(root):
        return file(name, root)
    if name in all_questions():
        question = all_questions()[name]
        return cell(question.notebook, name, name, root) if question.in_notebook else functions(question, root)
    if "/" in name and (notebook := name.partition("/")[0]) in asked_notebooks():
        key = name.partition("/")[2].removeprefix("answer_")
        return cell(notebook, f"answer_{key}", f"{notebook}/{key}", root)
    raise ResetError(_unknown(name, root))


def _file_name(name: str, root: Path) -> str:
    """A file's name in the course, where it is a path from here or a notebook; any other name as it is."""
    if name.removesuffix(".ipynb") in asked_notebooks():
        return notebook_file(name.removesuffix(".ipynb"))
    top = Path(os.path.abspath(root))
    paths = [Path(os.path.abspath(os.path.join(folder, name))) for folder in (top, os.getcwd())]
    inside = [path.relative_to(top).as_posix() for path in paths if path.is_relative_to(top)]
    return next((path for path in inside if path in first_files(root)), name)


def _unknown(name: str, root: Path) -> str:
    if name.endswith((".py", ".ipynb")):
        return "It is none of the files in which you write, so it has no first form here."
    for notebook in asked_notebooks():
        if f"answer_{name.removeprefix('answer_')}" in _first_cells(notebook, root):
            return f"Written answers are named with their notebook: {notebook}/{name.removeprefix('answer_')}."
    try:
        find(name)
    except ValueError as error:
        return str(error)
    return ""


# ---- functions


def _reset_functions(question: Question, root: Path) -> Change:
    first, sources = first_files(root), _sources(question, root)
    kept: list[str] = []
    said: list[str] = []
    new = dict(sources)
    for target in question.implements:
        name = file_of(target)
        form = first[name].decode()
        own = blocks.text_of(form, blocks.find(form, target)[0])
        found = blocks.find(new[name], target)
        texts = [blocks.text_of(new[name], block) for block in found]
        if [text.expandtabs() for text in texts] == [own]:
            continue
        kept += [f"{_SECTION}{target}\n{text}" for text in texts]
        new[name] = _with_first_form(new[name], form, target, found)
        said += _about(target, len(found))
    changed = {name: text for name, text in new.items() if text != sources[name]}
    if not changed:
        return Change(question.id, {}, "", ".py", [f"{question.id} is in its first form already."])
    said += [*_shared(question), *_broken(changed)]
    return Change(question.id, _encoded(changed, root), _python(question.id, kept), ".py", said)


def _sources(question: Question, root: Path) -> dict[str, str]:
    """The modules of a question as they are, without a mark at the beginning that some editors write."""
    sources = {}
    for name in dict.fromkeys(map(file_of, question.implements)):
        path = Path(root, name)
        if not path.is_file():
            raise ResetError(f"{name} is missing. `python -m coursekit reset {name}` brings back the whole file.")
        try:
            sources[name] = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ResetError(f"{name} is no text in UTF-8 ({error.reason}); reset the whole file: {name}") from error
    return sources


def _encoded(texts: dict[str, str], root: Path) -> dict[str, bytes]:
    mark = "\ufeff".encode()
    return {name: mark * Path(root, name).read_bytes().startswith(mark) + text.encode() for name, text in texts.items()}


def _with_first_form(source: str, form: str, target: str, found: list) -> str:
    if found:
        return blocks.replaced(source, found, blocks.text_of(form, blocks.find(form, target)[0]))
    text = blocks.inserted(source, form, target)
    if text is None:
        owner = target.split(":")[1].rpartition(".")[0]
        raise ResetError(f"{file_of(target)} has no class {owner} any more; reset the whole file: {file_of(target)}")
    return text


def _about(target: str, count: int) -> Iterator[str]:
    file, name = file_of(target), target.split(":")[1]
    if count == 0:
        yield f"{name} was missing in {file}: it is there again, in its first form. Nothing else was touched."
    else:
        yield f"{name} in {file} is in its first form again."
    if count > 1:
        yield f"It was defined {count} times; all are kept, and one is left."


def _shared(question: Question) -> Iterator[str]:
    """A sentence on other questions that are answered in the same function."""
    others = [
        other.id
        for other in all_questions().values()
        if other is not question and set(other.implements) & set(question.implements)
    ]
    if others:
        yield f"{' and '.join(others)} {'is' if len(others) == 1 else 'are'} answered in the same function: reset too."


def _broken(texts: dict[str, str]) -> Iterator[str]:
    for name, text in texts.items():
        if has_conflict(text):
            yield f"{name} is still not valid Python: {CONFLICT}."
            continue
        try:
            syntax_tree(text)
        except SyntaxError as error:
            yield f"{name} is still not valid Python, line {error.lineno}: {error.msg}."
        except ValueError as error:
            yield f"{name} is still not valid Python: {error}."


def _python(name: str, sections: list[str]) -> str:
    if not sections:
        return ""
    when = time.strftime("%Y-%m-%d at %H:%M:%S")
    head = (
        f"# {name} as it was when it was reset, {when}.\n# To put it back: python -m coursekit reset {name} --restore\n"
    )
    return "\n\n".join([head, *sections])


def _restore_functions(question: Question, root: Path) -> Change:
    path = _last_kept(question.id, ".py", root)
    texts = _sections(path.read_text(encoding="utf-8"))
    now, sources = _reset_functions(question, root), _sources(question, root)
    new = dict(sources)
    for target in question.implements:
        found = blocks.find(new[file_of(target)], target)
        if target in texts and not found:
            raise ResetError(f"{file_of(target)} has no {target.split(':')[1]}: reset {question.id} first.")
        if target in texts:
            new[file_of(target)] = blocks.replaced(new[file_of(target)], found, texts[target])
    said = [f"{question.id} is as it was: the text is that of {FOLDER}/{path.name}.", *_broken(new)]
    return Change(question.id, _encoded(new, root), now.kept, ".py", said)


def _sections(text: str) -> dict[str, str]:
    """The texts of the functions in a kept file, by target."""
    found: dict[str, list[str]] = {}
    for part in text.split(f"\n{_SECTION}")[1:]:
        target, _, body = part.partition("\n")
        found.setdefault(target, []).append(body.rstrip("\n") + "\n")
    return {target: "\n\n".join(bodies) for target, bodies in found.items()}


# ---- cells


def _first_cells(notebook: str, root: Path) -> dict[str, dict]:
    """The cells of a notebook as handed out, by id."""
    data = first_files(root).get(notebook_file(notebook))
    return {cell["id"]: cell for cell in json.loads(data)["cells"]} if data else {}


def _notebook(notebook: str, root: Path) -> dict:
    name = notebook_file(notebook)
    try:
        return notebook_form.read_notebook(Path(root, name).read_bytes())
    except FileNotFoundError:
        raise ResetError(f"{name} is missing. `python -m coursekit reset {notebook}` brings it back.") from None
    except ValueError as error:
        advice = f"`python -m coursekit reset {notebook}` brings back the whole notebook"
        raise ResetError(f"{name}: {error}. {advice}, and keeps this one.") from error


def _reset_cell(notebook: str, cell_id: str, name: str, root: Path) -> Change:
    first = _first_cells(notebook, root).get(cell_id)
    if first is None:
        raise ResetError(f"{notebook}.ipynb has no written answer {name.partition('/')[2]!r}.")
    content = _notebook(notebook, root)
    cell = next((c for c in content["cells"] if c.get("id") == cell_id), None)
    form = notebook_form.source(first)
    old = "" if cell is None else notebook_form.source(cell)
    if cell is not None and old.rstrip() == form.rstrip() and cell.get("cell_type") == first["cell_type"]:
        return Change(name, {}, "", "", [f"{name} is in its first form already."])
    said = [_put_cell(content, cell, first, notebook, root)]
    return Change(name, _packed(notebook, content), old, _ending(first), said)


def _put_cell(content: dict, cell: dict | None, first: dict, notebook: str, root: Path) -> str:
    """Put a cell into its first form; where it is missing, put it after the one that came before it."""
    if cell is not None:
        if cell.get("cell_type") != first["cell_type"]:
            cell.clear()
            cell.update(first)
        _set_source(cell, notebook_form.source(first))
        return f"The cell of {first['id']} in {notebook}.ipynb is in its first form again."
    order = list(_first_cells(notebook, root))
    before = order[: order.index(first["id"])]
    there = [number for number, other in enumerate(content["cells"]) if other.get("id") in before]
    content["cells"].insert(there[-1] + 1 if there else 0, first)
    return f"The cell of {first['id']} was missing in {notebook}.ipynb: it is there again, in its first form."


def _set_source(cell: dict, source: str) -> None:
    cell["source"] = source.splitlines(keepends=True)
    if cell.get("cell_type") == "code":
        cell.update(outputs=[], execution_count=None)


def _ending(cell: dict) -> str:
    return ".py" if cell["cell_type"] == "code" else ".md"


def _packed(notebook: str, content: dict) -> dict[str, bytes]:
    return {notebook_file(notebook): (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()}


def _restore_cell(notebook: str, cell_id: str, name: str, root: Path) -> Change:
    first = _first_cells(notebook, root).get(cell_id)
    if first is None:
        raise ResetError(f"{notebook}.ipynb has no written answer {name.partition('/')[2]!r}.")
    path = _last_kept(name, _ending(first), root)
    content = _notebook(notebook, root)
    cell = next((c for c in content["cells"] if c.get("id") == cell_id), None)
    if cell is None:
        raise ResetError(f"{notebook}.ipynb has no such cell: reset {name} first.")
    old = notebook_form.source(cell)
    _set_source(cell, path.read_text(encoding="utf-8"))
    kept = "" if old.rstrip() == notebook_form.source(first).rstrip() else old
    said = [f"{name} is as it was: the text is that of {FOLDER}/{path.name}."]
    return Change(name, _packed(notebook, content), kept, _ending(first), said)


# ---- files


def _reset_file(name: str, root: Path) -> Change:
    first, old = first_files(root)[name], _bytes(name, root)
    if old == first:
        return Change(name, {}, b"", "", [f"{name} is in its first form already."])
    return Change(name, {name: first}, old or b"", "", [f"{name} is in its first form again."])


def _restore_file(name: str, root: Path) -> Change:
    path, old = _last_kept(name, "", root), _bytes(name, root)
    kept = b"" if old is None or old == first_files(root)[name] else old
    said = [f"{name} is as it was: the text is that of {FOLDER}/{path.name}."]
    return Change(name, {name: path.read_bytes()}, kept, "", said)


def _bytes(name: str, root: Path) -> bytes | None:
    try:
        return Path(root, name).read_bytes()
    except FileNotFoundError:
        return None
