"""A sample practice, provider and document, for the tests of what a provider sees and does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from chalicelib.domain.carriers.received_faxes import PageMatch, ReceivedFax, ReceivedPage
from chalicelib.domain.certification.facts import Certification
from chalicelib.domain.colleagues.hand_overs import hand_over
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.documents import (
    Addressee,
    Author,
    DeliveryChoice,
    Document,
    Kind,
    Patient,
    Signer,
    SigningMethod,
    StoredPdf,
)
from chalicelib.domain.practices import Endpoint, Practice
from chalicelib.domain.providers import Provider
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START

PRACTICE = Practice(
    id="prc_1",
    version=1,
    name="Hill Country Therapy",
    created_at=START,
    phone="+15125550177",
    fax="+15125550188",
    time_zone="America/Chicago",
    endpoint=Endpoint(url="https://emr.example.com/hooks"),
)

PROVIDER = Provider(
    id="prv_1",
    version=1,
    first_name="Luis",
    last_name="Rivera",
    credential="MD",
    npi="1234567893",
    email="dr.rivera@example.com",
    password_hash="(not checked here)",
)

SIGNER = Signer(
    name=PROVIDER.name,
    credential=PROVIDER.credential,
    npi=PROVIDER.npi,
    method=SigningMethod.ELECTRONIC,
    authentication="account password",
    provider_id=PROVIDER.id,
)
"""The sample provider as the person who signed a document in the portal."""

OTHER_PROVIDER = replace(
    PROVIDER, id="prv_2", first_name="Jane", last_name="Okafor", npi="1000000004", email="jane@example.com"
)


def a_document(**changes: Any) -> Document:
    """Return the sample document: a pending plan of care of three pages for `PROVIDER`, sent two days ago.

    `changes` replace its fields. The document is not stored."""
    document = Document(
        id="doc_abcdef123456",
        version=1,
        practice_id=PRACTICE.id,
        practice=PRACTICE.card(),
        external_id="POC-1001",
        content_sha256="c0ffee",
        facts_sha256="fac75",
        kind=Kind.PLAN_OF_CARE,
        title="Plan of Care, initial evaluation",
        patient=Patient(external_id="PT-77", first_name="Ada", last_name="Byron", date_of_birth=date(1950, 12, 10)),
        addressee=Addressee(
            first_name="Luis",
            last_name="Rivera",
            credential="MD",
            npi="1234567893",
            email="dr.rivera@example.com",
            fax="+15125550100",
        ),
        provider_id=PROVIDER.id,
        delivery=DeliveryChoice.EMAIL,
        original=StoredPdf(key="originals/prc_1/0123.pdf", sha256="0123", pages=3, page_sizes=((612.0, 792.0),) * 3),
        sent_at=START - timedelta(days=2),
        due_on=date(2026, 12, 20),
        pages_ready=3,
        author=Author(name="Sam Lee", credential="PT, DPT", phone="+15125550177"),
        certification=Certification(
            initial_visit_on=date(2026, 11, 20), starts_on=date(2026, 11, 20), ends_on=date(2027, 2, 17)
        ),
    )
    return replace(document, **changes)


COLLEAGUE = Addressee(
    first_name="Jane", last_name="Okafor", credential="NP", npi=OTHER_PROVIDER.npi, email=OTHER_PROVIDER.email
)
"""`OTHER_PROVIDER`, as the addressee of a document names a colleague."""


def handed_over(document: Document, colleague: Addressee = COLLEAGUE, *, to: str = OTHER_PROVIDER.id) -> Document:
    """Return the document after its addressee handed it over, an hour before the tests begin, to this colleague.

    `to` is the id of the colleague's provider."""
    return hand_over(document, colleague, to, START - timedelta(hours=1))


def addressed_to(provider: Provider, document: Document) -> Document:
    """Return the document as if the clinic had sent it to this provider.

    The addressee gets the name, the NPI and the email address of the provider's account."""
    addressee = replace(
        document.addressee,
        first_name=provider.first_name,
        last_name=provider.last_name,
        npi=provider.npi,
        email=provider.email,
    )
    return replace(document, provider_id=provider.id, addressee=addressee)


def a_store(*documents: Document) -> FakeStore:
    """Return a fake database with the sample practice, the two sample providers and these documents."""
    store = FakeStore()
    store.commit(Change(at=START, practices=(PRACTICE,), providers=(PROVIDER, OTHER_PROVIDER), documents=documents))
    return store


def only_doing(action: Callable[[], object]) -> Callable[[], None]:
    """Return a function that calls `action` and ignores its result.

    Tests assign it to `FakeStore.before_commit`, to simulate a concurrent change. That function must return None."""

    def do() -> None:
        action()

    return do


def a_delivery(document: Document, **changes: Any) -> Delivery:
    """Return the delivery of an email with a code that opens the document. `changes` make it another message.

    The delivery is not stored."""
    delivery = Delivery(
        id="dlv_1",
        version=1,
        practice_id=document.practice_id,
        document_id=document.id,
        event_id="evt_1",
        channel=Channel.EMAIL,
        type="code",
        recipient="dr.rivera@example.com",
        created_at=START,
        access=document.access,
    )
    return replace(delivery, **changes)


def a_received_fax(**changes: Any) -> ReceivedFax:
    """Return a fax that came in to the number of `PRACTICE`, with one page whose QR code cannot be read."""
    fax = ReceivedFax(
        id="fax_1795374000000000000012",
        practice_id=PRACTICE.id,
        sort_key=1795374000000000000012,
        carrier_id="0ccc7b54",
        received_at=START,
        sender="+15125550100",
        file_key="evidence/faxes/prc_1/ab",
        sha256="ab",
        is_partial=False,
        pages=(ReceivedPage(number=1, match=PageMatch.UNREADABLE),),
    )
    return replace(fax, **changes)


def a_fax(document: Document, **changes: Any) -> Delivery:
    """Return the delivery of a fax of the document. `changes` replace its fields. The delivery is not stored."""
    facts = {"id": "dlv_fax", "channel": Channel.FAX, "type": "fax", "recipient": "+15125550100", **changes}
    return a_delivery(document, **facts)
