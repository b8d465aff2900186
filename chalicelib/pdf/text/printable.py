"""The characters that the PDFs of the portal can show, without loading a font.

`layout` draws U+FFFD (a question mark) for a character that none of its fonts has. The web function must say so before
a document is signed, and does not load fonts. So `printable.txt` beside this module lists what the fonts have."""

from bisect import bisect_right
from functools import cache
from pathlib import Path

from chalicelib.pdf.text.graphemes import ISOLATES, JOINERS, clean_text

_FILE = Path(__file__).with_suffix(".txt")


def find_unprintable(text: str) -> tuple[str, ...]:
    """Return the characters of the text that no font of `layout` has, each one once, in the order of the text.

    Invisible characters do not count, because they are not drawn."""
    if text.isascii():
        return ()
    return tuple(dict.fromkeys(char for char in clean_text(text) if not _is_printable(char)))


def _is_printable(char: str) -> bool:
    firsts, lasts = _ranges()
    index = bisect_right(firsts, ord(char)) - 1
    return char in JOINERS + ISOLATES or (index >= 0 and ord(char) <= lasts[index])


@cache
def _ranges() -> tuple[list[int], list[int]]:
    """Return the first and the last code points of the ranges in `printable.txt`, both in ascending order.

    Each line of the file is one range in hexadecimal, such as `20-7e`."""
    pairs = [line.split("-") for line in _FILE.read_text("ascii").splitlines()]
    return [int(first, 16) for first, _ in pairs], [int(last, 16) for _, last in pairs]
