"""The glossary: the words that the notebooks' introductions explain, in the order of the alphabet."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

_LIST = re.compile(r"\*\*Words used here\*\*\s*\n((?:[ ]*\S.*\n?|\n(?=[-*] ))+)")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_LABEL = re.compile(r"((?:`[^`]*`|\$[^$]*\$|[^:`$])*):\s+(.*)", re.DOTALL)


class Entry(NamedTuple):
    """What a notebook says about a word."""

    word: str
    text: str  # Markdown
    others: tuple[str, ...]  # further words that it explains
    notebook: str


def entries(introduction: str, notebook: str) -> Iterator[Entry]:
    r"""The words of a notebook's introduction.

    Examples
    --------
    >>> text = "**Words used here**\n\n- **loss**: what falls. **Metric**: what people\n  ask for.\n"
    >>> list(entries(text, "Losses"))
    [Entry(word='loss', text='what falls. **Metric**: what people ask for.', others=('metric',), notebook='Losses')]
    """
    found = _LIST.search(introduction)
    for item in re.split(r"^- ", found[1], flags=re.MULTILINE)[1:] if found else ():
        text = " ".join(item.split())
        if words := _BOLD.findall(text):
            yield Entry(words[0], _explanation(text), tuple(map(_inside_a_sentence, words[1:])), notebook)


def _inside_a_sentence(word: str) -> str:
    return word[0].lower() + word[1:] if word[1:] == word[1:].lower() else word


def _explanation(text: str) -> str:
    """The text after the word; with all that stands before the colon where this is more than the word."""
    label = _LABEL.match(text)
    return label[2] if label and _BOLD.fullmatch(label[1]) else text


def glossary(found: Iterable[Entry]) -> str:
    """The page, in Markdown: each word with all that is said about it, then the words explained beside another one."""
    found = list(found)
    said: dict[str, list[Entry]] = {}
    for entry in found:
        said.setdefault(_key(entry.word), []).append(entry)
    beside = {_key(word): (word, entry.word) for entry in reversed(found) for word in entry.others}
    items = {key: _item(same[0].word, map(_definition, same)) for key, same in said.items()}
    items |= {key: _item(word, [f"see {{term}}`{main}`"]) for key, (word, main) in beside.items() if key not in said}
    return _HEAD + "".join(_by_letter(items))


_HEAD = """# Words

The words that the notebooks explain at their beginning, each with a link to where it is explained. Where several
notebooks explain a word, all that they say is here, in the order of the course.
"""


def _by_letter(items: Mapping[str, str]) -> Iterator[str]:
    """A section for each letter."""
    for letter, keys in groupby(sorted(items, key=_letters), lambda key: _letters(key)[:1].upper()):
        yield f"\n## {letter}\n\n:::{{glossary}}\n" + "\n".join(items[key] for key in keys) + ":::\n"


def _item(word: str, texts: Iterable[str]) -> str:
    return f"{_plain(word)}\n" + "\n".join(f"  {text}\n" for text in texts)


def _definition(entry: Entry) -> str:
    return f"{entry.text} [{entry.notebook}](#{anchor(entry.notebook)})"


def anchor(notebook: str) -> str:
    """The name of the place where a notebook explains its words."""
    return f"words-{notebook.lower().replace('_', '-')}"


def _letters(key: str) -> str:
    return re.sub(r"[^a-z]", "", key)


def _key(word: str) -> str:
    return _plain(word).casefold()


def _plain(word: str) -> str:
    return word.strip(" ,.:")
