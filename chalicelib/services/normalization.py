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
_PREMIUM_EXCHANGE = re.compile(r"\+1\d{3}976")

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
    """Return one email address in lower case. Raises `ValueError` for display names, comments and non-ASCII text."""
    match = _EMAIL.fullmatch(text.strip(" ")) if len(text) <= MAX_EMAIL_CHARS else None
    if match is None or len(match[1]) > MAX_LOCAL_PART_CHARS:
        raise ValueError("must be one email address such as dr.rivera@example.com, and nothing else")
    return match[0].lower()


def normalize_phone(text: str) -> str:
    """Return an E.164 number such as `+15125550100`. A number without a country code counts as a US number.

    Raises `ValueError` for a number with an extension and for an invalid number."""
    import phonenumbers

    invalid = ValueError("must be a telephone number such as +15125550100, without an extension")
    if len(text) > MAX_PHONE_CHARS:
        raise invalid
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        raise invalid from None
    if number.extension or not phonenumbers.is_valid_number(number):
        raise invalid
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalize_fax(text: str, countries: Collection[str] = FAX_COUNTRIES) -> str:
    """Return a fax number in E.164. Raises `ValueError` outside the `countries` (ISO codes) and for premium numbers."""
    import phonenumbers

    number = normalize_phone(text)
    parsed = phonenumbers.parse(number)
    in_country = phonenumbers.region_code_for_number(parsed) in countries
    kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(parsed))
    if not in_country or kind not in _USUAL_NUMBERS or _PREMIUM_EXCHANGE.match(number):
        raise ValueError(f"must be a fax number without extra charges in {', '.join(countries)}")
    return number


def display_phone(number: str) -> str:
    """Return a North American number as `(512) 555-0100`, and any other number unchanged."""
    if len(number) == _US_LENGTH and number.startswith("+1") and number[1:].isdigit():
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number


def validate_time_zone(text: str) -> str:
    """Return the name of an IANA time zone. Raises `ValueError` if there is no such time zone."""
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be an IANA time zone such as America/New_York") from None


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
