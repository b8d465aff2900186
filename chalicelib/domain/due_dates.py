"""The follow-up clock: when a document is due back (42 CFR 424.24(c); FACTS, Medicare plan of care)."""

from datetime import date, timedelta

from chalicelib.domain.documents import Certification, Kind

SIGNATURE_WINDOW = timedelta(days=30)


def due_date(kind: Kind, certification: Certification | None, sent_on: date) -> date:
    """The day the signature is due.

    An initial plan of care: day 30 from the first treatment, evaluation included (the earlier of visit
    and period start). A recertification: the day its new period starts, when the old one runs out, though
    never before it was sent. Anything else: 30 days from sending.
    """
    facts = certification or Certification()
    if kind is Kind.PLAN_OF_CARE:
        starts = [day for day in (facts.initial_visit_on, facts.starts_on) if day]
        return min(starts, default=sent_on) + SIGNATURE_WINDOW
    if kind is Kind.RECERTIFICATION and facts.starts_on:
        return max(facts.starts_on, sent_on)
    return sent_on + SIGNATURE_WINDOW
