"""The times of the follow-up's steps (reminders and calls) for an unsigned document (docs/decisions/046)."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from chalicelib.domain.certification.rules import CertifiedBy, certify, local_day
from chalicelib.domain.deliveries import DeliveryStatus, MessageType
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document
from chalicelib.domain.follow_up.area_codes import find_time_zones
from chalicelib.domain.follow_up.calendar import OFFICE_HOURS, Window, nearest_working_day, next_working_day, start_of
from chalicelib.domain.follow_up.preferences import find_window
from chalicelib.domain.follow_up.progress import (
    MOVABLE,
    PERIOD,
    STEPS,
    FollowUpPlan,
    FollowUpProgress,
    FollowUpStep,
    StepRule,
)
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable
from chalicelib.domain.visibility import opens_to

_DAY = timedelta(days=1)


def begin(document: Document, since: datetime, plan: FollowUpPlan) -> Document:
    """Return the document with a new follow-up (reminders until it is signed), whose days are counted from `since`."""
    started = replace(document, follow_up=FollowUpProgress(since=since))
    return replace(started, follow_up_at=next_check(started, plan, since))


def is_faxed_at_once(document: Document) -> bool:
    """Return True if a document that may be faxed is faxed when it is sent: the EMR asked for it, or stated an order.

    With an order (a referral), a fax whose arrival is confirmed certifies an initial plan without a signature. Any
    other document is faxed later, if the provider does not open the email."""
    facts = document.certification
    return document.delivery is DeliveryChoice.FAX or (facts is not None and facts.has_order)


def has_ended(document: Document, now: datetime) -> bool:
    """Return True if nobody needs to be reminded of the document: it is decided, withdrawn or certified.

    A plan that was certified on the telephone still needs its signature, so its follow-up continues."""
    state = certify(document, now)
    is_certified = state is not None and state.by is not CertifiedBy.VERBAL_PENDING
    return not is_decidable(document.status) or is_certified


def next_check(document: Document, plan: FollowUpPlan, now: datetime) -> datetime | None:
    """Return when the sweep (the job of every minute) must look at the document next, or None if there is nothing to
    do.

    That is the time of the next step of the follow-up, or the end of a verbal certification, whichever comes first."""
    steps = [] if has_ended(document, now) else [at for _, at in open_steps(document, plan)]
    return min((*open_lapse(document, now), *steps), default=None)


def open_lapse(document: Document, now: datetime) -> tuple[datetime, ...]:
    """Return the time (UTC) at which a verbal certification of the document will lapse, or nothing if there is none.

    A verbal certification is a provider's approval by telephone."""
    verbal = document.verbal
    return (verbal.lapses_at,) if verbal is not None and verbal.lapses_at > now else ()


def due_rules(document: Document, plan: FollowUpPlan, now: datetime) -> tuple[StepRule, ...]:
    """Return the rules of the follow-up's steps (such as reminders) that are due now and not done, in their order.

    Several steps can be due at once after an outage, or if the due date is near."""
    if has_ended(document, now):
        return ()
    return tuple(rule for rule, at in open_steps(document, plan) if at <= now)


def open_steps(document: Document, plan: FollowUpPlan) -> tuple[tuple[StepRule, datetime], ...]:
    """Return the follow-up's steps that are not done for this document: each step's rule with its time (UTC).

    A document without a follow-up has none. After the last reminder, staff are only told that the due date has
    passed."""
    progress = document.follow_up
    if progress is None:
        return ()
    left_out = {rule.step for rule in MOVABLE} if FollowUpStep.LAST_REMINDER in progress.done else set()
    over, window = left_out.union(progress.done), message_window(document, plan)
    first = local_day(progress.since, document)
    timed = [
        (rule, _time_of(rule, day, document, window, first)) for rule, day in zip(STEPS, plan.all_days, strict=True)
    ]
    return tuple((rule, at) for rule, at in timed if rule.step not in over)


def add_choices(plan: FollowUpPlan, provider: Provider | None, document: Document) -> FollowUpPlan:
    """Return the practice's plan with the reminders and the fax number that the document's provider has chosen.

    `provider` is the provider in whose lists the document is. The choices hold only for a document that the provider's
    account may open."""
    if provider is None or not opens_to(provider, document):
        return replace(plan, preferences=None, own_fax=None)
    return replace(plan, preferences=provider.reminders, own_fax=provider.fax)


def message_window(document: Document, plan: FollowUpPlan) -> Window:
    """Return the times at which the follow-up may send messages to the document's provider.

    They are the times that the provider has chosen, or else the afternoons of working days where the provider may
    be."""
    return find_window(plan.preferences, provider_zones(document.addressee, document.practice.time_zone))


def provider_zones(addressee: Addressee, practice_zone: str) -> tuple[str, ...]:
    """Return the time zones in which the provider may be, from the provider's fax or phone number.

    Without such a number, return the time zone of the practice."""
    return find_time_zones(addressee.fax) or find_time_zones(addressee.phone) or (practice_zone,)


def has_bounced(document: Document) -> bool:
    """Return True if the email that announced the document to its present address could not be delivered."""
    email = document.addressee.email
    lines = [line for line in document.deliveries if line.type == MessageType.READY and line.recipient == email]
    return bool(lines) and lines[-1].status == DeliveryStatus.FAILED


def _time_of(rule: StepRule, day: int, document: Document, window: Window, first: date) -> datetime:
    """Return the time (UTC) of a step of the follow-up, which falls on a working day. The days count from `first`.

    A message is sent at the next time in `window`. If this is too late to come before the due date, the last reminder
    is sent on the last day in `window` before the due date, if there is one. A request to staff comes in the morning of
    the nearest working day, which is at most two days late. So a plan that no channel reached is in the worklist by
    day 7. The request after the due date is never early."""
    on = _day_of(rule, day, document, first)
    if not rule.sends_messages:
        find_day = nearest_working_day if day < PERIOD else next_working_day
        return start_of(find_day(on), OFFICE_HOURS, document.practice.time_zone)
    at = window.next_time_on(on)
    is_late = rule.before_due and window.day_of(at) >= document.due_on
    return (window.last_time_before(document.due_on, not_before=first + _DAY) if is_late else None) or at


def _day_of(rule: StepRule, day: int, document: Document, first: date) -> date:
    if rule.only_unopened and has_bounced(document):
        return first
    if not rule.before_due:
        return first + day * _DAY
    return max(document.due_on - (PERIOD - day) * _DAY, first + _DAY)
