"""A sample practice, the events that its EMR sends, and the portal's services that handle the events, in memory."""

import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document, Kind, Patient
from chalicelib.domain.practices import Endpoint, Practice
from chalicelib.domain.providers import Provider
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.idempotent_events import EventResponse, InboundEvent
from chalicelib.services.documents.incoming_pdf import PdfSource
from chalicelib.services.documents.intake import Intake
from chalicelib.services.documents.lifecycle_events import LifecycleEvents
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.documents.send_command import SendCommand
from chalicelib.services.registry.npi_registry import NpiRegistry
from chalicelib.services.transaction import Change, Claim
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeClock, FakeFiles, FakeIds, FakeInspector, FakeSwitches

PORTAL_URL = "https://portal.test"
PDF = b"%PDF-1.7 a plan of care"

PRACTICE = Practice(
    id="prc_1",
    version=1,
    name="Hill Country Therapy",
    created_at=START,
    time_zone="America/Chicago",
    endpoint=Endpoint(url="https://emr.example.com/hooks"),
)
OTHER_PRACTICE = replace(PRACTICE, id="prc_2", name="Other Therapy", endpoint=None)

RIVERA = Addressee(
    first_name="Luis",
    last_name="Rivera",
    credential="MD",
    npi="1234567893",
    email="dr.rivera@example.com",
    fax="+15125550100",
)


def sent(**changes: Any) -> SendCommand:
    """Return the data of a `document.sent` event, which sends a plan of care by email. `changes` replace fields."""
    event = SendCommand(
        external_id="POC-1001",
        kind=Kind.PLAN_OF_CARE,
        title="Plan of Care, initial evaluation",
        patient=Patient(external_id="PT-77", first_name="Ada", last_name="Byron", date_of_birth=date(1950, 12, 10)),
        addressee=RIVERA,
        delivery=DeliveryChoice.EMAIL,
        content=PdfSource(data=PDF),
    )
    return replace(event, **changes)


@dataclass
class Emr:
    """An EMR that sends events to the portal's services in memory. Its practice allows electronic signatures.

    The store, the files and the other adapters are fakes, which a test can read and change."""

    store: FakeStore = field(default_factory=FakeStore)
    files: FakeFiles = field(default_factory=FakeFiles)
    inspector: FakeInspector = field(default_factory=FakeInspector)
    switches: FakeSwitches = field(default_factory=lambda: FakeSwitches({PRACTICE.id, OTHER_PRACTICE.id}))
    clock: FakeClock = field(default_factory=FakeClock)
    ids: FakeIds = field(default_factory=FakeIds)

    def __post_init__(self) -> None:
        self.files.clock = self.clock
        self.store.commit(Change(at=START, practices=(PRACTICE, OTHER_PRACTICE)))

    @property
    def intake(self) -> Intake:
        return Intake(
            self.writer,
            files=self.files,
            inspector=self.inspector,
            switches=self.switches,
            npi_registry=NpiRegistry(self.files),
        )

    @property
    def lifecycle(self) -> LifecycleEvents:
        return LifecycleEvents(self.writer, self.switches, NpiRegistry(self.files))

    @property
    def writer(self) -> DocumentWriter:
        return DocumentWriter(store=self.store, ids=self.ids, portal_url=PORTAL_URL)

    def inbound(
        self, webhook_id: str | None = None, *, body: bytes = b"{}", practice: Practice = PRACTICE
    ) -> InboundEvent:
        """Return an event as the portal gets it from the practice's EMR at the current time, with a verified signature.

        By default, the `webhook-id` is new. A test repeats an event by the same `webhook_id`."""
        return InboundEvent(
            practice=practice,
            webhook_id=webhook_id or self.ids.new("msg"),
            body=body,
            now=self.now,
            actor=Actor(f"practice:{practice.id}", "192.0.2.10"),
        )

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def send(self, event: SendCommand | None = None, *, practice: Practice = PRACTICE) -> Document:
        """Send a document to the portal (by default that of `sent`), and return the stored document."""
        return self.stored(self.intake.receive(self.inbound(practice=practice), event or sent()))

    def stored(self, answer: EventResponse) -> Document:
        document = self.store.document(answer["document_id"])
        assert document is not None
        return document

    def documents(self) -> tuple[Document, ...]:
        return self.store.every(Document, "documents")

    def deliveries(self) -> tuple[Delivery, ...]:
        return self.store.every(Delivery, "deliveries")

    def messages(self, document: Document) -> list[tuple[str, str, str]]:
        """Return (channel, type, recipient) of every email, fax and notice about the document, so without its
        webhooks."""
        return [
            (delivery.channel.value, delivery.type, delivery.recipient)
            for delivery in self.deliveries()
            if delivery.document_id == document.id and delivery.channel != "webhook"
        ]

    def webhooks(self, document: Document) -> list[tuple[str, dict[str, Any]]]:
        """Return the type and the field `data` of every webhook about the document that the portal has queued for the
        EMR."""
        webhooks = [delivery for delivery in self.deliveries() if delivery.channel == "webhook"]
        return [
            (webhook.type, json.loads(webhook.body or "")["data"])
            for webhook in webhooks
            if webhook.document_id == document.id
        ]


def with_account(emr: Emr, document: Document, email: str) -> Provider:
    """Give the document's provider an account with this email address, and return the provider."""
    provider = emr.store.provider(document.provider_id)
    assert provider is not None
    provider = replace(provider, version=provider.version + 1, email=email, password_hash="(a hash)")
    claim = Claim(key=f"email#{email}", owner=provider.id)
    emr.store.commit(Change(at=emr.now, providers=(provider,), claims=(claim,)))
    return provider
