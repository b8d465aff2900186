"""Receipts of SES (notifications by SNS): a message was delivered, bounced, or was marked as junk.

What each does to its delivery is the table in `domain/receipts.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

from aws_lambda_powertools import Logger

from chalicelib.domain import delivery_attempts as attempts
from chalicelib.domain.deliveries import Delivery, DeliveryAttempt
from chalicelib.domain.delivery_attempts import AttemptResult, AttemptStatus, Verdict
from chalicelib.domain.delivery_receipts import Effect, Receipt, ReceiptKind, effect_of
from chalicelib.domain.timestamps import from_text
from chalicelib.services.delivery.settlement import RACES, settle
from chalicelib.services.delivery_rows import delivery_job, staff_notice
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Ids, Queues, Store
from chalicelib.services.transaction import Change, Job, OutboxRow
from chalicelib.settings import Settings

LOOK_AGAIN_AFTER = (timedelta(seconds=5), timedelta(seconds=90))
"""A receipt can be faster than the record of its message's id; the last wait outlasts any attempt."""

logger = Logger(service="portal", child=True)


class Parts(Protocol):
    @property
    def store(self) -> Store: ...
    @property
    def queues(self) -> Queues: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def settings(self) -> Settings: ...


def record(notification: Mapping[str, Any], parts: Parts) -> None:
    """Takes one SES notification (version 1); kinds that say nothing of a message are let go."""
    receipt = read(notification)
    if receipt is None:
        logger.info("mail notification ignored", extra={"kind": str(notification.get("notificationType"))})
    else:
        take(receipt, parts)


def read(notification: Mapping[str, Any]) -> Receipt | None:
    """The receipt in a notification; None for one that is no receipt (SES tests a new topic)."""
    reader = _READERS.get(str(notification.get("notificationType")))
    return reader(notification) if reader else None


def take(receipt: Receipt, parts: Parts) -> None:
    """Does what the receipt says to its delivery. Twice, late or out of order is harmless.

    When its delivery is not known yet, it is looked for again a little later, and then let go.
    """
    if not retry_on_conflict(lambda: _apply(receipt, parts), retry_on=RACES):
        _look_again(receipt, parts.queues)


def _look_again(receipt: Receipt, queues: Queues) -> None:
    if receipt.lookups >= len(LOOK_AGAIN_AFTER):
        logger.warning("receipt of an unknown message", extra={"kind": receipt.kind})
        return
    later = replace(receipt, lookups=receipt.lookups + 1)
    wait = LOOK_AGAIN_AFTER[receipt.lookups]
    job = Job(queue="deliveries", name="receipt", event_id=receipt.carrier_id, receipt=later)
    queues.send([job], delay_seconds=int(wait.total_seconds()))


def _apply(receipt: Receipt, parts: Parts) -> bool:
    """Whether the delivery is known."""
    delivery = parts.store.delivery_by_carrier(receipt.carrier_id)
    if delivery is None or delivery.carrier_id != receipt.carrier_id:
        return False
    effect = effect_of(receipt.kind, delivery.status, delivery.channel)
    if effect is not Effect.NOTHING:
        _EFFECTS[effect](delivery, receipt, parts)
    logger.info("receipt", extra={"delivery": delivery.id, "kind": receipt.kind, "effect": effect})
    return True


def _delivered(delivery: Delivery, receipt: Receipt, parts: Parts) -> None:
    _finish(delivery, AttemptResult(verdict=Verdict.DELIVERED, detail=receipt.detail), parts)


def _failed(delivery: Delivery, receipt: Receipt, parts: Parts) -> None:
    _finish(delivery, AttemptResult(verdict=Verdict.REFUSED, detail=receipt.detail), parts)


def _retry(delivery: Delivery, receipt: Receipt, parts: Parts) -> None:
    _finish(delivery, AttemptResult(verdict=Verdict.RETRY, detail=receipt.detail), parts)


def _finish(delivery: Delivery, outcome: AttemptResult, parts: Parts) -> None:
    now = parts.clock.now()
    settle(attempts.finish(delivery, outcome, now, jitter=parts.ids.jitter()), parts, now)


def _taken(delivery: Delivery, receipt: Receipt, parts: Parts) -> None:
    """Kept with the row for whoever asks where a fax went; it is no news for the EMR."""
    told = DeliveryAttempt(at=receipt.at, status=AttemptStatus.TAKEN, detail="The fax gateway took it.")
    if told not in delivery.attempts:
        parts.store.commit(
            Change(at=parts.clock.now(), deliveries=(attempts.append_receipt(delivery, told),))
        )


def _tell(delivery: Delivery, receipt: Receipt, parts: Parts) -> None:
    """Staff hear of it once per message about a document; the message itself did arrive."""
    if delivery.document_id is None:
        return
    now = parts.clock.now()
    told = staff_notice(
        "complaint",
        event_id=delivery.id,
        practice_id=delivery.practice_id,
        now=now,
        document_id=delivery.document_id,
    )
    if parts.store.delivery(told.id) is not None:
        return
    complaint = DeliveryAttempt(at=receipt.at, status=AttemptStatus.COMPLAINED, detail=receipt.detail)
    after = attempts.append_receipt(delivery, complaint)
    row = OutboxRow(id=told.id, created_at=now, jobs=(delivery_job(told),))
    parts.store.commit(Change(at=now, deliveries=(after, told), outbox=(row,)))


_EFFECTS: Mapping[Effect, Callable[[Delivery, Receipt, Parts], None]] = {
    Effect.DELIVERED: _delivered,
    Effect.FAILED: _failed,
    Effect.RETRY: _retry,
    Effect.NOTIFY_STAFF: _tell,
    Effect.TAKEN: _taken,
}


# Reading. Nothing of a diagnostic text is kept: it quotes the address.


def _delivery_receipt(notification: Mapping[str, Any]) -> Receipt:
    return _receipt(notification, "delivery", ReceiptKind.DELIVERED, "The receiving server took it.")


def _bounce_receipt(notification: Mapping[str, Any]) -> Receipt:
    bounce = notification["bounce"]
    transient = bounce["bounceType"] == "Transient"
    kind = ReceiptKind.RETURNED if transient else ReceiptKind.BOUNCED
    words = "It came back for now" if transient else "It came back"
    return _receipt(notification, "bounce", kind, f"{words} ({bounce.get('bounceSubType', 'Undetermined')}).")


def _complaint_receipt(notification: Mapping[str, Any]) -> Receipt:
    return _receipt(notification, "complaint", ReceiptKind.COMPLAINED, "The mailbox reported it as junk.")


def _receipt(notification: Mapping[str, Any], part: str, kind: ReceiptKind, detail: str) -> Receipt:
    at = from_text(notification[part]["timestamp"])
    return Receipt(carrier_id=str(notification["mail"]["messageId"]), kind=kind, at=at, detail=detail)


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Receipt]] = {
    "Delivery": _delivery_receipt,
    "Bounce": _bounce_receipt,
    "Complaint": _complaint_receipt,
}
