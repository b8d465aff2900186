"""The audit trail as sentences, for the certificate page and for people who read the trail on a screen."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.audit import Event

EVENT_LABELS: Mapping[str, str] = {
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
class TrailLine:
    """One audit event as a sentence. `at` is aware. Without a browser, address and device are None."""

    at: datetime
    what: str
    address: str | None
    device: str | None


def trail_lines(events: Iterable[Event]) -> tuple[TrailLine, ...]:
    """Return one line for each event, in the same order."""
    return tuple(_trail_line(event) for event in events)


def _trail_line(event: Event) -> TrailLine:
    label = EVENT_LABELS.get(event.type, event.type)
    channel = json.loads(event.body)["data"].get("channel")
    return TrailLine(
        at=event.at,
        what=f"{label} (by {channel})" if channel else label,
        address=event.private.get("address"),
        device=event.private.get("device"),
    )
