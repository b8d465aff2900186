"""The follow-up of documents that wait for a signature: reminders, faxes, and requests to the clinic's staff.

The follow-up consists of steps, each on a fixed day after the sending. The package `domain/follow_up` has the table of
steps and computes their times (docs/decisions/046)."""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.carriers.fax_results import Remedy, remedy_of
from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.certification.rules import has_lapsed
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType, NoticeKind
from chalicelib.domain.documents import DeliveryLine, Document
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.follow_up.calendar import Window
from chalicelib.domain.follow_up.preferences import ReminderChannel
from chalicelib.domain.follow_up.progress import STEPS, FollowUpPlan, StepRule
from chalicelib.domain.follow_up.schedule import (
    add_choices,
    due_rules,
    has_bounced,
    message_window,
    next_check,
    open_lapse,
)
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.services.documents.closed_numbers import is_closed
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.provider_matching import BY_EMAIL, BY_FAX
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.ports import Switches
from chalicelib.services.reminders.reminder_rows import add_to_reminder
from chalicelib.services.reminders.reminder_stops import record_stop
from chalicelib.services.stopped_reminders import is_stopped
from chalicelib.services.transaction import Change

_URGENCY = [AttentionReason.REMINDERS_STOPPED, *(rule.attention for rule in STEPS if rule.attention)]
"""The reasons to call a provider that a later step of the follow-up may replace, the least urgent first."""


@dataclass(frozen=True, kw_only=True)
class _Messages:
    """The messages that are due for a document now: the day's reminder by email, and the number to which it is faxed.

    None means that no such message is due."""

    reminder: Delivery | None = None
    fax: str | None = None


