"""Test the proof of transmission, with which a clinic shows Medicare that it sent a plan of care to the provider.

The proof has seven parts, made from stored facts. It must not state more than these facts show."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import AccessEvent, DocumentEventType
from chalicelib.domain.certification.facts import Certification, ClosedFax, Payer, PayerKind, TransmissionChannel
from chalicelib.domain.deliveries import (
    AttemptStatus,
    Channel,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    MessageType,
    ReceiptFacts,
)
from chalicelib.domain.documents import Decision, DeclineReason, Document, Grant, GrantKind, Signer, SigningMethod
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.services.delivery.carrier_faxes import CarrierFaxes
from chalicelib.services.delivery_rows import delivery_line
from chalicelib.services.documents.anchors import Anchor, position_key
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.proof import proofs
from chalicelib.services.proof.proof_schema import ProofResource
from chalicelib.services.transaction import Change
from examples.fax_carrier.exchange import Plan
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_delivery, a_fax
from tests.support.worlds.delivery_world import World
from tests.support.worlds.fax_world import NUMBER, FaxWorld, store_pdf

PARTS = ["order", "plan", "addressee", "attempts", "transmission", "decision", "does_not_show"]
EMAIL = "dr.rivera@example.com"
ORDER = Certification(
    initial_visit_on=date(2026, 11, 20),
    starts_on=date(2026, 11, 21),
    ends_on=date(2027, 2, 17),
    order_signed_on=date(2026, 11, 10),
    order_discipline="PT",
    order_npi="1234567893",
    order_name="Luis Rivera, MD",
)


@pytest.fixture(autouse=True)
def _quick_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CarrierFaxes, "_store_pdf", store_pdf)


@pytest.fixture
def world() -> FaxWorld:
    made = FaxWorld()
    change(made, certification=ORDER, payer=Payer(kind=PayerKind.MEDICARE))
    return made


def change(world: World, **changes: Any) -> Document:
    document = replace(world.document, version=world.document.version + 1, **changes)
    world.store.commit(Change(at=START, documents=(document,)))
    return document


def prove(world: World) -> ProofResource:
    return world.proofs.compile(world.document, world.clock.now())


def add_message(world: World, delivery: Delivery) -> None:
    """Store an email or fax of the test's document, and list it in the document's row, as the portal does.

    The proof reads the list in the document's row."""
    world.store.commit(Change(at=START, deliveries=(delivery,)))
    change(world, deliveries=(*world.document.deliveries, delivery_line(delivery, START)))


def record(world: World, type: DocumentEventType, data: Mapping[str, Any], **private: str) -> None:
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
    at = START + timedelta(minutes=minutes)
    key = round(at.timestamp() * 1e6) * 10**6
    event = AccessEvent(document_id=world.document.id, sort_key=key, at=at, what=what, actor=actor, session="s")
    world.store.record_access(event)


def test_the_proof_has_the_seven_parts_in_order(world: FaxWorld) -> None:
    names = list(prove(world))
    assert [name for name in names if name in PARTS] == PARTS
    assert names[-1] == "trail"


# Parts 1 to 3


def test_the_order_the_plan_and_the_addressee_are_those_of_the_document(world: FaxWorld) -> None:
    proof = prove(world)
    assert proof["order"] == {
        "signed_on": "2026-11-10",
        "name": "Luis Rivera, MD",
        "npi": "1234567893",
        "discipline": "PT",
    }
    assert proof["plan"] == {
        "title": "Plan of Care, initial evaluation",
        "kind": "plan_of_care",
        "external_id": "POC-1001",
        "patient": "Ada Byron",
        "date_of_birth": "1950-12-10",
        "therapist": "Sam Lee, PT, DPT",
        "document_id": "doc_abcdef123456",
        "sha256": "0123",
        "pages": 3,
        "sent_at": "2026-11-20T19:00:00.000Z",
        "first_visit_on": "2026-11-20",
        "period_from": "2026-11-21",
        "period_to": "2027-02-17",
    }
    assert proof["addressee"] == {"name": "Luis Rivera, MD", "npi": "1234567893", "npi_is_the_orders": True}
    assert (proof["document_id"], proof["practice"]) == ("doc_abcdef123456", "Hill Country Therapy")
    assert (proof["as_of"], proof["time_zone"], proof["status"]) == ("2026-11-22", "America/Chicago", "pending")


