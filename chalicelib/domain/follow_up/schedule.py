"""The time of each step of a document's follow-up, and the end of the follow-up (docs/decisions/046)."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from chalicelib.domain.certification.rules import CertifiedBy, certify, local_day
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document
from chalicelib.domain.follow_up.area_codes import find_time_zones
from chalicelib.domain.follow_up.calendar import (
    EMAIL_HOURS,
    OFFICE_HOURS,
    nearest_working_day,
    next_allowed,
    next_working_day,
    start_of,
)
from chalicelib.domain.follow_up.progress import PERIOD, STEPS, FollowUpPlan, FollowUpProgress, StepRule
from chalicelib.domain.status import is_decidable

_DAY = timedelta(days=1)


def begin(document: Document, since: datetime, plan: FollowUpPlan) -> Document:
    """Return the document with a new follow-up, whose days are counted from `since`."""
    started = replace(document, follow_up=FollowUpProgress(since=since))
    return replace(started, follow_up_at=next_check(started, plan, since))


def is_faxed_at_once(document: Document) -> bool:
    """Return True if a new document is faxed on day 0, if it may be faxed: the EMR asked for it, or stated an order.

    With an order, a confirmed fax certifies an initial plan. Other documents are faxed if the email is not opened."""
    facts = document.certification
    return document.delivery is DeliveryChoice.FAX or (facts is not None and facts.has_order)


def has_ended(document: Document, now: datetime) -> bool:
    """Return True if nobody needs to be reminded of the document: it is decided, withdrawn or certified.

    A plan that was certified on the telephone still needs its signature, so its follow-up continues."""
    state = certify(document, now)
    is_certified = state is not None and state.by is not CertifiedBy.VERBAL_PENDING
    return not is_decidable(document.status) or is_certified


def next_check(document: Document, plan: FollowUpPlan, now: datetime) -> datetime | None:
    """Return the time at which the sweep must look at the document next, or None if there is nothing to do later.

    That is the next step of the follow-up or the end of a verbal certification, whichever comes first."""
    verbal = document.verbal
    lapses = [verbal.lapses_at] if verbal is not None and verbal.lapses_at > now else []
    steps = [] if has_ended(document, now) else [at for _, at in open_steps(document, plan)]
    return min((*lapses, *steps), default=None)


def due_rules(document: Document, plan: FollowUpPlan, now: datetime) -> tuple[StepRule, ...]:
    """Return the rules of the steps that are due now and not done, in the order of `STEPS`.

    Several steps can be due at once after an outage, or if the due date is near."""
    if has_ended(document, now):
        return ()
    return tuple(rule for rule, at in open_steps(document, plan) if at <= now)


def open_steps(document: Document, plan: FollowUpPlan) -> tuple[tuple[StepRule, datetime], ...]:
    """Return the steps that are not done, each with its time.

    A document without a follow-up has none, and nothing comes after the last reminder."""
    progress = document.follow_up
    if progress is None or STEPS[-1].step in progress.done:
        return ()
    timed = [(rule, _time_of(rule, day, document, progress)) for rule, day in zip(STEPS, plan.days, strict=True)]
    return tuple((rule, at) for rule, at in timed if rule.step not in progress.done)


def provider_zones(addressee: Addressee, practice_zone: str) -> tuple[str, ...]:
    """Return the time zones in which the provider may be: those of the numbers, or else the zone of the practice."""
    return find_time_zones(addressee.fax) or find_time_zones(addressee.phone) or (practice_zone,)


def _time_of(rule: StepRule, day: int, document: Document, progress: FollowUpProgress) -> datetime:
    """Return the time of a step: for messages the next afternoon in which they may leave, else the nearest morning.

    Requests to staff come on the nearest working day, which is at most two days late, so that a plan that no channel
    reached is in the worklist by day 7."""
    zone, on = document.practice.time_zone, _day_of(rule, day, document, progress)
    if not rule.sends_messages:
        return start_of(nearest_working_day(on), OFFICE_HOURS, zone)
    zones = provider_zones(document.addressee, zone)
    return next_allowed(start_of(next_working_day(on), EMAIL_HOURS, zone), EMAIL_HOURS, zones)


def _day_of(rule: StepRule, day: int, document: Document, progress: FollowUpProgress) -> date:
    first = local_day(progress.since, document)
    if not rule.before_due:
        return first + day * _DAY
    return max(document.due_on - (PERIOD - day) * _DAY, first + _DAY)
