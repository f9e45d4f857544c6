"""The parser of all commands: an option or a choice that does not exist is answered by the nearest one that does.

This module runs on a bare Python: it imports nothing but the standard library.
"""

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

MOST = 110  # characters of a usage that is shown with an error


class Arguments(argparse.ArgumentParser):
    """A parser whose errors say in a sentence what is wrong, name what is nearest, and say where to read more."""

    _given: tuple[str, ...] = ()

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse as argparse does, and remember what was given: errors look for misspelt options in it."""
        self._given = tuple(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """End with status 2 after saying what is wrong; a misspelt option is named before anything that it causes."""
        wrong = [self._about(option) for option in self._given if self._is_unknown(option)]
        said = " ".join(wrong) or f"{self._as_sentence(message)}."
        self.exit(2, f"{said}\n{self._short_usage()}`{self.prog} --help` explains each option.\n")

    def _as_sentence(self, message: str) -> str:
        """A message with a capital letter, unless it begins with a name."""
        word = message.partition(" ")[0]
        is_typed = any(word in text.split("=") for text in self._given)
        return message if is_typed or not word.isalpha() else f"{message[:1].upper()}{message[1:]}"

    def _options(self) -> list[str]:
        return [option for option in self._option_string_actions if option.startswith("--")]

    def _is_unknown(self, text: str) -> bool:
        name = text.partition("=")[0]
        is_option = name.startswith("--") and len(name) > 2
        return is_option and not any(option.startswith(name) for option in self._options())

    def _about(self, option: str) -> str:
        name = option.partition("=")[0]
        return f"There is no option {name}.{nearest(name, self._options())}"

    def _short_usage(self) -> str:
        """The usage, where it is a line; more would hide the sentence above it."""
        usage = " ".join(self.format_usage().split()[1:])
        return f"Usage: {usage}\n" if len(usage) <= MOST else ""


def nearest(name: str, names: Iterable[str]) -> str:
    """A question after the nearest of some names, with a space before it; empty if none is near.

    Examples
    --------
    >>> nearest("--outt", ["--out", "--seed"])
    ' Did you mean --out?'
    >>> nearest("--x", ["--out", "--seed"])
    ''
    """
    near = difflib.get_close_matches(name, list(names), n=1)
    return f" Did you mean {near[0]}?" if near else ""
