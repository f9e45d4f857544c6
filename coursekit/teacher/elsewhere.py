"""What lets the learner's edition start elsewhere: badges and an address for Colab, Binder and Codespaces.

An edition that is released with the address of its repository has badges in its README and in its notebooks, and the
first cell of its notebooks fetches the course on Colab. Grading takes all this out again.
"""

import json
import re
from typing import NamedTuple

from coursekit.core.course import BRANCH, REPOSITORY
from coursekit.learner.notebook_form import source
from coursekit.teacher import first_cell

_COLAB, _BINDER, _CODESPACES = "Open in Colab", "Open in Binder", "Open in Codespaces"
_IMAGES = {
    _COLAB: "https://colab.research.google.com/assets/colab-badge.svg",
    _BINDER: "https://mybinder.org/badge_logo.svg",
    _CODESPACES: "https://github.com/codespaces/badge.svg",
}
_BADGES = re.compile(rf"\A\[!\[{_COLAB}\]\([^\n]*\n\n")
_FIRST = "assignments/assignment1/knn.ipynb"


class Repository(NamedTuple):
    """The repository on GitHub in which an edition is published: its owner, its name, and a branch."""

    owner: str
    name: str
    branch: str = "main"

    @property
    def clone(self) -> str:
        """The arguments of `git clone`."""
        return f"--branch {self.branch} https://github.com/{self.owner}/{self.name}"

    def badges(self, notebook: str) -> str:
        """A line of badges that open a notebook, such as "assignments/assignment1/knn.ipynb"."""
        where = f"{self.owner}/{self.name}"
        links = {
            _COLAB: f"https://colab.research.google.com/github/{where}/blob/{self.branch}/{notebook}",
            _BINDER: f"https://mybinder.org/v2/gh/{where}/{self.branch}?labpath={notebook}",
            _CODESPACES: f"https://codespaces.new/{where}/tree/{self.branch}",
        }
        return " ".join(f"[![{name}]({_IMAGES[name]})]({link})" for name, link in links.items())


def repository_at(address: str, branch: str = "main") -> Repository:
    """The repository at an address such as "https://github.com/OWNER/NAME"; ValueError if it is another kind."""
    found = REPOSITORY.fullmatch(address)
    if not found:
        raise ValueError(f"the repository is {address!r}, but must be like https://github.com/OWNER/NAME")
    if not BRANCH.fullmatch(branch):
        raise ValueError(f"{branch!r} is not the name of a branch")
    return Repository(found[1], found[2].removesuffix(".git"), branch)


def readme_with_badges(text: str, repository: Repository) -> str:
    """A README with badges below its title."""
    title, rest = text.split("\n\n", 1)
    return f"{title}\n\n{repository.badges(_FIRST)}\n\n{rest}"


def notebook_with_address(text: str, name: str, repository: Repository) -> str:
    """A notebook, the text of its file, with badges at its top and the address in its first code cell."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["id"] == first_cell.ID:
            _rewrite(cell, first_cell.with_address(source(cell), repository.clone))
    _rewrite(notebook["cells"][0], f"{repository.badges(name)}\n\n{source(notebook['cells'][0])}")
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def without_address(text: str) -> str:
    """The text of a cell as it is in an edition that was released without an address."""
    return first_cell.without_address(_BADGES.sub("", text))


def _rewrite(cell: dict, text: str) -> None:
    cell["source"] = text.splitlines(keepends=True)
