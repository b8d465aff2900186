"""Test the follow-up of an unsigned document: what each step queues and records, and when the next step comes."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import DocumentEventType, find_break
from chalicelib.domain.certification.facts import AttentionReason, Certification, Payer, PayerKind, TransmissionChannel
from chalicelib.domain.certification.rules import certify_verbally
from chalicelib.domain.claim_keys import stopped_reminders_claim
from chalicelib.domain.deliveries import AttemptStatus, Channel, Delivery, DeliveryAttempt, DeliveryStatus, MessageType
from chalicelib.domain.documents import DeliveryChoice, DeliveryLine
from chalicelib.domain.errors import NotFound
from chalicelib.domain.follow_up.progress import FollowUpPlan, FollowUpProgress, FollowUpStep
from chalicelib.domain.follow_up.schedule import begin
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.documents.closed_numbers import closing_claim
from chalicelib.services.reminders.reminder_rows import MAX_DOCUMENTS
from chalicelib.services.transaction import Change, Claim
from tests.support.provider_fixtures import PRACTICE, a_document, a_fax
from tests.support.worlds.delivery_world import World

SENT = datetime(2026, 12, 1, 15, tzinfo=UTC)
"""A Tuesday morning in Chicago."""

DAY_3, DAY_5, DAY_10, DAY_14, DAY_21, DAY_27 = (
    datetime(2026, 12, day, hour, tzinfo=UTC)
    for day, hour in [(4, 19), (7, 14), (11, 19), (15, 14), (22, 14), (28, 19)]
)
OVERDUE = datetime(2027, 1, 4, 14, tzinfo=UTC)
EMAIL, FAX = "dr.rivera@example.com", "+15125550100"
STEPS = tuple(FollowUpStep)


@pytest.fixture
def world() -> World:
    return waiting(World())


def waiting(world: World, delivery: DeliveryChoice = DeliveryChoice.BOTH, **changes: Any) -> World:
    """Send the test's document on December 1, by email and by fax, and begin its follow-up. It is due 30 days later.

    Return `world`, the portal's services in memory. `changes` replace fields of the document."""
    world.clock.at = SENT
    facts: dict[str, Any] = {"sent_at": SENT, "due_on": date(2026, 12, 31), "certification": None, **changes}
    started = begin(replace(world.document, delivery=delivery, **facts), SENT, world.switches.follow_up(PRACTICE.id))
    world.store.commit(Change(at=SENT, documents=(replace(started, version=started.version + 1),)))
    return world


def sweep(world: World, at: datetime) -> int:
    world.clock.at = at
    return world.scheduled_sweep.run()["follow_ups"]


def after_steps(world: World, *steps: FollowUpStep) -> None:
    """Store that these steps of the follow-up were taken, and that the next check is due, so that a test can begin
    later."""
    world.change_document(follow_up=FollowUpProgress(since=SENT, done=steps), follow_up_at=SENT)


def reminders(world: World) -> list[Delivery]:
    return [row for row in world.store.every(Delivery, "deliveries") if row.type == MessageType.REMINDER]


def faxes(world: World) -> list[Delivery]:
    return [row for row in world.store.every(Delivery, "deliveries") if row.channel is Channel.FAX]


def recorded(world: World) -> list[tuple[str, dict[str, Any]]]:
    assert find_break(world.events()) is None
    return [(event.type, json.loads(event.body)["data"]) for event in world.events()]


def line(type: MessageType, recipient: str, status: DeliveryStatus, id: str = "dlv_0") -> DeliveryLine:
    channel = Channel.FAX if type is MessageType.FAX else Channel.EMAIL
    return DeliveryLine(id=id, channel=channel, type=type, recipient=recipient, status=status, at=SENT)


# The schedule


def test_a_document_that_nobody_opens_takes_every_step_once(world: World) -> None:
    taken = {at: sweep(world, at) for at in (DAY_3, DAY_5, DAY_10, DAY_14, DAY_21, DAY_27, OVERDUE)}
    assert set(taken.values()) == {1}
    assert [(type, data.get("step", data.get("reason"))) for type, data in recorded(world)] == [
        ("document.reminded", "fax"),
        ("document.needs_attention", "please_call"),
        ("document.reminded", "reminder"),
        ("document.needs_attention", "call_again"),
        ("document.needs_attention", "due_soon"),
        ("document.reminded", "last_reminder"),
        ("document.needs_attention", "overdue"),
    ]
    assert (len(faxes(world)), len(reminders(world))) == (3, 2)
    assert world.notices() == ["needs_attention"] * 4
    assert world.webhooks() == ["document.needs_attention"] * 4
    assert world.document.follow_up_at is None
    assert world.document.follow_up == FollowUpProgress(since=SENT, done=STEPS, reminders=2)
    assert sweep(world, OVERDUE + timedelta(days=90)) == 0


