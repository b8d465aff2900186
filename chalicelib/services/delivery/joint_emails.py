"""The emails that announce several documents of one clinic to one provider, instead of an email for each document.

The announcement of a document waits some minutes for others (docs/decisions/054). The first announcement that waits is
the leader: its email announces all documents that wait with it. Every document keeps its own delivery, so attempts,
receipts and events are the same as for separate emails."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from aws_lambda_powertools import Logger

from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict, finish, has_running_attempt, is_due, start
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.expiring_records import Secret, SecretKind, new_secret, secret_key
from chalicelib.services.delivery.message_sender import MessageFacts, cancellation_reason
from chalicelib.services.delivery.settlement import RACES, Settlement
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Ids, Store
from chalicelib.services.transaction import Change
from chalicelib.settings import Settings

MAX_DOCUMENTS = 25
"""The most documents that one email announces. The others are announced in another email."""

_LISTED = 50

logger = Logger(service="portal", child=True)


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
        if not self._wait or _is_handed_over(facts):
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
        others = () if _is_handed_over(facts) else self._find_others(facts)
        if not others:
            return ()
        joint = _joint_of(others, facts.delivery.id)
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
        rows = same_person[: MAX_DOCUMENTS - 1]
        found = self.store.documents_by_id(tuple(dict.fromkeys(row.document_id for row in rows if row.document_id)))
        documents = {document.id: document for document in found}
        others = [replace(facts, delivery=row, document=documents.get(row.document_id or "")) for row in rows]
        return tuple(other for other in others if _may_join(other))

    def record(self, others: Sequence[MessageFacts], leader_id: str, result: AttemptResult) -> None:
        """Store the result of the leader's email for the other deliveries that it announces.

        If a result cannot be stored, the worker that finds the delivery later announces its document again."""
        joint = _joint_of(others, leader_id)
        for delivery_id in joint[1:]:
            self._store_result(delivery_id, joint, result)

    def release(self, others: Sequence[MessageFacts], leader_id: str) -> None:
        """Let the other deliveries wait as before, because the leader's email could not be sent.

        The leader's retry announces them, or else their own next attempts. These are never earlier than before, because
        each attempt of one delivery would otherwise shorten the retry schedules of all others."""
        now, joint = self.clock.now(), _joint_of(others, leader_id)
        for other in others:
            due = None if is_due(other.delivery, now) else other.delivery.next_attempt_at
            wait = max(self._grace / 2, due - now if due else timedelta())
            unsent = AttemptResult(
                verdict=Verdict.RETRY, detail="The email could not be sent.", tried=False, retry_after=wait
            )
            self._store_result(other.delivery.id, joint, unsent)

    def _store_result(self, delivery_id: str, joint: tuple[str, ...], result: AttemptResult) -> None:
        try:
            retry_on_conflict(partial(self._settle, delivery_id, joint, result), retry_on=RACES)
        except Exception as error:  # noqa: BLE001 - else one delivery would have the email repeated for all others
            cause = type(error).__name__
            logger.warning("result of a joint email not stored", extra={"delivery": delivery_id, "cause": cause})

    def _settle(self, delivery_id: str, joint: tuple[str, ...], result: AttemptResult) -> None:
        row = self.store.delivery(delivery_id)
        if row is None or row.joint != joint or not has_running_attempt(row):
            return
        now = self.clock.now()
        self.settlement.settle(finish(row, result, now, jitter=self.ids.jitter()), now)


def _is_handed_over(facts: MessageFacts) -> bool:
    """Return True if a colleague handed the document over. Its email names the colleague, so it leaves at once."""
    return facts.document is not None and facts.document.giver is not None


def _may_join(facts: MessageFacts) -> bool:
    """Return True if the announcement can be part of another one's email."""
    is_wanted = facts.document is not None and cancellation_reason(facts) is None
    return is_wanted and not _is_handed_over(facts)


def _joint_of(others: Sequence[MessageFacts], leader_id: str) -> tuple[str, ...]:
    """Return the ids of all deliveries of a joint email, the leader's first."""
    return (leader_id, *(other.delivery.id for other in others))


def _key(delivery: Delivery) -> str:
    """Return the text that the announcements of a practice to one person at one email address have in common."""
    return f"{delivery.practice_id}\n{delivery.recipient}\n{delivery.provider_id}"


def _next_version(leader: Secret, row: Secret | None) -> Secret:
    return replace(leader, version=row.version + 1 if row else 1)
