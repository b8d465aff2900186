"""Unicode's bidirectional algorithm (UAX #9): the order in which text of both directions is drawn, for mixed names.

Two features are missing: explicit embeddings, whose characters `graphemes.clean_text` removes, and nested
isolates. The bidi classes of a paragraph are one string with a letter for each character, so each rule of the
algorithm is a substitution in that string."""

import re
import unicodedata
from collections.abc import Sequence

from chalicelib.pdf.text.graphemes import ISOLATES, clean_text

# L: left to right. R: right to left. A: Arabic letter. E: European number. N: Arabic number.
# S: separator of European numbers. T: terminator of European numbers. C: separator of any numbers.
# M: mark. O: any other character.
_LETTERS = {"L": "L", "R": "R", "AL": "A", "EN": "E", "AN": "N", "ES": "S", "ET": "T", "CS": "C", "NSM": "M"}
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_LEVELS = {"L": {"L": 0, "R": 1, "E": 2, "N": 2}, "R": {"L": 2, "R": 1, "E": 2, "N": 2}}
_FROM, _UNTIL = ISOLATES[0], ISOLATES[1]
_ISOLATE = re.compile(f"({_FROM}[^{ISOLATES}]*{_UNTIL})")
_OBJECT = "\ufffc"
"""The character without a direction that replaces an isolate in the text around that isolate."""


def has_right_to_left(text: str) -> bool:
    """Return True if the text has a letter of a right-to-left script, so that it needs the bidirectional algorithm."""
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def isolate(text: str) -> str:
    """Return a text to insert into a sentence, so that the text's direction cannot affect the sentence around it.

    If the text has right-to-left letters, two invisible characters (Unicode isolates) surround it. Without isolates, a
    number after a Hebrew or Arabic name would be drawn before the name."""
    if not has_right_to_left(text):
        return text
    inner = clean_text(text).translate(dict.fromkeys(map(ord, ISOLATES)))
    return f"{_FROM}{inner}{_UNTIL}"


def resolve_levels(paragraph: str) -> list[int]:
    """Return the bidi embedding level of each character. Characters with an odd level run from right to left.

    Call this function for a whole paragraph, before the paragraph is wrapped into lines: all its lines share one
    direction (rule P2). The function `visual_order` needs the levels."""
    outer = _ISOLATE.sub(_OBJECT, paragraph)
    level = _base_level(outer, above=-1)
    outer_levels = iter(_levels_at(outer, level))
    levels: list[int] = []
    for part in _ISOLATE.split(paragraph):
        if _ISOLATE.fullmatch(part):
            isolate_level, inner = next(outer_levels), part[1:-1]
            inner_levels = _levels_at(inner, _base_level(inner, above=level))
            levels += [isolate_level, *inner_levels, isolate_level]
        else:
            levels += [next(outer_levels) for _ in part]
    return levels


def _levels_at(text: str, level: int) -> list[int]:
    """Return the bidi level of each character of a text. An odd level means from right to left.

    The text contains no isolates, because the caller has replaced them. `level` is the base level: the level of text in
    the paragraph's own direction."""
    classes, base = _classes(text), "LR"[level % 2]
    strong = _resolve_neutral(_resolve_brackets(_resolve_weak(classes, base), text, base), base)
    lift = level - _LEVELS[base][base]
    levels = [lift + _LEVELS[base][letter] for letter in strong]
    for index in range(len(text) - 1, -1, -1):
        if not text[index].isspace():
            break
        levels[index] = level
    return levels


def _classes(text: str) -> str:
    return "".join(_LETTERS.get(unicodedata.bidirectional(char), "O") for char in text)


def visual_order(order: Sequence[int]) -> list[int]:
    """Return the indexes of parts of a line in the order in which the parts are drawn from left to right (rule L2).

    `order` has the bidi level of each part in reading order."""
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
    """Return the level of a paragraph's (or isolate's) own direction, which is that of its first letter with a
    direction.

    The result is the lowest level greater than `above` that is odd for right to left, or even for left to right. A text
    without such a letter runs from left to right (rules P2, P3, X5c)."""
    first = re.search("[LRA]", _classes(text))
    from_right = bool(first and first[0] in "RA")
    return above + 1 if (above + 1) % 2 == from_right else above + 2


def _resolve_weak(classes: str, base: str) -> str:
    """Return the bidi classes after rules W1 to W7: marks, numbers, and the separators of numbers get a direction.

    `classes` has one letter for each character of the text. `base` is the paragraph's direction, "L" or "R"."""
    text = base + classes
    text = re.sub("(.)(M+)", lambda match: match[1] * len(match[0]), text)
    text = re.sub("A[^LRA]*", lambda match: match[0].replace("E", "N"), text).replace("A", "R")
    text = re.sub("(?<=E)[SC](?=E)", "E", text)
    text = re.sub("(?<=N)C(?=N)", "N", text)
    text = re.sub("T*ET*(?:ET*)*", lambda match: "E" * len(match[0]), text)
    text = re.sub("[STC]", "O", text)
    return re.sub("L[^LR]*", lambda match: match[0].replace("E", "L"), text)[1:]


def _resolve_brackets(classes: str, text: str, base: str) -> str:
    """Return the bidi classes after rule N0: a pair of brackets takes the direction of the text inside or before it.

    `classes` has one letter for each character of `text`. `base` is the paragraph's direction, "L" or "R"."""
    resolved = list(classes)
    for start, end in _pairs(text):
        within = {_strong(letter) for letter in resolved[start + 1 : end]} - {"O"}
        if not within:
            continue
        before = next((_strong(letter) for letter in reversed(resolved[:start]) if letter != "O"), base)
        side = base if base in within else before
        resolved[start] = resolved[end] = side
    return "".join(resolved)


def _pairs(text: str) -> list[tuple[int, int]]:
    """Return the indexes of the opening and closing bracket of each pair in the text, in order of the opening one."""
    opened: list[tuple[int, str]] = []
    pairs = []
    for index, char in enumerate(text):
        if char in _BRACKETS:
            opened.append((index, _BRACKETS[char]))
            continue
        depth = next((n for n in range(len(opened) - 1, -1, -1) if opened[n][1] == char), None)
        if depth is not None:
            pairs.append((opened[depth][0], index))
            del opened[depth:]
    return sorted(pairs)


def _strong(letter: str) -> str:
    return "R" if letter in "EN" else letter


def _resolve_neutral(classes: str, base: str) -> str:
    """Return the bidi classes after rules N1 and N2: each character without a direction, such as a space, gets one.

    The direction is that of both neighbors, or `base` (the paragraph's direction) if the neighbors differ. `classes`
    has one letter for each character of the text."""

    def side(match: re.Match[str]) -> str:
        neighbors = {_strong(text[match.start() - 1]), _strong(text[match.end()])}
        return (neighbors.pop() if len(neighbors) == 1 else base) * len(match[0])

    text = f"{base}{classes}{base}"
    return re.sub("O+", side, text)[1:-1]
