"""The fax carrier's reports about sent faxes, recorded on the deliveries.

A report that comes twice, late or out of order does no harm."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain import delivery_attempts as attempts
from chalicelib.domain.carriers.fax_results import FaxReport, FaxState, read_fax_mark
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.delivery.carrier_faxes import CarrierFaxes
from chalicelib.services.delivery.message_sender import look_up
from chalicelib.services.delivery.settlement import RACES, Settlement
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Ids, Store
from chalicelib.services.transaction import Change, Job, OutboxRow


def queue_report(store: Store, ids: Ids, report: FaxReport, now: datetime) -> None:
    """Store a job that records the report later, so that the carrier's request gets a response at once."""
    job = Job(queue=QueueName.DELIVERIES, name=JobName.FAX_REPORT, event_id=report.fax_id, fax_report=report)
    store.commit(Change(at=now, outbox=(OutboxRow(id=ids.new("out"), created_at=now, jobs=(job,)),)))


@dataclass(frozen=True, kw_only=True)
class FaxReports:
    """Service that does the `fax_report` jobs, which record the carrier's reports about faxes on the deliveries."""

    store: Store
    clock: Clock
    ids: Ids
    settlement: Settlement
    faxes: CarrierFaxes

    def apply(self, report: FaxReport) -> None:
        """Record the fax's result on its delivery. Ignore the report if the delivery already has a final result."""
        retry_on_conflict(lambda: self._apply(report), retry_on=RACES)

    def _apply(self, report: FaxReport) -> None:
        delivery = self._running_delivery(report)
        if delivery is None or (report.state is FaxState.ON_THE_WAY and delivery.carrier_id):
            return
        now = self.clock.now()
        result = self.faxes.result_of(look_up(delivery, self.store, now), report)
        self.settlement.settle(attempts.finish(delivery, result, now, jitter=self.ids.jitter()), now)
        if report.state is not FaxState.ON_THE_WAY:
            self.faxes.end_call(delivery, now)

    def _running_delivery(self, report: FaxReport) -> Delivery | None:
        """Return the delivery that sent the report's fax, or None if the report must not change a delivery.

        A report names the delivery and attempt by a mark from the portal, or else only by the carrier's fax id."""
        delivery_id, attempt = read_fax_mark(report.client_state)
        delivery = self.store.delivery(delivery_id) if attempt else self.store.delivery_by_carrier(report.fax_id)
        if delivery is None or delivery.channel is not Channel.FAX or not _is_open(delivery):
            return None
        is_same = delivery.carrier_id == report.fax_id
        is_first_report = delivery.carrier_id is None and len(delivery.attempts) == attempt
        return delivery if is_same or is_first_report else None


def _is_open(delivery: Delivery) -> bool:
    """Return True if a report may change the delivery: the fax has no result, or a result without a number of pages."""
    is_running = attempts.is_waiting(delivery) and attempts.has_running_attempt(delivery)
    return delivery.never_repeats and (is_running or delivery.status is DeliveryStatus.SENT)
