"""The audit trail as sentences, for the certificate page and for people who read the trail on a screen."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.audit import DocumentEventType, Event

EVENT_LABELS: Mapping[str, str] = {
    DocumentEventType.SENT: "Sent by the clinic",
    DocumentEventType.RESENT: "Sent again by the clinic",
    DocumentEventType.DELIVERED: "Delivered",
    DocumentEventType.DELIVERY_FAILED: "Could not be delivered",
    DocumentEventType.VIEWED: "Opened",
    DocumentEventType.CODE_REQUESTED: "Code requested by email",
    DocumentEventType.CODE_ACCEPTED: "Opened with a code",
    DocumentEventType.DECISION_APPROVED: "Signed electronically",
    DocumentEventType.DECISION_BY_HAND: "Signed copy uploaded",
    DocumentEventType.DECLINED: "Declined",
    DocumentEventType.APPROVED: "Signed document released",
    DocumentEventType.SEALED: "Certificate of decline created",
    DocumentEventType.TIMESTAMPED: "Timestamp added to the seal",
    DocumentEventType.SEALING_DELAYED: "Signed document delayed",
    DocumentEventType.RECALLED: "Recalled by the clinic",
    DocumentEventType.SUPERSEDED: "Replaced by a newer version",
    DocumentEventType.DELIVERY_RETRIED: "Message sent again by the clinic",
    DocumentEventType.RETURNED: "Marked as returned by the clinic",
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
