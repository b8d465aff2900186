"""The deliveries function in memory, connected to the local fax carrier (`examples/fax_carrier`), without real time."""

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.adapters.telnyx_fax_carrier import TelnyxFaxCarrier, read_fax
from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.carriers.fax_results import FaxReport
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobName
from chalicelib.services.delivery.faxes import Faxes, pdf_key
from chalicelib.services.delivery.message_sender import MessageFacts
from chalicelib.services.documents.recorder import PORTAL
from chalicelib.services.fax_webhooks import queue_report
from chalicelib.services.ports import FaxOrder, FaxUnknown
from chalicelib.services.transaction import Change
from chalicelib.settings import FaxCarrierSettings
from chalicelib.workers import run_delivery_job
from examples.fax_carrier.exchange import Exchange, Fax, Plan, Reply, Webhook
from tests.support.fakes import FakeClock
from tests.support.provider_fixtures import PRACTICE, a_document
from tests.support.worlds.delivery_world import World

NUMBER = "+15125550100"
ACCOUNT = FaxCarrierSettings(
    url="http://127.0.0.1:1/v2",
    secret="fax-carrier",
    connection_id="1232154810234",
    sender="+13125790015",
    public_key="AAAA",
)
PAGES = 4
"""The three pages of the document of `World`, and the cover."""


class Crash(BaseException):
    """The simulated death of a worker's process. It is no `Exception`, so no error handler of the worker catches it."""


@dataclass
class ExchangeCarrier(TelnyxFaxCarrier):
    """The portal's client of the fax carrier (the service that sends faxes), connected to a simulated carrier without
    HTTP.

    `crashes` lists the points at which the next workers die: `before` or `after` the carrier has the fax. While `dead`
    is true, the carrier answers no question about a fax."""

    exchange: Exchange
    clock: FakeClock
    crashes: list[str] = field(default_factory=list)
    dead: bool = False

    def send(self, order: FaxOrder) -> str:
        crash = self.crashes.pop(0) if self.crashes else ""
        if crash == "before":
            raise Crash
        request = {
            "connection_id": ACCOUNT.connection_id,
            "to": order.to,
            "from": ACCOUNT.sender,
            "media_url": order.pdf_url,
            "client_state": _encode(order.client_state),
            "webhook_url": "https://portal.test/fax/telnyx",
        }
        reply, fax = self.exchange.place(request, self.clock.now())
        if crash == "after":
            raise Crash
        if reply is Reply.TOO_MANY:
            raise Unavailable("The fax service is busy.")
        if fax is None or reply is Reply.SILENT_ACCEPT:
            raise FaxUnknown("ReadTimeoutError")
        return fax.id

    def report(self, fax_id: str) -> FaxReport | None:
        self._refuse_if_dead()
        fax = self.exchange.faxes.get(fax_id)
        return read_fax(fax.describe(self.clock.now())) if fax else None

    def find(self, to: str, client_state: str, since: datetime) -> FaxReport | None:
        self._refuse_if_dead()
        for fax in self.exchange.faxes.values():
            facts = fax.describe(self.clock.now())
            if facts["to"] == to and facts["client_state"] == _encode(client_state) and fax.created_at >= since:
                return read_fax(facts)
        return None

    def _refuse_if_dead(self) -> None:
        if self.dead:
            raise Unavailable("The fax service did not respond.")


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class FaxWorld(World):
    """The services of `World` with a simulated fax carrier, the service that sends faxes.

    The carrier's reports (webhooks) reach the portal only when a test calls `post_webhooks`."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = replace(self.settings, fax_carrier=ACCOUNT)
        self.exchange = Exchange(fetch=self._fetch, count_pages=count_pages)
        self.carrier = ExchangeCarrier(self.exchange, self.clock)
        self.fax_carrier = self.carrier
        self.files.put(self.document.original.key, b"%PDF-1.7 the original", "application/pdf")

    def _fetch(self, url: str) -> bytes | None:
        key = next((key for key in self.files.objects if key.startswith("work/faxes/") and key in url), None)
        return self.files.get(key) if key else None

    def fax_the_document(self) -> str:
        """Queue the fax of the test's own document, and return the id of the delivery."""
        return self.message(Channel.FAX, MessageType.FAX, NUMBER)

    def fax(self, number: str = NUMBER, *, practice_id: str = PRACTICE.id, pages: int = PAGES - 1) -> str:
        """Queue the fax of a new document to a fax number, and return the id of its delivery.

        `pages` is the document's number of pages."""
        base = a_document()
        document = replace(
            base,
            id=self.ids.new("doc"),
            practice_id=practice_id,
            addressee=replace(base.addressee, fax=number),
            original=replace(base.original, pages=pages),
        )
        self.store.commit(Change(at=self.clock.now(), documents=(document,)))
        stored = self.store.document(document.id)
        assert stored is not None
        practice = replace(self.practice, id=practice_id)
        recorder = self.document_writer.recorder(stored, practice, PORTAL, self.clock.now())
        change = recorder.event(DocumentEventType.SENT).message(Channel.FAX, MessageType.FAX, number).change()
        self.store.commit(change)
        return change.deliveries[0].id

    def add_practice(self, practice_id: str) -> None:
        """Store another practice with this id, to test the faxes of two practices to one number."""
        self.store.commit(Change(at=self.clock.now(), practices=(replace(self.practice, id=practice_id, version=1),)))

    def document_of(self, row: Delivery) -> Document:
        document = self.store.document(row.document_id or "")
        assert document is not None
        return document

    def calls_of(self, delivery_id: str) -> list[Fax]:
        """Return the faxes of the local carrier whose PDF contained this delivery's document.

        The carrier makes one call for each of its faxes, and a call can bring the documents of several deliveries."""
        return [fax for fax in self.exchange.faxes.values() if delivery_id in read_pdf(fax.pdf or b"")]

    def plan(self, *plans: Plan, number: str = NUMBER) -> None:
        """Decide what happens to the next faxes to a number, such as a busy line. One plan is for one fax."""
        self.exchange.plan_next(number, plans)

    def post_webhooks(self, webhooks: Sequence[Webhook] | None = None) -> None:
        """Post the carrier's reports that are due to the portal, and run the jobs that record them.

        `webhooks` replaces the due reports. Other jobs are not run. If a worker dies, the later jobs are lost."""
        for webhook in self.exchange.due_webhooks(self.clock.now()) if webhooks is None else webhooks:
            report = self.carrier.read_report(json.dumps(webhook.body).encode())
            if report is not None:
                queue_report(self.store, self.ids, report, self.clock.now())
        with suppress(Crash):
            for job in self.relay():
                if job.name is JobName.FAX_REPORT:
                    run_delivery_job(job, self)

    def run_due(self) -> None:
        """Run the jobs of all faxes that are due now, as the queue and the sweep of each minute do. A worker may
        die."""
        for delivery in self.store.due_deliveries(self.clock.now(), limit=500):
            if delivery.channel is Channel.FAX:
                with suppress(Crash):
                    self.deliver(delivery.id)

    def pass_and_run(self, minutes: float, *, step: float = 1) -> None:
        """Let `minutes` pass in steps of `step` minutes. After each step, post the reports and send the faxes that are
        due."""
        end = self.clock.now() + timedelta(minutes=minutes)
        while self.clock.now() < end:
            self.clock.pass_time(minutes=step)
            self.post_webhooks()
            self.run_due()

    def fax_rows(self) -> list[Delivery]:
        """Return the stored deliveries of all faxes."""
        return [row for row in self.store.every(Delivery, "deliveries") if row.channel is Channel.FAX]

    def received(self, delivery_id: str) -> int:
        """Return how often this delivery's document arrived complete at the provider's fax machine."""
        return sum(fax.failure is None and fax.plan.pages_lost == 0 for fax in self.calls_of(delivery_id))


