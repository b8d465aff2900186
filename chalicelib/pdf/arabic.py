"""Right-to-left text for fonts that are drawn glyph by glyph: Arabic joining and visual order.

Joining uses the presentation forms of Unicode (U+FB50..U+FDFF, U+FE70..U+FEFF), whose compatibility
decompositions are the joining table. Order is the part of Unicode's bidirectional algorithm that a name or a
sentence needs: no explicit embeddings.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import groupby

_FORMS = ("<isolated>", "<final>", "<initial>", "<medial>")
_TATWEEL = "\u0640"
_LAM, _ALEFS = "\u0644", "\u0622\u0623\u0625\u0627"
"""The one ligature that has to be; Unicode has others, of which most fonts know none."""

_MIRROR = str.maketrans("()[]{}<>«»", ")(][}{><»«")


@cache
def _forms() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for code in (*range(0xFE70, 0xFF00), *range(0xFB50, 0xFE00)):
        form, _, letters = unicodedata.decomposition(chr(code)).partition(" ")
        if form in _FORMS:
            base = "".join(chr(int(letter, 16)) for letter in letters.split())
            table.setdefault(base, {}).setdefault(form, chr(code))
    return table


def _joins_next(letter: str) -> bool:
    return letter == _TATWEEL or "<initial>" in _forms().get(letter, {})


def _joins_previous(letter: str) -> bool:
    return letter == _TATWEEL or "<final>" in _forms().get(letter, {})


def _units(text: str) -> list[tuple[str, str]]:
    """(letter or lam-alef pair, its marks) in order."""
    units: list[tuple[str, str]] = []
    for char in text:
        if units and unicodedata.combining(char):
            units[-1] = (units[-1][0], units[-1][1] + char)
        elif units and units[-1][0] == _LAM and char in _ALEFS:
            units[-1] = (_LAM + char, units[-1][1])
        else:
            units.append((char, ""))
    return units


def join_letters(text: str) -> str:
    """The text with each Arabic letter in the form that its neighbours call for."""
    units = _units(text)
    joined = []
    for index, (letter, marks) in enumerate(units):
        before = index > 0 and _joins_next(units[index - 1][0]) and _joins_previous(letter)
        after = index + 1 < len(units) and _joins_next(letter) and _joins_previous(units[index + 1][0])
        form = _FORMS[before + 2 * after]
        joined.append(_forms().get(letter, {}).get(form, letter) + marks)
    return "".join(joined)


def _direction(char: str) -> str:
    kind = unicodedata.bidirectional(char)
    if kind in ("R", "AL"):
        return "R"
    if kind in ("L", "EN", "AN"):
        return "L"
    return "M" if kind == "NSM" else "N"


def is_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def _base(text: str) -> str:
    """The direction of the first character that has a strong one."""
    kinds = (unicodedata.bidirectional(char) for char in text)
    return next(("L" if kind == "L" else "R" for kind in kinds if kind in ("L", "R", "AL")), "L")


def _resolved(text: str, base: str) -> list[str]:
    """A direction for each character: neutral ones between two of one direction take it, others the base."""
    directions = [_direction(char) for char in text]
    for index, direction in enumerate(directions):
        before = directions[index - 1] if index else base
        if direction == "M":
            directions[index] = before
        elif direction == "N":
            after = next((d for d in directions[index + 1 :] if d in ("L", "R")), base)
            directions[index] = before if before == after else base
    return directions


def _reverse(run: str) -> str:
    return "".join(letter + marks for letter, marks in reversed(_units(run))).translate(_MIRROR)


def visual(text: str) -> str:
    """The text in the order in which its glyphs are drawn from left to right."""
    base = _base(text)
    pairs = zip(_resolved(text, base), text, strict=True)
    runs = [
        (direction, "".join(char for _, char in group))
        for direction, group in groupby(pairs, key=lambda pair: pair[0])
    ]
    if base == "R":
        runs.reverse()
    return "".join(_reverse(run) if direction == "R" else run for direction, run in runs)
