"""The state of a document in the words of the clinic's staff, and their next step, derived from the portal's JSON."""

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
    "code": "Code to open the document",
    "fax": "The document",
}


PLANS = frozenset({"plan_of_care", "recertification"})
"""The kinds of documents that must be certified before the clinic bills the treatment."""

PAYERS: Mapping[str, str] = {
    "medicare": "Medicare",
    "medicare_advantage": "Medicare Advantage",
    "medicaid": "Medicaid",
    "commercial": "Commercial insurance",
    "other": "Other",
}

CALL_RESULTS: Mapping[str, str] = {
    "no_answer": "No answer",
    "left_a_message": "Left a message",
    "will_sign": "Will sign",
    "certified_verbally": "Certified verbally",
    "wrong_provider": "Wrong provider",
    "other": "Other",
}

COPY_FINDINGS: Mapping[str, str] = {
    "signed_and_dated": "Signed and dated",
    "signed_undated": "Signed, but without a date",
    "declined": "Declined by the provider",
    "not_readable": "Not readable",
}

ATTENTION: Mapping[str, str] = {
    "verbal_certification_lapsed": "14 days have passed since the verbal certification, and there is no signature.",
    "address_corrected": "The plan was opened at an address that you have corrected since.",
    "signed_undated": "The signature on the copy has no date. Ask the provider to date it.",
    "wrong_number": "Someone reported that your fax reached the wrong place. Check the fax number.",
    "copy_received": "A copy came back by fax. Look at it and confirm what it says.",
    "copy_not_readable": "The copy could not be read. Ask the provider for another one.",
    "reminders_stopped": "The provider's mailbox gets no reminders by email any more. Follow up by phone or fax.",
    "please_call": "The provider has not responded yet. Please call.",
    "call_again": "There is still no signature. Please call again.",
    "due_soon": "Few days are left. Ask for the signature, or for a verbal certification.",
    "overdue": "The due date has passed, and there is no signature. Please call.",
}

WARNINGS: Mapping[str, str] = {
    "other-person-at-address": "You have sent documents for someone else to this email address. Check the address.",
    "provider-fax-ignored": "The provider's fax number can't be used and was left out. Please correct it.",
    "provider-phone-ignored": "The provider's phone number can't be used and was left out. Please correct it.",
    "author-phone-ignored": "The author's phone number can't be used and was left out. Please correct it.",
    "order-undated": "The order has no date, so only a signature makes this plan safe to bill.",
    "order-without-discipline": "The order names no discipline, so only a signature makes this plan safe to bill.",
    "order-npi-missing": "An NPI is missing, so only a signature makes this plan safe to bill.",
    "order-npi-differs": "The order is from another provider, so only a signature makes this plan safe to bill.",
    "start-date-missing": "The first visit is missing, so only a signature makes this plan safe to bill.",
    "credential-cannot-certify": "Medicare does not accept a plan that a chiropractor or dentist has certified.",
    "font-missing": "The PDF does not contain the font of some text, which may be missing on the provider's screen.",
    "npi-not-in-registry": "The public NPI registry does not have this NPI. Check its digits.",
    "npi-deactivated": "This NPI is deactivated, according to the public NPI registry. Check it with the provider.",
    "npi-other-name": "The public NPI registry has this NPI for another name. Check the name and the NPI.",
    "npi-not-practitioner": "This NPI belongs to nobody who may certify a plan, according to the public NPI registry.",
    "fax-of-others": "The public NPI registry has this fax number for others, and not for this provider. Check it.",
    "verbal-certification-does-not-count": "The call was noted, but it does not make this plan safe to bill.",
}
"""The warnings of the portal about an event that it has accepted."""


class Step(StrEnum):
    """The stage of a document in the clinic's own work, from *sent* to *filed*."""

    NOT_DELIVERED = "not_delivered"
    PENDING = "pending"
    CHECK_SCAN = "check_scan"
    SEALING = "sealing"
    APPROVED = "approved"
    DECLINED = "declined"
    RECALLED = "recalled"
    FILED = "filed"


@dataclass(frozen=True)
class DocumentState:
    """The state of a document for the clinic's staff: a short label, its tone (which chooses a color), and the next
    step."""

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
    Step.CHECK_SCAN: (
        "Scan to check",
        "wait",
        "Open the scan, and say what you read on it. Only a dated signature makes the plan safe to bill.",
    ),
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


