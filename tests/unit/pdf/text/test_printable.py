"""Test which characters the PDFs can show. `python -m tests.unit.pdf.text.test_printable` writes the list anew."""

from itertools import pairwise
from pathlib import Path

import pytest

from chalicelib.pdf.text import printable
from chalicelib.pdf.text.layout import PLAIN, split_runs
from chalicelib.pdf.text.printable import find_unprintable

FILE = Path(printable.__file__).with_suffix(".txt")
UNKNOWN = "\ufffd"


def draws_unknown(char: str) -> bool:
    """Return True if `layout` draws U+FFFD in place of the character."""
    (run,) = split_runs(char, PLAIN)
    return run.text != char and not run.glyphs


def list_ranges() -> str:
    """Return the text of `printable.txt`, made from the fonts that `layout` uses."""
    from chalicelib.pdf.text.layout import _FALLBACKS, load_font
    from chalicelib.pdf.text.script_fonts import script_font

    def has(code: int) -> bool:
        names = filter(None, (PLAIN, script_font(chr(code)), *_FALLBACKS))
        return any(load_font(name).has(chr(code)) for name in names)

    codes = [code for code in range(0x20, 0xF0000) if has(code)]
    breaks = [place for place, (code, after) in enumerate(pairwise(codes), 1) if after != code + 1]
    bounds = zip([0, *breaks], [*breaks, len(codes)], strict=True)
    return "".join(f"{codes[start]:x}-{codes[end - 1]:x}\n" for start, end in bounds)


def test_the_list_is_what_the_fonts_have() -> None:
    assert FILE.read_text("ascii") == list_ranges(), "run python -m tests.unit.pdf.text.test_printable"


@pytest.mark.parametrize("char", ["\U0001f44d", "\U0001f389", "\u1820", "\U00020000"])
def test_a_character_drawn_as_unknown_is_unprintable(char: str) -> None:
    assert draws_unknown(char)
    assert find_unprintable(f"Thanks {char}") == (char,)


@pytest.mark.parametrize("char", ["é", "Ж", "☺", "\u0939", "\u4e2d", "\u0627", "\u2019", "\u2014", "\xa0", "\n"])
def test_a_character_that_is_drawn_is_printable(char: str) -> None:
    assert find_unprintable(f"Thanks {char}") == ()


def test_each_unprintable_character_is_named_once_in_its_order() -> None:
    assert find_unprintable("\U0001f389 a \U0001f44d é \U0001f389") == ("\U0001f389", "\U0001f44d")


def test_invisible_characters_are_not_unprintable() -> None:
    joiner_in_persian = "\u0645\u06cc\u200c\u062e"
    assert find_unprintable(f"\u2764\ufe0f {joiner_in_persian} \u2068x\u2069 \u200b") == ()


def test_the_bounds_of_a_range_are_printable() -> None:
    first, last = (chr(int(bound, 16)) for bound in FILE.read_text("ascii").splitlines()[-1].split("-"))
    assert find_unprintable(f"é{first}{last}{chr(ord(last) + 1)}") == (chr(ord(last) + 1),)


if __name__ == "__main__":
    FILE.write_text(list_ranges(), "ascii")
