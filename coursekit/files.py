"""Files: written in one step, packed into zips that are the same to the byte, and read where a merge went wrong."""

import ast
import io
import os
import re
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

from coursekit.core.parsing import ONE_AT_A_TIME
from cs231n._files import replacing

CONFLICT = "it contains an unresolved merge conflict (<<<<<<< and >>>>>>>)"
_CONFLICT_MARK = re.compile(r"^(<{7}|>{7})( |$)", re.MULTILINE)
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold


def write_file(path: str | os.PathLike, data: bytes | str) -> Path:
    """Write bytes or a text in one step: a reader finds the old file or the new one, never a part. Returns the path."""
    with replacing(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)
    return Path(path)


def has_conflict(text: str) -> bool:
    r"""Whether a text has the marks that Git leaves on both sides of a merge conflict.

    Examples
    --------
    >>> has_conflict("<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> main\n")
    True
    >>> has_conflict("print('<<<<<<< is what Git writes')")
    False
    """
    return len({mark for mark, _ in _CONFLICT_MARK.findall(text)}) > 1


def syntax_tree(source: str | bytes) -> ast.Module:
    """The syntax tree of a source, made by one thread at a time."""
    with ONE_AT_A_TIME:
        return ast.parse(source)


def pack_zip(files: dict[str, bytes], executable: Collection[str] = ()) -> bytes:
    """A zip of files: the same bytes for the same files, on every machine.

    Parameters
    ----------
    files : dict
        Bytes by name; the zip keeps their order.
    executable : collection of str
        Names of the files that are programs.

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _EARLIEST)
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3  # 3: Unix
            info.external_attr = (0o755 if name in executable else 0o644) << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def unpack_zip(data: bytes) -> dict[str, bytes]:
    """The files of a zip that `pack_zip` made, bytes by name; ValueError if one is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"the zip cannot be read ({error})") from error
