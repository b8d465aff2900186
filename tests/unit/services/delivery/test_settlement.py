"""Test which results of a message (such as *delivered*) change the document, and are reported to the EMR and to
staff."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus
from chalicelib.domain.documents import Document
from chalicelib.services.delivery.settlement import Settlement
from chalicelib.services.delivery_rows import PORTAL_PRACTICE, delivery_line
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds
from tests.support.provider_fixtures import a_document, a_store

S = DeliveryStatus
READY = Delivery(
    id="dlv_1",
    version=1,
    practice_id="prc_1",
    document_id=a_document().id,
    event_id="evt_0",
    channel=Channel.EMAIL,
    type="ready",
    recipient="dr.rivera@example.com",
    created_at=START,
    access=a_document().access,
    carrier_id="ses-1",
)


class World:
    """A stored document that shows one queued message, and the service that stores the message's result."""

    def __init__(self, **changes: Any) -> None:
        self.delivery = replace(READY, **changes)
        self.store: FakeStore = a_store(a_document(deliveries=(delivery_line(self.delivery, START),)))
        self.store.commit(Change(at=START, deliveries=(self.delivery,)))
        writer = DocumentWriter(store=self.store, ids=FakeIds(), portal_url="https://portal.test")
        self.settlement = Settlement(writer)

    def settle(self, status: DeliveryStatus) -> None:
        self.settlement.settle(replace(self.delivery, version=2, status=status), START)

    @property
    def document(self) -> Document:
        document = self.store.document(a_document().id)
        assert document is not None
        return document

    def events(self) -> list[str]:
        return [event.type for event in self.store.events(a_document().id)]

    def others(self) -> list[tuple[str, str]]:
        """Return the channel and type of the webhooks and notices that the message's result has caused."""
        rows = self.store.every(Delivery, "deliveries")
        return sorted((row.channel.value, row.type) for row in rows if row.id != "dlv_1")


@pytest.mark.parametrize(
    ("changes", "status", "events", "others"),
    [
        ({}, S.SENT, [], []),
        ({}, S.DELIVERED, ["document.delivered"], [("webhook", "document.delivered")]),
        (
            {},
            S.FAILED,
            ["document.delivery_failed"],
            [("notice", "delivery_failed"), ("webhook", "document.delivery_failed")],
        ),
        ({"access": 9}, S.DELIVERED, ["document.delivered"], []),
        ({"access": 9}, S.FAILED, ["document.delivery_failed"], []),
        (
            {"channel": Channel.FAX, "type": "fax"},
            S.DELIVERED,
            ["document.delivered", "document.transmitted"],
            [("webhook", "document.delivered"), ("webhook", "document.transmitted")],
        ),
        ({"type": "code"}, S.FAILED, [], []),
        ({"practice_id": PORTAL_PRACTICE, "type": "setup"}, S.FAILED, [], []),
        ({"channel": Channel.WEBHOOK, "type": "document.viewed"}, S.FAILED, [], [("notice", "webhook_failed")]),
        ({"channel": Channel.WEBHOOK, "type": "document.viewed"}, S.DELIVERED, [], []),
        ({"channel": Channel.NOTICE, "type": "declined"}, S.FAILED, [], []),
        ({"document_id": None}, S.FAILED, [], []),
    ],
)
def test_a_result_reaches_those_whom_it_concerns(
    changes: dict[str, Any], status: DeliveryStatus, events: list[str], others: list[tuple[str, str]]
) -> None:
    world = World(**changes)
    world.settle(status)
    assert (world.events(), world.others()) == (events, others)
    stored = world.store.delivery("dlv_1")
    assert stored is not None
    assert stored.status is status
    assert len(world.store.jobs()) == len(others)


@pytest.mark.parametrize("status", [S.SENT, S.FAILED, S.HELD])
def test_the_line_of_the_document_shows_the_newest_status(status: DeliveryStatus) -> None:
    world = World()
    version = world.document.version
    world.settle(status)
    assert [line.status for line in world.document.deliveries] == [status]
    assert world.document.version == version + 1


def test_a_status_that_the_line_already_shows_does_not_change_the_document() -> None:
    world = World()
    before = world.document
    world.settle(S.QUEUED)
    assert world.document == before


def test_the_result_is_recorded_with_the_carriers_id_and_without_the_recipient() -> None:
    world = World()
    world.settle(S.DELIVERED)
    (event,) = world.store.events(a_document().id)
    assert '"carrier_id":"ses-1"' in event.body
    assert '"delivery":"dlv_1"' in event.body
    assert event.private == {"recipient": "dr.rivera@example.com"}
