"""Test a clinic's worklist: which documents need the attention of its staff, in which order, and until when."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.carriers.document_copies import ReturnedCopy
from chalicelib.domain.certification.facts import AttentionReason, CallResult, CopySeen, more_urgent
from chalicelib.domain.documents import (
    Decision,
    DeliveryChoice,
    Document,
    ReturnedMethod,
    Sealing,
    Signer,
    SigningMethod,
)
from chalicelib.domain.status import Action
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand, ReturnCommand
from chalicelib.services.documents.reports import Reports
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import OTHER_PRACTICE, PRACTICE, RIVERA, Emr, sent
from tests.support.worlds.plans import MEDICARE, NAMED, ORDER, call, confirm, open_as_addressee

BY_FAX = replace(RIVERA, email=None)


@pytest.fixture
def emr() -> Emr:
    return Emr()


def worklist(emr: Emr, practice_id: str = PRACTICE.id, *, limit: int = 2) -> list[str]:
    """Read all pages of a practice's worklist, and return the `external_id` of each document in order."""
    names: list[str] = []
    after: str | None = None
    while True:
        page = Reports(emr.store, emr.files).page("attention", practice_id, limit=limit, after=after)
        assert len(page.items) <= limit
        names += [document.external_id for document in page.items]
        after = page.next_after
        if after is None:
            return names


def change(emr: Emr, document: Document, **changes: Any) -> Document:
    """Store changes of the document, and return the changed document."""
    changed = replace(document, version=document.version + 1, **changes)
    emr.store.commit(Change(at=emr.now, documents=(changed,)))
    return changed


def ask(
    emr: Emr,
    reason: AttentionReason = AttentionReason.SIGNED_UNDATED,
    *,
    copies: tuple[ReturnedCopy, ...] = (),
    **changes: Any,
) -> Document:
    """Send a plan, and store that the clinic's staff must act on it for this reason. Return the stored document.

    `copies` are the copies of the plan that came back by fax."""
    sent_plan = emr.send(sent(**{"payer": MEDICARE, "certification": ORDER, **changes}))
    return change(emr, sent_plan, attention=reason, copies=copies)


def sign_by_hand(emr: Emr, document: Document) -> Document:
    """Store the scan of a signed page, which nobody at the clinic has confirmed."""
    signer = Signer(name="Luis Rivera", credential="MD", npi=None, method=SigningMethod.BY_HAND, authentication="code")
    signed = document.decide(Decision(action=Action.SIGN_BY_HAND, signer=signer, decided_at=emr.now))
    assert signed is not None
    return change(emr, signed)


def test_the_fewest_days_left_come_first_then_the_oldest(emr: Emr) -> None:
    days = {"LATE": 40, "SOON": 3, "OVERDUE": -2, "SOON, SENT LATER": 3}
    for name, left in days.items():
        due_on = (emr.now + timedelta(days=left)).date()
        ask(emr, external_id=name, certification=replace(ORDER, due_on=due_on))
    emr.send(sent(external_id="NOTHING TO DO"))
    expected = ["OVERDUE", "SOON", "SOON, SENT LATER", "LATE"]
    for limit in (1, 2, 3, 4, 5):
        assert worklist(emr, limit=limit) == expected


def test_scans_to_confirm_and_pending_documents_are_in_one_order(emr: Emr) -> None:
    for number, left in enumerate((9, 1, 7, 3, 5)):
        due_on = (emr.now + timedelta(days=left)).date()
        document = ask(emr, external_id=f"DAY {left}", certification=replace(ORDER, due_on=due_on))
        if number % 2:
            scan = sign_by_hand(emr, document)
            change(emr, scan, attention=AttentionReason.SIGNED_UNDATED, sealing=Sealing.SEALED)
    for limit in (1, 2, 3, 5):
        assert worklist(emr, limit=limit) == ["DAY 1", "DAY 3", "DAY 5", "DAY 7", "DAY 9"]


