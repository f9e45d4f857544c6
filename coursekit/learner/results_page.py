"""docs/results.md: the accuracies that the notebooks and the deep net reach. The learner's edition has no such page."""

import datetime
from pathlib import Path

from coursekit.files import write_file
from coursekit.paths import ROOT

PAGE = ROOT / "docs" / "results.md"


def write_section(title: str, text: str, page: Path = PAGE) -> None:
    """Write a section of the page over the last one with this title; nothing if there is no page."""
    if not page.exists():
        return
    head, *sections = page.read_text(encoding="utf-8").split("\n## ")
    others = ["## " + section.strip() for section in sections if not section.startswith(f"{title}\n")]
    new = f"## {title}\n\nMeasured on {datetime.date.today().isoformat()}.\n\n{text}"
    write_file(page, "\n\n".join([head.strip(), *sorted([*others, new])]) + "\n")
