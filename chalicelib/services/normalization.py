"""Texts from outside, made uniform or refused. Every refusal is a `ValueError` that says what to send."""

import re
import unicodedata
from ipaddress import ip_address
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chalicelib.pdf.text.graphemes import JOINERS

MAX_EMAIL = 254
MAX_LOCAL_PART = 64
MAX_PHONE = 40
MAX_URL = 2048
_US_LENGTH = 12

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@(?:{_LABEL}\.)+{_LABEL}")
_HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?")
_LOOPBACK_NAMES = ("localhost", ".localhost")


def is_shown(character: str) -> bool:
    """Whether it is printable, or a joiner."""
    return character.isprintable() or character in JOINERS


def one_line(text: str) -> str:
    """Without spaces around it; refuses control characters, line ends and what turns text around."""
    if any(_is_hidden(character) for character in text):
        raise ValueError("must not contain control characters or line breaks")
    stripped = text.strip()
    if not stripped:
        raise ValueError("must not be empty")
    return stripped


def paragraphs(text: str) -> str:
    """Several lines, a line feed between them; refuses every other control character."""
    lines = text.replace("\r\n", "\n").replace("\t", " ").split("\n")
    if any(_is_hidden(character) for line in lines for character in line):
        raise ValueError("must not contain control characters other than line breaks")
    stripped = "\n".join(line.rstrip() for line in lines).strip()
    if not stripped:
        raise ValueError("must not be empty")
    return stripped


def email(text: str) -> str:
    """One address in lower case, as it may stand in a header; no display name, no comments, ASCII only."""
    found = _EMAIL.fullmatch(text.strip(" ")) if len(text) <= MAX_EMAIL else None
    if found is None or len(found[1]) > MAX_LOCAL_PART:
        raise ValueError("must be one email address such as dr.rivera@example.com, and nothing else")
    return found[0].lower()


def phone(text: str) -> str:
    """E.164, such as `+15125550100`; without a country code it is a number of the US."""
    import phonenumbers

    wrong = ValueError("must be a telephone number such as +15125550100, without an extension")
    if len(text) > MAX_PHONE:
        raise wrong
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        raise wrong from None
    if number.extension or not phonenumbers.is_valid_number(number):
        raise wrong
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def display_phone(number: str) -> str:
    """Return a North American number as `(512) 555-0100`, and any other number unchanged."""
    if len(number) == _US_LENGTH and number.startswith("+1") and number[1:].isdigit():
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number


def time_zone(text: str) -> str:
    """A name of the IANA database."""
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be an IANA time zone such as America/New_York") from None


def web_address(text: str, *, allow_loopback: bool) -> str:
    """An `https` URL of a public host. The address connected to is checked again at every delivery.

    `allow_loopback` lets plain `http` to this machine in: for the local run only.
    """
    wrong = ValueError("must be an https URL of a public host, without user name or fragment")
    if len(text) > MAX_URL or not text.isascii() or any(_is_hidden(c) or c in ' \\"<>' for c in text):
        raise wrong
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    if "@" in parts.netloc or "#" in text or parts.scheme not in ("https", "http"):
        raise wrong
    public = parts.scheme == "https" and _is_public(host)
    if not (allow_loopback if _is_loopback(host) else public):
        raise wrong
    return text


def _is_hidden(character: str) -> bool:
    category = unicodedata.category(character)
    return (category[0] == "C" or category in ("Zl", "Zp")) and character not in JOINERS


def _is_loopback(host: str) -> bool:
    if host == _LOOPBACK_NAMES[0] or host.endswith(_LOOPBACK_NAMES[1]):
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
