"""The rules for new passwords, and the hashes in which passwords are stored (NIST SP 800-63B-4, OWASP)."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_LENGTH = 15
MIN_LENGTH_WITH_SECOND_FACTOR = 8
MAX_LENGTH = 128

MEMORY_KIB = 46 * 1024
PASSES = 1
LANES = 1
"""The parameters of the password hash argon2id (docs/decisions/019).

A Lambda function has 1,024 MiB of memory, serves one request at a time and uses a quarter of the memory itself. One
hash takes 70 ms of CPU time. A stored hash with other parameters is replaced at the next login."""

# A login with an unknown address is checked against this hash, so that the login takes as long.
UNKNOWN_ADDRESS_HASH = (
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
_MIN_WORD_CHARS = 3
_ESTIMATED_CHARS = 25
_MIN_GUESSES = 1e10
_MIN_GUESSES_WITH_SECOND_FACTOR = 1e6
_CONTEXT = ("provider portal", "provider", "portal")
_PATTERNS = frozenset({"repeat", "sequence", "spatial", "date", "regex"})

_TOO_SHORT = "Use at least {} characters. A few unrelated words are easy to remember."
_TOO_LONG = f"Use at most {MAX_LENGTH} characters."
_COMMON_ONE = "This password is too common. Choose a few unrelated words instead."
_REPEATS = "This pattern is easy to guess. Choose a few unrelated words instead."
_PERSONAL = (
    "This password is too similar to your name, email address, NPI or clinic, or to the portal's name. "
    "Choose a few unrelated words instead."
)


def min_length(*, second_factor: bool) -> int:
    return MIN_LENGTH_WITH_SECOND_FACTOR if second_factor else MIN_LENGTH


def is_short(password: str) -> bool:
    """Return True if the password is so short that only an account with a second factor may have it."""
    return len(normalize(password)) < MIN_LENGTH


def find_password_problem(password: str, personal: Iterable[str], *, least: int = MIN_LENGTH) -> str | None:
    """Return a sentence for the page that says why a new password is refused, or None if the password is good.

    A password is refused for its length, for common or easily guessed words, and for words about its owner, such as
    the name, which `personal` holds. `least` is the least number of characters."""
    text, own = normalize(password), (*personal, *_CONTEXT)
    if len(text) < least:
        return _TOO_SHORT.format(least)
    if len(text) > MAX_LENGTH:
        return _TOO_LONG
    if _is_personal(text, own, least):
        return _PERSONAL
    if _is_common(text):
        return _COMMON_ONE
    return _easily_guessed(text, own, least)


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password, which includes its salt and parameters."""
    return _hasher().hash(normalize(password))


def is_password(password: str, stored_hash: str | None) -> bool:
    """Return True if the stored hash is a hash of this password.

    Without a hash (no account), return False after the same time, so that the time does not reveal an account."""
    from argon2.exceptions import VerificationError

    if len(password) > MAX_LENGTH * 2:
        password = ""
    try:
        _hasher().verify(stored_hash or UNKNOWN_ADDRESS_HASH, normalize(password))
    except VerificationError:
        return False
    return stored_hash is not None


def is_outdated(stored_hash: str) -> bool:
    """Return True if the hash was made with other parameters than new hashes, so that the next login replaces it."""
    return _hasher().check_needs_rehash(stored_hash)


def normalize(password: str) -> str:
    """Return the password in the Unicode form NFKC, because keyboards send different forms of the same characters.

    The result is what is hashed and measured."""
    return unicodedata.normalize("NFKC", password)


@lru_cache(maxsize=1)
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def _is_personal(text: str, own: Iterable[str], least: int) -> bool:
    """Return True if a new password consists mostly of texts about its owner (`own`), such as the name.

    This is so if the password without these texts has at most `least // 2` characters. `least` is the minimum
    length."""
    words = {_letters(word) for word in _words(own)}
    rest = _letters(text)
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return len(rest) <= least // 2


def _words(own: Iterable[str]) -> list[str]:
    """Return the texts about a password's owner, both whole and split into words, without very short words."""
    words = {word for text in own for word in (text, *re.split(r"\W+", text.casefold()))}
    return sorted(word for word in words if len(_letters(word)) >= _MIN_WORD_CHARS)


def _easily_guessed(text: str, own: Iterable[str], least: int) -> str | None:
    """Return a sentence that says why the password is easy to guess, or None if the password is hard to guess.

    The library zxcvbn estimates the number of guesses from lists of passwords, names and words, and from the ways in
    which people vary words. It gets only the first characters, because its time grows with the length. The import is
    inside the function, because the lists take memory."""
    from zxcvbn import zxcvbn

    estimate = zxcvbn(text[:_ESTIMATED_CHARS], user_inputs=_words(own))
    if estimate["guesses"] >= (_MIN_GUESSES if least >= MIN_LENGTH else _MIN_GUESSES_WITH_SECOND_FACTOR):
        return None
    matches = estimate["sequence"]
    if any(match.get("dictionary_name") == "user_inputs" for match in matches):
        return _PERSONAL
    return _REPEATS if any(match["pattern"] in _PATTERNS for match in matches) else _COMMON_ONE


def _is_common(text: str) -> bool:
    """Return True if the password consists only of very common words, with or without digits around them."""
    folded = text.casefold()
    forms = (folded, folded.rstrip("0123456789!.?$").translate(_LOOKALIKES))
    letters = ("".join(re.findall(r"[a-z]+", form)) for form in forms)
    return any(len(form) >= _MIN_WORD_CHARS and _is_only_common_words(form) for form in letters)


def _is_only_common_words(letters: str) -> bool:
    """Return True if the letters can be split completely into common words."""
    reached = {0}
    for end in range(1, len(letters) + 1):
        if any(letters[start:end] in _COMMON for start in reached):
            reached.add(end)
    return len(letters) in reached


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
