"""The providers, and the rules that decide whether two names belong to the same person."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.domain.assistants import AccountKind, Assistant
from chalicelib.domain.documents import Addressee
from chalicelib.domain.follow_up.preferences import ReminderChannel, ReminderPreferences
from chalicelib.domain.second_factors import Authenticator, Passkey


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A person who signs documents, or an assistant. The person has an account if `password_hash` is set.

    - `kind` tells the two apart. An assistant has only an account and `assists`, the ids of the providers whose
      invitations the assistant has accepted. The provider's own list of `assistants` decides whether an id still holds.
    - `npi_self_stated`: the provider typed the NPI, and no clinic has confirmed it.
    - `npi_stated_by` are the ids of the practices that stated the NPI.
    - `emails` are the proven addresses of the account, the username first. The field is empty in rows older than the
      field, so read `proven_emails` instead.
    - `addressed_by` maps a practice's id to the email addresses at which this practice addressed the person.
    - `former_names` are the names (first, last) before corrections, the newest first. A document that has one of them
      names this provider too. `name_self_stated`: the owner typed the present name, and no clinic or support has.
    - `other_people` are keys of people who were matched with this provider by mistake, and whom support has separated
      (`is_separated`).
    - `closed_at` is the time at which support closed the account. No document is matched with the provider again.
    - `move_link` is the delivery with the link by which the reader of another address takes the account, after support
      started the move.
    - `unaddressed` are ids of documents that were never sent to an address of the person, found by the last check for
      the report `report_visibility`.
    - `mailed_to` is the email address that a clinic gave first. `email` is the username of the account.
    - `link` is the delivery with the newest setup or reset link, or None if no link works. `earlier_links` are the
      deliveries with older links, the newest first, which work as long as `link` is set.
    - `setup_document` is the document of the newest setup email, which was sent at `setup_mailed_at`.
    - `session_generation` rises to end every session of the account.
    - `merged_into` is the account to which the mailbox of a person without an account belongs now. The documents of the
      person belong to this account.
    - `practices` are the ids of all practices that ever sent this provider a document.
    - `handed_over` are ids of documents that the provider handed over to colleagues, the newest first.
    - `factor_declined_at` is the time at which the provider declined the one offer of a second factor.
    - `reminders` are the owner's own choices for reminders of unsigned documents, or None.
    - `fax` is the owner's own fax number (E.164) for reminders, which the owner typed, or None."""

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
    emails: tuple[str, ...] = ()
    addressed_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    npi_stated_by: tuple[str, ...] = ()
    unaddressed: tuple[str, ...] = ()
    other_people: tuple[str, ...] = ()
    closed_at: datetime | None = None
    move_link: str | None = None
    merged_into: str | None = None
    earlier_links: tuple[str, ...] = ()
    former_names: tuple[tuple[str, str], ...] = ()
    name_self_stated: bool = False
    kind: AccountKind = AccountKind.PROVIDER
    assistants: tuple[Assistant, ...] = ()
    assists: tuple[str, ...] = ()
    handed_over: tuple[str, ...] = ()
    reminders: ReminderPreferences | None = None
    fax: str | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def name_and_credential(self) -> str:
        """The name with the credential, such as `Luis Rivera, MD`, or only the name if there is no credential."""
        return f"{self.name}, {self.credential}" if self.credential else self.name

    @property
    def is_assistant(self) -> bool:
        return self.kind is AccountKind.ASSISTANT

    @property
    def has_account(self) -> bool:
        return self.password_hash is not None

    @property
    def proven_emails(self) -> tuple[str, ...]:
        """The email addresses at which the account's owner has proved to receive email, the username first."""
        if not self.has_account or self.email is None:
            return ()
        return self.emails or (self.email,)

    @property
    def has_second_factor(self) -> bool:
        return bool(self.passkeys) or self.authenticator is not None


def has_same_name(provider: Provider, addressee: Addressee) -> bool:
    """Return True if the provider and the addressee have the same name, apart from case, accents and punctuation.

    A suffix such as Jr. matters only if both names have one."""
    other = (addressee.first_name, addressee.last_name)
    return any(is_same_spelling(name, other) for name in names_of(provider))


def has_same_last_name(provider: Provider, addressee: Addressee) -> bool:
    return any(is_same_spelling(("", last_name), ("", addressee.last_name)) for _, last_name in names_of(provider))


def with_name(provider: Provider, first_name: str, last_name: str, *, self_stated: bool = False) -> Provider:
    """Return a provider's row with a corrected name. The row keeps the names before, and the caller raises its version.

    So documents that have an earlier name stay in the account's lists. `self_stated` means that the owner typed the
    name. It may be anybody's, so no document is matched with it. The saved signature shows the name before, so it is
    deleted."""
    return replace(
        provider,
        first_name=first_name,
        last_name=last_name,
        former_names=names_of(provider),
        name_self_stated=self_stated,
        saved_signature=None,
    )