def store_pdf(faxes: Faxes, facts: MessageFacts, _max_megabytes: int, companions: Sequence[MessageFacts] = ()) -> str:
    """Do what `Faxes._store_pdf` does, without the slow drawing of the pages, which `test_faxes.py` tests."""
    faxes.files.put(pdf_key(facts.delivery), make_pdf((facts, *companions)), "application/pdf")
    return pdf_key(facts.delivery)


def make_pdf(faxes: Sequence[MessageFacts]) -> bytes:
    """Return a fake of the PDF that is faxed in a call, as text: its number of pages, and the deliveries' ids."""
    pages = 1 + sum(fax.require_document()[0].original.pages for fax in faxes)
    return " ".join([str(pages), *(fax.delivery.id for fax in faxes)]).encode()


def read_pdf(pdf: bytes) -> list[str]:
    """Return the ids of the deliveries in a fake PDF that `make_pdf` made."""
    return pdf.decode().split()[1:]


def count_pages(pdf: bytes) -> int:
    return int(pdf.split()[0])


def calls(world: FaxWorld) -> list[list[str]]:
    """Return, for each call that the local carrier made, the ids of the deliveries whose faxes went in the call."""
    return [read_pdf(fax.pdf or b"") for fax in world.exchange.faxes.values()]


def statuses(world: FaxWorld) -> set[DeliveryStatus]:
    """Return the different statuses of the deliveries of all faxes."""
    return {row.status for row in world.fax_rows()}
