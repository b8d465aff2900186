"""The deliveries function: one attempt of one message, at least once, whatever happens in between.

Claim the row (a lease, and the next attempt already set), send, record. A worker that dies after the effect
and before the record leaves a row whose next attempt comes anyway, with the same bytes and `webhook-id`.
Nothing waits here: a wait is a time in the row, and the queue or the sweep of each minute wakes it.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from aws_lambda_powertools import Logger

from chalicelib.domain import delivery_attempts as attempts
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.domain.errors import MessageOutdated, Unavailable, Unprocessable
from chalicelib.domain.timestamps import to_text
from chalicelib.services.delivery.settlement import RACES, settle
from chalicelib.services.delivery_rows import delivery_job
from chalicelib.services.lookups import require_practice
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import (
    Clock,
    Files,
    Ids,
    Mailer,
    Notifier,
    Queues,
    Store,
    Switches,
    WebhookSender,
)
from chalicelib.services.transaction import Change, Job, OutboxRow
from chalicelib.settings import Settings

LONGEST_SQS_DELAY = timedelta(minutes=15)
RELEASED_AT_ONCE = 50

_SET_AGAIN = "The endpoint was set again."

logger = Logger(service="portal", child=True)


class Parts(Protocol):
    """What the deliveries function has of `bootstrap.Services`."""

    @property
    def store(self) -> Store: ...
    @property
    def queues(self) -> Queues: ...
    @property
    def files(self) -> Files: ...
    @property
    def mailer(self) -> Mailer: ...
    @property
    def notifier(self) -> Notifier: ...
    @property
    def webhook_sender(self) -> WebhookSender: ...
    @property
    def switches(self) -> Switches: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def settings(self) -> Settings: ...


def deliver(job: Job, parts: Parts) -> None:
    """Does a job of the delivery queue; doing it twice, late or out of order is harmless.

    Raises what it cannot judge: the job then goes back to the queue, and the row's next attempt stands.
    """
    _TASKS[job.name](job, parts)


def release_row(practice_id: str, now: datetime, *, hastens: bool) -> OutboxRow:
    """The jobs that send what was held and, if it `hastens`, what waits for a later attempt.

    To be written together with the endpoint that is set again.
    """
    names = ("release", "hasten") if hastens else ("release",)
    jobs = tuple(Job(queue="deliveries", name=name, event_id=practice_id) for name in names)
    return OutboxRow(id=f"release_{practice_id}_{to_text(now)}", created_at=now, jobs=jobs)


def release_held(store: Store, practice_id: str, now: datetime) -> int:
    """Queues webhooks that were held while the endpoint was off; answers how many at once.

    What is more than `RELEASED_AT_ONCE`, or held this very moment, is released by a job that goes with it.
    """
    return retry_on_conflict(lambda: _release(store, practice_id, now), retry_on=frozenset({"delivery"}))


def _release(store: Store, practice_id: str, now: datetime) -> int:
    found = store.held_deliveries(practice_id, limit=RELEASED_AT_ONCE)
    released = tuple(attempts.queue_again(each, now, why=_SET_AGAIN) for each in found)
    first = released[0].id if released else "none"
    more = Job(queue="deliveries", name="release", event_id=practice_id)
    row = OutboxRow(
        id=f"release_{practice_id}_{to_text(now)}_{first}",
        created_at=now,
        jobs=(*map(delivery_job, released), more),
    )
    store.commit(Change(at=now, deliveries=released, outbox=(row,)))
    return len(released)


def _go_on_releasing(job: Job, parts: Parts) -> None:
    held = parts.store.held_deliveries(job.event_id, limit=1)
    if held and _is_on(job.event_id, parts.store):
        release_held(parts.store, job.event_id, parts.clock.now())


def _hasten(job: Job, parts: Parts) -> None:
    """A page of the webhooks that wait for a later attempt, due at once; a job goes on with the next page.

    It goes through them once: those that fail again behind it wait as always.
    """
    if _is_on(job.event_id, parts.store):
        retry_on_conflict(lambda: _hasten_page(job, parts), retry_on=frozenset({"delivery"}))


def _hasten_page(job: Job, parts: Parts) -> None:
    now = parts.clock.now()
    page = parts.store.waiting_webhooks(job.event_id, limit=RELEASED_AT_ONCE, after=job.after)
    hastened = tuple(attempts.queue_again(each, now, why=_SET_AGAIN) for each in page.items)
    more = [replace(job, after=page.next_after)] if page.next_after else []
    jobs = (*map(delivery_job, hastened), *more)
    if jobs:
        row = OutboxRow(id=parts.ids.new("out"), created_at=now, jobs=jobs)
        parts.store.commit(Change(at=now, deliveries=hastened, outbox=(row,)))


def _is_on(practice_id: str, store: Store) -> bool:
    return require_practice(store, practice_id).live_endpoint is not None


# One attempt


def _attempt(job: Job, parts: Parts) -> None:
    claimed = retry_on_conflict(lambda: _claim(job.delivery_id or "", parts), retry_on=RACES)
    if claimed is None:
        return
    outcome = _send(claimed, parts)
    after = retry_on_conflict(lambda: _record(claimed, outcome, parts), retry_on=RACES)
    _log(claimed, outcome, after)
    if after is not None:
        _wake(after, parts)


def _claim(delivery_id: str, parts: Parts) -> Delivery | None:
    """The row under a lease, or None when there is nothing to do: sent, ended, not due, or another's."""
    now = parts.clock.now()
    delivery = parts.store.delivery(delivery_id)
    if delivery is None:
        raise LookupError("a job for a delivery that does not exist")
    if not attempts.is_due(delivery, now):
        return None
    if attempts.is_used_up(delivery):
        over = AttemptResult(verdict=Verdict.REFUSED, detail="The worker ended at every try.")
        settle(attempts.finish(delivery, over, now, jitter=0), parts, now)
        return None
    claimed = attempts.start(delivery, now)
    parts.store.commit(Change(at=now, deliveries=(claimed,)))
    return claimed


