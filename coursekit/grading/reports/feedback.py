"""The learners' pages, packed as the platform takes them back: each beside the name under which work was handed out."""

from collections.abc import Iterator
from pathlib import Path

from coursekit.files import pack_zip, write_file
from coursekit.grading.intake.sources import Source, Survey
from coursekit.grading.intake.zips import Refused

FEEDBACK = "feedback.zip"
_INDEX = "index.html"  # Brightspace takes no feedback without its own


def write_feedback(found: Survey, out: str | Path) -> str:
    """Write `out`/feedback.zip if the platform takes feedback back; a sentence about it, or "".

    Canvas takes files of the same names: a zip that was handed in comes back as a zip with the page. Moodle and
    Brightspace take the same folders, with the page in them, and Brightspace its index.html as well.
    """
    pack = {"Canvas": _for_canvas, "Moodle": _for_folders, "Brightspace": _for_folders}.get(found.platform)
    pages = {source.id: page for source in found.sources if (page := _page(source, out))} if pack else {}
    if not pack or not pages:
        return ""
    files = dict(member for source in found.sources if source.id in pages for member in pack(source, pages[source.id]))
    files |= _index(found)
    write_file(Path(out, FEEDBACK), pack_zip(dict(sorted(files.items()))))
    return f"{FEEDBACK} has a page for each of {len(pages)} learners, to upload to {found.platform}."


def _page(source: Source, out: str | Path) -> bytes:
    """A learner's page; nothing if it could not be made."""
    path = Path(out, "reports", f"{source.id}.html")
    return path.read_bytes() if source.handed and path.is_file() else b""


def _for_canvas(source: Source, page: bytes) -> Iterator[tuple[str, bytes]]:
    """Canvas finds the learner by the ids in the name, and shows the file under the name of what was handed in."""
    name = source.handed[0]
    if name.lower().endswith(".zip"):
        yield name, pack_zip({"feedback.html": page})
    else:
        yield name if name.lower().endswith(".html") else f"{name}.html", page


def _for_folders(source: Source, page: bytes) -> Iterator[tuple[str, bytes]]:
    """A page in the folder that was handed out; where files have no folder, their names begin as the folder's."""
    name = source.handed[0]
    if name.endswith("/"):
        yield f"{name}feedback.html", page
        return
    before_file, found, _ = name.partition("_assignsubmission_file_")
    if found:
        yield f"{before_file}{found}feedback.html", page
    else:
        yield " - ".join([*name.split(" - ")[:3], "feedback.html"]), page


def _index(found: Survey) -> dict[str, bytes]:
    """Brightspace's own list, as it was handed out."""
    if found.platform != "Brightspace" or found.handed is None or not found.handed.has(_INDEX):
        return {}
    try:
        return {_INDEX: found.handed.read(_INDEX)}
    except (Refused, OSError):
        return {}
