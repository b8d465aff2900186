"""Stored facts from which tests make the proof that a plan reached its provider (proof of transmission)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from chalicelib.domain.audit import AccessEvent, DocumentEventType
from chalicelib.domain.certification.facts import Certification
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.services.delivery_rows import delivery_line
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.proof.proof_schema import ProofResource
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.worlds.delivery_world import World

ORDER = Certification(
    initial_visit_on=date(2026, 11, 20),
    starts_on=date(2026, 11, 21),
    ends_on=date(2027, 2, 17),
    order_signed_on=date(2026, 11, 10),
    order_discipline="PT",
    order_npi="1234567893",
    order_name="Luis Rivera, MD",
)


def change(world: World, **changes: Any) -> Document:
    """Store the test's document with these fields changed, and return it."""
    document = replace(world.document, version=world.document.version + 1, **changes)
    world.store.commit(Change(at=START, documents=(document,)))
    return document


def prove(world: World) -> ProofResource:
    """Return the proof of transmission of the test's document, as of the world's clock."""
    return world.proofs.compile(world.document, world.clock.now())


def add_message(world: World, delivery: Delivery) -> None:
    """Store an email or fax of the test's document, and list it in the document's row, as the portal does.

    The proof reads the list in the document's row."""
    world.store.commit(Change(at=START, deliveries=(delivery,)))
    change(world, deliveries=(*world.document.deliveries, delivery_line(delivery, START)))


def record(world: World, type: DocumentEventType, data: Mapping[str, Any], **private: str) -> None:
    """Add an event with the facts `data` to the audit trail of the test's document."""
    recorder = Recorder(
        world.document,
        practice=world.practice,
        now=world.clock.now(),
        ids=world.ids,
        portal_url="https://portal.test",
        actor=PORTAL,
    )
    world.store.commit(recorder.event(type, data, private=private).change())


def read(world: World, what: str, actor: str, minutes: int) -> None:
    """Note in the access log that `actor` read this part of the document so many minutes after the start."""
    at = START + timedelta(minutes=minutes)
    key = round(at.timestamp() * 1e6) * 10**6
    event = AccessEvent(document_id=world.document.id, sort_key=key, at=at, what=what, actor=actor, session="s")
    world.store.record_access(event)
