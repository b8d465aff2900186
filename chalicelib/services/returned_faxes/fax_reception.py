"""The reception of faxes that come in to a practice's own number at the fax carrier.

Each fax is fetched at once, because the carrier's link to its file lives for minutes."""

from dataclasses import dataclass

from aws_lambda_powertools import Logger

from chalicelib.domain.carriers.received_faxes import Arrival
from chalicelib.domain.claim_keys import carrier_fax_claim, own_fax_number_claim
from chalicelib.services.ports import FaxCarrier, IncomingFax, Store
from chalicelib.services.returned_faxes.fax_keeping import MAX_FAX_BYTES, Arrived, FaxKeeper
from chalicelib.services.returned_faxes.received_faxes import TOO_LARGE
from chalicelib.services.transaction import Job

logger = Logger(service="portal", child=True)


@dataclass(frozen=True, kw_only=True)
class FaxReception:
    """Service that does the `receive_fax` jobs: it fetches a fax that came in, and has it stored and matched."""

    store: Store
    carrier: FaxCarrier
    keeper: FaxKeeper

    def receive(self, job: Job) -> None:
        """Fetch, store, read and match one fax that came in. The job's `event_id` is the carrier's id of the fax.

        A repeated job does nothing. A fax to a number that belongs to no practice is not fetched. Raises `Unavailable`
        if the carrier has no file now, so that the job runs again."""
        fax = self.carrier.received(job.event_id)
        number, carrier_id = own_fax_number_claim(fax.to), carrier_fax_claim(fax.id)
        claims = self.store.claims([number, carrier_id])
        if number not in claims:
            # A metric filter turns this line into an alarm (docs/operations.md).
            logger.warning("fax to a number of no practice", extra={"fax": fax.id})
        elif carrier_id not in claims:
            data = self.carrier.download(fax, MAX_FAX_BYTES)
            self.keeper.keep(_arrived(fax), claims[number], data, refused=TOO_LARGE if data is None else "")


def _arrived(fax: IncomingFax) -> Arrived:
    return Arrived(id=fax.id, at=fax.at, sender=fax.sender, is_partial=fax.is_partial, arrival=Arrival.CARRIER)
