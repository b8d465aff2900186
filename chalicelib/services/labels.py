"""The words for document kinds and decline reasons, as people read them on pages, in emails and on certificates."""

from collections.abc import Mapping
from datetime import timedelta

from chalicelib.domain.documents import DeclineReason, Kind

KINDS: Mapping[Kind, str] = {
    Kind.PLAN_OF_CARE: "Plan of care",
    Kind.RECERTIFICATION: "Recertification",
    Kind.PROGRESS_NOTE: "Progress note",
    Kind.DISCHARGE_SUMMARY: "Discharge summary",
    Kind.ORDER: "Order",
    Kind.OTHER: "Document",
}

KIND_PLURALS: Mapping[Kind, str] = {
    Kind.PLAN_OF_CARE: "plans of care",
    Kind.RECERTIFICATION: "recertifications",
    Kind.PROGRESS_NOTE: "progress notes",
    Kind.DISCHARGE_SUMMARY: "discharge summaries",
    Kind.ORDER: "orders",
    Kind.OTHER: "documents",
}
"""The words for several documents of one kind, within a sentence."""

DECLINE_REASONS: Mapping[DeclineReason, str] = {
    DeclineReason.NOT_MY_PATIENT: "Not my patient",
    DeclineReason.SOMEONE_ELSE_SIGNS: "Another provider should sign",
    DeclineReason.CHANGE_THE_PLAN: "Request changes to the plan",
    DeclineReason.NEEDS_A_VISIT: "The patient needs a visit first",
    DeclineReason.OTHER: "Other",
}


def duration(time: timedelta) -> str:
    """Return a duration in whole minutes as text, such as `90 minutes`."""
    return f"{time // timedelta(minutes=1)} minutes"


CONSENT_TEXTS: Mapping[str, str] = {
    "2026-11": "By choosing Approve and sign I sign this document electronically. I agree that this counts as my "
    "handwritten signature, and that the signed copy is kept and sent electronically. I can ask the clinic for a paper "
    "copy, or sign on paper instead."
}
"""The texts of the consent to sign electronically, by version. A changed text needs a new version."""
