"""The fax carrier's reports about sent faxes, recorded on the deliveries.

A report that comes twice, late or out of order does no harm."""

from dataclasses import dataclass

from chalicelib.domain import delivery_attempts as attempts
from chalicelib.domain.carriers.fax_results import FaxReport, FaxState, read_fax_mark
from chalicelib.domain.deliveries import Delivery, DeliveryStatus
from chalicelib.services.delivery.carrier_faxes import CarrierFaxes
from chalicelib.services.delivery.fax_calls import mark_of
from chalicelib.services.ports import Clock, Store


@dataclass(frozen=True, kw_only=True)
class FaxReports:
    """Service that does the `fax_report` jobs, which record the carrier's reports about faxes on the deliveries."""

    store: Store
    faxes: CarrierFaxes
    clock: Clock

    def apply(self, report: FaxReport) -> None:
        """Record the result of the carrier's call on the deliveries whose faxes went in the call.

        A delivery that has a final result already does not change."""
        named = self._named_delivery(report)
        if named is None:
            return
        ids = named.call.deliveries if named.call else (named.id,)
        settled = [self._settle(delivery_id, report) for delivery_id in ids]
        ended = next((delivery for delivery in settled if delivery), None)
        if ended is not None and report.state is not FaxState.ON_THE_WAY:
            self.faxes.end_call(ended, self.clock.now())

    def _settle(self, delivery_id: str, report: FaxReport) -> Delivery | None:
        return self.faxes.settle(
            delivery_id, lambda row: _accepts(row, report), lambda fax: self.faxes.result_of(fax, report)
        )

    def _named_delivery(self, report: FaxReport) -> Delivery | None:
        """Return the delivery that the carrier's report names, or None if there is no such delivery.

        A report names the delivery that made the call by a mark, a text from the portal, or else only by the carrier's
        id."""
        delivery_id, attempt = read_fax_mark(report.client_state)
        return self.store.delivery(delivery_id) if attempt else self.store.delivery_by_carrier(report.fax_id)


def _accepts(delivery: Delivery, report: FaxReport) -> bool:
    """Return True if the carrier's report may change the delivery: it is about the call of the last attempt.

    The fax must also have no result yet, or only a result without a number of pages."""
    is_running = attempts.is_waiting(delivery) and attempts.may_have_been_sent(delivery)
    if not is_running and not (delivery.never_repeats and delivery.status is DeliveryStatus.SENT):
        return False
    if delivery.carrier_id:
        return delivery.carrier_id == report.fax_id and report.state is not FaxState.ON_THE_WAY
    return mark_of(delivery) == report.client_state
