"""Providers, and the rules by which two names are of the same person."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.documents import Addressee
from chalicelib.domain.second_factors import Authenticator, Passkey


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A person who signs documents. The provider has an account if `password_hash` is set.

    - `npi_self_stated`: the provider typed the NPI, and no clinic has confirmed it.
    - `mailed_to` is the email address that a clinic gave first. `email` is the username of the account.
    - `link` is the delivery with the newest setup or reset link. Older links do not work.
    - `setup_document` is the document of the newest setup email, which was sent at `setup_mailed_at`.
    - `session_generation` rises to end every session of the account.
    - `practices` are the ids of all practices that ever sent this provider a document.
    - `factor_declined_at` is the time at which the provider declined the one offer of a second factor.
    """

    id: str
    version: int
    first_name: str
    last_name: str
    credential: str | None = None
    npi: str | None = None
    npi_self_stated: bool = False
    email: str | None = None
    password_hash: str | None = None
    account_since: datetime | None = None
    link: str | None = None
    session_generation: int = field(default=1, metadata={"stored_as": "session_epoch"})
    consent_version: str | None = None
    consented_at: datetime | None = None
    saved_signature: str | None = None
    setup_mailed_at: datetime | None = None
    setup_document: str | None = None
    passkeys: tuple[Passkey, ...] = ()
    authenticator: Authenticator | None = None
    recovery: tuple[str, ...] = ()
    short_password: bool = False
    mailed_to: str | None = None
    practices: tuple[str, ...] = ()
    factor_declined_at: datetime | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def has_account(self) -> bool:
        return self.password_hash is not None

    @property
    def has_second_factor(self) -> bool:
        return bool(self.passkeys) or self.authenticator is not None


def is_same_person(provider: Provider, addressee: Addressee) -> bool:
    """Return True if both have the same NPI and last name, or the same name where one has no NPI.

    The NPI alone does not decide, because it is public and may be mistyped.
    """
    if provider.npi and addressee.npi:
        same_name = name_key("", provider.last_name) == name_key("", addressee.last_name)
        return same_name and provider.npi == addressee.npi
    return has_same_name(provider, addressee)


def has_same_name(provider: Provider, addressee: Addressee) -> bool:
    return name_key(provider.first_name, provider.last_name) == name_key(addressee.first_name, addressee.last_name)


def name_key(first_name: str, last_name: str) -> str:
    """Return the form in which names are compared: without case, accents, punctuation and doubled spaces.

    The marks of Thai and of the scripts of India are vowels, not accents, so they stay.
    """
    folded = unicodedata.normalize("NFKD", f"{first_name} {last_name}").casefold()
    spelt = "".join(c for c in folded if not _UNSPELT.match(c) and not _is_accent(c))
    return " ".join("".join(c if _is_letter(c) else " " for c in spelt).split())


_UNSPELT = re.compile("[\u034f\u17b4\u17b5\u180b-\u180d\u180f\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""The zero-width joiner and every invisible mark (`Default_Ignorable_Code_Point` in Unicode).

These change only the shape of letters. The zero-width non-joiner is not included: it separates words, and
others type a space in its place.
"""

_ACCENTS = frozenset((1, 7, *range(10, 37), *range(200, 256)))


def _is_accent(character: str) -> bool:
    """Return True for an accent, by its Unicode combining class.

    Accents are overlays, the points of Hebrew, Arabic and Syriac, and marks above or below a letter. The
    nukta of the scripts of India (class 7) counts as an accent, because it is often left out.
    """
    return unicodedata.combining(character) in _ACCENTS


def _is_letter(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"