class FollowUps:
    def __init__(self, writer: DocumentWriter, *, switches: Switches) -> None:
        self._writer = writer
        self._store = writer.store
        self._switches = switches

    def take_steps(self, document: Document, now: datetime) -> bool:
        """Take the steps of the document's follow-up (reminders and calls) that are due, in one transaction.

        The transaction also stores the time of the next check. Return False if nothing was due, because the index that
        found the document was out of date, or if another writer changed the document or its reminder first. The sweep
        of the next minute then looks at the document again."""
        if document.follow_up_at is None or document.follow_up_at > now:
            return False
        practice = self._writer.practice_of(document)
        try:
            self._store.commit(self._change(document, practice, now))
        except ConcurrentUpdate:
            return False
        return True

    def _change(self, document: Document, practice: Practice, now: datetime) -> Change:
        provider = self._store.provider(document.provider_id)
        plan = self._plan_for(document, provider)
        rules = due_rules(document, plan, now)
        email, fax = self._choose_channels(document, rules, plan)
        # The reader stopped reminders before the document was sent, for example, and the clinic does not know it.
        stops = email is not None and is_stopped(self._store, email)
        window = message_window(document, plan)
        messages, wait_until = self._find_messages(document, None if stops else email, fax, window, now)
        taken = rules if wait_until is None else tuple(rule for rule in rules if not rule.sends_messages)
        after = _with_progress(document, taken, messages, stops=stops)
        following = next_check(after, plan, now) if wait_until is None else min((wait_until, *open_lapse(after, now)))
        recorder = self._writer.recorder(replace(after, follow_up_at=following), practice, PORTAL, now)
        _record_messages(recorder, messages, taken)
        _record_attention(recorder, document, taken, now)
        if stops:
            record_stop(recorder)
        change = recorder.change()
        reminders = [messages.reminder] if messages.reminder else []
        return replace(change, deliveries=(*change.deliveries, *reminders))

    def _plan_for(self, document: Document, provider: Provider | None) -> FollowUpPlan:
        """Return the practice's plan with the choices of the document's provider.

        A practice that requires a second factor faxes to no number that was typed in an account without one."""
        practice_id = document.practice_id
        plan = add_choices(self._switches.follow_up(practice_id), provider, document)
        is_weak = provider is not None and not provider.has_second_factor
        if plan.own_fax and is_weak and self._switches.second_factor((practice_id,)):
            return replace(plan, own_fax=None)
        return plan

    def _find_messages(
        self, document: Document, email: str | None, fax: str | None, window: Window, now: datetime
    ) -> tuple[_Messages, datetime | None]:
        """Return the messages of the due steps, and None if they leave now, or else the time at which they may leave.

        They wait outside of `window`, the hours and days of the provider's reminders. They also wait if today's one
        reminder to the mailbox has already left. `email` is the address to remind and `fax` the number to fax, or
        None."""
        if email is None and fax is None:
            return _Messages(), None
        leaves = window.next_time(now)
        if leaves > now:
            return _Messages(), leaves
        if email is None:
            return _Messages(fax=fax), None
        ids, owner = (document.id,), document.provider_id
        reminder = add_to_reminder(self._store, ids, email, owner, leaves=now, zone=window.zones[0])
        if reminder is None:
            return _Messages(), window.next_time_after_today(now)
        return _Messages(reminder=reminder, fax=fax), None

    def _choose_channels(
        self, document: Document, rules: tuple[StepRule, ...], plan: FollowUpPlan
    ) -> tuple[str | None, str | None]:
        """Return the email address at which a reminder is due, and the number to which the document is faxed again.

        None means that no such message is due. The provider's own choice of a channel holds if the document can reach
        the provider by this channel. `rules` are the rules of the follow-up's due steps, and `plan` has the settings of
        the practice and the provider."""
        email, fax = _due_email(document, rules, plan), self._fax_of(document, rules, plan)
        channel = plan.preferences.channel if plan.preferences else ReminderChannel.BOTH
        if channel is ReminderChannel.FAX and fax is not None:
            return None, fax
        if channel is ReminderChannel.EMAIL and self._reaches_by_email(document, plan):
            return email, None
        return email, fax

    def _reaches_by_email(self, document: Document, plan: FollowUpPlan) -> bool:
        """Return True if reminders by email can reach the provider, who may have stopped them.

        They cannot reach the provider if an email to the address bounced."""
        email, progress = document.addressee.email or "", document.follow_up
        has_ended = progress is not None and progress.is_stopped and not is_stopped(self._store, email)
        return plan.emails and document.delivery in BY_EMAIL and not has_bounced(document) and not has_ended

    def _fax_of(self, document: Document, rules: tuple[StepRule, ...], plan: FollowUpPlan) -> str | None:
        """Return the number to which the document is faxed again, or None if no fax is due.

        A reminder goes to the provider's own number, if there is one. The early fax is the first one, and goes to the
        number that the clinic stated. A number at which no fax machine answered gets no other fax. `rules` are the
        rules of the follow-up's due steps, and `plan` has the settings of the practice and the provider."""
        due = [rule for rule in rules if rule.sends_fax and _is_needed(rule, document)]
        if not plan.faxes or not due or document.addressee.fax is None or document.delivery not in BY_FAX:
            return None
        own = None if all(rule.only_unopened for rule in due) else plan.own_fax
        numbers = dict.fromkeys(number for number in (own, document.addressee.fax) if number)
        return next((number for number in numbers if self._is_usable(document, number)), None)

    def _is_usable(self, document: Document, number: str) -> bool:
        """Return True if a fax machine may answer at this number, and nobody reported the number as wrong."""
        lines = [line for line in document.deliveries if line.type == MessageType.FAX and line.recipient == number]
        is_wrong = bool(lines) and self._is_wrong_number(lines[-1])
        return not is_wrong and not is_closed(self._store, document.practice_id, number)

    def _is_wrong_number(self, line: DeliveryLine) -> bool:
        delivery = self._store.delivery(line.id) if line.status == DeliveryStatus.FAILED else None
        reason = delivery.attempts[-1].reason if delivery is not None and delivery.attempts else None
        return reason is not None and remedy_of(reason) is Remedy.WRONG_NUMBER


