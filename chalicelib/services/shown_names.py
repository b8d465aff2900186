"""The rules for a name that emails and pages show, such as that of the practice which sends a document."""

import re
import unicodedata
from collections.abc import Iterable

from chalicelib.services.normalization import normalize_line

_MAX_CHARS = 120
_LINK = re.compile(r"@|://|\bwww\b|[^\W_][.\u3002][^\W\d_]{2}", re.IGNORECASE)
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})
_PHONETIC = re.compile("[\u01c0-\u01c3\u0250-\u02af\u1d00-\u1dbf]")
_LOOKALIKES = str.maketrans("0\u00f81i\u0131\u0142", "oollll")


def normalize_name(text: str) -> str:
    """Return the name without surrounding spaces. Raise `ValueError` for a name that could mislead its reader."""
    if len(text) > _MAX_CHARS:
        raise ValueError(f"must have at most {_MAX_CHARS} characters")
    name = normalize_line(text)
    shown = unicodedata.normalize("NFKC", name)
    if _LINK.search(shown):
        raise ValueError("must not look like an email address or a web address (put a space after a full stop)")
    # Modifier letters, such as the okina of Hawaiian names, belong to no script.
    scripts = {_script(letter) for letter in shown if unicodedata.category(letter) in ("Lu", "Ll", "Lt", "Lo")}
    if len(scripts) != 1:
        raise ValueError("must not mix alphabets, such as Latin and Cyrillic" if scripts else "must have letters")
    return name


def is_taken(name: str, names: Iterable[str]) -> bool:
    """Return True if a reader could not distinguish the name from one of `names`."""
    return _key(name) in map(_key, names)


def _key(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name).casefold().translate(_LOOKALIKES)
    return "".join(character for character in folded if character.isalnum())


def _script(letter: str) -> str:
    """Return the alphabet of a letter, such as `LATIN`. A practice's name must not mix alphabets.

    Phonetic letters count as an alphabet of their own, because many look like Latin letters."""
    if _PHONETIC.match(letter):
        return "PHONETIC"
    script = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if script in _EAST_ASIAN else script
