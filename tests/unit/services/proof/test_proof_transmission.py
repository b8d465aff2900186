"""Test part 5 of the proof of transmission: whether and when a plan reached its provider, and what shows this."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.certification.facts import Certification, ClosedFax, TransmissionChannel
from chalicelib.domain.deliveries import AttemptStatus, DeliveryAttempt, DeliveryStatus, ReceiptFacts
from chalicelib.domain.documents import Grant, GrantKind
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_delivery, a_fax, handed_over
from tests.support.worlds.delivery_world import World
from tests.support.worlds.fax_world import NUMBER, FaxWorld
from tests.support.worlds.proof_world import ORDER, add_message, change, prove, read, record


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


def test_a_download_by_another_account_counts_with_the_code_of_the_fax(world: FaxWorld) -> None:
    read(world, "original", f"provider:{OTHER_PROVIDER.id}", 5)
    assert prove(world)["transmission"]["downloaded_at"] is None
    change(world, granted=Grant(kind=GrantKind.FAX_CODE, provider_id=OTHER_PROVIDER.id))
    assert prove(world)["transmission"]["downloaded_at"] is not None


def test_what_a_colleague_reads_after_a_hand_over_transmits_nothing_to_the_addressee(world: FaxWorld) -> None:
    handed = replace(handed_over(world.document), viewed_at=START)
    change(world, **{name: getattr(handed, name) for name in ("addressee", "provider_id", "handed_over", "viewed_at")})
    read(world, "original", f"provider:{OTHER_PROVIDER.id}", 5)
    proof = prove(world)
    assert (proof["transmission"]["opened_at"], proof["transmission"]["downloaded_at"]) == (None, None)
    assert proof["addressee"]["name"] == "Luis Rivera, MD"
    read(world, "original", f"provider:{PROVIDER.id}", 6)
    assert prove(world)["transmission"]["downloaded_at"] is not None


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