def without_typed_name(provider: Provider) -> Provider:
    """Return the provider's row with the newest name that a clinic or support gave, and not one that the owner typed.

    Other people are compared with this name. The row is the same if the owner typed no name."""
    if not provider.name_self_stated:
        return provider
    (first_name, last_name), *earlier = provider.former_names
    return replace(
        provider, first_name=first_name, last_name=last_name, former_names=tuple(earlier), name_self_stated=False
    )


def names_of(provider: Provider) -> tuple[tuple[str, str], ...]:
    """Return the names (first, last) by which a document names this provider, the newest first."""
    own = () if provider.name_self_stated else ((provider.first_name, provider.last_name),)
    return (*own, *provider.former_names)


MAX_EARLIER_LINKS = 9
"""The most setup and reset links of a provider that keep working beside the newest one."""


def live_links(provider: Provider) -> tuple[str, ...]:
    """Return the deliveries of the provider's setup and reset links that nobody has used or voided, the newest first.

    A used link voids all links, and so does support: `link` is None then. The expiry of a link is in the link's own
    row."""
    return () if provider.link is None else (provider.link, *provider.earlier_links)


def with_link(provider: Provider, delivery_id: str) -> Provider:
    """Return the next version of a provider's row, with one more link. The oldest of too many links stops working."""
    earlier = live_links(provider)[:MAX_EARLIER_LINKS]
    return replace(provider, version=provider.version + 1, link=delivery_id, earlier_links=earlier)


def is_same_person(one: Addressee, other: Addressee) -> bool:
    """Return True if two statements name the same person: by the NPI if both have one, and otherwise by the name."""
    if one.npi and other.npi:
        return one.npi == other.npi
    return is_same_spelling((one.first_name, one.last_name), (other.first_name, other.last_name))


def without_sessions(provider: Provider) -> Provider:
    """Return the provider's row with a higher version and session generation, which ends all sessions of the account.

    A session is valid only with the generation in this row. The caller commits the row."""
    generation = provider.session_generation + 1
    return replace(provider, version=provider.version + 1, session_generation=generation)


def without_credentials(provider: Provider) -> Provider:
    """Return the next version of a provider's row, without sessions, links and everything that logs the owner in.

    The callers close an account or move it to another owner. The saved signature, the consent, the assistants, the
    choices for reminders, the fax number and the name that the owner typed are removed too, because they belong to the
    person who gave or invited them."""
    return replace(
        without_sessions(without_typed_name(provider)),
        password_hash=None,
        short_password=False,
        passkeys=(),
        authenticator=None,
        recovery=(),
        saved_signature=None,
        consent_version=None,
        consented_at=None,
        link=None,
        earlier_links=(),
        move_link=None,
        assistants=(),
        assists=(),
        reminders=None,
        fax=None,
    )


def with_fax(provider: Provider, number: str | None) -> Provider:
    """Return the provider's row with the owner's own fax number (E.164), or without one. The caller raises its version.

    Without a number, the choice of reminders by fax only ends too."""
    reminders = provider.reminders
    if number is None and reminders is not None and reminders.channel is ReminderChannel.FAX:
        reminders = replace(reminders, channel=ReminderChannel.BOTH)
    return replace(provider, fax=number, reminders=reminders)


def is_separated(provider: Provider, addressee: Addressee) -> bool:
    """Return True if support has decided that the addressee is not this provider but another person.

    Support stored a key of `separation_key` or of `npi_key`. A key without a first name means everybody with this NPI,
    and usually with this last name, but never an addressee with the provider's own name. The name in a stored key may
    be spelled in another way, and the provider may have got the other person's last name since."""
    if not provider.other_people:
        return False
    last_names = ("", *searched_spellings("", addressee.last_name))
    if _has_separated(provider, addressee, last_names) and not has_same_name(provider, addressee):
        return True
    return _has_separated(provider, addressee, searched_spellings(addressee.first_name, addressee.last_name))


def _has_separated(provider: Provider, addressee: Addressee, names: Iterable[str]) -> bool:
    """Return True if support has stored the addressee's NPI with one of these spelling keys of a name."""
    return any(f"{addressee.npi or ''}|{name}" in provider.other_people for name in names)


def separation_key(provider: Provider, person: Addressee) -> str:
    """Return the key under which support records, in the provider's `other_people`, that a person is not this provider.

    The portal had taken both for one person. The key has the person's NPI and last name. If the person has the same
    last name as the provider, the key also has the person's first name."""
    first_name = person.first_name if has_same_last_name(provider, person) else ""
    return f"{person.npi or ''}|{spelling_key(first_name, person.last_name)}"


def npi_key(npi: str | None) -> str:
    """Return the key that support stores in `other_people` for an NPI that was wrong for the provider."""
    return f"{npi or ''}|"