def test_a_practice_sees_its_own_worklist_only(emr: Emr) -> None:
    document = emr.send(sent(external_id="OTHER"), practice=OTHER_PRACTICE)
    change(emr, document, attention=AttentionReason.ADDRESS_CORRECTED)
    assert worklist(emr) == []
    assert worklist(emr, OTHER_PRACTICE.id) == ["OTHER"]
    for listing in (PRACTICE.id, document.provider_id, f"attention-{OTHER_PRACTICE.id}"):
        assert worklist(emr, listing) == []


RESOLVING = (CallResult.WILL_SIGN, CallResult.CERTIFIED_VERBALLY)


@pytest.mark.parametrize("result", CallResult)
def test_a_call_resolves_the_attention_only_if_the_provider_promised_or_certified(emr: Emr, result: CallResult) -> None:
    document = ask(emr, AttentionReason.PLEASE_CALL)
    call(emr, result)
    assert worklist(emr) == ([] if result in RESOLVING else [document.external_id])
    assert document.external_id in [row.external_id for row in emr.documents()]


def test_a_verbal_certification_that_does_not_count_resolves_nothing(emr: Emr) -> None:
    document = ask(emr, payer=None)
    assert call(emr, CallResult.CERTIFIED_VERBALLY)["warnings"] == [{"code": "verbal-certification-does-not-count"}]
    assert worklist(emr) == [document.external_id]


OF_COPIES = (AttentionReason.COPY_RECEIVED, AttentionReason.SIGNED_UNDATED, AttentionReason.COPY_NOT_READABLE)


@pytest.mark.parametrize("reason", AttentionReason)
def test_a_promise_to_sign_resolves_what_a_call_can_resolve(emr: Emr, reason: AttentionReason) -> None:
    document = ask(emr, reason)
    call(emr, CallResult.WILL_SIGN)
    stays = reason in (*OF_COPIES, AttentionReason.WRONG_NUMBER)
    assert worklist(emr) == ([document.external_id] if stays else [])


@pytest.mark.parametrize("reason", AttentionReason)
def test_a_corrected_address_resolves_all_but_a_copy_that_came_back(emr: Emr, reason: AttentionReason) -> None:
    document = ask(emr, reason)
    emr.lifecycle.resend(emr.inbound(), ResendCommand(document=NAMED, email="new@example.com"))
    assert worklist(emr) == ([document.external_id] if reason in OF_COPIES else [])


@pytest.mark.parametrize("result", RESOLVING)
def test_a_wrong_fax_number_is_resolved_by_a_correction_and_not_by_a_call(emr: Emr, result: CallResult) -> None:
    document = ask(emr, AttentionReason.WRONG_NUMBER)
    call(emr, result)
    assert worklist(emr) == [document.external_id]
    emr.lifecycle.resend(emr.inbound(), ResendCommand(document=NAMED, fax="+15125550199"))
    assert worklist(emr) == []


@pytest.mark.parametrize("seen", [CopySeen.SIGNED_UNDATED, CopySeen.NOT_READABLE])
def test_a_wrong_fax_number_stays_after_a_copy_that_does_not_count(emr: Emr, seen: CopySeen) -> None:
    document = ask(emr, AttentionReason.WRONG_NUMBER)
    confirm(emr, seen)
    (after,) = emr.documents()
    assert after.attention is AttentionReason.WRONG_NUMBER
    types = [event.type for event in emr.store.events(document.id)]
    assert types[-2:] == ["document.copy_confirmed", "document.needs_attention"]


def test_a_copy_is_still_to_be_read_after_the_fax_number_is_corrected(emr: Emr) -> None:
    copy = ReturnedCopy(fax_id="fax_1", received_at=emr.now, pages=())
    document = ask(emr, AttentionReason.WRONG_NUMBER, copies=(copy,))
    emr.lifecycle.resend(emr.inbound(), ResendCommand(document=NAMED, fax="+15125550199"))
    assert worklist(emr) == [document.external_id]
    assert emr.documents()[0].attention is AttentionReason.COPY_RECEIVED


