"""Faxes to providers by the fax carrier, a service that calls the provider's fax machine and reports the result.

A call takes minutes, so an attempt stays pending after the carrier has accepted the fax. The result comes later as a
report (`fax_reports.py`). If no report comes, the worker asks the carrier. If it is unknown whether the carrier
accepted a fax, the worker looks up the fax and never sends it again blindly, because the carrier cannot recognize a
repeated fax (docs/decisions/043)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aws_lambda_powertools import Logger

from chalicelib.domain.carriers.fax_results import (
    INCOMPLETE,
    FaxReport,
    FaxState,
    Remedy,
    describe,
    fax_mark,
    quality_after,
    remedy_of,
    wait_after,
)
from chalicelib.domain.deliveries import AttemptStatus, Delivery, ReceiptFacts
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict, latest_attempts
from chalicelib.domain.errors import Unavailable, Unprocessable
from chalicelib.services.delivery.fax_lines import release_line, reserve_line
from chalicelib.services.delivery.faxes import Faxes, pdf_key
from chalicelib.services.delivery.message_sender import MessageFacts, cancellation_reason, look_up
from chalicelib.services.delivery.recipient_rations import count_message
from chalicelib.services.normalization import normalize_fax
from chalicelib.services.ports import FaxCarrier, FaxOrder, FaxRefused, FaxUnknown

LINK_LIFETIME = timedelta(hours=1)
"""The lifetime of the link to the fax's PDF. The carrier fetches the PDF when its own queue reaches the fax."""

MAX_CARRIER_MEGABYTES = 50
COVER_PAGES = 1
LINE_BUSY_WAIT = timedelta(minutes=1)
CHECK_AFTER = timedelta(minutes=10)
"""The time after which the worker asks the carrier for the result of an accepted fax, if no report came."""

LOOK_UP_AFTER = timedelta(minutes=2)
NEVER_ACCEPTED_AFTER = timedelta(hours=1)
"""The age at which an attempt without a record at the carrier counts as never accepted, and the fax is sent again."""

GIVE_UP_AFTER = timedelta(hours=6)
"""The age at which an attempt without a result fails, so that its fax number is free for other faxes."""

_ACCEPTED = "The fax service accepted the fax."
_NO_COUNT = "The fax service delivered the fax, but no report says how many pages arrived."
_NO_RESULT = "The fax service did not report a result. Call the provider to ask whether the fax arrived."
_MAY_BE_SENT = "The fax service did not answer. The fax may have been sent."

logger = Logger(service="portal", child=True)