def test_the_day_of_the_proof_is_that_of_the_practice(world: FaxWorld) -> None:
    world.clock.at = START.replace(day=23, hour=5, minute=59)
    assert prove(world)["as_of"] == "2026-11-22"
    world.clock.pass_time(minutes=1)
    assert prove(world)["as_of"] == "2026-11-23"


@pytest.mark.parametrize("certification", [None, Certification(initial_visit_on=date(2026, 11, 20))])
def test_without_an_order_the_part_is_empty(world: FaxWorld, certification: Certification | None) -> None:
    change(world, certification=certification, author=None)
    proof = prove(world)
    assert proof["order"] is None
    assert proof["addressee"]["npi_is_the_orders"] is None
    assert proof["plan"]["therapist"] is None


@pytest.mark.parametrize(
    ("order_npi", "npi", "same"),
    [("1234567893", "1000000004", False), (None, "1000000004", None), ("1234567893", None, None)],
)
def test_the_npis_are_compared_only_if_both_are_known(
    world: FaxWorld,
    order_npi: str | None,
    npi: str | None,
    same: bool | None,  # noqa: FBT001 - a parameter of pytest
) -> None:
    addressee = replace(world.document.addressee, npi=npi)
    change(world, certification=replace(ORDER, order_npi=order_npi), addressee=addressee)
    assert prove(world)["addressee"]["npi_is_the_orders"] is same


# Part 4: the attempts


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


def test_emails_about_an_account_and_missing_rows_are_left_out(world: FaxWorld) -> None:
    tried = DeliveryAttempt(at=START, status=AttemptStatus.SUCCEEDED, detail="")
    setup = a_delivery(world.document, type=MessageType.SETUP, attempts=(tried,))
    add_message(world, setup)
    gone = a_fax(world.document, attempts=(tried,))
    change(world, deliveries=(*world.document.deliveries, delivery_line(gone, START)))
    assert prove(world)["attempts"] == []


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


# Part 5: the verdict


def test_a_confirmed_fax_transmits_and_certifies(world: FaxWorld) -> None:
    world.deliver(world.fax_the_document())
    world.pass_and_run(1)
    verdict = prove(world)["transmission"]
    assert verdict == {
        "transmitted_at": "2026-11-22T19:01:00.000Z",
        "transmitted_on": "2026-11-22",
        "via": "fax",
        "day": 2,
        "of_days": 30,
        "notice_accepted_at": None,
        "notice_delivered_at": None,
        "opened_at": None,
        "downloaded_at": None,
        "fax_confirmed_at": "2026-11-22T19:01:00.000Z",
        "certified_by": "order_and_transmission",
        "certified_on": "2026-11-22",
    }


def test_without_a_transmission_the_day_is_that_of_the_proof(world: FaxWorld) -> None:
    world.clock.pass_time(days=29)
    verdict = prove(world)["transmission"]
    assert (verdict["transmitted_at"], verdict["transmitted_on"], verdict["via"]) == (None, None, None)
    assert (verdict["day"], verdict["certified_by"], verdict["certified_on"]) == (31, None, None)


@pytest.mark.parametrize("certification", [None, replace(ORDER, initial_visit_on=None, starts_on=None)])
def test_the_day_is_unknown_without_a_first_day(world: FaxWorld, certification: Certification | None) -> None:
    change(world, certification=certification, transmitted_at=START)
    assert prove(world)["transmission"]["day"] is None


