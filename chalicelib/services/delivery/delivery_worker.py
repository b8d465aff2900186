"""The worker that makes one attempt to send one message: it reserves the delivery, sends, and records the result.

The worker never sleeps. It stores the time of the next attempt, and the queue's delay or the sweep (a task of every
minute) starts that attempt. The states of a delivery are in `domain/delivery_attempts.py`."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from aws_lambda_powertools import Logger

from chalicelib.domain import delivery_attempts as attempts
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.domain.errors import MessageOutdated, Unavailable, Unprocessable
from chalicelib.services.delivery.settlement import RACES, Settlement
from chalicelib.services.delivery.webhook_release import WebhookRelease
from chalicelib.services.delivery_rows import delivery_job
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Ids, Queues, Store
from chalicelib.services.transaction import Change, Job

LONGEST_SQS_DELAY = timedelta(minutes=15)

_CARRIER_CHANGED = AttemptResult(
    verdict=Verdict.REFUSED, detail="The carrier was changed before the result came. Send the message again if needed."
)

logger = Logger(service="portal", child=True)


class Sender(Protocol):
    """Sender of the messages of one channel, such as email or fax. The worker calls it for each attempt."""

    def send(self, delivery: Delivery) -> AttemptResult:
        """Send the message once. Raises `Unavailable` if a retry may help, and `Unprocessable` if none can."""


@dataclass(frozen=True, kw_only=True)
class DeliveryWorker:
    """Worker for the `deliver` jobs, which send one message each.

    A job that comes twice, late or out of order does no harm. `never_repeating` are the channels, such as fax, whose
    carriers (transport services) cannot recognize a repeated message. The worker never sends such a message again
    before it knows the result of the first attempt."""

    store: Store
    queues: Queues
    clock: Clock
    ids: Ids
    senders: Mapping[Channel, Callable[[], Sender]]
    settlement: Settlement
    webhook_release: WebhookRelease
    never_repeating: Collection[Channel]

    def attempt(self, job: Job) -> None:
        """Send the job's message if it is due, and store the result. Unexpected errors return the job to the queue."""
        claimed = retry_on_conflict(lambda: self._claim(job.delivery_id or ""), retry_on=RACES)
        if claimed is None:
            return
        outcome = self._send(claimed)
        after = retry_on_conflict(lambda: self._record(claimed, outcome), retry_on=RACES)
        _log(claimed, outcome, after)
        if after is not None:
            self._schedule_next(after)

    def _claim(self, delivery_id: str) -> Delivery | None:
        """Reserve the delivery by a lease, so that no other worker sends the message, and return the delivery.

        Return None if there is nothing to send: the delivery is done, is not due, or is leased by another worker. Also
        return None if this method ends the delivery as failed: its attempts are used up, or the fax carrier has
        changed."""
        now = self.clock.now()
        delivery = self.store.delivery(delivery_id)
        if delivery is None:
            raise LookupError("a job for a delivery that does not exist")
        if not attempts.is_due(delivery, now):
            return None
        if attempts.is_used_up(delivery):
            refused = AttemptResult(verdict=Verdict.REFUSED, detail="The worker stopped during every attempt.")
            self.settlement.settle(attempts.finish(delivery, refused, now, jitter=0), now)
            return None
        if self._is_from_other_carrier(delivery):
            self.settlement.settle(attempts.finish(delivery, _CARRIER_CHANGED, now, jitter=0), now)
            return None
        claimed = attempts.start(delivery, now, never_repeats=delivery.channel in self.never_repeating)
        self.store.commit(Change(at=now, deliveries=(claimed,)))
        return claimed

    def _is_from_other_carrier(self, delivery: Delivery) -> bool:
        """Return True if the running attempt used a fax carrier that the portal no longer uses.

        The worker cannot ask that carrier for the result, so the caller ends the attempt."""
        is_running = delivery.never_repeats and attempts.has_running_attempt(delivery)
        return is_running and delivery.channel not in self.never_repeating

    def _send(self, delivery: Delivery) -> AttemptResult:
        try:
            return self.senders[delivery.channel]().send(delivery)
        except Unavailable as error:
            return AttemptResult(verdict=Verdict.RETRY, detail=error.detail)
        except Unprocessable as error:
            verdict = Verdict.CANCELLED if isinstance(error, MessageOutdated) else Verdict.REFUSED
            return AttemptResult(verdict=verdict, detail=error.detail)

    def _record(self, claimed: Delivery, outcome: AttemptResult) -> Delivery | None:
        """Store the attempt's result, and return the delivery in its new state.

        Return None if the result no longer counts, because a carrier's receipt or another worker was faster."""
        now = self.clock.now()
        row = self.store.delivery(claimed.id)
        if row is None or not attempts.is_waiting(row):
            return None
        ours = row.status is DeliveryStatus.SENDING and len(row.attempts) == len(claimed.attempts)
        if not ours and outcome.verdict not in (Verdict.SENT, Verdict.DELIVERED):
            return None
        after = attempts.finish(row, outcome, now, jitter=self.ids.jitter())
        self.settlement.settle(after, now)
        return after

    def _schedule_next(self, after: Delivery) -> None:
        """Queue the next attempt if its wait is short. The sweep of each minute queues attempts after longer waits."""
        if after.status is DeliveryStatus.HELD:
            # The practice may have set its endpoint again while this attempt was writing `held`.
            if self.webhook_release.is_endpoint_on(after.practice_id):
                self.webhook_release.release_held(after.practice_id)
        elif after.status is DeliveryStatus.QUEUED and after.next_attempt_at is not None:
            wait = max(after.next_attempt_at - self.clock.now(), timedelta())
            if wait <= LONGEST_SQS_DELAY:
                self.queues.send([delivery_job(after)], delay_seconds=math.ceil(wait.total_seconds()))


def _log(claimed: Delivery, outcome: AttemptResult, after: Delivery | None) -> None:
    """Log the attempt's ids and verdict only. A recipient is a person's address and never appears in a log."""
    facts = {
        "delivery": claimed.id,
        "channel": claimed.channel,
        "type": claimed.type,
        "attempt": len(claimed.attempts),
        "verdict": outcome.verdict,
        "status": after.status if after else "settled meanwhile",
    }
    good = outcome.verdict not in (Verdict.RETRY, Verdict.REFUSED) or not outcome.tried
    (logger.info if good else logger.warning)("delivery attempted", extra=facts)
