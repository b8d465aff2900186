"""The emails that announce several documents of one clinic to one provider, instead of an email for each document.

The announcement of a document waits some minutes for others (docs/decisions/054). The first announcement that waits is
the leader: its email announces all documents that wait with it. Every document keeps its own delivery, so attempts,
receipts and events are the same as for separate emails."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict, finish, has_running_attempt, start
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.expiring_records import Secret, SecretKind, new_secret, secret_key
from chalicelib.services.delivery.message_sender import MessageFacts, cancellation_reason, look_up
from chalicelib.services.delivery.settlement import RACES, Settlement
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Ids, Store
from chalicelib.services.transaction import Change
from chalicelib.settings import Settings

MAX_DOCUMENTS = 25
"""The most documents that one email announces. The others are announced in another email."""

_LISTED = 50


@dataclass(frozen=True, kw_only=True)
class JointEmails:
    """Service that gathers the announcements of a clinic's documents to a provider at an email address."""

    store: Store
    clock: Clock
    ids: Ids
    settlement: Settlement
    settings: Settings

    @property
    def _wait(self) -> timedelta:
        return timedelta(seconds=self.settings.notice_wait_seconds)

    @property
    def _grace(self) -> timedelta:
        """The time after which the other announcements stop to wait for a leader whose worker may have died."""
        return self._wait / 2

    def postpone(self, facts: MessageFacts) -> AttemptResult | None:
        """Return the result of an attempt that waits for other documents, or None if the email may leave now."""
        if not self._wait:
            return None
        at = retry_on_conflict(lambda: self._reserve(facts), retry_on=frozenset({"secret"}))
        if at <= facts.now:
            return None
        detail = "Waits for other documents."
        return AttemptResult(verdict=Verdict.RETRY, detail=detail, tried=False, retry_after=at - facts.now)

    def _reserve(self, facts: MessageFacts) -> datetime:
        """Make the delivery the leader if there is none, and return the time (UTC) of the delivery's next attempt.

        For the leader, this is the time at which the email leaves. For another delivery, it is the time at which the
        leader should have announced its document."""
        delivery, now, key = facts.delivery, facts.now, _key(facts.delivery)
        row = self.store.secret(secret_key(SecretKind.JOINT_EMAIL, key))
        if row is not None and row.is_live(now) and row.link != delivery.id:
            return row.expires_at
        leaves = max(now, delivery.created_at + self._wait)
        leader = new_secret(SecretKind.JOINT_EMAIL, key, now, leaves + self._grace - now, link=delivery.id)
        self.store.commit(Change(at=now, secrets=(_next_version(leader, row),)))
        return leaves

    def join(self, facts: MessageFacts) -> tuple[MessageFacts, ...]:
        """Store in one transaction that the email of this delivery announces the others that wait, and return these.

        `facts` are those of the leader, whose attempt is running. If another worker has changed one of the deliveries,
        nothing is stored and the result is empty."""
        others = self._find_others(facts)
        if not others:
            return ()
        joint = (facts.delivery.id, *(other.delivery.id for other in others))
        leader = replace(facts.delivery, version=facts.delivery.version + 1, joint=joint)
        started = (replace(start(other.delivery, facts.now), joint=joint) for other in others)
        try:
            self.store.commit(Change(at=facts.now, deliveries=(leader, *started)))
        except ConcurrentUpdate:
            return ()
        return others

    def _find_others(self, facts: MessageFacts) -> tuple[MessageFacts, ...]:
        """Return the other announcements of the practice that wait for the same person at the address, oldest first."""
        delivery = facts.delivery
        waiting = self.store.waiting_messages(Channel.EMAIL, delivery.practice_id, delivery.recipient, limit=_LISTED)
        same_person = [row for row in waiting if row.id != delivery.id and row.provider_id == delivery.provider_id]
        others = [look_up(row, self.store, facts.now) for row in same_person[: MAX_DOCUMENTS - 1]]
        return tuple(other for other in others if other.document is not None and cancellation_reason(other) is None)

    def record(self, others: Sequence[MessageFacts], leader_id: str, result: AttemptResult) -> None:
        """Store the result of the leader's email for the other deliveries that it announces.

        If a result cannot be stored, the worker that finds the delivery later announces its document again."""
        joint = (leader_id, *(other.delivery.id for other in others))
        for delivery_id in joint[1:]:
            with suppress(Unavailable):
                retry_on_conflict(partial(self._settle, delivery_id, joint, result), retry_on=RACES)

    def release(self, others: Sequence[MessageFacts], leader_id: str) -> None:
        """Let the other deliveries wait again, because the leader's email could not be sent.

        They wait for the leader's retry. Without a retry, their own jobs, which come after the grace, announce them."""
        detail, wait = "The email could not be sent.", self._grace / 2
        failed = AttemptResult(verdict=Verdict.RETRY, detail=detail, tried=False, retry_after=wait)
        self.record(others, leader_id, failed)

    def _settle(self, delivery_id: str, joint: tuple[str, ...], result: AttemptResult) -> None:
        row = self.store.delivery(delivery_id)
        if row is None or row.joint != joint or not has_running_attempt(row):
            return
        now = self.clock.now()
        self.settlement.settle(finish(row, result, now, jitter=self.ids.jitter()), now)


def _key(delivery: Delivery) -> str:
    """Return the text that the announcements of a practice to one person at one email address have in common."""
    return f"{delivery.practice_id}\n{delivery.recipient}\n{delivery.provider_id}"


def _next_version(leader: Secret, row: Secret | None) -> Secret:
    return replace(leader, version=row.version + 1 if row else 1)
