"""Times as the portal writes them: UTC, aware, with milliseconds, sortable as text (RFC 3339)."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """`2026-11-22T19:00:00.000Z`; refuses a naive time, since its zone would be a guess."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The aware UTC time of an RFC 3339 text; `ValueError` when it has no zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


def epoch_seconds(moment: datetime) -> int:
    """Whole seconds since 1970, as DynamoDB's TTL wants them."""
    return int(moment.timestamp())