def test_an_opening_is_shown_apart_from_a_transmission(world: FaxWorld) -> None:
    change(world, viewed_at=START)
    verdict = prove(world)["transmission"]
    assert (verdict["opened_at"], verdict["transmitted_at"]) == ("2026-11-22T19:00:00.000Z", None)


def test_a_gateway_that_accepted_a_fax_transmits_nothing() -> None:
    world = World()
    taken = DeliveryAttempt(
        at=START, status=AttemptStatus.TAKEN, detail="The fax gateway accepted it.", receipt=ReceiptFacts(sha256="ab")
    )
    add_message(world, a_fax(world.document, status=DeliveryStatus.SENT, attempts=(taken,)))
    proof = prove(world)
    (attempt,) = proof["attempts"]
    assert (attempt["carrier"], attempt["result"]) == ("Email-to-fax gateway", "accepted_by_gateway")
    assert attempt["receipt_sha256"] == "ab"
    findings = {name: value for name, value in proof["transmission"].items() if name.endswith("_at")}
    assert set(findings.values()) == {None}
    assert any("gateway" in sentence for sentence in proof["does_not_show"])


@pytest.mark.parametrize(("channel", "finding"), [("fax", "fax_confirmed_at"), ("email", "notice_delivered_at")])
def test_what_went_to_a_corrected_address_is_no_finding(world: FaxWorld, channel: str, finding: str) -> None:
    came = DeliveryAttempt(at=START, status=AttemptStatus.SUCCEEDED, detail="", ended_at=START)
    message = a_fax if channel == "fax" else a_delivery
    sent = message(world.document, status=DeliveryStatus.DELIVERED, attempts=(came,))
    add_message(world, replace(sent, type="ready" if channel == "email" else "fax"))
    assert prove(world)["transmission"][finding] == "2026-11-22T19:00:00.000Z"  # type: ignore[literal-required]  # - a name of a field
    change(world, addressee=replace(world.document.addressee, email="new@example.com", fax="+15125550199"))
    proof = prove(world)
    assert len(proof["attempts"]) == 1
    assert proof["transmission"][finding] is None  # type: ignore[literal-required]  # - a name of a field


