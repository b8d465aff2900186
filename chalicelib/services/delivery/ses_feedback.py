"""Receipts from SES, which come as SNS notifications: an email was delivered, bounced, or marked as junk.

The table in `domain/carriers/ses_reports.py` says what each report means, and the table in
`domain/carriers/email_receipts.py` what each receipt does to its delivery."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger

from chalicelib.domain import delivery_attempts as attempts
from chalicelib.domain.carriers.email_receipts import Effect, Receipt, effect_of
from chalicelib.domain.carriers.ses_reports import ReportName, ReportType, meaning_of
from chalicelib.domain.deliveries import AttemptStatus, Delivery, DeliveryAttempt, NoticeKind, ReceiptFacts
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.timestamps import from_text
from chalicelib.services.delivery.settlement import RACES, Settlement
from chalicelib.services.delivery_rows import PORTAL_PRACTICE, delivery_job, notice_about
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Ids, Queues, Store
from chalicelib.services.transaction import Change, Job, OutboxRow

LOOKUP_DELAYS = (timedelta(seconds=5), timedelta(seconds=90))
"""The waits before a receipt's delivery is looked up again, if no delivery has the message id of the receipt.

A receipt may come before the worker has recorded this id. The last wait is longer than any attempt."""

logger = Logger(service="portal", child=True)


class SesFeedback:
    """Service that records the receipts of SES. A receipt that comes twice, late or out of order does no harm."""

    def __init__(self, *, store: Store, queues: Queues, clock: Clock, ids: Ids, settlement: Settlement) -> None:
        self._store = store
        self._queues = queues
        self._clock = clock
        self._ids = ids
        self._settlement = settlement

    def record(self, notification: Mapping[str, Any], sha256: str | None = None) -> None:
        """Record what SES reports about a sent email: delivered, bounced or junk. Ignore other notifications.

        `sha256` is the hash (hex) of the notification's raw bytes."""
        receipt = read(notification)
        if receipt is None:
            kind = str(notification.get("notificationType") or notification.get("eventType"))
            logger.info("mail notification ignored", extra={"kind": kind})
        else:
            self.apply(replace(receipt, sha256=sha256))

    def apply(self, receipt: Receipt) -> None:
        """Record a receipt on its delivery. If no delivery has the receipt's message id yet, queue another lookup."""
        if not retry_on_conflict(lambda: self._apply(receipt), retry_on=RACES):
            self._look_up_later(receipt)

    def _look_up_later(self, receipt: Receipt) -> None:
        if receipt.lookups >= len(LOOKUP_DELAYS):
            logger.warning("receipt of an unknown message", extra={"kind": receipt.kind})
            return
        later = replace(receipt, lookups=receipt.lookups + 1)
        delay = LOOKUP_DELAYS[receipt.lookups]
        job = Job(queue=QueueName.DELIVERIES, name=JobName.RECEIPT, event_id=receipt.carrier_id, receipt=later)
        self._queues.send([job], delay_seconds=int(delay.total_seconds()))

    def _apply(self, receipt: Receipt) -> bool:
        """Record a receipt on its delivery, or on all deliveries whose documents the email announced, and return True.

        Return False if no delivery has the receipt's id yet, or if one of them does not have it yet."""
        found = self._store.delivery_by_carrier(receipt.carrier_id)
        if found is None or found.carrier_id != receipt.carrier_id:
            return False
        others = [self._store.delivery(other) for other in found.joint if other != found.id]
        # A delivery that was announced again since then belongs to another email.
        same_email = [found, *(other for other in others if other is not None and other.joint == found.joint)]
        for delivery in same_email:
            if delivery.carrier_id == receipt.carrier_id:
                self._record_effect(delivery, receipt)
        return all(delivery.carrier_id == receipt.carrier_id for delivery in same_email)

    def _record_effect(self, delivery: Delivery, receipt: Receipt) -> None:
        """Record a receipt on one delivery."""
        effect = effect_of(receipt.kind, delivery.status, delivery.channel)
        if effect in _VERDICTS:
            result = AttemptResult(
                verdict=_VERDICTS[effect],
                detail=receipt.detail,
                carrier_id=receipt.carrier_id,
                receipt=ReceiptFacts(sha256=receipt.sha256),
            )
            now = self._clock.now()
            self._settlement.settle(attempts.finish(delivery, result, now, jitter=self._ids.jitter()), now)
        elif effect is Effect.NOTIFY_STAFF:
            self._notify_staff(delivery, receipt)
        elif effect is Effect.TAKEN:
            self._record_gateway(delivery, receipt)
        logger.info("receipt", extra={"delivery": delivery.id, "kind": receipt.kind, "effect": effect})

    def _record_gateway(self, delivery: Delivery, receipt: Receipt) -> None:
        """Store on the delivery that the email-to-fax gateway accepted the email with the fax.

        This shows only that the gateway has the fax, not that the fax arrived. It helps with troubleshooting, and the
        EMR gets no webhook."""
        accepted = DeliveryAttempt(
            at=receipt.at,
            status=AttemptStatus.TAKEN,
            detail="The fax gateway accepted it.",
            carrier_id=receipt.carrier_id,
            receipt=ReceiptFacts(sha256=receipt.sha256),
        )
        if not any((entry.at, entry.status) == (accepted.at, accepted.status) for entry in delivery.attempts):
            after = attempts.append_receipt(delivery, accepted)
            self._store.commit(Change(at=self._clock.now(), deliveries=(after,)))

    def _notify_staff(self, delivery: Delivery, receipt: Receipt) -> None:
        """Queue one notice to a practice's staff that a provider marked a message about a document as junk."""
        if delivery.document_id is None or delivery.practice_id == PORTAL_PRACTICE:
            return
        now = self._clock.now()
        notice = notice_about(delivery, NoticeKind.COMPLAINT, delivery.id, now)
        if self._store.delivery(notice.id) is not None:
            return
        complaint = DeliveryAttempt(
            at=receipt.at,
            status=AttemptStatus.COMPLAINED,
            detail=receipt.detail,
            carrier_id=receipt.carrier_id,
            receipt=ReceiptFacts(sha256=receipt.sha256),
        )
        after = attempts.append_receipt(delivery, complaint)
        row = OutboxRow(id=notice.id, created_at=now, jobs=(delivery_job(notice),))
        self._store.commit(Change(at=now, deliveries=(after, notice), outbox=(row,)))


