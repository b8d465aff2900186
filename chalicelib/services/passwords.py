"""Passwords: what is accepted, and how they are kept (NIST SP 800-63B-4; OWASP password storage)."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST_LENGTH = 15
LEAST_WITH_SECOND_FACTOR = 8
MOST_LENGTH = 128

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1

# Kept for nobody: a login with an unknown address is checked against it, so that it takes as long.
NOBODYS_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$sEwV1gX5jdNHuEUxPeGOBw$sbu5ptSdnXZZ/wmuZ+te0WTLnwO3nUYUeshmky9snYg"
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
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb",
)
_LOOKALIKES = str.maketrans("013457@$!", "oleastasi")
_SHORTEST_WORD = 3
_SHORTEST_RUN = 4
_FEW_CHARACTERS = 5

_TOO_SHORT = "Use at least {} characters. A few unrelated words are easy to remember."
_TOO_LONG = f"Use at most {MOST_LENGTH} characters."
_COMMON_ONE = "This is one of the first passwords that would be tried. Choose a few unrelated words instead."
_REPEATS = "This repeats or counts up a few characters. Choose a few unrelated words instead."
_PERSONAL = "This is mostly your own name or email address. Choose something that is not about you."


def password_problem(
    password: str, personal: Iterable[str], *, least: int = LEAST_LENGTH
) -> str | None:  # fmt: skip
    """Why this password is refused, in a sentence that says what to do; None when it is good.

    `personal` are words about its owner, such as their name and address.
    """
    text = plain(password)
    if len(text) < least:
        return _TOO_SHORT.format(least)
    if len(text) > MOST_LENGTH:
        return _TOO_LONG
    if _is_personal(text, personal, least):
        return _PERSONAL
    if _is_common(text):
        return _COMMON_ONE
    return _REPEATS if _is_pattern(text, least) else None


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


def plain(password: str) -> str:
    """As it is hashed: one form for characters that can be typed in several ways (NFKC)."""
    return unicodedata.normalize("NFKC", password)


@lru_cache(maxsize=1)
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def _is_personal(text: str, personal: Iterable[str], least: int) -> bool:
    """Whether little is left once the owner's own words are taken out."""
    parts = (part for each in personal for part in (_letters(each), *re.split(r"\W+", each.casefold())))
    words = {part for part in parts if len(part) >= _SHORTEST_WORD}
    left = _letters(text)
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word, "")
    return len(left) <= least // 2


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


def _is_pattern(text: str, least: int) -> bool:
    """Whether it is a short piece repeated, or runs along the alphabet or the keyboard."""
    folded = text.casefold()
    if len(set(folded)) < _FEW_CHARACTERS or re.fullmatch(r"(.{1,6}?)\1+.{0,5}", folded):
        return True
    return _without_runs(folded) < least // 3


def _without_runs(text: str) -> int:
    """How many characters are left when runs along a row are taken out."""
    rows = [row for each in _ROWS for row in (each, each[::-1])]
    left, at = 0, 0
    while at < len(text):
        run = max(_run(text[at:], row) for row in rows)
        long_enough = run >= _SHORTEST_RUN
        at += run if long_enough else 1
        left += 0 if long_enough else 1
    return left


def _run(text: str, row: str) -> int:
    """How many characters from the start of `text` follow each other in `row`."""
    start = row.find(text[0])
    pairs = zip(text, row[start:], strict=False) if start >= 0 else ()
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
