"""The words for document kinds, decline reasons and times, as people read them on pages, in emails and on
certificates."""

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


TIME_ZONES: Mapping[str, str] = {
    "America/New_York": "Eastern",
    "America/Chicago": "Central",
    "America/Denver": "Mountain",
    "America/Phoenix": "Arizona",
    "America/Los_Angeles": "Pacific",
    "America/Anchorage": "Alaska",
    "Pacific/Honolulu": "Hawaii",
    "America/Puerto_Rico": "Atlantic",
    "Pacific/Guam": "Guam",
}
"""The words for the time zones from which a provider can choose."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def hour_range(hour: int) -> str:
    """Return the hour of a day that begins at `hour` (0 to 23) as text, such as `8 to 9 AM` or `11 AM to 12 PM`."""
    starts, ends = ((part % 12 or 12, "PM" if part % 24 >= _NOON else "AM") for part in (hour, hour + 1))
    half = "" if starts[1] == ends[1] else f" {starts[1]}"
    return f"{starts[0]}{half} to {ends[0]} {ends[1]}"


_NOON = 12


def duration(time: timedelta) -> str:
    """Return a duration in whole minutes as text, such as `90 minutes`."""
    return f"{time // timedelta(minutes=1)} minutes"


CONSENT_TEXTS: Mapping[str, str] = {
    "2026-11": "By choosing Approve and sign I sign this document electronically. I agree that this counts as my "
    "handwritten signature, and that the signed copy is kept and sent electronically. I can ask the clinic for a paper "
    "copy, or sign on paper instead."
}
"""The texts of the consent to sign electronically, by version. A changed text needs a new version."""
