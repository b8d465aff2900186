"""Passwords: what is accepted, and how they are kept (NIST SP 800-63B-4; OWASP password storage)."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST_LENGTH = 15
LEAST_WITH_SECOND_FACTOR = 8
MOST_LENGTH = 128

MEMORY_KIB = 46 * 1024
PASSES = 1
LANES = 1
"""argon2id for a function that has 1,024 MiB, of which it uses a quarter, and one request at a time: as much
memory as 70 ms of CPU fill (docs/decisions/019). A hash that is kept with others is made anew at login.
"""

# Kept for nobody: a login with an unknown address is checked against it, so that it takes as long.
NOBODYS_HASH = (
    "$argon2id$v=19$m=47104,t=1,p=1$rOpzEvKBRB1PNEjhVGtPsw$HGkOHUZpTlgXGjsD/PLmkleWnJLLaAM99OncNXZ5mt8"
)

_COMMON_WORDS = """
    password passwort passw0rd letmein welcome iloveyou qwerty qwertz azerty asdfgh zxcvbn admin administrator
    login monkey dragon football baseball basketball superman batman princess sunshine shadow master trustno
    whatever starwars secret changeme default doctor physician medicine medical medicare hospital clinic
    health healthcare provider portal providerportal nurse patient therapy signature account please
    summer autumn winter spring january february march april june july august september october november
    december monday tuesday wednesday thursday friday saturday sunday
    correct horse battery staple this that test guest user hello freedom
    my is the a an i you me it and for to of in on at our new old
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_LOOKALIKES = str.maketrans("013457@$!", "oleastasi")
_SHORTEST_WORD = 3
_LOOKED_AT = 25
_GUESSES = 1e10
_GUESSES_WITH_SECOND_FACTOR = 1e6
_CONTEXT = ("provider portal", "provider", "portal")
_PATTERNS = frozenset({"repeat", "sequence", "spatial", "date", "regex"})

_TOO_SHORT = "Use at least {} characters. A few unrelated words are easy to remember."
_TOO_LONG = f"Use at most {MOST_LENGTH} characters."
_COMMON_ONE = "This is one of the first passwords that would be tried. Choose a few unrelated words instead."
_REPEATS = "This repeats or counts up what is easy to guess. Choose a few unrelated words instead."
_PERSONAL = (
    "This is mostly your own name, email address, NPI or practice, or the portal's name. Choose something "
    "that is not about you."
)


def least_length(*, second_factor: bool) -> int:
    return LEAST_WITH_SECOND_FACTOR if second_factor else LEAST_LENGTH


def is_short(password: str) -> bool:
    """Whether it is enough only beside a second factor."""
    return len(plain(password)) < LEAST_LENGTH


def password_problem(password: str, personal: Iterable[str], *, least: int = LEAST_LENGTH) -> str | None:
    """Why this password is refused, in a sentence that says what to do; None when it is good.

    `personal` are words about its owner: their name, address and NPI, the practice that wrote to them.
    """
    text, own = plain(password), (*personal, *_CONTEXT)
    if len(text) < least:
        return _TOO_SHORT.format(least)
    if len(text) > MOST_LENGTH:
        return _TOO_LONG
    if _is_personal(text, own, least):
        return _PERSONAL
    if _is_common(text):
        return _COMMON_ONE
    return _easily_guessed(text, own, least)


def hash_password(password: str) -> str:
    """The argon2id hash to keep, with its salt and parameters."""
    return _hasher().hash(plain(password))


def is_password(password: str, kept: str | None) -> bool:
    """Whether it is the password of that hash. None takes as long and is always wrong."""
    from argon2.exceptions import VerificationError

    if len(password) > MOST_LENGTH * 2:
        password = ""
    try:
        _hasher().verify(kept or NOBODYS_HASH, plain(password))
    except VerificationError:
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than those of now."""
    return _hasher().check_needs_rehash(kept)


def plain(password: str) -> str:
    """As it is hashed: one form for characters that can be typed in several ways (NFKC)."""
    return unicodedata.normalize("NFKC", password)


@lru_cache(maxsize=1)
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def _is_personal(text: str, own: Iterable[str], least: int) -> bool:
    """Whether little is left once the owner's own words are taken out."""
    words = {_letters(each) for each in _parts(own)}
    left = _letters(text)
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word, "")
    return len(left) <= least // 2


def _parts(own: Iterable[str]) -> list[str]:
    """Each of the owner's words, whole and by its parts."""
    parts = {part for each in own for part in (each, *re.split(r"\W+", each.casefold()))}
    return sorted(part for part in parts if len(_letters(part)) >= _SHORTEST_WORD)


def _easily_guessed(text: str, own: Iterable[str], least: int) -> str | None:
    """Why few guesses find it: zxcvbn knows lists of passwords, names, words, and how people vary them.

    Its beginning is enough, since what zxcvbn does grows with the length. It is imported here, for its lists
    take memory and nobody else needs them.
    """
    from zxcvbn import zxcvbn

    found = zxcvbn(text[:_LOOKED_AT], user_inputs=_parts(own))
    if found["guesses"] >= (_GUESSES if least >= LEAST_LENGTH else _GUESSES_WITH_SECOND_FACTOR):
        return None
    parts = found["sequence"]
    if any(each.get("dictionary_name") == "user_inputs" for each in parts):
        return _PERSONAL
    return _REPEATS if any(each["pattern"] in _PATTERNS for each in parts) else _COMMON_ONE


def _is_common(text: str) -> bool:
    """Whether it is made of words that everybody tries, with digits around them."""
    folded = text.casefold()
    forms = (folded, folded.rstrip("0123456789!.?$").translate(_LOOKALIKES))
    letters = ("".join(re.findall(r"[a-z]+", form)) for form in forms)
    return any(len(each) >= _SHORTEST_WORD and _only_common(each) for each in letters)


def _only_common(letters: str) -> bool:
    """Whether the letters can be cut into common words without a rest."""
    reached = {0}
    for end in range(1, len(letters) + 1):
        if any(letters[start:end] in _COMMON for start in reached):
            reached.add(end)
    return len(letters) in reached


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
