"""Test that the follow-up of unsigned documents obeys the provider's own choices for reminders."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.claim_keys import stopped_reminders_claim
from chalicelib.domain.deliveries import AttemptStatus, Channel, Delivery, DeliveryAttempt, DeliveryStatus, MessageType
from chalicelib.domain.documents import DeliveryChoice, DeliveryLine
from chalicelib.domain.follow_up.preferences import ReminderChannel, ReminderPreferences
from chalicelib.domain.follow_up.progress import FollowUpPlan, FollowUpProgress, FollowUpStep
from chalicelib.domain.follow_up.schedule import begin
from chalicelib.domain.second_factors import Authenticator
from chalicelib.services.documents.closed_numbers import closing_claim
from chalicelib.services.transaction import Change, Claim
from tests.support.provider_fixtures import PRACTICE, PROVIDER, a_document, a_fax
from tests.support.worlds.delivery_world import World

SENT = datetime(2026, 12, 1, 15, tzinfo=UTC)
"""A Tuesday morning in Chicago."""

DAY_10 = datetime(2026, 12, 11, 19, tzinfo=UTC)
"""The afternoon of a Friday, on which a reminder by email and by fax is due."""

EMAIL, FAX, OWN = "dr.rivera@example.com", "+15125550100", "+15125550148"
BOUNCED = DeliveryLine(
    id="dlv_0", channel=Channel.EMAIL, type=MessageType.READY, recipient=EMAIL, status=DeliveryStatus.FAILED, at=SENT
)


NO_FAX = replace(a_document().addressee, fax=None)
WRONG_NUMBER = DeliveryAttempt(at=SENT, status=AttemptStatus.FAILED, detail="", reason="receiver_unallocated_number")


@pytest.fixture
def world() -> World:
    world = World()
    world.clock.at = SENT
    facts: dict[str, Any] = {"sent_at": SENT, "due_on": date(2026, 12, 31), "certification": None}
    document = replace(world.document, delivery=DeliveryChoice.BOTH, **facts)
    started = begin(document, SENT, world.switches.follow_up(PRACTICE.id))
    world.store.commit(Change(at=SENT, documents=(replace(started, version=started.version + 1),)))
    return world


def choose(world: World, *, fax: str | None = None, **choices: Any) -> None:
    """Store the provider's choices for reminders, and the provider's own fax number."""
    provider = world.store.provider(PROVIDER.id)
    assert provider is not None
    chosen = ReminderPreferences(time_zone="America/Chicago", **choices)
    changed = replace(PROVIDER, version=provider.version + 1, reminders=chosen, fax=fax)
    world.store.commit(Change(at=world.clock.at, providers=(changed,)))


def at_day_10(world: World, **changes: Any) -> None:
    """Store that only the steps after day 5 are open, and let the sweep look at the document on day 10."""
    progress = FollowUpProgress(since=SENT, done=(FollowUpStep.FAX, FollowUpStep.CALL))
    world.change_document(**{"follow_up": progress, "follow_up_at": SENT, **changes})
    sweep(world, DAY_10)


def sweep(world: World, at: datetime) -> int:
    world.clock.at = at
    return world.scheduled_sweep.run()["follow_ups"]


def sent(world: World) -> list[str]:
    """Return the channels of the messages that are queued, sorted."""
    return sorted(row.channel for row in messages(world))


def messages(world: World) -> list[Delivery]:
    rows = world.store.every(Delivery, "deliveries")
    return [row for row in rows if row.channel is Channel.FAX or row.type == MessageType.REMINDER]


@pytest.mark.parametrize(
    ("channel", "changes", "expected"),
    [
        (ReminderChannel.BOTH, {}, ["email", "fax"]),
        (ReminderChannel.EMAIL, {}, ["email"]),
        (ReminderChannel.FAX, {}, ["fax"]),
        (ReminderChannel.EMAIL, {"delivery": DeliveryChoice.FAX}, ["fax"]),
        (ReminderChannel.EMAIL, {"deliveries": (BOUNCED,)}, ["fax"]),
        (ReminderChannel.FAX, {"delivery": DeliveryChoice.EMAIL}, ["email"]),
    ],
    ids=["both", "email", "fax", "a document by fax", "a bounced address", "a document by email"],
)
def test_a_reminder_comes_by_the_chosen_channel_if_the_document_can(
    world: World, channel: ReminderChannel, changes: dict[str, Any], expected: list[str]
) -> None:
    choose(world, channel=channel)
    at_day_10(world, **changes)
    assert sent(world) == expected
    assert all(row.follows_up is (row.channel is Channel.FAX) for row in messages(world))


@pytest.mark.parametrize(
    ("plan", "channel", "expected"),
    [
        (FollowUpPlan(emails=False), ReminderChannel.EMAIL, ["fax"]),
        (FollowUpPlan(faxes=False), ReminderChannel.FAX, ["email"]),
    ],
)
def test_a_channel_that_the_clinic_switched_off_is_no_choice(
    world: World, plan: FollowUpPlan, channel: ReminderChannel, expected: list[str]
) -> None:
    world.switches.plans[PRACTICE.id] = plan
    choose(world, channel=channel)
    at_day_10(world)
    assert sent(world) == expected


@pytest.mark.parametrize(("channel", "number"), [(ReminderChannel.EMAIL, 0), (ReminderChannel.FAX, 1)])
def test_the_fax_of_day_three_is_a_choice_too(world: World, channel: ReminderChannel, number: int) -> None:
    choose(world, channel=channel)
    sweep(world, datetime(2026, 12, 4, 19, tzinfo=UTC))
    assert sent(world) == ["fax"] * number


def test_who_chose_email_and_stopped_it_gets_no_fax_and_the_clinic_is_asked_to_call(world: World) -> None:
    choose(world, channel=ReminderChannel.EMAIL)
    world.store.commit(Change(at=SENT, claims=(Claim(key=stopped_reminders_claim(EMAIL), owner=EMAIL),)))
    at_day_10(world)
    assert sent(world) == []
    assert world.document.attention is AttentionReason.REMINDERS_STOPPED
    stopped = FollowUpProgress(since=SENT, done=(FollowUpStep.FAX, FollowUpStep.CALL), is_stopped=True)
    at_day_10(world, follow_up=stopped)
    assert sent(world) == []


def test_who_chose_email_gets_a_fax_after_a_reminder_bounced(world: World) -> None:
    choose(world, channel=ReminderChannel.EMAIL)
    bounced = FollowUpProgress(since=SENT, done=(FollowUpStep.FAX, FollowUpStep.CALL), is_stopped=True)
    at_day_10(world, follow_up=bounced)
    assert sent(world) == ["fax"]


def test_a_reminder_waits_for_the_chosen_day_and_hour(world: World) -> None:
    choose(world, hour=9, weekdays=(1,))
    at_day_10(world)
    tuesday = datetime(2026, 12, 15, 15, tzinfo=UTC)
    assert (sent(world), world.document.follow_up_at) == ([], datetime(2026, 12, 15, 14, tzinfo=UTC))
    sweep(world, tuesday - timedelta(minutes=30))
    assert (sent(world), world.document.follow_up_at) == ([], tuesday), "only the request to staff comes at 8"
    assert sweep(world, tuesday) == 1
    assert sent(world) == ["email", "fax"]


def test_a_reminder_after_the_days_own_comes_on_the_next_chosen_day(world: World) -> None:
    choose(world, weekdays=(4,))
    at_day_10(world)
    (email,) = (row for row in messages(world) if row.channel is Channel.EMAIL)
    gone = replace(email, version=email.version + 1, status=DeliveryStatus.SENT, next_attempt_at=None)
    world.store.commit(Change(at=DAY_10, deliveries=(gone,)))
    at_day_10(world)
    assert world.document.follow_up_at == DAY_10 + timedelta(days=7)


# The provider's own fax number


def numbers(world: World) -> list[str]:
    return [row.recipient for row in messages(world) if row.channel is Channel.FAX]


def fax_line(recipient: str) -> DeliveryLine:
    return DeliveryLine(
        id="dlv_9",
        channel=Channel.FAX,
        type=MessageType.FAX,
        recipient=recipient,
        status=DeliveryStatus.FAILED,
        at=SENT,
    )


def test_a_reminder_goes_to_the_providers_own_number_which_the_document_remembers(world: World) -> None:
    choose(world, fax=OWN)
    at_day_10(world)
    assert numbers(world) == [OWN]
    assert world.document.follow_up is not None
    assert world.document.follow_up.own_faxes == (OWN,)
    at_day_10(world, follow_up=replace(world.document.follow_up, done=(FollowUpStep.FAX, FollowUpStep.CALL)))
    assert world.document.follow_up.own_faxes == (OWN,)


def test_a_reminder_to_the_clinics_number_is_not_remembered(world: World) -> None:
    choose(world)
    at_day_10(world)
    assert numbers(world) == [FAX]
    assert world.document.follow_up is not None
    assert world.document.follow_up.own_faxes == ()


def test_the_first_fax_goes_to_the_number_that_the_clinic_stated(world: World) -> None:
    choose(world, fax=OWN)
    sweep(world, datetime(2026, 12, 4, 19, tzinfo=UTC))
    assert numbers(world) == [FAX]


def test_a_number_that_was_reported_as_wrong_gets_nothing(world: World) -> None:
    choose(world, fax=OWN)
    world.store.commit(Change(at=SENT, claims=(closing_claim(PRACTICE.id, OWN),)))
    at_day_10(world)
    assert numbers(world) == [FAX]


def test_a_number_without_a_fax_machine_gets_no_other_reminder(world: World) -> None:
    choose(world, fax=OWN)
    failed = a_fax(world.document, id="dlv_9", status=DeliveryStatus.FAILED, recipient=OWN, attempts=(WRONG_NUMBER,))
    world.store.commit(Change(at=SENT, deliveries=(failed,)))
    at_day_10(world, deliveries=(fax_line(OWN),))
    assert numbers(world) == [OWN, FAX], "the first of the two is the failed fax"


@pytest.mark.parametrize("changes", [{"delivery": DeliveryChoice.EMAIL}, {"addressee": NO_FAX}])
def test_a_document_that_its_clinic_does_not_fax_is_not_faxed(world: World, changes: dict[str, Any]) -> None:
    choose(world, fax=OWN)
    at_day_10(world, **changes)
    assert numbers(world) == []


@pytest.mark.parametrize(("has_factor", "number"), [(False, FAX), (True, OWN)])
def test_a_clinic_that_requires_a_second_factor_faxes_to_no_number_of_an_account_without_one(
    world: World, number: str, *, has_factor: bool
) -> None:
    choose(world, fax=OWN)
    owner = world.store.provider(PROVIDER.id)
    assert owner is not None
    app = Authenticator(secret="JBSWY3DPEHPK3PXP", since=SENT) if has_factor else None
    world.store.commit(Change(at=SENT, providers=(replace(owner, version=owner.version + 1, authenticator=app),)))
    world.switches.requiring.add(PRACTICE.id)
    at_day_10(world)
    assert numbers(world) == [number]