def is_same_spelling(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return True if two names (first, last) have a spelling in common. Different suffixes make two names different.

    Luis Rivera Jr. and Luis Rivera Sr. are two people. A name without a suffix matches either of the two."""
    suffix, other_suffix = _suffix(one[1]), _suffix(other[1])
    is_same_suffix = suffix is None or other_suffix is None or suffix == other_suffix
    return is_same_suffix and not spellings(*one).isdisjoint(spellings(*other))


def spelling_key(first_name: str, last_name: str) -> str:
    """Return the letters of a name for a comparison: as `name_key`, but without spaces, suffixes and degrees.

    Apostrophes that Unicode counts as letters are left out, and letters with a stroke become plain letters."""
    last = _without_degrees(name_key("", last_name).split())
    words = [*name_key(first_name, "").split(), *(last[:-1] if _suffix(last_name) else last)]
    return plain_letters("".join(words))


def spellings(first_name: str, last_name: str) -> frozenset[str]:
    """Return the spelling keys of a name: Müller is written `muller` or `mueller`, and Sørensen `sorensen` or
    `soerensen`."""
    return frozenset(
        spelling_key(first, last)
        for first in (first_name, expand(first_name))
        for last in (last_name, expand(last_name))
    )


def searched_spellings(first_name: str, last_name: str) -> tuple[str, ...]:
    """Return all keys under which the same name may be stored, as spelled by another clinic, without duplicates.

    The keys of other names can be among them: Michael is stored under `michael`, and the search includes `michal`. So
    the caller compares the names that it finds."""
    whole = plain_letters("".join(name_key(first_name, last_name).split()))
    parts = [dict.fromkeys((part, expand(part), contract(part))) for part in (first_name, last_name)]
    keys = (spelling_key(first, last) for first in parts[0] for last in parts[1])
    return tuple(dict.fromkeys((*keys, whole)))


def plain_letters(text: str) -> str:
    """Return a text in lower case with plain letters for letters with a stroke, and without letter-like apostrophes."""
    return text.translate(_PLAIN_LETTERS)


def expand(text: str) -> str:
    """Return a text in lower case with `ue` for `ü`, as in passports, and the same for other letters."""
    return unicodedata.normalize("NFC", text).casefold().translate(_TWO_LETTERS)


def contract(text: str) -> str:
    """Return a text in lower case with `u` for `ue`, and the same for other pairs of letters."""
    return _PAIRS.sub(lambda pair: pair[0][0], text.casefold())


def _without_degrees(words: list[str]) -> list[str]:
    """Return the words of a last name without degrees at its end, such as `MD` or `P.A.-C`. One word remains."""
    for count in (1, 2, 3):
        if len(words) > count and "".join(words[-count:]) in DEGREES:
            return _without_degrees(words[:-count])
    return words


def _suffix(last_name: str) -> str | None:
    """Return a last name's suffix in its standard spelling, such as `jr`, or None. A suffix alone does not count."""
    words = _without_degrees(name_key("", last_name).split())
    return SUFFIXES.get(words[-1]) if len(words) > 1 else None


_DEGREE_WORDS = "md do np pa pac dpm od phd dnp aprn arnp fnp cnp cns rn mbbs facs"
DEGREES = frozenset(_DEGREE_WORDS.split())
"""Degrees that may follow a last name, without punctuation and spaces."""

_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})

_PAIRS = re.compile("ae|oe|ue|aa")

_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th"}
    | dict.fromkeys(map(chr, range(0x2B9, 0x2D0)), "")
)

SUFFIXES = {
    "jr": "jr",
    "junior": "jr",
    "sr": "sr",
    "senior": "sr",
    "ii": "2",
    "2nd": "2",
    "iii": "3",
    "3rd": "3",
    "iv": "4",
    "4th": "4",
}
"""The standard spelling of each suffix of a last name."""


def name_key(first_name: str, last_name: str) -> str:
    """Return a name for a comparison: in lower case, without accents and punctuation, with single spaces.

    Marks of Thai and of the scripts of India are vowels and not accents, so the result contains them."""
    folded = unicodedata.normalize("NFKD", f"{first_name} {last_name}").casefold()
    spelt = "".join(c for c in folded if not _UNSPELT.match(c) and not _is_accent(c))
    return " ".join("".join(c if _is_letter(c) else " " for c in spelt).split())


_UNSPELT = re.compile("[\u034f\u17b4\u17b5\u180b-\u180d\u180f\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""The zero-width joiner and every invisible mark (`Default_Ignorable_Code_Point` in Unicode).

These change only the shape of letters. The zero-width non-joiner is not included: it separates words, and other people
type a space in its place."""

_ACCENTS = frozenset((1, 7, *range(10, 37), *range(200, 256)))


def _is_accent(character: str) -> bool:
    """Return True if a character is an accent, by its Unicode combining class. Comparisons of names ignore accents.

    Accents are overlays, the vowel points of Hebrew, Arabic and Syriac, and marks above or below a letter. The nukta (a
    dot) of the scripts of India (class 7) counts as an accent, because it is often left out."""
    return unicodedata.combining(character) in _ACCENTS


def _is_letter(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"
