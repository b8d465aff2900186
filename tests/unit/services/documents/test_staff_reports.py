"""Test the reports of a clinic's staff on calls and returned copies, and what transmits and certifies a plan."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import find_break
from chalicelib.domain.certification.facts import (
    AttentionReason,
    CallResult,
    CopySeen,
    Payer,
    PayerKind,
    TransmissionChannel,
)
from chalicelib.domain.deliveries import Channel, DeliveryStatus
from chalicelib.domain.documents import Kind, ReturnedMethod, Sealing
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.services.delivery.settlement import Settlement
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand, ReturnCommand
from chalicelib.services.documents.staff_reports import CallCommand, CopyCommand, StaffReports
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import OTHER_PRACTICE, RIVERA, Emr, sent, with_account
from tests.support.provider_fixtures import a_fax
from tests.support.worlds.plans import (
    MEDICARE,
    NAMED,
    ORDER,
    TODAY,
    call,
    confirm,
    data,
    decide,
    latest,
    open_as_addressee,
    plan,
    types,
)

# Transmission


def test_the_first_view_transmits_and_certifies_in_one_transaction_with_three_webhooks_in_order() -> None:
    emr = Emr()
    document = plan(emr)
    before = emr.store.commits
    opened = open_as_addressee(emr, document)
    assert emr.store.commits == before + 1
    steps = ["document.viewed", "document.transmitted", "document.certified"]
    assert types(emr, document)[1:] == steps
    assert [type for type, _ in emr.webhooks(document)] == steps
    assert data(emr, document, -2) == {"via": "account"}
    assert data(emr, document) == {"by": "order_and_transmission", "on": "2026-11-22"}
    for _, body in emr.webhooks(document):
        assert (body["transmitted_at"], body["certified_by"], body["certified_on"]) == (
            "2026-11-22T19:00:00.000Z",
            "order_and_transmission",
            "2026-11-22",
        )
    assert find_break(emr.store.events(document.id)) is None
    assert open_as_addressee(emr, opened) == opened


def test_a_view_of_a_plan_without_an_order_transmits_and_certifies_nothing() -> None:
    emr = Emr()
    document = plan(emr, certification=replace(ORDER, order_signed_on=None))
    open_as_addressee(emr, document)
    assert types(emr, document)[1:] == ["document.viewed", "document.transmitted"]


def test_a_view_on_day_31_certifies_nothing() -> None:
    emr = Emr()
    document = plan(emr)
    emr.clock.pass_time(days=29)
    open_as_addressee(emr, document)
    assert types(emr, document)[1:] == ["document.viewed", "document.transmitted"]
    assert emr.webhooks(document)[-1][1]["certified_by"] is None


@pytest.mark.parametrize(
    ("changes", "transmits"),
    [
        ({"status": DeliveryStatus.DELIVERED}, True),
        ({"status": DeliveryStatus.SENT}, False),
        ({"status": DeliveryStatus.FAILED}, False),
        ({"status": DeliveryStatus.DELIVERED, "access": 0}, False),
        ({"status": DeliveryStatus.DELIVERED, "channel": Channel.EMAIL, "type": "ready"}, False),
    ],
)
def test_only_a_confirmed_fax_to_the_present_number_transmits(changes: Mapping[str, Any], *, transmits: bool) -> None:
    emr = Emr()
    document = plan(emr)
    Settlement(emr.writer).settle(a_fax(document, **changes), emr.now)
    after = latest(emr)
    assert (after.transmitted_via is TransmissionChannel.FAX) == transmits
    assert ("document.transmitted" in types(emr, document)) == transmits
    assert ("document.certified" in types(emr, document)) == transmits


def test_a_fax_that_is_confirmed_after_the_decline_transmits_nothing() -> None:
    emr = Emr()
    plan(emr)
    decide(emr, Action.DECLINE)
    Settlement(emr.writer).settle(a_fax(latest(emr), status=DeliveryStatus.DELIVERED), emr.now)
    assert latest(emr).transmitted_at is None


def test_a_view_after_the_fax_is_no_second_transmission() -> None:
    emr = Emr()
    document = plan(emr)
    Settlement(emr.writer).settle(a_fax(document, status=DeliveryStatus.DELIVERED), emr.now)
    emr.clock.pass_time(hours=1)
    open_as_addressee(emr, document)
    assert types(emr, document).count("document.transmitted") == 1
    assert latest(emr).transmitted_via is TransmissionChannel.FAX


def test_a_corrected_address_takes_the_transmission_and_the_certification_back() -> None:
    emr = Emr()
    document = plan(emr)
    open_as_addressee(emr, document, TransmissionChannel.EMAILED_CODE)
    command = ResendCommand(document=NAMED, email="luis@example.com")
    after = emr.stored(emr.lifecycle.resend(emr.inbound(), command))
    assert (after.transmitted_at, after.viewed_at) == (None, None)
    (attention,) = (body for type, body in emr.webhooks(document) if type == "document.needs_attention")
    assert attention["certified_by"] is None
    assert attention["attention"] == {
        "reason": "address_corrected",
        "call": {"name": "Luis Rivera, MD", "number": None},
        "tries": 2,
        "days_left": 28,
    }
    emr.clock.pass_time(days=1)
    open_as_addressee(emr, after, TransmissionChannel.EMAILED_CODE)
    assert emr.webhooks(document)[-1][1]["certified_by"] == "order_and_transmission"
    assert emr.webhooks(document)[-1][1]["attention"] is None


def test_a_corrected_fax_number_leaves_what_the_email_transmitted() -> None:
    emr = Emr()
    document = plan(emr)
    open_as_addressee(emr, document, TransmissionChannel.EMAILED_CODE)
    emr.lifecycle.resend(emr.inbound(), ResendCommand(document=NAMED, fax="+15125550199"))
    assert latest(emr).transmitted_via is TransmissionChannel.EMAILED_CODE
    assert "document.needs_attention" not in types(emr, document)


# Calls


def test_a_verbal_certification_is_recorded_and_announced() -> None:
    emr = Emr()
    document = plan(emr)
    answer = call(emr)
    assert answer == {"document_id": document.id, "status": "pending"}
    _, called, certified = emr.store.events(document.id)
    assert json.loads(called.body)["data"] == {"at": "2026-11-22T19:00:00+00:00", "result": "certified_verbally"}
    assert called.private == {"address": "192.0.2.10", "by": "Sam Lee", "note": "Dr. Rivera agreed."}
    assert json.loads(certified.body)["data"] == {"by": "verbal_pending", "on": "2026-11-22"}
    ((type, body),) = emr.webhooks(document)
    assert (type, body["certified_by"], body["certified_on"]) == ("document.certified", "verbal_pending", "2026-11-22")
    # December 6 is day 14, and ends at 06:00 UTC in Chicago.
    verbal = latest(emr).verbal
    assert verbal is not None
    assert verbal.lapses_at == datetime(2026, 12, 7, 6, tzinfo=UTC)
    assert latest(emr).follow_up_at == document.follow_up_at


def test_a_lapse_before_the_next_step_is_the_next_check() -> None:
    emr = Emr()
    document = plan(emr)
    late = replace(document, version=2, follow_up_at=datetime(2026, 12, 7, 6, 0, 1, tzinfo=UTC))
    emr.store.commit(Change(at=emr.now, documents=(late,)))
    call(emr)
    assert latest(emr).follow_up_at == datetime(2026, 12, 7, 6, tzinfo=UTC)


@pytest.mark.parametrize("result", [result for result in CallResult if result is not CallResult.CERTIFIED_VERBALLY])
def test_every_other_call_is_only_recorded(result: CallResult) -> None:
    emr = Emr()
    document = plan(emr)
    assert "warnings" not in call(emr, result, note=None)
    after = latest(emr)
    assert (after.calls, after.verbal, after.follow_up_at) == (1, None, document.follow_up_at)
    assert types(emr, document) == ["document.sent", "document.called"]
    assert emr.store.events(document.id)[-1].private == {"address": "192.0.2.10", "by": "Sam Lee"}
    assert emr.webhooks(document) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"payer": Payer(kind=PayerKind.MEDICARE_ADVANTAGE)},
        {"payer": None},
        {"kind": Kind.RECERTIFICATION},
        {"certification": None},
    ],
)
def test_a_verbal_certification_that_counts_for_nothing_is_recorded_with_a_warning(changes: Mapping[str, Any]) -> None:
    emr = Emr()
    document = plan(emr, **changes)
    assert call(emr)["warnings"] == [{"code": "verbal-certification-does-not-count"}]
    assert types(emr, document) == ["document.sent", "document.called"]


def test_a_second_verbal_certification_does_not_extend_the_14_days() -> None:
    emr = Emr()
    document = plan(emr)
    call(emr)
    first = latest(emr).verbal
    emr.clock.pass_time(days=3)
    assert "warnings" not in call(emr)
    assert (latest(emr).verbal, latest(emr).calls) == (first, 2)
    assert types(emr, document).count("document.certified") == 1
    emr.clock.pass_time(days=14)
    assert call(emr)["warnings"] == [{"code": "verbal-certification-does-not-count"}]


def test_the_same_event_of_a_call_counts_once() -> None:
    emr = Emr()
    plan(emr)
    command = CallCommand(document=NAMED, at=emr.now, by="Sam Lee", result=CallResult.WILL_SIGN)
    answers = [StaffReports(emr.writer).note_call(emr.inbound("msg_1"), command) for _ in range(2)]
    assert answers[0] == answers[1]
    assert latest(emr).calls == 1


@pytest.mark.parametrize(
    ("wait", "accepted"),
    [(timedelta(minutes=5), True), (timedelta(minutes=5, seconds=1), False), (-timedelta(hours=13), True)],
)
def test_a_call_may_not_be_in_the_future(wait: timedelta, *, accepted: bool) -> None:
    emr = Emr()
    plan(emr)
    if accepted:
        assert call(emr, at=emr.now + wait)["status"] == "pending"
    else:
        with pytest.raises(Invalid) as refused:
            call(emr, at=emr.now + wait)
        assert [error.field for error in refused.value.errors] == ["data.at"]
        assert latest(emr).calls == 0


def test_a_call_may_not_be_before_the_day_of_sending() -> None:
    emr = Emr()
    plan(emr)
    midnight = datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert call(emr, at=midnight)["status"] == "pending"
    with pytest.raises(Invalid) as refused:
        call(emr, at=midnight - timedelta(seconds=1))
    assert [error.field for error in refused.value.errors] == ["data.at"]


DECIDED: Mapping[str, tuple[Action, Status]] = {
    "approved": (Action.APPROVE, Status.APPROVED),
    "scan": (Action.SIGN_BY_HAND, Status.APPROVED),
    "declined": (Action.DECLINE, Status.DECLINED),
}


@pytest.mark.parametrize("state", [*DECIDED, "recalled", "returned"])
@pytest.mark.parametrize("result", [CallResult.CERTIFIED_VERBALLY, CallResult.LEFT_A_MESSAGE])
def test_a_call_about_a_decided_or_closed_document_is_a_conflict(state: str, result: CallResult) -> None:
    emr = Emr()
    close(emr, state)
    with pytest.raises(Conflict) as refused:
        call(emr, result)
    assert refused.value.code == f"document-{latest(emr).status}"
    assert latest(emr).calls == 0


def close(emr: Emr, state: str) -> None:
    """Send a plan, and bring it into a state in which the report of staff must be refused.

    The state is a decision in `DECIDED`, recalled, or returned."""
    plan(emr)
    if state == "recalled":
        emr.lifecycle.recall(emr.inbound(), RecallCommand(document=NAMED))
    elif state == "returned":
        emr.lifecycle.mark_returned(emr.inbound(), ReturnCommand(document=NAMED, method=ReturnedMethod.FAX))
    else:
        decide(emr, DECIDED[state][0])


def test_another_practice_reports_nothing_about_a_document() -> None:
    emr = Emr()
    document = plan(emr)
    reports = StaffReports(emr.writer)
    named = DocumentRef(document_id=document.id)
    inbound = emr.inbound(practice=OTHER_PRACTICE)
    with pytest.raises(NotFound):
        reports.note_call(inbound, CallCommand(document=named, at=emr.now, by="Eve", result=CallResult.OTHER))
    with pytest.raises(NotFound):
        reports.confirm_copy(inbound, CopyCommand(document=named, seen=CopySeen.NOT_READABLE))


# Returned copies


def test_a_dated_signature_on_a_copy_signs_the_document_by_hand_and_certifies_it() -> None:
    emr = Emr()
    document = plan(emr)
    with_account(emr, document, "dr.rivera@example.com")
    assert confirm(emr, CopySeen.SIGNED_AND_DATED)["status"] == "approved"
    after = latest(emr)
    assert (after.status, after.outcome, after.sealing, after.signed) == (
        Status.APPROVED,
        Outcome.BY_HAND,
        Sealing.NONE,
        None,
    )
    assert types(emr, document)[1:] == ["document.copy_confirmed", "document.certified"]
    assert data(emr, document, -2) == {"seen": "signed_and_dated", "signed_on": "2026-11-22"}
    ((type, body),) = emr.webhooks(document)
    assert (type, body["certified_by"], body["certified_on"]) == ("document.certified", "signature", "2026-11-22")
    assert body["identity"]["statement"] == "As Hill Country Therapy read it on a copy that came back."
    assert [mail.type for mail in emr.deliveries() if mail.type == "decided_elsewhere"] == ["decided_elsewhere"]


def test_the_date_on_the_copy_is_the_day_of_the_certification() -> None:
    emr = Emr()
    document = plan(emr)
    emr.clock.pass_time(days=3)
    confirm(emr, CopySeen.SIGNED_AND_DATED, signed_on=date(2026, 11, 23))
    assert emr.webhooks(document)[-1][1]["certified_on"] == "2026-11-23"


def test_a_confirmed_scan_certifies_and_an_unconfirmed_one_does_not() -> None:
    emr = Emr()
    document = plan(emr)
    scanned = decide(emr, Action.SIGN_BY_HAND)
    assert confirm(emr, CopySeen.SIGNED_AND_DATED)["status"] == "approved"
    assert types(emr, document)[1:] == ["document.copy_confirmed", "document.certified"]
    after = latest(emr)
    assert (after.decision, after.sealing, after.hand_signed_on) == (scanned.decision, scanned.sealing, TODAY)


def test_a_scan_that_was_read_again_and_is_dated_needs_no_attention_any_more() -> None:
    emr = Emr()
    plan(emr)
    decide(emr, Action.SIGN_BY_HAND)
    confirm(emr, CopySeen.SIGNED_UNDATED)
    assert latest(emr).attention is AttentionReason.SIGNED_UNDATED
    confirm(emr, CopySeen.SIGNED_AND_DATED)
    assert latest(emr).attention is None


def test_a_decline_on_a_copy_is_a_decline_with_its_note() -> None:
    emr = Emr()
    document = plan(emr)
    with_account(emr, document, "dr.rivera@example.com")
    open_as_addressee(emr, document)
    assert confirm(emr, CopySeen.DECLINED, note="Two visits are enough")["status"] == "declined"
    type, body = emr.webhooks(document)[-1]
    assert type == "document.declined"
    assert (body["note"], body["decline_reason"], body["certified_by"]) == ("Two visits are enough", "other", None)
    assert latest(emr).sealing is Sealing.NONE
    assert emr.store.events(document.id)[-2].private["note"] == "Two visits are enough"
    assert [mail.type for mail in emr.deliveries() if mail.type == "decided_elsewhere"] == ["decided_elsewhere"]


@pytest.mark.parametrize(
    ("seen", "reason"), [(CopySeen.SIGNED_UNDATED, "signed_undated"), (CopySeen.NOT_READABLE, "copy_not_readable")]
)
def test_a_copy_that_proves_nothing_leaves_the_document_pending_and_asks_for_attention(
    seen: CopySeen, reason: str
) -> None:
    emr = Emr()
    document = emr.send(sent(payer=MEDICARE, certification=ORDER, addressee=replace(RIVERA, phone="+15125550190")))
    call(emr, CallResult.LEFT_A_MESSAGE)
    assert confirm(emr, seen)["status"] == "pending"
    ((type, body),) = emr.webhooks(document)
    assert type == "document.needs_attention"
    assert body["attention"] == {
        "reason": reason,
        "call": {"name": "Luis Rivera, MD", "number": "+15125550190"},
        "tries": 2,
        "days_left": 28,
    }
    events = types(emr, document)
    confirm(emr, seen)
    assert types(emr, document) == events, "the same report again changes nothing"
    confirm(emr, CopySeen.SIGNED_AND_DATED)
    assert emr.webhooks(document)[-1][1]["attention"] is None


def test_an_undated_scan_certifies_nothing_even_after_its_return() -> None:
    emr = Emr()
    document = plan(emr)
    decide(emr, Action.SIGN_BY_HAND)
    confirm(emr, CopySeen.SIGNED_UNDATED)
    emr.lifecycle.mark_returned(emr.inbound(), ReturnCommand(document=NAMED, method=ReturnedMethod.FAX))
    assert "document.certified" not in types(emr, document)


def test_the_same_confirmation_again_changes_nothing() -> None:
    emr = Emr()
    document = plan(emr)
    confirm(emr, CopySeen.SIGNED_AND_DATED)
    events = types(emr, document)
    assert confirm(emr, CopySeen.SIGNED_AND_DATED) == {"document_id": document.id, "status": "approved"}
    assert types(emr, document) == events


CONTRADICTIONS = [
    ("approved", CopySeen.SIGNED_AND_DATED),
    ("approved", CopySeen.SIGNED_UNDATED),
    ("approved", CopySeen.NOT_READABLE),
    ("approved", CopySeen.DECLINED),
    ("scan", CopySeen.DECLINED),
    *((state, seen) for state in ("declined", "recalled", "returned") for seen in CopySeen),
]


@pytest.mark.parametrize(("state", "seen"), CONTRADICTIONS)
def test_a_confirmation_that_contradicts_the_decision_is_a_conflict(state: str, seen: CopySeen) -> None:
    emr = Emr()
    close(emr, state)
    before = latest(emr)
    with pytest.raises(Conflict) as refused:
        confirm(emr, seen)
    assert refused.value.code == f"document-{before.status}"
    assert latest(emr) == before


@pytest.mark.parametrize("seen", [CopySeen.SIGNED_UNDATED, CopySeen.NOT_READABLE, CopySeen.DECLINED])
def test_a_second_confirmation_that_contradicts_the_first_is_a_conflict(seen: CopySeen) -> None:
    emr = Emr()
    plan(emr)
    confirm(emr, CopySeen.SIGNED_AND_DATED)
    with pytest.raises(Conflict):
        confirm(emr, seen)


def test_a_second_confirmation_with_another_date_is_a_conflict() -> None:
    emr = Emr()
    plan(emr)
    confirm(emr, CopySeen.SIGNED_AND_DATED)
    with pytest.raises(Conflict):
        confirm(emr, CopySeen.SIGNED_AND_DATED, signed_on=date(2026, 11, 21))


@pytest.mark.parametrize(
    ("signed_on", "accepted"),
    [(date(2026, 11, 20), False), (date(2026, 11, 21), True), (date(2026, 11, 22), True), (date(2026, 11, 23), False)],
)
def test_a_signing_day_is_between_the_sending_and_today(signed_on: date, *, accepted: bool) -> None:
    emr = Emr()
    plan(emr)
    if accepted:
        assert confirm(emr, CopySeen.SIGNED_AND_DATED, signed_on=signed_on)["status"] == "approved"
    else:
        with pytest.raises(Invalid) as refused:
            confirm(emr, CopySeen.SIGNED_AND_DATED, signed_on=signed_on)
        assert [error.field for error in refused.value.errors] == ["data.signed_on"]
