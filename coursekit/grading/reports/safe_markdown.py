"""Markdown that a stranger wrote, as HTML without anything that acts or loads."""

import re
from html import escape, unescape
from typing import Any

import mistune

LONGEST = 20_000  # characters of an answer that a page shows
_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")


class _Inert(mistune.HTMLRenderer):
    """HTML without links, without raw HTML, and with no images but those inside the text."""

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Show the address after the text."""
        return text if mistune.escape(url) in text else f"{text} ({mistune.escape(url)})"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Show an image that the text carries itself; name any other."""
        if _IMAGE.fullmatch(url):
            return f'<img src="{url}" alt="{_plain(text) or "an image in the answer"}">'
        return f"[image: {_plain(text)}]"

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """Show a heading as a bold line: the headings of the page belong to the course."""
        return f"<p><strong>{text}</strong></p>\n"

    def inline_math(self, text: str) -> str:
        """Show a formula as it was typed."""
        return f"<code>${mistune.escape(text)}$</code>"

    def block_math(self, text: str) -> str:
        """Show a formula on its own lines as it was typed."""
        return f"<pre>$${mistune.escape(text)}$$</pre>\n"

    def inline_html(self, html: str) -> str:
        """Show raw HTML as it was typed."""
        return mistune.escape(html)

    def block_html(self, html: str) -> str:
        """Show raw HTML as it was typed."""
        return f"<pre>{mistune.escape(html.strip())}</pre>\n"


def _plain(text: str) -> str:
    """Escape a text that may be escaped already; a tag in it is shown."""
    return escape(unescape(text))


_MARKDOWN = mistune.create_markdown(renderer=_Inert(escape=True), plugins=["table", "math"])


def to_html(text: str) -> str:
    """Markdown as harmless HTML; a text that cannot be read as Markdown is shown as it is."""
    shown = text[:LONGEST] + ("\n\n(The rest of this answer is not shown.)" if len(text) > LONGEST else "")
    try:
        return str(_MARKDOWN(shown))
    except (RecursionError, ValueError, IndexError, KeyError):
        return f"<pre>{mistune.escape(shown)}</pre>\n"
