"""Validation and normalization of texts from outside. The `ValueError` of an invalid text says what is expected."""

import re
import unicodedata
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chalicelib.pdf.text.graphemes import JOINERS

MAX_CREDENTIAL_CHARS = 40
MAX_EMAIL_CHARS = 254
MAX_LOCAL_PART_CHARS = 64
MAX_PHONE_CHARS = 40
MAX_URL_CHARS = 2048
FAX_COUNTRIES = ("US", "CA")
"""The countries of fax numbers, unless the deployment names others."""

_US_LENGTH = 12
_USUAL_NUMBERS = ("FIXED_LINE", "MOBILE", "FIXED_LINE_OR_MOBILE", "TOLL_FREE", "VOIP")
_EXTENSION = ";ext="
_PREMIUM_EXCHANGE = re.compile(r"\+1\d{3}976")
_NEW_AREA_CODE = re.compile(r"\+1(?!37|96)[2-9]([0-8])(?!\1)\d[2-9]\d{6}")
"""A number whose area code can become a geographic one. The North American plan reserves N9X, 37X, 96X, and codes with
two equal digits at the end, such as 700, for other services."""


_BLANK = frozenset({*"\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0", *map(chr, range(0xFE00, 0xFE10))})
"""Characters that Unicode counts as letters, marks or symbols and that nobody can see."""

_PLACE = re.compile(
    r"(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Europe|Indian|Mexico|Pacific|US)/.+"
)

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@(?:{_LABEL}\.)+{_LABEL}")
_HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?")


def is_printable(character: str) -> bool:
    """Return True for a printable character or a joiner (an invisible character that shapes the letters beside it)."""
    return character.isprintable() or character in JOINERS


def normalize_line(text: str) -> str:
    """Return the text without surrounding spaces. Raises `ValueError` for empty text and for control characters."""
    if any(_is_hidden(character) for character in text):
        raise ValueError("must not contain control characters or line breaks")
    stripped = text.strip()
    if not stripped:
        raise ValueError("must not be empty")
    return stripped


def normalize_credential(text: str) -> str:
    """Return a credential such as `MD` without surrounding spaces. Raises `ValueError` if it is empty or too long."""
    credential = normalize_line(text)
    if len(credential) > MAX_CREDENTIAL_CHARS:
        raise ValueError(f"must have at most {MAX_CREDENTIAL_CHARS} characters")
    return credential


def normalize_paragraphs(text: str) -> str:
    """Return the text with line feeds as its only control characters, without surrounding blank lines.

    Tabs become spaces. Raises `ValueError` for empty text and for other control characters."""
    lines = text.replace("\r\n", "\n").replace("\t", " ").split("\n")
    if any(_is_hidden(character) for line in lines for character in line):
        raise ValueError("must not contain control characters other than line breaks")
    stripped = "\n".join(line.rstrip() for line in lines).strip()
    if not stripped:
        raise ValueError("must not be empty")
    return stripped


def normalize_email(text: str) -> str:
    """Return one email address in lower case, without invisible characters around it.

    Raises `ValueError` for display names, comments and non-ASCII text. The error names an invisible character inside
    the address, because nobody can see the character."""
    address = strip_invisible(text)
    hidden = name_invisible(text)
    if hidden:
        raise ValueError(f"must be an email address without {hidden}")
    match = _EMAIL.fullmatch(address) if len(address) <= MAX_EMAIL_CHARS else None
    if match is None or len(match[1]) > MAX_LOCAL_PART_CHARS:
        raise ValueError("must be one email address such as dr.rivera@example.com, and nothing else")
    return match[0].lower()


def describe_wrong_email(typed: str) -> str:
    """Return the message of a page about a typed text that `normalize_email` has refused."""
    hidden = name_invisible(typed)
    if hidden:
        return f"Type the address again: it has {hidden}."
    return "Enter a full email address, such as name@example.com."


def strip_invisible(text: str) -> str:
    """Return the text without spaces, control characters and invisible characters at its start and end.

    Programs add such characters when an address is copied out of them."""
    start, end = _visible_range(text)
    return text[start:end]


