"""Conversions of times to text and back. Stored times are RFC 3339 in UTC with milliseconds, which sorts as text."""

from datetime import UTC, datetime


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
