"""docs/results.md: what the notebooks and the trained network reach; the learner's edition has no such page."""

import datetime

from coursekit.files import write_file
from coursekit.paths import ROOT

PAGE = ROOT / "docs" / "results.md"


def write_section(title, text, page=PAGE):
    """Put a section into the page, in place of the last one with this title; nothing where there is no page."""
    if not page.exists():
        return
    head, *sections = page.read_text(encoding="utf-8").split("\n## ")
    others = ["## " + section.strip() for section in sections if not section.startswith(f"{title}\n")]
    new = f"## {title}\n\nMeasured on {datetime.date.today().isoformat()}.\n\n{text}"
    write_file(page, "\n\n".join([head.strip(), *sorted([*others, new])]) + "\n")
