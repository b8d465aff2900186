"""The order in which text of both directions is drawn: Unicode's bidirectional algorithm (UAX #9).

All of it but explicit embeddings, whose characters `clusters.clean` removes, and isolates within isolates.
The classes of a paragraph are written as one string, a letter for each character, so that each rule is a
substitution.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from chalicelib.pdf.text.graphemes import ISOLATES, clean_text

# L left, R right, A Arabic letter, E and N European and Arabic number, S and T what separates and ends
# numbers, C what separates either, M mark, O anything else.
_LETTERS = {
    "L": "L",
    "R": "R",
    "AL": "A",
    "EN": "E",
    "AN": "N",
    "ES": "S",
    "ET": "T",
    "CS": "C",
    "NSM": "M",
}
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_FROM, _UNTIL = ISOLATES[0], ISOLATES[1]
_ISOLATE = re.compile(f"({_FROM}[^{ISOLATES}]*{_UNTIL})")
_OBJECT = "\ufffc"
"""Stands for an isolate in what is around it: a character without a direction."""


def has_right_to_left(text: str) -> bool:
    """Whether any of it is."""
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def isolate(text: str) -> str:
    """Text of others for a sentence of ours, such that its direction ends where it does.

    Without it, a number after a Hebrew or Arabic name would be drawn before the name.
    """
    if not has_right_to_left(text):
        return text
    own = clean_text(text).translate(dict.fromkeys(map(ord, ISOLATES)))
    return f"{_FROM}{own}{_UNTIL}"


def resolve_levels(paragraph: str) -> list[int]:
    """An embedding level for each character: odd ones are drawn from right to left.

    To be asked once for a paragraph, before it is broken into lines: they share its direction (rule P2).
    """
    outer = _ISOLATE.sub(_OBJECT, paragraph)
    level = _base_level(outer, above=-1)
    around = iter(_levels_at(outer, level))
    found: list[int] = []
    for part in _ISOLATE.split(paragraph):
        if _ISOLATE.fullmatch(part):
            own, within = next(around), part[1:-1]
            found += [own, *_levels_at(within, _base_level(within, above=level)), own]
        else:
            found += [next(around) for _ in part]
    return found


def _levels_at(text: str, level: int) -> list[int]:
    """The levels of text whose own direction has that level."""
    classes, base = _classes(text), "LR"[level % 2]
    strong = _neutral_resolved(_brackets_resolved(_weak_resolved(classes, base), text, base), base)
    lift = level - _LEVELS[base][base]
    found = [lift + _LEVELS[base][letter] for letter in strong]
    for index in range(len(text) - 1, -1, -1):
        if not text[index].isspace():
            break
        found[index] = level
    return found


def _classes(text: str) -> str:
    return "".join(_LETTERS.get(unicodedata.bidirectional(char), "O") for char in text)


_LEVELS = {"L": {"L": 0, "R": 1, "E": 2, "N": 2}, "R": {"L": 2, "R": 1, "E": 2, "N": 2}}


def visual_order(order: Sequence[int]) -> list[int]:
    """The indexes of these levels in the order drawn, from left to right (rule L2)."""
    indexes = list(range(len(order)))
    for level in range(max(order, default=0), 0, -1):
        start = 0
        while start < len(indexes):
            end = start
            while end < len(indexes) and order[indexes[end]] >= level:
                end += 1
            indexes[start:end] = reversed(indexes[start:end])
            start = max(end, start + 1)
    return indexes


def _base_level(text: str, *, above: int) -> int:
    """The next level above for the direction of the first character that has one (rules P2, P3, X5c)."""
    first = re.search("[LRA]", _classes(text))
    from_right = bool(first and first[0] in "RA")
    return above + 1 if (above + 1) % 2 == from_right else above + 2


def _weak_resolved(classes: str, base: str) -> str:
    """Rules W1 to W7: marks, numbers and what stands in them."""
    text = base + classes
    text = re.sub("(.)(M+)", lambda found: found[1] * len(found[0]), text)
    text = re.sub("A[^LRA]*", lambda found: found[0].replace("E", "N"), text)
    text = text.replace("A", "R")
    text = re.sub("(?<=E)[SC](?=E)", "E", text)
    text = re.sub("(?<=N)C(?=N)", "N", text)
    text = re.sub("T*ET*(?:ET*)*", lambda found: "E" * len(found[0]), text)
    text = re.sub("[STC]", "O", text)
    return re.sub("L[^LR]*", lambda found: found[0].replace("E", "L"), text)[1:]


def _brackets_resolved(classes: str, text: str, base: str) -> str:
    """Rule N0: both of a pair go with what is within, or else with what is before."""
    resolved = list(classes)
    for start, end in _pairs(text):
        within = {_strong(letter) for letter in resolved[start + 1 : end]} - {"O"}
        if not within:
            continue
        before = next((_strong(each) for each in reversed(resolved[:start]) if each != "O"), base)
        side = base if base in within else before
        resolved[start] = resolved[end] = side
    return "".join(resolved)


def _pairs(text: str) -> list[tuple[int, int]]:
    opened: list[tuple[int, str]] = []
    found = []
    for index, char in enumerate(text):
        if char in _BRACKETS:
            opened.append((index, _BRACKETS[char]))
            continue
        depth = next((n for n in range(len(opened) - 1, -1, -1) if opened[n][1] == char), None)
        if depth is not None:
            found.append((opened[depth][0], index))
            del opened[depth:]
    return sorted(found)


def _strong(letter: str) -> str:
    return "R" if letter in "EN" else letter


def _neutral_resolved(classes: str, base: str) -> str:
    """Rules N1 and N2: what has no direction takes that of both its neighbours, or else the base."""

    def side(found: re.Match[str]) -> str:
        around = {_strong(each) for each in (text[found.start() - 1], text[found.end()])}
        return (around.pop() if len(around) == 1 else base) * len(found[0])

    text = f"{base}{classes}{base}"
    return re.sub("O+", side, text)[1:-1]
