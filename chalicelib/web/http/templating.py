"""The Jinja environment of the pages: filters and global values that every template may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from chalicelib.domain import expiring_records
from chalicelib.web.http.static_assets import asset_url

if TYPE_CHECKING:
    from chalicelib.domain.documents import DeclineReason, Kind

LIFETIMES: Mapping[str, timedelta] = {
    "setup_link": expiring_records.LINK_LIFETIME,
    "by_hand_code": expiring_records.CODE_LIFETIME,
    "by_hand_visit": expiring_records.BY_HAND_LIFETIME,
    "draft": expiring_records.DRAFT_LIFETIME,
    "idle_session": expiring_records.SESSION_IDLE,
    "session": expiring_records.SESSION_LIFETIME,
}
"""The lifetimes that pages mention, by the name that templates use."""

_MEGABYTE = 1024 * 1024


@lru_cache(maxsize=1)
def jinja_environment() -> Environment:
    """Return the Jinja environment. `PackageLoader` reads templates from a folder, a zip file or a Lambda layer."""
    jinja = Environment(
        loader=PackageLoader("templates", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    jinja.globals["asset"] = asset_url
    jinja.globals["lifetimes"] = LIFETIMES
    jinja.filters["code"] = mark_code
    jinja.filters["contact_href"] = contact_href
    jinja.filters["date_of_birth"] = format_date_of_birth
    jinja.filters["day"] = format_day
    jinja.filters["display_phone"] = format_phone
    jinja.filters["duration"] = format_duration
    jinja.filters["megabytes"] = format_megabytes
    jinja.filters["moment"] = format_time
    jinja.filters["kind"] = label_kind
    jinja.filters["decline_reason"] = label_decline_reason
    return jinja


def label_kind(value: Kind) -> str:
    """Return the display name of a document's kind, such as `Plan of Care`."""
    from chalicelib.services.labels import KINDS

    return KINDS[value]


def label_decline_reason(value: DeclineReason) -> str:
    """Return the display text of a reason to decline."""
    from chalicelib.services.labels import DECLINE_REASONS

    return DECLINE_REASONS[value]


def contact_href(text: str) -> str | None:
    """Return a `mailto:` or `tel:` link for an email address or phone number; None for any other text."""
    if re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        return f"mailto:{text}"
    digits = re.sub(r"[\s().-]", "", text)
    return f"tel:{digits}" if re.fullmatch(r"\+?[0-9]{7,15}", digits) else None


def mark_code(text: str) -> Markup:
    """Return the escaped text as HTML, with the parts between backticks marked as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - the text is escaped in this line


def format_date_of_birth(value: date) -> str:
    """Return a date of birth as plans of care write it, such as `12/10/1950`."""
    return f"{value:%m/%d/%Y}"


def format_phone(number: str) -> str:
    """Return a North American number as `(512) 555-0100`, and any other number unchanged."""
    from chalicelib.services.normalization import display_phone

    return display_phone(number)


def format_duration(time: timedelta) -> str:
    """Return a time in whole minutes as a text reads it, such as `90 minutes`."""
    from chalicelib.services.labels import duration

    return duration(time)


def format_megabytes(count: int) -> str:
    """Return a number of bytes as a text reads it, such as `25 MB`."""
    return f"{count // _MEGABYTE} MB"


def format_day(value: date) -> str:
    """Return a date such as `Nov 22, 2026`."""
    return f"{value:%b} {value.day}, {value.year}"


def format_time(value: datetime, time_zone: str = "UTC") -> str:
    """Return a time with its zone, such as `Nov 22, 2026, 2:00 PM EST`."""
    local = value.astimezone(ZoneInfo(time_zone))
    return f"{format_day(local)}, {local.hour % 12 or 12}:{local:%M %p %Z}"