_VERDICTS: Mapping[Effect, Verdict] = {
    Effect.DELIVERED: Verdict.DELIVERED,
    Effect.FAILED: Verdict.REFUSED,
    Effect.RETRY: Verdict.RETRY,
}


def read(notification: Mapping[str, Any]) -> Receipt | None:
    """Return the receipt in a report of SES, or None for a report that changes nothing.

    `domain/carriers/ses_reports.py` has the table of reports. Other reports, such as SES's test of a new topic, give
    None too. SES names the report `eventType` where an operator publishes events, and `notificationType` elsewhere."""
    name = str(notification.get("notificationType") or notification.get("eventType"))
    if name not in _PARTS:
        return None
    report = ReportName(name)
    part = notification.get(_PARTS[report].key) or {}
    meaning = meaning_of(_type_of(report, part))
    if meaning.kind is None:
        return None
    mail = notification["mail"]
    at = from_text(part.get("timestamp") or mail["timestamp"])
    # The report's diagnostic text quotes the address, so only the table's own sentence is stored.
    return Receipt(carrier_id=str(mail["messageId"]), kind=meaning.kind, at=at, detail=meaning.detail)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """The place of the details in one kind of report by SES, such as a bounce.

    The details are the JSON object at `key` in the report. `type` and `sub_type` are the fields of this object that
    have the type and the sub-type of the report. They are empty if such reports have none."""

    key: str
    type: str = ""
    sub_type: str = ""


_PARTS: Mapping[ReportName, _Part] = {
    ReportName.DELIVERY: _Part(key="delivery"),
    ReportName.BOUNCE: _Part(key="bounce", type="bounceType", sub_type="bounceSubType"),
    ReportName.COMPLAINT: _Part(key="complaint", type="complaintFeedbackType", sub_type="complaintSubType"),
    ReportName.DELAY: _Part(key="deliveryDelay", type="delayType"),
    ReportName.REJECT: _Part(key="reject", type="reason"),
}


def _type_of(name: ReportName, part: Mapping[str, Any]) -> ReportType:
    keys = _PARTS[name]
    return ReportType(name=name, type=str(part.get(keys.type) or ""), sub_type=str(part.get(keys.sub_type) or ""))
