"""Links of the course's own texts, from where a file lies in the repository to where its page lies in the book."""

import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from coursekit.paths import ROOT

_LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\(([^()\s#:]+)(#[^()\s]*)?\)")


def relinked(text: str, name: str, page: str, pages: Mapping[str, str], repository: str = "", root: Path = ROOT) -> str:
    """A Markdown text with its links to files of the course led to the pages of the book.

    A file without a page is linked in the repository. Where no repository is known, only the words of the link stay.

    Parameters
    ----------
    text : str
        Markdown.
    name, page : str
        The file that the text stands in, and its page in the book, with "/".
    pages : mapping
        The page of each file that has one.
    repository : str
        The repository's address, such as ``https://github.com/NAME/REPOSITORY``.
    root : path
        The course's folder.

    Returns
    -------
    str

    Examples
    --------
    >>> pages = {"cs231n/layers.py": "api/cs231n.layers.rst"}
    >>> relinked("[code](../cs231n/layers.py), [all](../README.md)", "docs/a.md", "a.md", pages)
    '[code](api/cs231n.layers.rst), all'
    >>> relinked("[all](../README.md)", "docs/a.md", "a.md", pages, "https://example.org/course")
    '[all](https://example.org/course/blob/main/README.md)'
    """

    def moved(match: re.Match) -> str:
        words, target, fragment = match[1], match[2], match[3] or ""
        file = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if file in pages:
            return f"[{words}]({_from(page, pages[file])}{fragment})"
        if not os.path.exists(root / file):
            return match[0]  # not a link: code that looks like one
        return f"[{words}]({repository.rstrip('/')}/blob/main/{file}{fragment})" if repository else words

    return _LINK.sub(moved, text)


def _from(page: str, target: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(page) or ".")
