"""The state of a document in the words of clinic staff, with the next step. The document's resource decides both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]

TO_PROVIDER = frozenset({"email", "fax"})

KINDS: Mapping[str, str] = {
    "plan_of_care": "Plan of care",
    "recertification": "Recertification",
    "progress_note": "Progress note",
    "discharge_summary": "Discharge summary",
    "order": "Order",
    "other": "Other",
}

DECLINE_REASONS: Mapping[str, str] = {
    "not_my_patient": "Not my patient",
    "someone_else_signs": "Another provider should sign",
    "change_the_plan": "Change the plan",
    "needs_a_visit": "The patient needs a visit first",
    "other": "Other",
}

DELIVERY_LABELS: Mapping[str, str] = {
    "queued": "queued",
    "sending": "sending",
    "sent": "sent",
    "delivered": "delivered",
    "failed": "failed",
    "held": "held",
    "cancelled": "cancelled",
}

MESSAGE_LABELS: Mapping[str, str] = {
    "ready": "Document ready",
    "setup": "Set up your password",
    "code": "One-time code",
    "fax": "The document",
}


class Step(StrEnum):
    """The stage of a document on its way from sent to filed."""

    NOT_DELIVERED = "not_delivered"
    PENDING = "pending"
    SEALING = "sealing"
    APPROVED = "approved"
    DECLINED = "declined"
    RECALLED = "recalled"
    FILED = "filed"


@dataclass(frozen=True)
class DocumentState:
    """The state of a document: a short label, its tone (for the color), and the next step for staff."""

    step: Step
    label: str
    tone: str
    advice: str


_STATES: Mapping[Step, tuple[str, str, str]] = {
    Step.NOT_DELIVERED: (
        "Not delivered",
        "bad",
        "The message did not reach the provider. Correct the address or number and resend.",
    ),
    Step.PENDING: ("Sent", "wait", "Waiting for the provider. Call the office, resend, or recall it."),
    Step.SEALING: ("Signed, PDF on its way", "good", "The provider has signed. The signed PDF will arrive shortly."),
    Step.APPROVED: ("Returned, signed", "good", "Open the signed PDF, then mark it as returned."),
    Step.DECLINED: (
        "Returned, declined",
        "bad",
        "Read the reason. Then send a new version, recall it, or mark it as returned.",
    ),
    Step.RECALLED: ("Recalled", "quiet", "Nothing to do. You may use the same document number again."),
    Step.FILED: ("Returned, filed", "quiet", "Nothing to do."),
}


def state_of(resource: Json) -> DocumentState:
    """Return the state of a document, from its resource."""
    step = _step(resource)
    label, tone, advice = _STATES[step]
    if step is Step.PENDING and resource.get("viewed_at"):
        label = "Opened by the provider"
    if step is Step.APPROVED and resource.get("outcome") == "by_hand":
        label = "Returned, signed by hand"
    return DocumentState(step, label, tone, advice)


def _step(resource: Json) -> Step:
    status = resource.get("status")
    if status == "pending":
        return Step.NOT_DELIVERED if _undelivered(resource) else Step.PENDING
    if status == "approved":
        return Step.APPROVED if resource.get("signed_pdf") else Step.SEALING
    return {"declined": Step.DECLINED, "recalled": Step.RECALLED, "returned": Step.FILED}.get(str(status), Step.PENDING)


def _undelivered(resource: Json) -> bool:
    """Return True if the latest message by every channel has failed and nobody has opened the document."""
    if resource.get("viewed_at") or resource.get("transmitted_at"):
        return False
    latest: dict[str, str] = {}
    for line in provider_deliveries(resource):
        if line.get("status") != "cancelled":
            latest[str(line.get("channel"))] = str(line.get("status"))
    return bool(latest) and all(status == "failed" for status in latest.values())


def provider_deliveries(resource: Json) -> Sequence[Json]:
    """Return the messages to the provider, oldest first, without the webhooks to this EMR."""
    lines = [line for line in resource.get("deliveries") or () if line.get("channel") in TO_PROVIDER]
    return sorted(lines, key=lambda line: str(line.get("at", "")))


def delivery_text(line: Json) -> str:
    """Return a line about a message for staff, such as "Email to a@b.example: Document ready, delivered"."""
    channel = str(line.get("channel", "message")).capitalize()
    message = MESSAGE_LABELS.get(str(line.get("type")), str(line.get("type", "message")))
    status = DELIVERY_LABELS.get(str(line.get("status")), str(line.get("status")))
    return f"{channel} to {line.get('recipient', 'the provider')}: {message}, {status}"
