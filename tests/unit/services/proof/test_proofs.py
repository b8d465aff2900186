"""Test which stored rows the proof of transmission is made from, and that it is JSON."""

import json

import pytest

from chalicelib.domain.deliveries import AttemptStatus, Channel, DeliveryAttempt, MessageType
from chalicelib.services.delivery_rows import delivery_line
from chalicelib.services.proof import proofs
from tests.support.fakes import START
from tests.support.provider_fixtures import PROVIDER, a_delivery, a_fax
from tests.support.worlds.fax_world import FaxWorld
from tests.support.worlds.proof_world import add_message, change, prove, read


def test_emails_about_an_account_and_missing_rows_are_left_out(world: FaxWorld) -> None:
    tried = DeliveryAttempt(at=START, status=AttemptStatus.SUCCEEDED, detail="")
    setup = a_delivery(world.document, type=MessageType.SETUP, attempts=(tried,))
    add_message(world, setup)
    gone = a_fax(world.document, attempts=(tried,))
    change(world, deliveries=(*world.document.deliveries, delivery_line(gone, START)))
    assert prove(world)["attempts"] == []


def test_a_download_beyond_the_searched_entries_is_not_claimed(
    world: FaxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "MAX_ACCESSES", 2)
    for minutes in (1, 2):
        read(world, "resource", "practice:prc_1", minutes)
    read(world, "original", f"provider:{PROVIDER.id}", 3)
    assert prove(world)["transmission"]["downloaded_at"] is None
    monkeypatch.setattr(proofs, "MAX_ACCESSES", 3)
    assert prove(world)["transmission"]["downloaded_at"] == "2026-11-22T19:03:00.000Z"


def test_the_proof_is_json(world: FaxWorld) -> None:
    world.deliver(world.fax_the_document())
    assert json.loads(json.dumps(prove(world)))["attempts"][0]["channel"] == Channel.FAX