def test_a_promise_to_sign_that_is_not_kept_is_in_the_worklist_after_the_due_date(world: World) -> None:
    for at in (DAY_3, DAY_5, DAY_10, DAY_14, DAY_21):
        sweep(world, at)
    world.change_document(attention=None)
    assert sweep(world, DAY_27) == 1
    assert [sweep(world, OVERDUE - timedelta(seconds=1)), world.document.attention] == [0, None]
    assert [sweep(world, OVERDUE), world.document.attention] == [1, AttentionReason.OVERDUE]


def test_nothing_happens_a_second_before_a_step_and_nothing_twice(world: World) -> None:
    assert sweep(world, DAY_3 - timedelta(seconds=1)) == 0
    assert [sweep(world, DAY_3) for _ in range(3)] == [1, 0, 0]
    assert len(faxes(world)) == 1
    assert world.document.follow_up_at == DAY_5


def test_a_step_that_another_writer_overtook_is_taken_by_the_next_sweep(world: World) -> None:
    world.store.before_commit = lambda: world.change_document(message="Another writer was faster.")
    assert [sweep(world, DAY_5) for _ in range(2)] == [0, 1]
    assert world.document.message == "Another writer was faster."
    assert world.notices() == ["needs_attention"]


def test_a_row_of_the_index_that_is_out_of_date_is_left_alone(world: World) -> None:
    assert not world.follow_ups.take_steps(a_document(), DAY_5)
    assert not world.follow_ups.take_steps(world.document, DAY_3 - timedelta(seconds=1))


def test_a_document_that_cannot_be_followed_up_does_not_stop_the_others(world: World) -> None:
    lost = replace(
        world.document, id="doc_0", external_id="POC-0", version=1, practice_id="prc_lost", follow_up_at=SENT
    )
    world.store.commit(Change(at=SENT, documents=(lost,)))
    with pytest.raises(NotFound):
        sweep(world, DAY_3)
    assert len(faxes(world)) == 1


def test_steps_that_an_outage_delayed_are_taken_together(world: World) -> None:
    assert sweep(world, DAY_10) == 1
    assert [type for type, _ in recorded(world)] == ["document.reminded", "document.needs_attention"]
    assert recorded(world)[0][1] == {"step": "reminder", "reminder": reminders(world)[0].id, "fax": True}
    assert (len(faxes(world)), len(reminders(world))) == (1, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.APPROVED, "outcome": Outcome.APPROVED},
        {"status": Status.DECLINED, "outcome": Outcome.DECLINED},
        {"status": Status.RECALLED},
        {"status": Status.RETURNED, "outcome": Outcome.BY_HAND},
        {
            "payer": Payer(kind=PayerKind.MEDICARE),
            "certification": Certification(
                initial_visit_on=date(2026, 12, 1),
                order_signed_on=date(2026, 11, 20),
                order_discipline="PT",
                order_npi="1234567893",
            ),
            "transmitted_at": SENT,
            "transmitted_via": TransmissionChannel.FAX,
        },
    ],
    ids=["approved", "declined", "recalled", "returned", "certified by order and transmission"],
)
def test_the_schedule_ends_in_silence(world: World, changes: dict[str, Any]) -> None:
    world.change_document(**changes)
    assert sweep(world, DAY_3) == 1
    assert recorded(world) == []
    assert (faxes(world), reminders(world), world.document.follow_up_at) == ([], [], None)


# The early fax


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({}, 1),
        ({"delivery": DeliveryChoice.EMAIL}, 0),
        ({"delivery": DeliveryChoice.FAX}, 1),
        ({"viewed_at": SENT}, 0),
        ({"transmitted_at": SENT}, 0),
        ({"addressee": replace(a_document().addressee, fax=None)}, 0),
        ({"deliveries": (line(MessageType.FAX, FAX, DeliveryStatus.QUEUED),)}, 0),
        ({"deliveries": (line(MessageType.READY, EMAIL, DeliveryStatus.FAILED),)}, 1),
    ],
)
def test_the_fax_of_day_three_is_for_what_was_neither_opened_nor_faxed(
    world: World, changes: dict[str, Any], number: int
) -> None:
    world.change_document(**changes)
    sweep(world, DAY_3)
    assert len(faxes(world)) == number
    assert [type for type, _ in recorded(world)] == ["document.reminded"] * number
    assert world.document.follow_up_at == DAY_5