def name_invisible(text: str) -> str | None:
    """Return the name and position of the first invisible character between visible ones, or None for no such one.

    An example is `the invisible character ZERO WIDTH SPACE (U+200B) at position 4`. Positions count from 1. A plain
    space does not count: people know that they typed it."""
    for index in range(*_visible_range(text)):
        character = text[index]
        if character != " " and _is_invisible(character):
            name = unicodedata.name(character, "CONTROL CHARACTER")
            return f"the invisible character {name} (U+{ord(character):04X}) at position {index + 1}"
    return None


def _visible_range(text: str) -> tuple[int, int]:
    """Return the index of the first visible character of a text, and the index after the last one."""
    visible = [index for index, character in enumerate(text) if not _is_invisible(character)]
    return (visible[0], visible[-1] + 1) if visible else (0, 0)


def _is_invisible(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "CZ" or character in _BLANK


def normalize_phone(text: str) -> str:
    """Return a phone number in E.164, with its extension if it has one: `+15125550100` or `+15125550100;ext=12`.

    The extension is written as in RFC 3966. A number without a country code counts as a US number. The number must be
    possible and need not be assigned, because new area codes are older than any list of them. Raises `ValueError` for
    an impossible number."""
    import phonenumbers

    invalid = ValueError("must be a telephone number such as +15125550100 or +15125550100 ext. 12")
    if len(text) > MAX_PHONE_CHARS:
        raise invalid
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        raise invalid from None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise invalid
    extension = f"{_EXTENSION}{number.extension}" if number.extension else ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) + extension


def normalize_fax(text: str, countries: Collection[str] = FAX_COUNTRIES) -> str:
    """Return a fax number in E.164. Raises `ValueError` for a number with an extension or with extra charges.

    The number must be in one of the `countries` (ISO codes). An area code that nobody has assigned yet counts as one of
    the United States and Canada."""
    number = normalize_phone(text)
    if _EXTENSION in number:
        raise ValueError("must be a fax number without an extension")
    if not _is_fax_of(countries, number) or _PREMIUM_EXCHANGE.match(number):
        raise ValueError(f"must be a fax number without extra charges in {', '.join(countries)}")
    return number


def _is_fax_of(countries: Collection[str], number: str) -> bool:
    import phonenumbers

    parsed = phonenumbers.parse(number)
    country = phonenumbers.region_code_for_number(parsed)
    if country is None:
        return bool(_NEW_AREA_CODE.fullmatch(number)) and not {"US", "CA"}.isdisjoint(countries)
    kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(parsed))
    return country in countries and kind in _USUAL_NUMBERS


def display_phone(number: str) -> str:
    """Return a North American number as `(512) 555-0100`, and any other number unchanged. An extension follows it."""
    plain, _, extension = number.partition(_EXTENSION)
    if len(plain) == _US_LENGTH and plain.startswith("+1") and plain[1:].isdigit():
        plain = f"({plain[2:5]}) {plain[5:8]}-{plain[8:]}"
    return f"{plain} ext. {extension}" if extension else plain


def validate_time_zone(text: str) -> str:
    """Return the name of the IANA time zone of a place, such as `America/New_York`.

    Raises `ValueError` if there is no such time zone, and for a name without a place. `EST` has no daylight saving
    time, and `localtime` is the time zone of whatever computer reads it."""
    try:
        zone = ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ""
    if not _PLACE.fullmatch(zone):
        raise ValueError("must be an IANA time zone with a place, such as America/New_York")
    return zone


def validate_endpoint_url(text: str, *, allow_loopback: bool) -> str:
    """Return the text if it is an `https` URL of a public host. Raises `ValueError` for any other text.

    The host's address is checked again before every delivery. `allow_loopback` also permits `http` URLs of the local
    machine, for the local run only."""
    invalid = ValueError("must be an https URL of a public host, without user name or fragment")
    if len(text) > MAX_URL_CHARS or not text.isascii() or any(_is_hidden(c) or c in ' \\"<>' for c in text):
        raise invalid
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise invalid from None
    if "@" in parts.netloc or "#" in text or parts.scheme not in ("https", "http"):
        raise invalid
    public = parts.scheme == "https" and _is_public(host)
    if not (allow_loopback if _is_loopback(host) else public):
        raise invalid
    return text


def _is_hidden(character: str) -> bool:
    category = unicodedata.category(character)
    return (category[0] == "C" or category in ("Zl", "Zp")) and character not in JOINERS


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        labels = host.rstrip(".").split(".")
        return bool(_HOST.fullmatch(host)) and len(labels) > 1 and not labels[-1].isdigit()
