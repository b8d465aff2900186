"""Conversions of times to text and numbers. Stored times are RFC 3339 in UTC with milliseconds, which sorts as text."""

from datetime import UTC, datetime
from zlib import crc32


def to_text(moment: datetime) -> str:
    """Return a time as text such as `2026-11-22T19:00:00.000Z`. Raises `ValueError` for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Return the UTC time in an RFC 3339 text. Raises `ValueError` for a text without a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


def epoch_seconds(moment: datetime) -> int:
    """Return a time as whole seconds since 1970, the format of DynamoDB's TTL."""
    return int(moment.timestamp())


def sort_key(moment: datetime, unique: str) -> int:
    """Return a number that sorts rows by time: microseconds since 1970, followed by six digits of a hash of `unique`.

    The digits distinguish rows of one moment if their texts `unique` differ."""
    return round(moment.timestamp() * 1e6) * 10**6 + crc32(unique.encode()) % 10**6
