"""Faxes to providers by the fax carrier, a service that calls the provider's fax machine and reports the result.

A call takes minutes, so an attempt stays pending after the carrier has accepted the fax. The result comes later as a
report (`fax_reports.py`). If no report comes, the worker asks the carrier. If it is unknown whether the carrier
accepted a fax, the worker looks up the fax and never sends it again blindly, because the carrier cannot recognize a
repeated fax (docs/decisions/043). One call carries all faxes that wait for the number (`fax_calls.py`)."""

from collections.abc import Callable, Sequence
from contextlib import suppress
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
    is_file_fault,
    quality_after,
    read_fax_mark,
    remedy_of,
    wait_after,
)
from chalicelib.domain.deliveries import AttemptStatus, Delivery, ReceiptFacts
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict, finish, latest_attempts, may_have_been_sent
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable, Unprocessable
from chalicelib.services.delivery.fax_calls import (
    commit_call,
    count_pages,
    find_companions,
    mark_of,
    release_line,
    reserve_line,
)
from chalicelib.services.delivery.faxes import Faxes, check_fax_number, pdf_key
from chalicelib.services.delivery.message_sender import MessageFacts, cancellation_reason, look_up
from chalicelib.services.delivery.recipient_rations import count_message
from chalicelib.services.delivery.settlement import RACES, Settlement
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import FaxCarrier, FaxOrder, FaxRefused, FaxUnknown, StoredFileCorrupt

LINK_LIFETIME = timedelta(hours=1)
"""The lifetime of the link to the fax's PDF. The carrier fetches the PDF when its own queue reaches the fax."""

MAX_CARRIER_MEGABYTES = 50
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
_NOT_TOGETHER = "The fax service could not send this fax together with others. It is sent alone."
_NO_RESULT = "The fax service did not report a result. Call the provider to ask whether the fax arrived."
_MAY_BE_SENT = "The fax service did not answer. The fax may have been sent."

ResultOf = Callable[[MessageFacts], AttemptResult]
"""A function from a fax of a call to the fax's result. The wait before a retry depends on earlier failures."""

logger = Logger(service="portal", child=True)


