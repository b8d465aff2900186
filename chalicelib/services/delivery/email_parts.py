"""The parts that emails share: who should sign what by when, times for the reader, and the logo of the clinic."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from chalicelib.domain.documents import Document
from chalicelib.domain.follow_up.schedule import provider_zones
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.services.labels import KINDS
from chalicelib.services.ports import Files

MAX_LOGO_WIDTH, MAX_LOGO_HEIGHT = 200, 48
"""The largest size of a logo in an email, in CSS pixels."""

_PNG_START = b"\x89PNG"


@dataclass(frozen=True, kw_only=True)
class InlineLogo:
    """A clinic's logo inside an email: its bytes and media type, its content id, and its size in CSS pixels.

    The logo is part of the email, because a picture on a server would tell its owner who opens the email."""

    data: bytes
    subtype: str
    width: int
    height: int
    cid: str = "logo@portal"


def read_logo(files: Files, practice: Practice | None) -> InlineLogo | None:
    """Return the practice's logo from the bucket, or None if there is none. An email goes out without a lost logo."""
    logo = practice.logo if practice else None
    data = files.find(logo.key) if logo else None
    if logo is None or data is None:
        return None
    scale = min(1.0, MAX_LOGO_WIDTH / logo.width, MAX_LOGO_HEIGHT / logo.height)
    size = [max(1, round(side * scale)) for side in (logo.width, logo.height)]
    subtype = "png" if data.startswith(_PNG_START) else "jpeg"
    return InlineLogo(data=data, subtype=subtype, width=size[0], height=size[1])


def list_facts(document: Document | None, provider: Provider | None) -> tuple[tuple[str, str], ...]:
    """Return the lines of an email that say whom it is for, what waits, and by when, as pairs of a label and a text.

    Several people may read one mailbox. The document's clinic names the person, and otherwise the account does. Nothing
    is about a patient."""
    if document is None:
        return (("For", provider.name_and_credential),) if provider else ()
    due = document.due_on
    return (
        ("For", document.addressee.name_and_credential),
        ("Document", KINDS[document.kind]),
        ("Due", f"{due:%B} {due.day}, {due.year}"),
    )


def reader_zone(document: Document) -> str:
    """Return the time zone of the document's addressee: of the fax or phone number, or else of the practice."""
    return provider_zones(document.addressee, document.practice.time_zone)[0]


def format_moment(at: datetime, time_zone: str) -> str:
    """Return a time with the name of its zone, such as `November 23, 2026, at 1:00 PM CST`."""
    local = at.astimezone(ZoneInfo(time_zone))
    return f"{local:%B} {local.day}, {local.year}, at {format_time_of_day(at, time_zone)}"


def format_time_of_day(at: datetime, time_zone: str) -> str:
    """Return a time of day with the name of its zone, such as `1:00 PM CST`."""
    local = at.astimezone(ZoneInfo(time_zone))
    return f"{local.hour % 12 or 12}:{local:%M %p %Z}"