@dataclass(frozen=True)
class Billing:
    """Whether a plan is safe to bill, with the reason for staff. `day` takes the place of `{day}` in the reason."""

    label: str
    tone: str
    reason: str
    day: str | None


_CERTIFIED: Mapping[str, tuple[str, str, str]] = {
    "signature": ("Safe to bill", "good", "Certified by signature on {day}."),
    "order_and_transmission": (
        "Safe to bill",
        "good",
        "A signed order is on file, and the plan reached the provider on {day}, within 30 days.",
    ),
    "verbal_pending": (
        "Safe to bill for 14 days",
        "wait",
        "Certified verbally on {day}. The signature must follow within 14 days.",
    ),
}


def billing_of(resource: Json) -> Billing | None:
    """Return whether a plan is safe to bill, or None for a recalled document and for one that is no plan."""
    if resource.get("kind") not in PLANS or resource.get("status") == "recalled":
        return None
    certified = _CERTIFIED.get(str(resource.get("certified_by")))
    if certified is not None:
        return Billing(*certified, resource.get("certified_on"))
    if resource.get("outcome") == "declined":
        reason = "The provider declined the plan."
    elif resource.get("outcome") == "by_hand":
        reason = "Nobody has confirmed a dated signature on the copy."
    else:
        reason = "The provider has not signed yet."
    return Billing("Not safe to bill", "bad", reason, None)


def state_of(resource: Json) -> DocumentState:
    """Return the state of a document for the clinic's staff, derived from its JSON of the portal (`resource`)."""
    step = _step(resource)
    label, tone, advice = _STATES[step]
    if step is Step.PENDING and resource.get("viewed_at"):
        label = "Opened by the provider"
    if step is Step.APPROVED and resource.get("outcome") == "by_hand":
        label = "Returned, signed by hand"
        advice = advice if resource.get("signed_pdf") else "File the signed paper, then mark it as returned."
    return DocumentState(step, label, tone, advice)


def _step(resource: Json) -> Step:
    status = resource.get("status")
    if status == "pending":
        return Step.NOT_DELIVERED if _undelivered(resource) else Step.PENDING
    if status == "approved":
        return _signed_step(resource)
    return {"declined": Step.DECLINED, "recalled": Step.RECALLED, "returned": Step.FILED}.get(str(status), Step.PENDING)


def _signed_step(resource: Json) -> Step:
    if resource.get("sealing") in ("in_progress", "delayed") or not (
        resource.get("signed_pdf") or resource.get("outcome") == "by_hand"
    ):
        return Step.SEALING
    is_plan = resource.get("kind") in PLANS
    is_unread = resource.get("outcome") == "by_hand" and resource.get("certified_by") != "signature"
    return Step.CHECK_SCAN if is_plan and is_unread else Step.APPROVED


def _undelivered(resource: Json) -> bool:
    """Return True if the document seems not to have reached the provider, so that staff must act.

    The latest message by every channel (email, fax) has failed, and nobody has opened the document. `resource` is the
    document's JSON."""
    if resource.get("viewed_at") or resource.get("transmitted_at"):
        return False
    latest: dict[str, str] = {}
    for line in provider_deliveries(resource):
        if line.get("status") != "cancelled":
            latest[str(line.get("channel"))] = str(line.get("status"))
    return bool(latest) and all(status == "failed" for status in latest.values())


def provider_deliveries(resource: Json) -> Sequence[Json]:
    """Return the messages about a document that went to the provider, oldest first, so not the webhooks to this EMR.

    `resource` is the document's JSON."""
    lines = [line for line in resource.get("deliveries") or () if line.get("channel") in TO_PROVIDER]
    return sorted(lines, key=lambda line: str(line.get("at", "")))


def delivery_text(line: Json) -> str:
    """Return a line for staff about a message to the provider, such as "Email to a@b.example: Document ready,
    delivered"."""
    channel = str(line.get("channel", "message")).capitalize()
    message = MESSAGE_LABELS.get(str(line.get("type")), str(line.get("type", "message")))
    status = DELIVERY_LABELS.get(str(line.get("status")), str(line.get("status")))
    return f"{channel} to {line.get('recipient', 'the provider')}: {message}, {status}"