def _due_email(document: Document, rules: tuple[StepRule, ...], plan: FollowUpPlan) -> str | None:
    """Return the email address at which a reminder is due, or None.

    No reminder is due at an address that bounced, or after the clinic has learned that reminders were stopped. `rules`
    are the rules of the follow-up's due steps, and `plan` has the practice's settings."""
    is_stopped_here = document.follow_up is not None and document.follow_up.is_stopped
    is_due = plan.emails and not is_stopped_here and any(rule.sends_email for rule in rules)
    is_reachable = document.delivery in BY_EMAIL and not has_bounced(document)
    return document.addressee.email if is_due and is_reachable else None


def _is_needed(rule: StepRule, document: Document) -> bool:
    """Return True if the fax of this step of the follow-up is needed.

    The early fax is for a document that was sent by email only and that nobody has opened. A later fax is always
    needed."""
    is_faxed = any(line.type == MessageType.FAX for line in document.deliveries)
    is_reached = document.viewed_at is not None or document.transmitted_at is not None
    return not (rule.only_unopened and (is_faxed or is_reached))


def _with_progress(document: Document, taken: tuple[StepRule, ...], messages: _Messages, *, stops: bool) -> Document:
    """Return the document after the steps of its follow-up that are `taken` now.

    `messages` are the messages that leave now. `stops` is true if its reader has stopped reminders by email."""
    progress = document.follow_up
    if progress is None:
        return document
    done = (*progress.done, *(rule.step for rule in taken))
    own = messages.fax if messages.fax != document.addressee.fax else None
    after = replace(
        progress,
        done=done,
        reminders=progress.reminders + (messages.reminder is not None),
        is_stopped=progress.is_stopped or stops,
        own_faxes=tuple(dict.fromkeys((*progress.own_faxes, *((own,) if own else ())))),
    )
    return replace(document, follow_up=after)


def _record_messages(recorder: Recorder, messages: _Messages, taken: tuple[StepRule, ...]) -> None:
    reminder, fax = messages.reminder, messages.fax
    if reminder is None and fax is None:
        return
    step = next(rule.step for rule in reversed(taken) if rule.sends_messages)
    facts = {"step": step, "reminder": reminder.id if reminder else None, "fax": fax is not None}
    recorder.event(DocumentEventType.REMINDED, facts)
    if fax is not None:
        recorder.message(Channel.FAX, MessageType.FAX, fax, follows_up=True)


def _record_attention(recorder: Recorder, before: Document, taken: tuple[StepRule, ...], now: datetime) -> None:
    """Ask the clinic's staff to act, once for each reason, if there is a new reason.

    A reason is a verbal certification (an approval by telephone) that has lapsed, or a step of the follow-up that asks
    for a call. `before` is the document before the steps, and `taken` are the rules of the steps that are taken now."""
    reason = AttentionReason.VERBAL_LAPSED if _lapses_now(before, now) else _reason_of(taken, before.attention)
    if reason is not None:
        recorder.attention(reason).notice(NoticeKind.NEEDS_ATTENTION)


def _lapses_now(document: Document, now: datetime) -> bool:
    """Return True if a verbal certification (an approval by telephone) has lapsed since the document's last check.

    The field `follow_up_at` has the time for which the check was planned. If that time is after the lapse, an earlier
    check has already asked staff to act."""
    verbal, checked = document.verbal, document.follow_up_at
    is_new = verbal is not None and checked is not None and checked <= verbal.lapses_at
    return is_new and has_lapsed(document, now)


def _reason_of(taken: tuple[StepRule, ...], present: AttentionReason | None) -> AttentionReason | None:
    """Return why staff must act after these steps of the follow-up: the reason of the most urgent step.

    Return None if no step asks staff to act, or if the `present` reason on the document is as urgent or says more."""
    reason = next((rule.attention for rule in reversed(taken) if rule.attention), None)
    if reason is None or present is None:
        return reason
    is_more_urgent = present in _URGENCY and _URGENCY.index(present) < _URGENCY.index(reason)
    return reason if is_more_urgent else None