def test_a_practice_switches_each_channel_off(world: World) -> None:
    world.switches.plans[PRACTICE.id] = FollowUpPlan(emails=False)
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    sweep(world, DAY_10)
    assert (len(faxes(world)), len(reminders(world))) == (1, 0)
    world.switches.plans[PRACTICE.id] = FollowUpPlan(faxes=False)
    after_steps(world, *STEPS[:5])
    sweep(world, DAY_27)
    assert (len(faxes(world)), len(reminders(world))) == (1, 1)
    world.switches.plans[PRACTICE.id] = FollowUpPlan(emails=False, faxes=False)
    after_steps(world, *STEPS[:5])
    sweep(world, DAY_27 + timedelta(minutes=1))
    assert (len(faxes(world)), len(reminders(world))) == (1, 1)


@pytest.mark.parametrize(
    ("reason", "number"), [("receiver_unallocated_number", 1), ("receiver_no_answer", 2), (None, 2)]
)
def test_a_number_without_a_fax_machine_gets_no_other_fax(world: World, reason: str | None, number: int) -> None:
    attempt = DeliveryAttempt(at=SENT, status=AttemptStatus.FAILED, detail="No.", reason=reason)
    failed = a_fax(world.document, status=DeliveryStatus.FAILED, attempts=(attempt,))
    world.store.commit(Change(at=SENT, deliveries=(failed,)))
    world.change_document(deliveries=(line(MessageType.FAX, FAX, DeliveryStatus.FAILED, failed.id),))
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    sweep(world, DAY_10)
    assert len(faxes(world)) == number


def test_a_number_that_was_reported_as_wrong_gets_no_other_fax(world: World) -> None:
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    world.store.commit(Change(at=SENT, claims=(closing_claim(PRACTICE.id, FAX),)))
    sweep(world, DAY_10)
    assert (faxes(world), len(reminders(world))) == ([], 1)


@pytest.mark.parametrize(
    ("type", "status", "hour", "check"),
    [
        (MessageType.READY, DeliveryStatus.FAILED, 20, DAY_5),
        (MessageType.READY, DeliveryStatus.FAILED, 15, SENT.replace(hour=19)),
        (MessageType.READY, DeliveryStatus.SENT, 20, DAY_3),
        (MessageType.CODE, DeliveryStatus.FAILED, 20, DAY_3),
    ],
    ids=["in the afternoon", "in the morning", "no bounce", "another email"],
)
def test_the_sweep_after_a_bounce_faxes_at_once_or_in_the_next_afternoon(
    world: World, type: MessageType, status: DeliveryStatus, hour: int, check: datetime
) -> None:
    row = world.row(world.message(Channel.EMAIL, type))
    world.clock.at = SENT.replace(hour=hour, minute=1)
    world.settlement.settle(replace(row, version=2, status=status), world.clock.at)
    assert sweep(world, world.clock.at) == (type is MessageType.READY and status is DeliveryStatus.FAILED)
    assert len(faxes(world)) == (check == DAY_5)
    assert world.document.follow_up_at == check


def test_a_bounce_does_not_delay_a_check_and_starts_none(world: World) -> None:
    row = world.row(world.message(Channel.EMAIL, MessageType.READY))
    world.change_document(follow_up_at=SENT)
    world.settlement.settle(replace(row, version=2, status=DeliveryStatus.FAILED), DAY_3)
    assert world.document.follow_up_at == SENT
    for changes in ({"follow_up_at": None}, {"follow_up_at": SENT, "follow_up": None}):
        world.change_document(**changes)
        again = world.row(world.message(Channel.EMAIL, MessageType.READY))
        world.settlement.settle(replace(again, version=2, status=DeliveryStatus.FAILED), DAY_3)
        assert world.document.follow_up_at == changes["follow_up_at"]


# Reminders


def test_a_reminder_waits_ten_minutes_and_collects_what_is_due_at_the_mailbox(world: World) -> None:
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    other = replace(world.document, id="doc_2", external_id="POC-2", version=1, sequence=0, head="", deliveries=())
    world.store.commit(Change(at=SENT, documents=(other,)))
    assert sweep(world, DAY_10) == 2
    (reminder,) = reminders(world)
    assert reminder.documents == (world.document.id, "doc_2")
    assert (reminder.recipient, reminder.practice_id, reminder.document_id) == (EMAIL, "portal", None)
    assert reminder.next_attempt_at == DAY_10 + timedelta(minutes=10)


