"""What Sphinx needs besides its own: formulas as MathML, and the reference in the learner's words."""

import html
import re
from typing import Any

from math_core import LatexToMathML

_CONVERTER = LatexToMathML()
_CODE_OR_BAR = re.compile(r"(`[^`]*`|^\s*(?:>>>|\.\.\.).*$)|\|", re.MULTILINE)


def setup(app: Any) -> dict:
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    app.connect("autodoc-process-docstring", _keep_bars)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(formula: str, block: bool) -> str:
    """A formula in LaTeX as MathML, which browsers show without a script.

    Examples
    --------
    >>> mathml("x < 1", block=False)
    '<math><mi>x</mi><mo>&lt;</mo><mn>1</mn></math>'
    """
    return _CONVERTER.convert_with_local_state(formula.strip(), displaystyle=block)


def _visit_inline(writer: Any, node: Any) -> None:
    writer.body.append(mathml(node.astext(), block=False))
    _skip(node)


def _visit_block(writer: Any, node: Any) -> None:
    label = html.escape(" ".join(node.astext().split()), quote=True)
    writer.body.append(f'<div class="formula" tabindex="0" role="group" aria-label="{label}">{mathml(node.astext(), block=True)}</div>')
    _skip(node)


def _skip(node: Any) -> None:
    from docutils.nodes import SkipNode

    raise SkipNode


def _keep_bars(app: Any, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    lines[:] = with_bars(lines)


def with_bars(lines: list[str]) -> list[str]:
    """The lines of a docstring with the bars of |x| escaped, which reStructuredText would take for a substitution.

    Examples
    --------
    >>> with_bars(["|w| in `a | b`", ">>> a | b"])
    ['\\\\|w\\\\| in `a | b`', '>>> a | b']
    """
    return _CODE_OR_BAR.sub(_escaped, "\n".join(lines)).split("\n")


def _escaped(match: re.Match) -> str:
    return match[1] or r"\|"