@dataclass(frozen=True, kw_only=True)
class CarrierFaxes(Faxes):
    """Sender of faxes by the fax carrier, in place of the email-to-fax gateway of `Faxes`."""

    carrier: FaxCarrier
    settlement: Settlement

    def send(self, delivery: Delivery) -> AttemptResult:
        """Send the fax, or get the result of an earlier attempt that may have sent it. Return the attempt's result."""
        now = self.clock.now()
        try:
            result = self._resume(delivery, now) if _is_resumed(delivery) else self._send(delivery)
        except (Unavailable, Unprocessable):
            self._try_to_end_call(delivery, now)
            raise
        if result.verdict is not Verdict.PENDING and result.tried:
            self._try_to_end_call(delivery, now)
        return result

    def _try_to_end_call(self, delivery: Delivery, now: datetime) -> None:
        # The reservation of the number and the PDF expire. So an error here must not hide the attempt's result.
        with suppress(Exception):
            self.end_call(delivery, now)

    def end_call(self, delivery: Delivery, now: datetime) -> None:
        """Delete the PDF of an ended telephone call, which the carrier has fetched, and free the fax number for the
        next call."""
        self.files.delete(pdf_key(delivery))
        release_line(self.store, delivery.recipient, mark_of(delivery), now)

    def _send(self, delivery: Delivery) -> AttemptResult:
        """Let the carrier call the fax number, and return the result.

        An error before the carrier got the order means that there surely was no call. It raises `Unavailable`, so that
        a retry follows soon."""
        try:
            prepared = self._prepare(look_up(delivery, self.store, self.clock.now()))
        except (Unavailable, Unprocessable, StoredFileCorrupt):
            raise
        except Exception as error:  # noqa: BLE001 - raised again as an error that leads to a retry
            # An error of S3 or DynamoDB, for example. Its text may quote a file's name, so only its kind is logged.
            cause = {"delivery": delivery.id, "kind": type(error).__name__}
            logger.error("fax not prepared", extra=cause)  # noqa: TRY400 - a trace could quote a patient's data
            raise Unavailable("The fax could not be prepared.") from None
        return prepared if isinstance(prepared, AttemptResult) else self._call(*prepared)

    def _prepare(self, facts: MessageFacts) -> AttemptResult | tuple[FaxOrder, Sequence[MessageFacts]]:
        """Prepare the carrier's call: reserve the fax number, make the PDF, and store which faxes go in this call.

        Return the order for the carrier and these faxes. If there is no call now, such as outside office hours, return
        the attempt's result instead. Raises `Unprocessable` if the fax cannot be sent."""
        delivery = facts.delivery
        reason = cancellation_reason(facts)
        if reason:
            return AttemptResult(verdict=Verdict.CANCELLED, detail=reason)
        self._check_number(delivery)
        postponed = self._postpone(facts)
        if postponed:
            return postponed
        if not reserve_line(self.store, delivery.recipient, mark_of(delivery), facts.now):
            return AttemptResult(
                verdict=Verdict.RETRY, detail="Another fax has the line.", tried=False, retry_after=LINE_BUSY_WAIT
            )
        count_message(self.store, delivery, facts.now)
        order, faxes = self._compose_call(facts)
        try:
            commit_call(self.store, faxes, self.clock.now())
        except ConcurrentUpdate:
            raise Unavailable("Another worker changed a fax of this call.") from None
        return order, faxes

    def _compose_call(self, facts: MessageFacts) -> tuple[FaxOrder, Sequence[MessageFacts]]:
        """Store the PDF for one call of the fax number, and return the order for the carrier, with the faxes in the
        PDF.

        The call brings all faxes of the practice that wait for this number. If no PDF of all of them can be made, the
        fax goes alone."""
        companions = [fax for fax in find_companions(self.store, facts) if self._may_leave(fax)]
        try:
            if companions:
                return self._order(facts, companions), (facts, *companions)
        except (Unavailable, Unprocessable):
            logger.warning("faxes not joined", extra={"delivery": facts.delivery.id, "faxes": len(companions)})
        return self._order(facts, ()), (facts,)

    def _may_leave(self, fax: MessageFacts) -> bool:
        """Count a fax against its recipient's daily limit, and return True.

        Return False if the limit is reached, or if the fax must wait for the times that the provider chose."""
        if self._postpone(fax):
            return False
        try:
            count_message(self.store, fax.delivery, fax.now)
        except (Unavailable, Unprocessable):
            return False
        return True

    def _order(self, facts: MessageFacts, companions: Sequence[MessageFacts]) -> FaxOrder:
        """Store the PDF for one call, and return the order for the carrier. Raises `Unprocessable` if no fax can be
        made.

        `companions` are the other faxes that go in the same call."""
        delivery = facts.delivery
        number = check_fax_number(delivery.recipient, self.settings.fax_countries)
        key = self._store_pdf(facts, MAX_CARRIER_MEGABYTES, companions)
        return FaxOrder(
            to=number,
            pdf_url=self.files.url(key, seconds=int(LINK_LIFETIME.total_seconds())),
            client_state=mark_of(delivery),
            quality=quality_after(max((_reasons(fax.delivery) for fax in (facts, *companions)), key=len)),
        )

    def _call(self, order: FaxOrder, faxes: Sequence[MessageFacts]) -> AttemptResult:
        """Give the carrier the order for a call, and return the result of the first fax in the call.

        Store the results of the other faxes, which went in the same call."""
        first, others = faxes[0], [fax.delivery.id for fax in faxes[1:]]
        try:
            result_of = self._place(order)
        except Unavailable as error:
            failed = AttemptResult(verdict=Verdict.RETRY, detail=error.detail)
            self._record(others, order.client_state, lambda _: failed)
            raise
        self._record(others, order.client_state, result_of)
        return result_of(first)

    def _place(self, order: FaxOrder) -> ResultOf:
        """Give the carrier the order for a call. Return a function that maps each fax in the call to the fax's result.

        Raises `Unavailable` if the carrier surely made no call."""
        try:
            fax_id = self.carrier.send(order)
        except FaxUnknown:
            waiting = _wait_for_carrier()
            return lambda _: waiting
        except FaxRefused as error:
            reason = error.reason
            return lambda fax: self._after_failure(fax, reason)
        # Metric filters count this line (docs/operations.md).
        logger.info("fax sent", extra={"delivery": read_fax_mark(order.client_state)[0]})
        return lambda _: _pending(_ACCEPTED, CHECK_AFTER, carrier_id=fax_id)

    def _record(self, delivery_ids: Sequence[str], mark: str, result_of: ResultOf) -> None:
        """Store a call's result for these deliveries, whose faxes went in the call.

        If that fails, their own workers ask the carrier later. `mark` names the call."""
        for delivery_id in delivery_ids:
            with suppress(Unavailable, Unprocessable):
                self.settle(delivery_id, lambda row: mark_of(row) == mark and may_have_been_sent(row), result_of)

    def settle(self, delivery_id: str, accepts: Callable[[Delivery], bool], result_of: ResultOf) -> Delivery | None:
        """Store the result of a call for one of its deliveries, and return the delivery as it was before.

        `result_of` gives the result. Store nothing and return None if `accepts` returns False for the delivery's stored
        row."""

        def step() -> Delivery | None:
            row = self.store.delivery(delivery_id)
            if row is None or not accepts(row):
                return None
            now = self.clock.now()
            result = result_of(look_up(row, self.store, now))
            self.settlement.settle(finish(row, result, now, jitter=self.ids.jitter()), now)
            return row

        return retry_on_conflict(step, retry_on=RACES)

    def _resume(self, delivery: Delivery, now: datetime) -> AttemptResult:
        """Return the result of the attempt that an earlier job started, and whose call may be under way.

        An error says nothing about the call. So the result is then pending: the fax keeps its number and its PDF, and
        the carrier is asked again later."""
        try:
            result = self._look_up(look_up(delivery, self.store, now))
        except (Unavailable, Unprocessable, FaxUnknown):
            result = _wait_for_carrier()
        if result.verdict is Verdict.PENDING and now - delivery.attempts[-1].at >= GIVE_UP_AFTER:
            return AttemptResult(verdict=Verdict.REFUSED, detail=_NO_RESULT, carrier_id=delivery.carrier_id)
        return result

    def _look_up(self, facts: MessageFacts) -> AttemptResult:
        """Ask the fax carrier for the result of the running call, and return it. The fax is not sent again.

        A final result is also stored for the other faxes that went in the same call. Raises `Unavailable` or
        `FaxUnknown` if the carrier or the database does not respond."""
        delivery, mark = facts.delivery, mark_of(facts.delivery)
        reserve_line(self.store, delivery.recipient, mark, facts.now)
        if delivery.carrier_id:
            report = self.carrier.report(delivery.carrier_id)
        else:
            report = self.carrier.find(delivery.recipient, mark, delivery.attempts[-1].at - LOOK_UP_AFTER)
        result_of = self._reader_of(report, delivery, facts.now)
        result = result_of(facts)
        if result.verdict is not Verdict.PENDING and delivery.call:
            self._record([other for other in delivery.call.deliveries if other != delivery.id], mark, result_of)
        return result

    def _reader_of(self, report: FaxReport | None, delivery: Delivery, now: datetime) -> ResultOf:
        """Return a function that maps each fax in a call to its result, by the carrier's report.

        `report` is None if the carrier has no record of the call of this delivery."""
        if report is None:
            missing = _without_record(delivery, now)
            return lambda _: missing
        return lambda fax: self.result_of(fax, report)

    def result_of(self, facts: MessageFacts, report: FaxReport) -> AttemptResult:
        """Return the running attempt's result, derived from a report of the fax carrier. The caller stores the result.

        Only the carrier's webhook reports how many pages arrived. Without this number, the fax counts as sent, not as
        delivered, and is not repeated."""
        if report.state is FaxState.ON_THE_WAY:
            return _pending(_ACCEPTED, CHECK_AFTER, carrier_id=report.fax_id)
        call = facts.delivery.call
        receipt = ReceiptFacts(
            sha256=report.sha256,
            pages_sent=call.pages if call else count_pages([facts]),
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
        """Return the result of a failed attempt: a retry after a wait or the final failure, depending on the reason.

        After a fault of a joint file, each fax of the call is sent alone. Only the fault of its own file is final."""
        call = facts.delivery.call
        if call and len(call.deliveries) > 1 and is_file_fault(reason):
            return AttemptResult(verdict=Verdict.RETRY, detail=_NOT_TOGETHER, reason=reason)
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
