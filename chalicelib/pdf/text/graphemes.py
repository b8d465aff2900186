"""Text as it is drawn: which characters count, and which belong together as one letter."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 32
"""Characters in a cluster: no language has as many, and text from outside may pile up thousands."""

_VIRAMA = 9
"""The combining class of the sign that joins two consonants in the scripts of India and its neighbours."""

JOINERS = "\u200c\u200d"
"""Invisible characters that are part of how names are spelled in Persian and in Indian scripts."""
ISOLATES = "\u2068\u2069"
"""Around text of others within a sentence of ours (`direction.isolated`); never drawn."""

_SPACING = "\u0e33\u0eb3"
"""Thai and Lao AM: letters, but written partly above the one before."""

_UNSEEN = re.compile(
    # Variation selectors and fillers, of which no font here knows anything.
    "[\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
    # Joiners, but for those in scripts in which they are part of the spelling.
    "|(?<![\u0590-\u1fff\ua800-\uabff\U00011000-\U00011fff])[\u200c\u200d]+"
)


def clean_text(text: str) -> str:
    """Composed characters, one space for any run of white space, nothing that is there without being seen.

    Joiners stay where a script spells with them, and isolates: `direction.levels` needs them.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    seen = "".join(filter(_is_seen, unicodedata.normalize("NFC", text)))
    # Last, as there may be spaces on both sides of what was removed.
    return " ".join(_UNSEEN.sub("", seen).split())


def _is_seen(char: str) -> bool:
    return (
        char in JOINERS
        or char in ISOLATES
        or char.isspace()
        or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )


def is_mark(char: str) -> bool:
    """Whether the character is drawn onto the one before, or shapes it."""
    return unicodedata.category(char)[0] == "M" or char in JOINERS


def split_clusters(text: str) -> list[str]:
    """What must stay together: a letter with its marks, and consonants that a virama joins (UAX #29, GB9)."""
    found: list[str] = []
    for char in text:
        if found and len(found[-1]) < _LONGEST and _continues(found[-1][-1], char):
            found[-1] += char
        else:
            found.append(char)
    return found


def _continues(last: str, char: str) -> bool:
    joined = unicodedata.combining(last) == _VIRAMA or last == "\u200d"
    return is_mark(char) or char in _SPACING or (joined and unicodedata.category(char) == "Lo")
