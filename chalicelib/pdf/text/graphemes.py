"""Clean text, and its grapheme clusters: letters with the marks that belong to each letter, drawn as one unit."""

import re
import unicodedata

_LONGEST = 32
"""The longest cluster in characters, more than any language needs. Hostile text may stack thousands."""

_VIRAMA = 9
"""The Unicode combining class of the sign that joins two consonants in South Asian scripts."""

JOINERS = "\u200c\u200d"
"""Invisible characters that are part of the spelling of names in Persian and in Indian scripts."""
ISOLATES = "\u2068\u2069"
"""The two characters before and after text that `bidi.isolate` wraps. They are never drawn."""

_SPACING = "\u0e33\u0eb3"
"""The Thai and Lao letter AM, which is partly written above the letter before."""

_INVISIBLE = re.compile(
    # Variation selectors and fillers, which none of the fonts supports.
    "[\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
    # Joiners, except in scripts that use them for spelling.
    "|(?<![\u0590-\u1fff\ua800-\uabff\U00011000-\U00011fff])[\u200c\u200d]+"
)


def clean_text(text: str) -> str:
    """Return the text as it can be drawn: composed characters (NFC), single spaces, and no invisible characters.

    Joiners stay in scripts that use them for spelling. Isolates stay because `bidi.resolve_levels` needs isolates."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    visible = "".join(filter(_is_visible, unicodedata.normalize("NFC", text)))
    # Spaces come last, since a removed character may leave two of them side by side.
    return " ".join(_INVISIBLE.sub("", visible).split())


def _is_visible(char: str) -> bool:
    return char in JOINERS or char in ISOLATES or char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cs")


def is_mark(char: str) -> bool:
    """Return True if the character is drawn onto the character before, or changes the shape of that character."""
    return unicodedata.category(char)[0] == "M" or char in JOINERS


def split_clusters(text: str) -> list[str]:
    """Split the text into the units that must not be separated: letters with their marks (UAX #29).

    Consonants that a virama (a joining sign) connects are one unit. A unit has at most 32 characters."""
    result: list[str] = []
    for char in text:
        if result and len(result[-1]) < _LONGEST and _continues(result[-1][-1], char):
            result[-1] += char
        else:
            result.append(char)
    return result


def _continues(last: str, char: str) -> bool:
    joined = unicodedata.combining(last) == _VIRAMA or last == "\u200d"
    return is_mark(char) or char in _SPACING or (joined and unicodedata.category(char) == "Lo")