@pytest.mark.parametrize(
    ("present", "new", "shown"),
    [
        (None, AttentionReason.DUE_SOON, AttentionReason.DUE_SOON),
        (AttentionReason.WRONG_NUMBER, AttentionReason.VERBAL_LAPSED, AttentionReason.WRONG_NUMBER),
        (AttentionReason.WRONG_NUMBER, AttentionReason.COPY_RECEIVED, AttentionReason.WRONG_NUMBER),
        (AttentionReason.COPY_RECEIVED, AttentionReason.WRONG_NUMBER, AttentionReason.WRONG_NUMBER),
        (AttentionReason.COPY_RECEIVED, AttentionReason.VERBAL_LAPSED, AttentionReason.COPY_RECEIVED),
        (AttentionReason.COPY_RECEIVED, AttentionReason.SIGNED_UNDATED, AttentionReason.SIGNED_UNDATED),
        (AttentionReason.PLEASE_CALL, AttentionReason.ADDRESS_CORRECTED, AttentionReason.ADDRESS_CORRECTED),
    ],
)
def test_the_more_urgent_reason_is_shown(
    present: AttentionReason | None, new: AttentionReason, shown: AttentionReason
) -> None:
    assert more_urgent(present, new) is shown


def test_attention_returns_with_the_next_reason(emr: Emr) -> None:
    document = ask(emr, AttentionReason.CALL_AGAIN)
    call(emr, CallResult.WILL_SIGN)
    confirm(emr, CopySeen.NOT_READABLE)
    assert worklist(emr) == [document.external_id]


@pytest.mark.parametrize(
    ("correction", "resolves"),
    [
        ({"email": "new@example.com"}, True),
        ({"fax": "+15125550199"}, True),
        ({"delivery": DeliveryChoice.BOTH}, False),
        ({"email": RIVERA.email}, False),
        ({}, False),
    ],
)
def test_a_corrected_address_resolves_the_attention(emr: Emr, *, correction: dict[str, Any], resolves: bool) -> None:
    document = ask(emr, AttentionReason.PLEASE_CALL)
    emr.lifecycle.resend(emr.inbound(), ResendCommand(document=NAMED, **correction))
    assert worklist(emr) == ([] if resolves else [document.external_id])


def test_a_corrected_address_asks_for_attention_if_the_plan_was_opened_at_the_old_one(emr: Emr) -> None:
    document = ask(emr, AttentionReason.PLEASE_CALL)
    open_as_addressee(emr, document)
    assert worklist(emr) == [], "transmitted with an order"
    emr.lifecycle.resend(emr.inbound(), ResendCommand(document=NAMED, email="new@example.com"))
    (corrected,) = emr.documents()
    assert corrected.attention is (AttentionReason.ADDRESS_CORRECTED if corrected.transmitted_at is None else None)
    assert worklist(emr) == ([document.external_id] if corrected.attention else [])


def test_a_recall_a_return_and_a_decision_resolve_the_attention(emr: Emr) -> None:
    recalled, returned, declined, signed = (ask(emr, external_id=name) for name in ("A", "B", "C", "D"))
    assert worklist(emr) == ["A", "B", "C", "D"]
    emr.lifecycle.recall(emr.inbound(), RecallCommand(document=DocumentRef(document_id=recalled.id)))
    assert worklist(emr) == ["B", "C", "D"]
    command = ReturnCommand(document=DocumentRef(document_id=returned.id), method=ReturnedMethod.PAPER)
    emr.lifecycle.mark_returned(emr.inbound(), command)
    assert worklist(emr) == ["C", "D"]
    confirm(emr, CopySeen.DECLINED, document=DocumentRef(document_id=declined.id))
    assert worklist(emr) == ["D"]
    confirm(emr, CopySeen.SIGNED_AND_DATED, document=DocumentRef(document_id=signed.id))
    assert worklist(emr) == []


def test_the_return_of_an_unconfirmed_scan_leaves_the_worklist(emr: Emr) -> None:
    scan = sign_by_hand(emr, ask(emr))
    change(emr, scan, attention=AttentionReason.COPY_NOT_READABLE)
    assert worklist(emr) == [scan.external_id]
    command = ReturnCommand(document=DocumentRef(document_id=scan.id), method=ReturnedMethod.FAX)
    emr.lifecycle.mark_returned(emr.inbound(), command)
    assert worklist(emr) == []