def test_a_document_that_is_due_after_the_days_reminder_has_left_waits_for_the_next_working_day(world: World) -> None:
    world.switches.plans[PRACTICE.id] = FollowUpPlan(faxes=False)
    after_steps(world, FollowUpStep.FAX)
    sweep(world, DAY_10)
    (reminder,) = reminders(world)
    gone = replace(reminder, version=2, status=DeliveryStatus.SENT, next_attempt_at=None)
    world.store.commit(Change(at=DAY_10, deliveries=(gone,)))
    after_steps(world, FollowUpStep.FAX)
    assert sweep(world, DAY_10 + timedelta(hours=1)) == 1
    assert len(reminders(world)) == 1
    assert world.document.follow_up is not None
    assert world.document.follow_up.done == (FollowUpStep.FAX, FollowUpStep.CALL)
    monday = datetime(2026, 12, 14, 19, tzinfo=UTC)
    assert world.document.follow_up_at == monday
    assert sweep(world, monday) == 1
    assert [len(row.documents) for row in reminders(world)] == [1, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"attempts": (DeliveryAttempt(at=DAY_10, status=AttemptStatus.SENDING, detail=""),)},
        {"status": DeliveryStatus.SENDING},
        {"documents": tuple(f"doc_{number}" for number in range(MAX_DOCUMENTS))},
    ],
    ids=["tried", "on its way", "full"],
)
def test_a_reminder_takes_no_document_once_it_is_on_its_way_or_full(world: World, changes: dict[str, Any]) -> None:
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    sweep(world, DAY_10)
    (reminder,) = reminders(world)
    world.store.commit(Change(at=DAY_10, deliveries=(replace(reminder, version=2, **changes),)))
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    sweep(world, DAY_10 + timedelta(minutes=1))
    assert world.document.follow_up_at == datetime(2026, 12, 14, 19, tzinfo=UTC)
    assert reminders(world)[0].version == 2


def test_a_reminder_has_room_for_one_more_document(world: World) -> None:
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    sweep(world, DAY_10)
    full = tuple(f"doc_{number}" for number in range(MAX_DOCUMENTS - 1))
    world.store.commit(Change(at=DAY_10, deliveries=(replace(reminders(world)[0], version=2, documents=full),)))
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    sweep(world, DAY_10 + timedelta(minutes=1))
    assert reminders(world)[0].documents == (*full, world.document.id)


def test_a_step_that_was_missed_in_the_afternoon_waits_for_the_next_one(world: World) -> None:
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    assert sweep(world, DAY_10 + timedelta(hours=4)) == 1
    assert (faxes(world), reminders(world)) == ([], [])
    assert world.document.follow_up_at == datetime(2026, 12, 14, 19, tzinfo=UTC)


def test_an_address_that_bounced_and_a_document_by_fax_get_no_reminder_by_email(world: World) -> None:
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    world.change_document(deliveries=(line(MessageType.READY, EMAIL, DeliveryStatus.FAILED),))
    sweep(world, DAY_10)
    assert (len(faxes(world)), len(reminders(world))) == (1, 0)
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    world.change_document(deliveries=(), delivery=DeliveryChoice.FAX)
    sweep(world, DAY_10)
    assert reminders(world) == []


@pytest.mark.parametrize("present", [None, AttentionReason.PLEASE_CALL])
def test_a_clinic_learns_once_that_the_reminders_had_been_stopped_before(
    world: World, present: AttentionReason | None
) -> None:
    world.store.commit(Change(at=SENT, claims=(Claim(key=stopped_reminders_claim(EMAIL), owner=EMAIL),)))
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    world.change_document(attention=present)
    assert sweep(world, DAY_10) == 1
    assert (len(faxes(world)), reminders(world)) == (1, [])
    assert world.document.attention is (present or AttentionReason.REMINDERS_STOPPED)
    assert world.notices() == ["needs_attention"] * (present is None)
    assert world.document.follow_up is not None
    assert world.document.follow_up.is_stopped
    for at in (DAY_14, DAY_21, DAY_27):
        sweep(world, at)
    assert [type for type, _ in recorded(world)].count("document.reminders_stopped") == 1


def test_a_stop_is_no_matter_of_a_clinic_without_reminders_by_email(world: World) -> None:
    world.switches.plans[PRACTICE.id] = FollowUpPlan(emails=False)
    world.store.commit(Change(at=SENT, claims=(Claim(key=stopped_reminders_claim(EMAIL), owner=EMAIL),)))
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    sweep(world, DAY_10)
    assert world.document.attention is None


