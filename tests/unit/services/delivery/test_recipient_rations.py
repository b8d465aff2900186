"""Test the limits that keep a practice from flooding somebody's mailbox or fax machine."""

from datetime import timedelta

import pytest

from chalicelib.domain.account_events import AccountEventType
from chalicelib.domain.deliveries import Channel, DeliveryStatus, MessageType
from chalicelib.domain.errors import Unavailable, Unprocessable
from chalicelib.services.delivery import recipient_rations
from chalicelib.services.delivery.recipient_rations import (
    ADDRESS_CODES,
    ADDRESS_CODES_PER_ACCOUNT,
    IN_TOTAL,
    LINKS,
    PER_PRACTICE,
    TAKEN_NOTICES,
    count_message,
)
from chalicelib.services.delivery_rows import new_delivery
from tests.support.fakes import START
from tests.support.provider_fixtures import PRACTICE
from tests.support.worlds.delivery_world import World

ADDRESS, NUMBER = "dr.rivera@example.com", "+15125550100"


@pytest.fixture
def world() -> World:
    return World()


def count(
    world: World,
    times: int = 1,
    *,
    practice: str = PRACTICE.id,
    recipient: str = ADDRESS,
    type: str = MessageType.READY,
) -> None:
    """Count `times` attempts to send a message of this type from the practice to the recipient, as the worker does."""
    delivery = new_delivery(Channel.EMAIL, type, recipient, event_id="evt_1", practice_id=practice, now=START)
    for _ in range(times):
        count_message(world.store, delivery, world.clock.now())


def test_a_message_over_the_practices_ration_fails_and_staff_learn_it(world: World) -> None:
    count(world, PER_PRACTICE - 1)
    assert world.deliver(world.message(Channel.EMAIL, MessageType.READY, ADDRESS)).status is DeliveryStatus.SENT
    row = world.deliver(world.message(Channel.EMAIL, MessageType.READY, ADDRESS))
    assert (row.status, len(world.mailer.sent)) == (DeliveryStatus.FAILED, 1)
    assert str(PER_PRACTICE) in row.attempts[-1].detail
    assert world.webhooks()[-1] == "document.delivery_failed"
    assert world.notices() == ["delivery_failed"]


def test_faxes_to_one_number_are_rationed_too(world: World) -> None:
    count(world, PER_PRACTICE, recipient=NUMBER, type=MessageType.FAX)
    row = world.deliver(world.message(Channel.FAX, MessageType.FAX, NUMBER))
    assert (row.status, world.mailer.sent) == (DeliveryStatus.FAILED, [])


def test_another_practice_and_the_next_day_have_a_ration_of_their_own(world: World) -> None:
    count(world, PER_PRACTICE)
    count(world, practice="prc_2")
    count(world, recipient="another@example.com")
    world.clock.pass_time(hours=24)
    count(world, PER_PRACTICE)
    with pytest.raises(Unprocessable):
        count(world)


def test_a_message_over_the_ration_of_all_practices_waits(world: World) -> None:
    for practice in range(IN_TOTAL // PER_PRACTICE):
        count(world, PER_PRACTICE, practice=f"prc_{practice}0")
    with pytest.raises(Unavailable):
        count(world, practice="prc_new")
    row = world.deliver(world.message(Channel.EMAIL, MessageType.READY, ADDRESS))
    assert (row.status, world.mailer.sent) == (DeliveryStatus.QUEUED, [])
    world.clock.pass_time(hours=24)
    assert world.deliver(row.id).status is DeliveryStatus.SENT


def test_the_part_after_a_plus_makes_no_other_recipient(world: World) -> None:
    for number in range(PER_PRACTICE):
        count(world, recipient=f"dr.rivera+{number}@example.com")
    with pytest.raises(Unprocessable):
        count(world, recipient=ADDRESS)


@pytest.mark.parametrize("type", [MessageType.SETUP, MessageType.RESET])
def test_emails_with_a_link_are_limited_per_day_whoever_asks(world: World, type: MessageType) -> None:
    for number in range(LINKS):
        count(world, practice=f"prc_{number}", type=type)
        world.clock.at += timedelta(minutes=70)
    with pytest.raises(Unprocessable):
        count(world, type=type)
    count(world)
    world.clock.at += timedelta(hours=1)
    count(world, type=type)


def test_codes_that_add_an_address_are_limited_per_account_and_in_total(world: World) -> None:
    def count_codes(account: str, times: int = 1) -> None:
        delivery = new_delivery(
            Channel.EMAIL,
            MessageType.ADDRESS_CODE,
            ADDRESS,
            event_id="evt_1",
            practice_id="portal",
            now=START,
            provider_id=account,
        )
        for _ in range(times):
            count_message(world.store, delivery, world.clock.now())

    count_codes("prv_1", ADDRESS_CODES_PER_ACCOUNT)
    with pytest.raises(Unprocessable):
        count_codes("prv_1")
    for number in range(2, 1 + ADDRESS_CODES // ADDRESS_CODES_PER_ACCOUNT):
        count_codes(f"prv_{number}", ADDRESS_CODES_PER_ACCOUNT)
    with pytest.raises(Unprocessable):
        count_codes("prv_99")
    count(world, PER_PRACTICE)
    world.clock.pass_time(hours=24)
    count_codes("prv_1")


def test_an_owner_hears_at_most_three_times_a_day_that_an_address_was_tried(world: World) -> None:
    count(world, TAKEN_NOTICES, type=MessageType.ADDRESS_TAKEN)
    with pytest.raises(Unprocessable):
        count(world, type=MessageType.ADDRESS_TAKEN)
    count(world, recipient="another@example.com", type=MessageType.ADDRESS_TAKEN)
    world.clock.pass_time(hours=24)
    count(world, type=MessageType.ADDRESS_TAKEN)


def test_requested_codes_do_not_use_up_announcements_and_reports_of_changes_are_never_held_back(world: World) -> None:
    count(world, PER_PRACTICE, type=MessageType.CODE)
    with pytest.raises(Unprocessable):
        count(world, type=MessageType.CODE)
    count(world, PER_PRACTICE)
    for event_type in AccountEventType:
        count(world, IN_TOTAL + 1, type=event_type)


def test_rationing_is_logged_without_the_recipient(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        recipient_rations.logger, "warning", lambda *texts, **fields: lines.append((*texts, *fields.values()))
    )
    count(world, PER_PRACTICE)
    with pytest.raises(Unprocessable):
        count(world)
    assert [line[0] for line in lines] == ["recipient rationed"]
    assert ADDRESS not in str(lines)
