"""The day a signature is due, as Medicare requires it for plans of care (42 CFR 424.24(c))."""

from datetime import date, timedelta

from chalicelib.domain.documents import Certification, Kind

SIGNATURE_WINDOW = timedelta(days=30)


def due_date(kind: Kind, certification: Certification | None, sent_on: date) -> date:
    """Return the day the signature is due.

    For an initial plan of care, this is 30 days after the initial visit or the start of the period, whichever
    is earlier. For a recertification, this is the start of the new period, but never before `sent_on`. For
    any other document, this is 30 days after `sent_on`.
    """
    facts = certification or Certification()
    if kind is Kind.PLAN_OF_CARE:
        starts = [day for day in (facts.initial_visit_on, facts.starts_on) if day]
        return min(starts, default=sent_on) + SIGNATURE_WINDOW
    if kind is Kind.RECERTIFICATION and facts.starts_on:
        return max(facts.starts_on, sent_on)
    return sent_on + SIGNATURE_WINDOW