def _send(delivery: Delivery, parts: Parts) -> AttemptResult:
    try:
        return _CHANNELS[delivery.channel](delivery, parts)
    except Unavailable as error:
        return AttemptResult(verdict=Verdict.RETRY, detail=error.detail)
    except Unprocessable as error:
        verdict = Verdict.CANCELLED if isinstance(error, MessageOutdated) else Verdict.REFUSED
        return AttemptResult(verdict=verdict, detail=error.detail)


def _record(claimed: Delivery, outcome: AttemptResult, parts: Parts) -> Delivery | None:
    """The row as written, or None when something else has settled it meanwhile."""
    now = parts.clock.now()
    row = parts.store.delivery(claimed.id)
    if row is None or not attempts.is_waiting(row):
        return None
    ours = row.status is DeliveryStatus.SENDING and len(row.attempts) == len(claimed.attempts)
    if not ours and outcome.verdict not in (Verdict.SENT, Verdict.DELIVERED):
        return None
    after = attempts.finish(row, outcome, now, jitter=parts.ids.jitter())
    settle(after, parts, now)
    return after


def _wake(after: Delivery, parts: Parts) -> None:
    """Short waits wake by the queue's delay; longer ones are found by the sweep.

    A webhook held just now is released if the endpoint was set again while it was being held.
    """
    now = parts.clock.now()
    if after.status is DeliveryStatus.HELD:
        if _is_on(after.practice_id, parts.store):
            release_held(parts.store, after.practice_id, now)
    elif after.status is DeliveryStatus.QUEUED and after.next_attempt_at is not None:
        wait = max(after.next_attempt_at - now, timedelta())
        if wait <= LONGEST_SQS_DELAY:
            parts.queues.send([delivery_job(after)], delay_seconds=math.ceil(wait.total_seconds()))


def _log(claimed: Delivery, outcome: AttemptResult, after: Delivery | None) -> None:
    """Ids and verdicts only: never a recipient, which is a person's address."""
    facts = {
        "delivery": claimed.id,
        "channel": claimed.channel,
        "type": claimed.type,
        "attempt": len(claimed.attempts),
        "verdict": outcome.verdict,
        "status": after.status if after else "settled meanwhile",
    }
    good = outcome.verdict not in (Verdict.RETRY, Verdict.REFUSED)
    (logger.info if good else logger.warning)("delivery attempted", extra=facts)


# The channels; each imports what it needs, so that the web function may import this module


def _send_email(delivery: Delivery, parts: Parts) -> AttemptResult:
    from chalicelib.services.delivery import emails as messages

    return messages.send(delivery, parts)


def _send_fax(delivery: Delivery, parts: Parts) -> AttemptResult:
    from chalicelib.services.delivery import faxes as fax_messages

    return fax_messages.send(delivery, parts)


def _send_webhook(delivery: Delivery, parts: Parts) -> AttemptResult:
    from chalicelib.services.delivery import webhooks

    return webhooks.send(delivery, parts)


def _send_notice(delivery: Delivery, parts: Parts) -> AttemptResult:
    from chalicelib.services.delivery import staff_notices as notices

    return notices.send(delivery, parts)


def _take_receipt(job: Job, parts: Parts) -> None:
    from chalicelib.services.delivery import ses_feedback as mail_feedback

    if job.receipt is None:
        raise LookupError("a receipt job without a receipt")
    mail_feedback.take(job.receipt, parts)


def _answer_forgotten(job: Job, parts: Parts) -> None:
    from chalicelib.services.accounts import link_requests

    link_requests.send_requested_link(job.event_id, parts)


_Channel = Callable[[Delivery, Parts], AttemptResult]
_Task = Callable[[Job, Parts], None]

_CHANNELS: dict[Channel, _Channel] = {
    Channel.EMAIL: _send_email,
    Channel.FAX: _send_fax,
    Channel.WEBHOOK: _send_webhook,
    Channel.NOTICE: _send_notice,
}
_TASKS: dict[str, _Task] = {
    "deliver": _attempt,
    "release": _go_on_releasing,
    "hasten": _hasten,
    "receipt": _take_receipt,
    "forgotten": _answer_forgotten,
}
