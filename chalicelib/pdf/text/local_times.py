"""Times in words, as the pages print them that certify a decision or prove that a plan reached its provider."""

import datetime as dt
from zoneinfo import ZoneInfo


def format_local_time(at: dt.datetime, time_zone: str) -> str:
    """Return an aware time in the IANA time zone as "November 22, 2026, 1:05:33 PM CST"."""
    local = at.astimezone(ZoneInfo(time_zone))
    clock = f"{local.hour % 12 or 12}:{local:%M:%S %p %Z}"
    return f"{local:%B} {local.day}, {local.year}, {clock}"


def format_utc_time(at: dt.datetime) -> str:
    """Return an aware time as "2026-11-22 19:05:33 UTC"."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
