"""Test the parts of the proof of transmission that are made from the document itself, and what it does not show.

With this proof, a clinic shows Medicare that it sent a plan of care to the provider. It must not state more than the
stored facts show."""

from dataclasses import replace
from datetime import date

import pytest

from chalicelib.domain.certification.facts import Certification
from chalicelib.domain.deliveries import AttemptStatus, DeliveryAttempt
from chalicelib.domain.documents import Decision, DeclineReason, Signer, SigningMethod
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.services.documents.anchors import Anchor, position_key
from tests.support.fakes import START
from tests.support.provider_fixtures import a_delivery
from tests.support.worlds.fax_world import FaxWorld
from tests.support.worlds.proof_world import ORDER, add_message, change, prove

PARTS = ["order", "plan", "addressee", "attempts", "transmission", "decision", "does_not_show"]


def test_the_proof_has_the_seven_parts_in_order(world: FaxWorld) -> None:
    names = list(prove(world))
    assert [name for name in names if name in PARTS] == PARTS
    assert names[-1] == "trail"


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