@pytest.mark.parametrize(
    ("what", "actor", "counts"),
    [
        ("original", f"provider:{PROVIDER.id}", True),
        ("original", f"by_hand:{PROVIDER.id}", True),
        ("page", f"provider:{PROVIDER.id}", False),
        ("signed", f"provider:{PROVIDER.id}", False),
        ("original", f"provider:{OTHER_PROVIDER.id}", False),
        ("original", f"by_hand:{OTHER_PROVIDER.id}", False),
        ("original", "practice:prc_1", False),
    ],
)
def test_only_the_addressees_own_download_counts(
    world: FaxWorld,
    what: str,
    actor: str,
    counts: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    read(world, what, actor, 5)
    expected = "2026-11-22T19:05:00.000Z" if counts else None
    assert prove(world)["transmission"]["downloaded_at"] == expected


def test_the_first_download_counts(world: FaxWorld) -> None:
    for minutes in (9, 5, 7):
        read(world, "original", f"provider:{PROVIDER.id}", minutes)
    assert prove(world)["transmission"]["downloaded_at"] == "2026-11-22T19:05:00.000Z"


@pytest.mark.parametrize(("kind", "counts"), [(GrantKind.FAX_CODE, True), (GrantKind.HANDED_OVER, False)])
def test_a_download_by_a_colleague_counts_only_with_the_code_of_the_fax(
    world: FaxWorld,
    kind: GrantKind,
    counts: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    change(world, granted=Grant(kind=kind, provider_id=OTHER_PROVIDER.id))
    read(world, "original", f"provider:{OTHER_PROVIDER.id}", 5)
    assert (prove(world)["transmission"]["downloaded_at"] is not None) is counts


@pytest.mark.parametrize(
    ("corrected", "counts"), [(["email"], False), (["delivery", "fax"], False), (["delivery"], True)]
)
def test_a_download_with_a_code_counts_after_the_last_correction(
    world: FaxWorld,
    corrected: list[str],
    counts: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    read(world, "original", f"by_hand:{PROVIDER.id}", 5)
    world.clock.at = START + timedelta(minutes=5)
    record(world, DocumentEventType.RESENT, {"corrected": corrected})
    assert (prove(world)["transmission"]["downloaded_at"] is not None) is counts
    read(world, "original", f"by_hand:{PROVIDER.id}", 6)
    assert prove(world)["transmission"]["downloaded_at"] == (
        "2026-11-22T19:05:00.000Z" if counts else "2026-11-22T19:06:00.000Z"
    )


def test_nothing_at_a_number_that_was_reported_as_wrong_counts(world: FaxWorld) -> None:
    world.deliver(world.fax_the_document())
    world.pass_and_run(1)
    change(world, viewed_at=START, transmitted_via=TransmissionChannel.FAX_CODE)
    read(world, "original", f"by_hand:{PROVIDER.id}", 2)
    before = prove(world)
    findings = ("opened_at", "downloaded_at", "fax_confirmed_at")
    assert None not in [before["transmission"][name] for name in findings]  # type: ignore[literal-required]  # - names of fields
    assert not any("number as wrong" in sentence for sentence in before["does_not_show"])
    world.clock.at = START + timedelta(minutes=3)
    record(world, DocumentEventType.WRONG_NUMBER_REPORTED, {})
    change(world, closed_fax=ClosedFax(number=NUMBER))
    proof = prove(world)
    assert {proof["transmission"][name] for name in findings} == {None}  # type: ignore[literal-required]  # - names of fields
    assert sum("number as wrong" in sentence for sentence in proof["does_not_show"]) == 1
    change(world, closed_fax=None)
    assert prove(world)["transmission"] == before["transmission"]


def test_an_opening_in_the_account_counts_although_the_number_was_reported(world: FaxWorld) -> None:
    via = {"viewed_at": START, "transmitted_via": TransmissionChannel.ACCOUNT}
    change(world, closed_fax=ClosedFax(number=NUMBER), **via)
    assert prove(world)["transmission"]["opened_at"] == "2026-11-22T19:00:00.000Z"


@pytest.mark.parametrize(
    ("type", "data", "counts"),
    [
        (DocumentEventType.NEEDS_ATTENTION, {"reason": "wrong_number"}, False),
        (DocumentEventType.NEEDS_ATTENTION, {"reason": "please_call"}, True),
        (DocumentEventType.VIEWED, {"reason": "wrong_number"}, True),
    ],
)
def test_a_download_with_a_code_counts_after_the_report_of_another_fax(
    world: FaxWorld,
    type: DocumentEventType,
    data: Mapping[str, Any],
    counts: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    change(world, closed_fax=ClosedFax(number=NUMBER))
    read(world, "original", f"by_hand:{PROVIDER.id}", 5)
    world.clock.at = START + timedelta(minutes=5)
    record(world, type, data)
    assert (prove(world)["transmission"]["downloaded_at"] is not None) is counts
    read(world, "original", f"by_hand:{PROVIDER.id}", 6)
    assert prove(world)["transmission"]["downloaded_at"] is not None


def test_a_download_in_the_account_counts_before_a_correction_too(world: FaxWorld) -> None:
    read(world, "original", f"provider:{PROVIDER.id}", 5)
    world.clock.at = START + timedelta(minutes=6)
    record(world, DocumentEventType.RESENT, {"corrected": ["email"]})
    record(world, DocumentEventType.VIEWED, {"corrected": ["email"]})
    assert prove(world)["transmission"]["downloaded_at"] == "2026-11-22T19:05:00.000Z"


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


# Parts 6 and 7, and the trail


def test_without_a_decision_the_part_is_empty(world: FaxWorld) -> None:
    assert prove(world)["decision"] is None


def test_a_decline_is_shown_with_its_reason(world: FaxWorld) -> None:
    signer = Signer(
        name="Luis Rivera",
        credential="MD",
        npi="1234567893",
        method=SigningMethod.ELECTRONIC,
        authentication="password",
    )
    decision = Decision(
        action=Action.DECLINE,
        signer=signer,
        decided_at=START,
        decline_reason=DeclineReason.CHANGE_THE_PLAN,
        note="Twice a week.",
    )
    change(world, status=Status.DECLINED, outcome=Outcome.DECLINED, decision=decision)
    proof = prove(world)
    assert proof["status"] == "declined"
    assert proof["decision"] == {
        "outcome": "declined",
        "decided_at": "2026-11-22T19:00:00.000Z",
        "name": "Luis Rivera",
        "credential": "MD",
        "npi": "1234567893",
        "signed_on": None,
        "decline_reason": "change_the_plan",
        "note": "Twice a week.",
    }


def test_a_signed_paper_that_the_clinic_holds_has_no_signer(world: FaxWorld) -> None:
    change(world, status=Status.RETURNED, outcome=Outcome.BY_HAND, returned_at=START, hand_signed_on=date(2026, 11, 21))
    assert prove(world)["decision"] == {
        "outcome": "by_hand",
        "decided_at": "2026-11-22T19:00:00.000Z",
        "name": None,
        "credential": None,
        "npi": None,
        "signed_on": "2026-11-21",
        "decline_reason": None,
        "note": None,
    }


def test_the_proof_says_what_it_does_not_show(world: FaxWorld) -> None:
    assert [sentence.split(".")[0] for sentence in prove(world)["does_not_show"]] == [
        "It does not show that anyone read or understood the plan",
        "It is not a signature, and a transmission is not an approval of the plan",
        (
            "The order, the first visit, the period, the addressee's address and number, and all calls are the "
            "clinic's own statements"
        ),
    ]
    add_message(
        world,
        a_delivery(
            world.document, type="ready", attempts=(DeliveryAttempt(at=START, status=AttemptStatus.FAILED, detail=""),)
        ),
    )
    world.deliver(world.fax_the_document())
    world.pass_and_run(1)
    change(world, viewed_at=START)
    sentences = prove(world)["does_not_show"]
    assert [sentence.split()[1] for sentence in sentences] == ["does", "is", "email", "confirmed", "document", "order,"]


def test_a_sentence_about_a_kind_of_attempt_needs_such_an_attempt(world: FaxWorld) -> None:
    world.deliver(world.fax_the_document())
    world.pass_and_run(1)
    assert [sentence.split()[1] for sentence in prove(world)["does_not_show"]] == ["does", "is", "confirmed", "order,"]


def test_the_proof_says_whether_the_trail_is_intact_and_agrees_with_its_anchor(world: FaxWorld) -> None:
    world.deliver(world.fax_the_document())
    world.pass_and_run(1)
    change(world, sent_at=world.events()[0].at)
    document = world.document
    trail = prove(world)["trail"]
    assert trail == {"sequence": document.sequence, "head": document.head, "intact": True, "anchor": None}
    anchor = Anchor(day=date(2026, 11, 22), sequence=document.sequence, head=document.head)
    world.files.put(position_key(document.id, anchor), b"", "text/plain")
    assert prove(world)["trail"]["anchor"] == {
        "day": "2026-11-22",
        "sequence": document.sequence,
        "head": document.head,
        "agrees": True,
    }
    change(world, head="0" * 64)
    assert prove(world)["trail"]["intact"] is False


def test_the_proof_is_json(world: FaxWorld) -> None:
    world.deliver(world.fax_the_document())
    assert json.loads(json.dumps(prove(world)))["attempts"][0]["channel"] == Channel.FAX
