"""The Jinja environment of the pages, with the filters and global values that every template may use."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from chalicelib.domain import expiring_records
from chalicelib.web.http.static_assets import asset_url

LIFETIMES: Mapping[str, timedelta] = {
    "setup_link": expiring_records.LINK_LIFETIME,
    "by_hand_code": expiring_records.CODE_LIFETIME,
    "by_hand_visit": expiring_records.BY_HAND_LIFETIME,
    "draft": expiring_records.DRAFT_LIFETIME,
    "idle_session": expiring_records.SESSION_IDLE,
    "session": expiring_records.SESSION_LIFETIME,
}
"""How long links, codes, drafts and sessions are valid, by the name under which a template shows the time."""


@lru_cache(maxsize=1)
def jinja_environment() -> Environment:
    """Return the Jinja environment of the pages, created once. Its filters and globals are set here.

    `PackageLoader` finds the templates in a folder, a zip file or a Lambda layer."""
    jinja = Environment(
        loader=PackageLoader("templates", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    jinja.globals.update(asset=asset_url, lifetimes=LIFETIMES)
    jinja.filters.update(
        code=mark_code,
        contact_href=contact_href,
        date_of_birth=lambda day: f"{day:%m/%d/%Y}",
        day=format_day,
        decline_reason=lambda reason: _labels().DECLINE_REASONS[reason],
        display_phone=_format_phone,
        duration=lambda time: _labels().duration(time),
        kind=lambda kind: _labels().KINDS[kind],
        megabytes=lambda count: f"{count // 1024 // 1024} MB",
        moment=format_time,
    )
    return jinja


def _labels() -> Any:
    from chalicelib.services import labels

    return labels


def _format_phone(number: str) -> str:
    from chalicelib.services.normalization import display_phone

    return display_phone(number)


def contact_href(text: str) -> str | None:
    """Return a `mailto:` or `tel:` link for an email address or phone number, or None for any other text."""
    if re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        return f"mailto:{text}"
    digits = re.sub(r"[\s().-]", "", text)
    return f"tel:{digits}" if re.fullmatch(r"\+?[0-9]{7,15}", digits) else None


def mark_code(text: str) -> Markup:
    """Return the text as escaped HTML, in which parts between backticks become `code` elements (a Jinja filter)."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - the text is escaped in this line


def format_day(value: date) -> str:
    """Return a date as text, such as `Nov 22, 2026`."""
    return f"{value:%b} {value.day}, {value.year}"


def format_time(value: datetime, time_zone: str = "UTC") -> str:
    """Return a time and its zone as text, such as `Nov 22, 2026, 2:00 PM EST`."""
    local = value.astimezone(ZoneInfo(time_zone))
    return f"{format_day(local)}, {local.hour % 12 or 12}:{local:%M %p %Z}"
