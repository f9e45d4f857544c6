"""What Sphinx needs besides its own: formulas as MathML, and the reference in the learner's words."""

import re
from functools import cache
from typing import Any

_LONG = 30  # characters of a formula in a line that may be wider than a phone
_CODE_OR_BAR = re.compile(r"(`[^`]*`|^\s*(?:>>>|\.\.\.).*$)|\|", re.MULTILINE)


def setup(app: Any) -> dict:
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    app.connect("autodoc-process-docstring", _keep_bars)
    app.connect("doctree-read", _types_are_words)
    app.connect("doctree-read", _name_columns)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(formula: str, block: bool) -> str:
    """A formula in LaTeX as MathML, which browsers show without a script."""
    return _converter().convert_with_local_state(formula.strip(), displaystyle=block)


@cache
def _converter() -> Any:
    from math_core import LatexToMathML

    return LatexToMathML()


def _visit_inline(writer: Any, node: Any) -> None:
    formula = mathml(node.astext(), block=False)
    is_long = len(node.astext()) > _LONG
    writer.body.append(f'<span class="long formula">{formula}</span>' if is_long else formula)
    _skip(node)


def _visit_block(writer: Any, node: Any) -> None:
    writer.body.append(f'<div class="formula">{mathml(node.astext(), block=True)}</div>')
    _skip(node)


def _skip(node: Any) -> None:
    from docutils.nodes import SkipNode

    raise SkipNode


def _types_are_words(app: Any, doctree: Any) -> None:
    """Take the links out of types such as "ndarray of shape (N, D)": Sphinx takes each word for the name of a class."""
    from sphinx.addnodes import pending_xref

    for link in list(doctree.findall(pending_xref)):
        if link.get("refdomain") == "py":
            link.replace_self(link.children)


def _name_columns(app: Any, doctree: Any) -> None:
    """Give a column without a heading one for those who hear the page: it names the rows."""
    from docutils import nodes

    for head in doctree.findall(nodes.thead):
        for entry in head.findall(nodes.entry):
            if not entry.astext().strip():
                entry += nodes.raw("", '<span class="visually-hidden">row</span>', format="html")


def _keep_bars(app: Any, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    lines[:] = with_bars(lines)


def with_bars(lines: list[str]) -> list[str]:
    r"""The lines of a docstring with the bars of |x| escaped, which reStructuredText would take for a substitution.

    Examples
    --------
    >>> with_bars(["|w| in `a | b`", ">>> a | b"])
    ['\\|w\\| in `a | b`', '>>> a | b']
    """
    return _CODE_OR_BAR.sub(_escaped, "\n".join(lines)).split("\n")


def _escaped(match: re.Match) -> str:
    return match[1] or r"\|"
