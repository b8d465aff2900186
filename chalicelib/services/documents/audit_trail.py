"""The audit trail in words, for the certificate page and for people who read it on a screen."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.audit import Event

WORDS: Mapping[str, str] = {
    "document.sent": "Sent by the clinic",
    "document.resent": "Sent again by the clinic",
    "document.delivered": "Delivered",
    "document.delivery_failed": "Could not be delivered",
    "document.viewed": "Opened and shown",
    "code.requested": "Code to open it without an account asked for",
    "code.accepted": "Opened with a code",
    "decision.approved": "Signed electronically",
    "decision.by_hand": "Signed copy uploaded",
    "document.declined": "Declined",
    "document.approved": "Signed document released",
    "document.sealed": "Certificate of decline made",
    "document.timestamped": "Timestamp added to the seal",
    "document.sealing_delayed": "Signed document delayed",
    "document.recalled": "Recalled by the clinic",
    "document.superseded": "Replaced by a newer version",
    "delivery.retried": "Message sent again by the clinic",
    "document.returned": "Marked as returned by the clinic",
}


@dataclass(frozen=True)
class Line:
    """One entry in words. `at` is aware; address and device are None where there was no browser."""

    at: datetime
    what: str
    address: str | None
    device: str | None


def lines(events: Iterable[Event]) -> tuple[Line, ...]:
    """The trail, oldest first."""
    return tuple(_line(event) for event in events)


def _line(event: Event) -> Line:
    what = WORDS.get(event.type, event.type)
    detail = _detail(event)
    return Line(
        at=event.at,
        what=f"{what} ({detail})" if detail else what,
        address=event.private.get("address"),
        device=event.private.get("device"),
    )


def _detail(event: Event) -> str:
    channel = json.loads(event.body)["data"].get("channel")
    return f"by {channel}" if channel else ""
