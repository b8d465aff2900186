"""Who a document is addressed to: one person, whatever address was used (DESIGN section 4, contract)."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.documents import Addressee
from chalicelib.domain.second_factors import Authenticator, Passkey


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A person who signs. It exists from the first document on, and has an account once it has a password.

    `npi_self_stated` says that its owner typed the NPI and no clinic has confirmed it. `mailed_to` is the
    address that a clinic first gave; `email` is the username and is set with the account. `link` names the
    newest setup or reset link: older ones are dead. `setup_document` is the document that the mail with the
    setup link of `setup_mailed_at` came with. `session_generation` rises when every session must end.
    `practices` are those that ever sent them a document; `factor_declined_at` is when they did not want the
    second factor that is offered once.
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
    """By NPI and last name when both have an NPI, else by name: an NPI is public, and may be mistyped."""
    if provider.npi and addressee.npi:
        same_name = name_key("", provider.last_name) == name_key("", addressee.last_name)
        return same_name and provider.npi == addressee.npi
    return has_same_name(provider, addressee)


def has_same_name(provider: Provider, addressee: Addressee) -> bool:
    return name_key(provider.first_name, provider.last_name) == name_key(
        addressee.first_name, addressee.last_name
    )


def name_key(first_name: str, last_name: str) -> str:
    """A name as it is compared: without accents, case, punctuation or doubled spaces.

    The marks of Thai or of the scripts of India are no accents, but vowels: another one is another name.
    """
    folded = unicodedata.normalize("NFKD", f"{first_name} {last_name}").casefold()
    spelt = "".join(c for c in folded if not _UNSPELT.match(c) and not _is_accent(c))
    return " ".join("".join(c if _is_letter(c) else " " for c in spelt).split())


_UNSPELT = re.compile("[\u034f\u17b4\u17b5\u180b-\u180d\u180f\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""The joiner and every invisible mark (Unicode: `Default_Ignorable_Code_Point` among the marks): another
shape of the same letters, or none. The non-joiner parts words, as the space does that others type for it.
"""


_ACCENTS = frozenset((1, 7, *range(10, 37), *range(200, 256)))


def _is_accent(character: str) -> bool:
    """By combining class: overlays, the points of Hebrew, Arabic and Syriac, what stands above or below, and
    the nukta of India's scripts (7), which is often left out.
    """
    return unicodedata.combining(character) in _ACCENTS


def _is_letter(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"