# Calls


@pytest.mark.parametrize(
    ("present", "step", "reason"),
    [
        (None, DAY_5, AttentionReason.PLEASE_CALL),
        (AttentionReason.PLEASE_CALL, DAY_14, AttentionReason.CALL_AGAIN),
        (AttentionReason.CALL_AGAIN, DAY_14, None),
        (AttentionReason.DUE_SOON, DAY_14, None),
        (AttentionReason.SIGNED_UNDATED, DAY_14, None),
        (AttentionReason.PLEASE_CALL, DAY_21, AttentionReason.DUE_SOON),
        (AttentionReason.DUE_SOON, OVERDUE, AttentionReason.OVERDUE),
        (AttentionReason.REMINDERS_STOPPED, DAY_5, AttentionReason.PLEASE_CALL),
        (AttentionReason.REMINDERS_STOPPED, OVERDUE, AttentionReason.OVERDUE),
    ],
)
def test_a_call_never_hides_a_reason_that_says_more(
    world: World, present: AttentionReason | None, step: datetime, reason: AttentionReason | None
) -> None:
    world.switches.plans[PRACTICE.id] = FollowUpPlan(emails=False, faxes=False)
    world.change_document(attention=present)
    sweep(world, step)
    assert world.document.attention is (reason or present)
    assert len(world.notices()) == (reason is not None)


def test_the_request_to_call_names_the_provider_the_tries_and_the_days_left(world: World) -> None:
    world.change_document(addressee=replace(world.document.addressee, phone="+15125550188"))
    sweep(world, DAY_3)
    sweep(world, DAY_10)
    after_steps(world, *STEPS[:3])
    world.change_document(follow_up=FollowUpProgress(since=SENT, done=STEPS[:3], reminders=1))
    sweep(world, DAY_14)
    bodies = [row.body for row in world.store.every(Delivery, "deliveries") if row.channel is Channel.WEBHOOK]
    attention = json.loads(bodies[-1] or "")["data"]["attention"]
    assert attention == {
        "reason": "call_again",
        "call": {"name": "Luis Rivera, MD", "number": "+15125550188"},
        "tries": 3,
        "days_left": 16,
    }


# Verbal certifications

LAPSE = datetime(2026, 12, 16, 6, tzinfo=UTC)


def certified_verbally(world: World) -> None:
    world.change_document(
        payer=Payer(kind=PayerKind.MEDICARE), certification=Certification(initial_visit_on=date(2026, 12, 1))
    )
    called = certify_verbally(world.document, SENT, SENT)
    assert called is not None
    assert called.verbal is not None
    assert called.verbal.lapses_at == LAPSE
    world.change_document(verbal=called.verbal, follow_up_at=called.follow_up_at)


def test_the_lapse_comes_at_its_own_time_between_the_steps(world: World) -> None:
    world.switches.plans[PRACTICE.id] = FollowUpPlan(emails=False, faxes=False)
    certified_verbally(world)
    for at in (DAY_3, DAY_5, DAY_10, DAY_14):
        assert sweep(world, at) == 1
    assert world.document.follow_up_at == LAPSE
    assert [sweep(world, LAPSE) for _ in range(2)] == [1, 0]
    assert world.document.attention is AttentionReason.VERBAL_LAPSED
    assert world.document.follow_up_at == DAY_21
    assert sweep(world, DAY_21) == 1
    reasons = [data["reason"] for type, data in recorded(world) if type == DocumentEventType.NEEDS_ATTENTION]
    assert reasons == ["please_call", "call_again", "verbal_certification_lapsed"]


def test_a_lapse_does_not_hide_a_wrong_fax_number(world: World) -> None:
    certified_verbally(world)
    world.change_document(attention=AttentionReason.WRONG_NUMBER, follow_up_at=LAPSE)
    assert sweep(world, LAPSE) == 1
    assert world.document.attention is AttentionReason.WRONG_NUMBER
    assert ("document.needs_attention", {"reason": "verbal_certification_lapsed"}) in recorded(world)


def test_a_waiting_reminder_does_not_delay_the_lapse(world: World) -> None:
    certified_verbally(world)
    after_steps(world, FollowUpStep.FAX, FollowUpStep.CALL)
    world.change_document(follow_up_at=DAY_10)
    night = LAPSE - timedelta(hours=6)
    assert sweep(world, night) == 1
    assert world.document.follow_up_at == LAPSE
    assert sweep(world, LAPSE) == 1
    assert world.document.attention is AttentionReason.VERBAL_LAPSED
