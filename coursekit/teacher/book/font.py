"""The font of the formulas: the part of STIX Two Math (SIL Open Font License) that formulas use."""

from importlib.util import find_spec
from itertools import chain
from pathlib import Path

# Latin with accents, Greek, spaces and dashes, sub- and superscripts, marks over letters, letter-like signs, arrows,
# operators, floors, pieces of large brackets, braces over and under, angle brackets, italic letters.
_CHARACTERS = tuple(
    chain(
        range(0x20, 0x7F),
        range(0xA0, 0x100),
        range(0x300, 0x339),
        range(0x370, 0x400),
        range(0x2010, 0x2045),
        range(0x2070, 0x20F0),
        range(0x2100, 0x2300),
        range(0x2308, 0x230C),
        range(0x239B, 0x23B6),
        range(0x23DC, 0x23E2),
        range(0x27E8, 0x27EA),
        range(0x1D434, 0x1D468),
        range(0x1D6A4, 0x1D6A6),
        range(0x1D6E2, 0x1D71C),
    )
)


def write_font(path: Path) -> None:
    """Write the font for the web; the same bytes each time."""
    from fontTools import subset

    options = subset.Options(flavor="woff", recalc_timestamp=False, hinting=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=_CHARACTERS)
    with subset.load_font(str(_whole_font()), options) as font:
        subsetter.subset(font)
        subset.save_font(font, str(path), options)


def _whole_font() -> Path:
    """The file in the package that brings it, which need not be imported."""
    package = find_spec("ziamath")
    assert package is not None and package.origin is not None  # it is one of those that the book needs
    return Path(package.origin).parent / "fonts" / "STIXTwoMath-Regular.ttf"