@dataclass(frozen=True, kw_only=True)
class CarrierFaxes(Faxes):
    """Sender of faxes by the fax carrier, in place of the email-to-fax gateway of `Faxes`."""

    carrier: FaxCarrier

    def send(self, delivery: Delivery) -> AttemptResult:
        """Send the fax, or get the result of an earlier attempt that may have sent it. Return the attempt's result."""
        facts = look_up(delivery, self.store, self.clock.now())
        try:
            result = self._look_up(facts) if _is_resumed(delivery) else self._send(facts)
        except (Unavailable, Unprocessable):
            self.end_call(delivery, facts.now)
            raise
        if result.verdict is not Verdict.PENDING and result.tried:
            self.end_call(delivery, facts.now)
        return result

    def end_call(self, delivery: Delivery, now: datetime) -> None:
        """Delete the fax's PDF, which the carrier has fetched, and free the fax number for the next fax."""
        self.files.delete(pdf_key(delivery))
        release_line(self.store, delivery.recipient, delivery.id, now)

    def _send(self, facts: MessageFacts) -> AttemptResult:
        delivery = facts.delivery
        reason = cancellation_reason(facts)
        if reason:
            return AttemptResult(verdict=Verdict.CANCELLED, detail=reason)
        self._check_number(delivery)
        postponed = self._postpone(facts)
        if postponed:
            return postponed
        if not reserve_line(self.store, delivery.recipient, delivery.id, facts.now):
            return AttemptResult(
                verdict=Verdict.RETRY, detail="Another fax has the line.", tried=False, retry_after=LINE_BUSY_WAIT
            )
        count_message(self.store, delivery, facts.now)
        order = self._order(facts)
        try:
            fax_id = self.carrier.send(order)
        except FaxUnknown:
            return _wait_for_carrier()
        except FaxRefused as error:
            return self._after_failure(facts, error.reason)
        # Metric filters count this line (docs/operations.md).
        logger.info("fax sent", extra={"delivery": delivery.id})
        return _pending(_ACCEPTED, CHECK_AFTER, carrier_id=fax_id)

    def _order(self, facts: MessageFacts) -> FaxOrder:
        """Store the fax's PDF, and return the order for the carrier. Raises `Unprocessable` if no fax can be made."""
        delivery = facts.delivery
        try:
            number = normalize_fax(delivery.recipient, self.settings.fax_countries)
        except ValueError as error:
            raise Unprocessable(f"The fax number cannot be used: it {error}.") from error
        return FaxOrder(
            to=number,
            pdf_url=self.files.url(
                self._store_pdf(facts, MAX_CARRIER_MEGABYTES), seconds=int(LINK_LIFETIME.total_seconds())
            ),
            client_state=fax_mark(delivery.id, len(delivery.attempts)),
            quality=quality_after(_reasons(delivery)),
        )

    def _look_up(self, facts: MessageFacts) -> AttemptResult:
        """Ask the fax carrier for the running attempt's result, and return the result. The fax is not sent again."""
        delivery = facts.delivery
        reserve_line(self.store, delivery.recipient, delivery.id, facts.now)
        mark, since = fax_mark(delivery.id, len(delivery.attempts)), delivery.attempts[-1].at
        try:
            if delivery.carrier_id:
                report = self.carrier.report(delivery.carrier_id)
            else:
                report = self.carrier.find(delivery.recipient, mark, since - LOOK_UP_AFTER)
        except (Unavailable, FaxUnknown):
            report, result = None, _wait_for_carrier()
        else:
            result = self.result_of(facts, report) if report else _without_record(delivery, facts.now)
        if result.verdict is Verdict.PENDING and facts.now - since >= GIVE_UP_AFTER:
            return AttemptResult(verdict=Verdict.REFUSED, detail=_NO_RESULT, carrier_id=delivery.carrier_id)
        return result

    def result_of(self, facts: MessageFacts, report: FaxReport) -> AttemptResult:
        """Return the running attempt's result, derived from a report of the fax carrier. The caller stores the result.

        Only the carrier's webhook reports how many pages arrived. Without this number, the fax counts as sent, not as
        delivered, and is not repeated."""
        if report.state is FaxState.ON_THE_WAY:
            return _pending(_ACCEPTED, CHECK_AFTER, carrier_id=report.fax_id)
        document, _ = facts.require_document()
        receipt = ReceiptFacts(
            sha256=report.sha256,
            pages_sent=document.original.pages + COVER_PAGES,
            pages_confirmed=report.pages if report.state is FaxState.DELIVERED else None,
        )
        return replace(self._final_result(facts, report, receipt), carrier_id=report.fax_id, receipt=receipt)

    def _final_result(self, facts: MessageFacts, report: FaxReport, receipt: ReceiptFacts) -> AttemptResult:
        if report.state is FaxState.FAILED:
            return self._after_failure(facts, report.reason or "unknown")
        if receipt.pages_confirmed is None:
            return AttemptResult(verdict=Verdict.SENT, detail=_NO_COUNT)
        if receipt.pages_confirmed == receipt.pages_sent:
            detail = f"The receiving machine confirmed all {receipt.pages_sent} pages."
            return AttemptResult(verdict=Verdict.DELIVERED, detail=detail)
        return self._after_failure(facts, INCOMPLETE)

    def _after_failure(self, facts: MessageFacts, reason: str) -> AttemptResult:
        """Return the result of a failed attempt: a retry after a wait or the final failure, depending on the reason."""
        if remedy_of(reason) is Remedy.OUR_FAULT:
            # A metric filter turns this line into an alarm (docs/operations.md).
            logger.warning("fax carrier refuses", extra={"reason": reason, "delivery": facts.delivery.id})
        _, practice = facts.require_document()
        local = facts.now.astimezone(ZoneInfo(practice.time_zone))
        wait = wait_after(reason, _reasons(facts.delivery), local)
        verdict = Verdict.REFUSED if wait is None else Verdict.RETRY
        return AttemptResult(verdict=verdict, detail=describe(reason), reason=reason, retry_after=wait)


def _pending(detail: str, check_after: timedelta, carrier_id: str | None = None) -> AttemptResult:
    return AttemptResult(verdict=Verdict.PENDING, detail=detail, retry_after=check_after, carrier_id=carrier_id)


def _wait_for_carrier() -> AttemptResult:
    # A metric filter turns many of these lines into an alarm (docs/operations.md).
    logger.warning("fax carrier silent")
    return _pending(_MAY_BE_SENT, LOOK_UP_AFTER)


def _without_record(delivery: Delivery, now: datetime) -> AttemptResult:
    """Return the result of a running attempt if the fax carrier has no record of the fax.

    If the carrier accepted the fax earlier, the attempt has failed for good. Otherwise the attempt is pending for a
    while, because a record may still appear. After that, the attempt gets a retry."""
    if delivery.carrier_id:
        return AttemptResult(verdict=Verdict.REFUSED, detail=_NO_RESULT, carrier_id=delivery.carrier_id)
    if now - delivery.attempts[-1].at < NEVER_ACCEPTED_AFTER:
        return _pending(_MAY_BE_SENT, LOOK_UP_AFTER)
    return AttemptResult(verdict=Verdict.RETRY, detail="The fax service never got the fax.")


def _is_resumed(delivery: Delivery) -> bool:
    """Return True if an earlier job started the running attempt. That job may have sent the fax already."""
    return delivery.attempts[-1].status is AttemptStatus.UNKNOWN


def _reasons(delivery: Delivery) -> list[str]:
    """Return the carrier's reasons for the failures since the retry schedule started, the newest first."""
    return [attempt.reason for attempt in latest_attempts(delivery) if attempt.reason]
