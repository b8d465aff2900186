"""Test that fifty copies of one event, sent at the same time, cause one document and one response.

The database is real, because its conditional writes must prevent a second document."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from bench import calls
from chalicelib import bootstrap
from chalicelib.services.documents.idempotent_events import EventResponse, InboundEvent
from chalicelib.services.documents.incoming_pdf import PdfSource
from chalicelib.services.documents.intake import Intake
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.ports import DeliveryListing, Listing
from chalicelib.settings import from_environment
from tests.support.emr_fixtures import sent
from tests.support.fakes import START, FakeInspector
from tests.support.pdf import sample_pdfs as samples
from tests.support.stack import Stack

TIMES = 50


@pytest.fixture
def services(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> bootstrap.Services:
    """Return the portal's services in this process, which use the tables and the bucket of the deployed portal."""
    variables = calls.environment(stack)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return bootstrap.Services(from_environment(variables))


def test_50_concurrent_copies_of_an_event_create_one_document(stack: Stack, services: bootstrap.Services) -> None:
    practice = services.store.practice(stack.practice().id)
    assert practice is not None
    event = sent(external_id=f"POC-{uuid4().hex}", content=PdfSource(data=samples.plan_of_care()))
    inbound = InboundEvent(
        practice=practice, webhook_id="msg_once", body=b"{}", now=START, actor=Actor(f"practice:{practice.id}")
    )
    intake = Intake(
        services.document_writer,
        files=services.files,
        inspector=FakeInspector(),
        switches=services.switches,
        npi_registry=services.npi_registry,
    )
    ready = threading.Barrier(TIMES)

    def receive(_: int) -> EventResponse:
        ready.wait()
        return intake.receive(inbound, event)

    with ThreadPoolExecutor(TIMES) as pool:
        answers = list(pool.map(receive, range(TIMES)))

    assert {response["status"] for response in answers} == {"pending"}
    assert len({response["document_id"] for response in answers}) == 1
    found = services.store.documents(Listing.PRACTICE_ALL, practice.id, limit=10, after=None).items
    assert [item.id for item in found] == [answers[0]["document_id"]]
    assert next(event.type for event in services.store.events(found[0].id)) == "document.sent"
    messages = services.store.deliveries(DeliveryListing.ALL, practice.id, limit=10, after=None).items
    assert sorted(message.type for message in messages) == ["ready"]
