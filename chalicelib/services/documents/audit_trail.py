"""The events of the audit trail in words, for the certificate page and for the audit trail on a screen."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.audit import DocumentEventType, Event
from chalicelib.pdf.text.signer_names import format_signer

EVENT_LABELS: Mapping[str, str] = {
    DocumentEventType.SENT: "Sent by the clinic",
    DocumentEventType.RESENT: "Sent again by the clinic",
    DocumentEventType.ADDED: "Added to an account with the code",
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
    DocumentEventType.TRANSMITTED: "Transmitted to the provider",
    DocumentEventType.CALLED: "Call to the provider noted by the clinic",
    DocumentEventType.COPY_RECEIVED: "Copy received by fax",
    DocumentEventType.COPY_CONFIRMED: "Returned copy read by the clinic",
    DocumentEventType.CERTIFIED: "Plan certified",
    DocumentEventType.NEEDS_ATTENTION: "Needs the clinic's attention",
    DocumentEventType.WRONG_NUMBER_REPORTED: "Reported as faxed to a wrong number",
    DocumentEventType.MARKED_READY: "Marked ready for the provider",
    DocumentEventType.REMINDED: "Reminder queued",
    DocumentEventType.REMINDERS_STOPPED: "Reminders by email stopped by the recipient",
    DocumentEventType.REMINDERS_RESUMED: "Reminders by email started again by the recipient",
    DocumentEventType.HANDED_OVER: "Handed over by {giver} to {colleague}",
    DocumentEventType.TAKEN_BACK: "Taken back by {giver} from {colleague}",
}


def describe_event(event: Event) -> str:
    """Return an audit event as a sentence, such as `Delivered (by fax)`."""
    label, data = EVENT_LABELS.get(event.type, event.type), event.data
    if event.type in (DocumentEventType.HANDED_OVER, DocumentEventType.TAKEN_BACK):
        label = label.format(giver=_describe_person(data["giver"]), colleague=_describe_person(data["colleague"]))
    channel, sent_to = data.get("channel"), data.get("sent_to")
    by = f" (by {channel})" if channel else ""
    if assistant := data.get("assistant"):
        by = f" (by {assistant}, assistant)"
    supplier = "the colleague" if data.get("supplied_by") == "colleague" else "the clinic"
    return f"{label}{by}, sent to {sent_to}, given by {supplier}" if sent_to else f"{label}{by}"


def _describe_person(person: Mapping[str, Any]) -> str:
    return format_signer(person["name"], person["credential"] or "", person["npi"])
