"""The order in which text of both directions is drawn: Unicode's bidirectional algorithm (UAX #9).

All of it but explicit embeddings and isolates, whose characters are not drawn (`clusters.clean`). The classes
of a line are written as one string, a letter for each character, so that each rule is a substitution.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# L left, R right, A Arabic letter, E and N European and Arabic number, S and T what separates and ends
# numbers, C what separates either, M mark, O anything else.
_LETTERS = {
    "L": "L", "R": "R", "AL": "A", "EN": "E", "AN": "N", "ES": "S", "ET": "T", "CS": "C", "NSM": "M",
}  # fmt: skip
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def is_right_to_left(text: str) -> bool:
    """Whether any of it is."""
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def levels(text: str) -> list[int]:
    """An embedding level for each character: odd ones are drawn from right to left."""
    classes = "".join(_LETTERS.get(unicodedata.bidirectional(char), "O") for char in text)
    base = _base(classes)
    strong = _neutral_resolved(_brackets_resolved(_weak_resolved(classes, base), text, base), base)
    found = [_LEVELS[base][letter] for letter in strong]
    for index in range(len(text) - 1, -1, -1):
        if not text[index].isspace():
            break
        found[index] = _LEVELS[base][base]
    return found


_LEVELS = {"L": {"L": 0, "R": 1, "E": 2, "N": 2}, "R": {"L": 2, "R": 1, "E": 2, "N": 2}}


def visual(order: Sequence[int]) -> list[int]:
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


def _base(classes: str) -> str:
    """The direction of the line: that of the first character that has one (rules P2, P3)."""
    first = re.search("[LRA]", classes)
    return "R" if first and first[0] in "RA" else "L"


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
    """Rules N1 and N2: what has no direction takes that of both its neighbours, or else the line's."""

    def side(found: re.Match[str]) -> str:
        around = {_strong(each) for each in (text[found.start() - 1], text[found.end()])}
        return (around.pop() if len(around) == 1 else base) * len(found[0])

    text = f"{base}{classes}{base}"
    return re.sub("O+", side, text)[1:-1]
