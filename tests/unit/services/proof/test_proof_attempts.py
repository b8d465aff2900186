"""Test part 4 of the proof of transmission: every message and call by which a clinic tried to reach the provider."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import AttemptStatus, DeliveryAttempt, DeliveryStatus
from chalicelib.services.transaction import Change
from examples.fax_carrier.exchange import Plan
from tests.support.fakes import START
from tests.support.provider_fixtures import a_delivery, a_fax
from tests.support.worlds.fax_world import NUMBER, FaxWorld
from tests.support.worlds.proof_world import add_message, change, prove, record

EMAIL = "dr.rivera@example.com"


def test_a_confirmed_fax_shows_its_times_carrier_pages_and_receipt(world: FaxWorld) -> None:
    row = world.deliver(world.fax_the_document())
    world.pass_and_run(1)
    (attempt,) = prove(world)["attempts"]
    hashes = attempt.pop("receipt_sha256")  # type: ignore[misc]  # - the rest is compared as a whole
    assert isinstance(hashes, str)
    assert len(hashes) == 64
    assert attempt == {
        "channel": "fax",
        "carries": "document",
        "to": NUMBER,
        "started_at": "2026-11-22T19:00:00.000Z",
        "ended_at": "2026-11-22T19:01:00.000Z",
        "carrier": "Telnyx",
        "carrier_id": world.row(row.id).carrier_id,
        "pages_sent": 4,
        "pages_confirmed": 4,
        "result": "confirmed",
        "result_code": None,
        "detail": "The receiving machine confirmed all 4 pages.",
    }


def test_every_failed_attempt_has_its_code_and_pages(world: FaxWorld) -> None:
    world.plan(Plan(failure="user_busy"), Plan(pages_lost=1), Plan())
    world.fax_the_document()
    world.run_due()
    world.pass_and_run(30)
    facts = [
        (attempt["result"], attempt["result_code"], attempt["pages_sent"], attempt["pages_confirmed"])
        for attempt in prove(world)["attempts"]
    ]
    assert facts == [
        ("failed", "user_busy", 4, None),
        ("failed", "pages_not_confirmed", 4, 3),
        ("confirmed", None, 4, 4),
    ]


def test_an_attempt_of_an_earlier_release_has_no_end_id_and_receipt(world: FaxWorld) -> None:
    old = DeliveryAttempt(at=START, status=AttemptStatus.SUCCEEDED, detail="Accepted by the email service.")
    email = a_delivery(world.document, type="ready", status=DeliveryStatus.SENT, attempts=(old,), carrier_id="ses-1")
    add_message(world, email)
    (attempt,) = prove(world)["attempts"]
    assert (attempt["result"], attempt["carries"], attempt["carrier"]) == ("accepted", "notice", "Amazon SES")
    assert {attempt[name] for name in ("ended_at", "carrier_id", "receipt_sha256", "pages_sent")} == {None}


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (AttemptStatus.SENDING, "sending"),
        (AttemptStatus.SUCCEEDED, "accepted"),
        (AttemptStatus.FAILED, "failed"),
        (AttemptStatus.INTERRUPTED, "unknown"),
        (AttemptStatus.UNKNOWN, "unknown"),
        (AttemptStatus.TAKEN, "accepted_by_gateway"),
        (AttemptStatus.COMPLAINED, "reported_as_junk"),
        (AttemptStatus.ASKED_AGAIN, None),
        (AttemptStatus.CANCELLED, None),
    ],
)
def test_every_status_of_an_attempt_has_its_word(world: FaxWorld, status: AttemptStatus, result: str | None) -> None:
    entry = DeliveryAttempt(at=START, status=status, detail="")
    add_message(world, a_fax(world.document, status=DeliveryStatus.SENT, attempts=(entry,)))
    shown = [attempt["result"] for attempt in prove(world)["attempts"]]
    assert shown == ([result] if result else [])


def test_only_the_last_success_of_a_delivered_message_is_its_arrival(world: FaxWorld) -> None:
    taken, came = (
        DeliveryAttempt(at=START + timedelta(minutes=minute), status=AttemptStatus.SUCCEEDED, detail="", ended_at=None)
        for minute in (0, 1)
    )
    junk = DeliveryAttempt(at=START + timedelta(minutes=2), status=AttemptStatus.COMPLAINED, detail="")
    email = a_delivery(world.document, type="ready", status=DeliveryStatus.DELIVERED, attempts=(taken, came, junk))
    add_message(world, email)
    proof = prove(world)
    assert [attempt["result"] for attempt in proof["attempts"]] == ["accepted", "delivered", "reported_as_junk"]
    assert proof["transmission"]["notice_accepted_at"] == "2026-11-22T19:00:00.000Z"
    assert proof["transmission"]["notice_delivered_at"] == "2026-11-22T19:01:00.000Z"


def test_attempts_of_all_messages_are_in_the_order_of_their_start(world: FaxWorld) -> None:
    late = DeliveryAttempt(at=START + timedelta(hours=1), status=AttemptStatus.FAILED, detail="late")
    early = replace(late, at=START, detail="early")
    add_message(world, a_fax(world.document, attempts=(late,)))
    add_message(world, a_delivery(world.document, type="ready", attempts=(early,)))
    assert [attempt["detail"] for attempt in prove(world)["attempts"]] == ["early", "late"]


@pytest.mark.parametrize(("recipient", "shown"), [(EMAIL, EMAIL), ("private@example.com", None)])
def test_a_reminder_is_a_notice_and_reveals_no_address_of_the_account(
    world: FaxWorld, recipient: str, shown: str | None
) -> None:
    tried = DeliveryAttempt(at=START, status=AttemptStatus.SUCCEEDED, detail="", ended_at=START)
    reminder = a_delivery(
        world.document, id="dlv_r", type="reminder", practice_id="portal", recipient=recipient, attempts=(tried,)
    )
    world.store.commit(Change(at=START, deliveries=(replace(reminder, status=DeliveryStatus.SENT),)))
    for reminder_id in ("dlv_r", "dlv_r", None):
        record(world, DocumentEventType.REMINDED, {"step": "reminder", "reminder": reminder_id, "fax": False})
    change(world, addressee=replace(world.document.addressee, fax=None))
    proof = prove(world)
    (attempt,) = proof["attempts"]
    assert (attempt["carries"], attempt["to"], attempt["result"]) == ("notice", shown, "accepted")
    assert (proof["transmission"]["notice_accepted_at"] is not None) is (shown is not None)


def test_an_old_address_of_the_practice_is_still_shown(world: FaxWorld) -> None:
    tried = DeliveryAttempt(at=START, status=AttemptStatus.FAILED, detail="")
    add_message(world, a_fax(world.document, recipient="+15125550199", attempts=(tried,)))
    assert prove(world)["attempts"][0]["to"] == "+15125550199"


def test_a_call_is_an_attempt_that_the_clinic_noted(world: FaxWorld) -> None:
    at = (START - timedelta(hours=1)).isoformat()
    record(world, DocumentEventType.CALLED, {"at": at, "result": "will_sign"}, by="Kim", note="Signs on Monday.")
    record(world, DocumentEventType.CALLED, {"at": at, "result": "no_answer"})
    noted, erased = prove(world)["attempts"]
    assert noted == {
        "channel": "phone",
        "carries": "call",
        "to": None,
        "started_at": "2026-11-22T18:00:00.000Z",
        "ended_at": None,
        "carrier": None,
        "carrier_id": None,
        "pages_sent": None,
        "pages_confirmed": None,
        "result": "noted",
        "result_code": "will_sign",
        "detail": "Noted by Kim, for the clinic: Signs on Monday.",
        "receipt_sha256": None,
    }
    assert erased["detail"] == "Noted by the clinic."
