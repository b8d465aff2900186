"""Test that faxes leave in the office hours of the receiving number only."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.certification.facts import Certification, Payer, PayerKind
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.domain.follow_up.preferences import ReminderPreferences
from chalicelib.domain.follow_up.progress import FollowUpProgress
from chalicelib.services.delivery.faxes import Faxes
from chalicelib.services.transaction import Change
from tests.support.provider_fixtures import PROVIDER
from tests.support.worlds.delivery_world import World
from tests.support.worlds.fax_world import FaxWorld, store_pdf

LOS_ANGELES, CHICAGO, TOLL_FREE = "+13105550100", "+15125550100", "+18005550100"


@pytest.fixture(autouse=True)
def _quick_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the slow drawing of the fax's pages, which `test_faxes.py` tests."""

    monkeypatch.setattr(Faxes, "_store_pdf", store_pdf)


def strict(world: World) -> World:
    """Return the world with faxes limited to office hours, as in a deployed portal and not as in the local run."""
    world.settings = replace(world.settings, sends_at_any_hour=False)
    return world


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("kind", [World, FaxWorld], ids=["gateway", "carrier"])
@pytest.mark.parametrize(
    ("number", "now", "leaves"),
    [
        (CHICAGO, "2026-12-02T13:59:59", "2026-12-02T14:00"),
        (CHICAGO, "2026-12-02T23:00", "2026-12-03T14:00"),
        (CHICAGO, "2026-11-22T19:00", "2026-11-23T14:00"),
        (CHICAGO, "2026-11-26T19:00", "2026-11-27T14:00"),
        (LOS_ANGELES, "2026-12-02T14:00", "2026-12-02T16:00"),
        (TOLL_FREE, "2026-12-02T13:00", "2026-12-02T14:00"),
    ],
    ids=["morning", "evening", "Sunday", "Thanksgiving", "another zone", "a number without a zone"],
)
def test_a_fax_waits_for_office_hours_without_using_up_an_attempt(
    kind: type[World], number: str, now: str, leaves: str
) -> None:
    world = strict(kind())
    world.clock.at = utc(now)
    row = world.deliver(world.message(Channel.FAX, MessageType.FAX, number))
    assert (row.status, row.attempts, row.next_attempt_at) == (DeliveryStatus.QUEUED, (), utc(leaves))
    assert world.mailer.sent == []
    assert not [key for key in world.files.objects if key.startswith("work/faxes/")]
    sent = world.when_due(row.id)
    assert len(sent.attempts) == 1
    assert sent.status in (DeliveryStatus.SENT, DeliveryStatus.SENDING)


@pytest.mark.parametrize("kind", [World, FaxWorld], ids=["gateway", "carrier"])
def test_a_fax_in_office_hours_leaves_at_once(kind: type[World]) -> None:
    world = strict(kind())
    world.clock.at = utc("2026-12-02T22:59:59")
    assert len(world.deliver(world.message(Channel.FAX, MessageType.FAX, CHICAGO)).attempts) == 1


def test_the_local_run_sends_at_night() -> None:
    world = World()
    world.clock.at = utc("2026-12-02T05:00")
    assert world.deliver(world.message(Channel.FAX, MessageType.FAX, CHICAGO)).status is DeliveryStatus.SENT


def test_a_waiting_fax_of_a_recalled_document_is_cancelled() -> None:
    world = strict(FaxWorld())
    world.clock.at = utc("2026-12-02T05:00")
    row = world.deliver(world.message(Channel.FAX, MessageType.FAX, CHICAGO))
    world.change_document(access=2)
    assert world.when_due(row.id).status is DeliveryStatus.CANCELLED


@pytest.mark.parametrize(
    ("opened_later", "order", "status"),
    [
        (1, {"order_signed_on": date(2026, 11, 10)}, DeliveryStatus.CANCELLED),
        (0, {"order_signed_on": date(2026, 11, 10)}, DeliveryStatus.SENDING),
        (1, {}, DeliveryStatus.SENDING),
        (None, {"order_signed_on": date(2026, 11, 10)}, DeliveryStatus.SENDING),
    ],
    ids=["certified", "certified before the fax was asked for", "opened without an order", "not opened"],
)
def test_a_waiting_fax_of_a_plan_that_was_certified_meanwhile_is_cancelled(
    opened_later: int | None, order: dict[str, Any], status: DeliveryStatus
) -> None:
    world = strict(FaxWorld())
    world.clock.at = utc("2026-12-02T05:00")
    facts = {"initial_visit_on": date(2026, 12, 1), "order_discipline": "PT", "order_npi": "1234567893", **order}
    world.change_document(payer=Payer(kind=PayerKind.MEDICARE), certification=Certification(**facts))
    row = world.deliver(world.message(Channel.FAX, MessageType.FAX, CHICAGO))
    if opened_later is not None:
        world.change_document(transmitted_at=world.clock.at + timedelta(seconds=opened_later))
    assert world.when_due(row.id).status is status


def test_an_email_about_a_new_document_leaves_at_any_hour() -> None:
    world = strict(World())
    world.clock.at = utc("2026-11-22T05:00") + timedelta(minutes=1)
    assert world.deliver(world.message(Channel.EMAIL, MessageType.READY)).status is DeliveryStatus.SENT


# Reminders by fax, at the times that the provider chose


def reminded(world: World, *, follows_up: bool = True, **choices: Any) -> Delivery:
    """Let the provider choose when reminders come, and return a new fax, which is a reminder if `follows_up`."""
    provider = world.store.provider(PROVIDER.id)
    assert provider is not None
    chosen = ReminderPreferences(time_zone="America/Los_Angeles", **choices)
    owner = replace(PROVIDER, version=provider.version + 1, reminders=chosen)
    fax = world.row(world.message(Channel.FAX, MessageType.FAX, CHICAGO))
    marked = replace(fax, version=fax.version + 1, follows_up=follows_up)
    world.store.commit(Change(at=world.clock.at, providers=(owner,), deliveries=(marked,)))
    return marked


@pytest.mark.parametrize("kind", [World, FaxWorld], ids=["gateway", "carrier"])
@pytest.mark.parametrize(
    ("now", "leaves"),
    [
        ("2026-12-04T23:59", "2026-12-05T00:00"),
        ("2026-12-05T00:59:59", None),
        ("2026-12-05T01:00", "2026-12-08T00:00"),
        ("2026-12-02T20:00", "2026-12-05T00:00"),
    ],
    ids=["before the hour", "in the hour", "after the hour", "on another day"],
)
def test_a_reminder_by_fax_leaves_in_the_chosen_hour_only(kind: type[World], now: str, leaves: str | None) -> None:
    world = strict(kind())
    world.clock.at = utc(now)
    row = world.deliver(reminded(world, hour=16, weekdays=(0, 4)).id)
    assert len(row.attempts) == (leaves is None)
    assert leaves is None or row.next_attempt_at == utc(leaves)


def test_any_other_fax_leaves_in_the_office_hours_of_its_number() -> None:
    world = strict(World())
    world.clock.at = utc("2026-12-02T20:00")
    assert len(world.deliver(reminded(world, follows_up=False, weekdays=(4,)).id).attempts) == 1


def test_a_reminder_without_a_choice_leaves_in_office_hours() -> None:
    world = strict(World())
    world.clock.at = utc("2026-12-02T20:00")
    fax = world.row(world.message(Channel.FAX, MessageType.FAX, CHICAGO))
    world.store.commit(Change(at=world.clock.at, deliveries=(replace(fax, version=2, follows_up=True),)))
    assert len(world.deliver(fax.id).attempts) == 1


def test_a_call_for_another_fax_does_not_take_a_reminder_along_at_another_time() -> None:
    world = strict(FaxWorld())
    world.clock.at = utc("2026-12-02T20:00")
    reminder, other = reminded(world, weekdays=(4,)), world.message(Channel.FAX, MessageType.FAX, CHICAGO)
    assert world.deliver(other).call is not None
    assert world.row(reminder.id).attempts == ()


@pytest.mark.parametrize(
    ("follows_up", "own", "status"),
    [
        (True, "+15125550148", DeliveryStatus.SENT),
        (True, None, DeliveryStatus.CANCELLED),
        (True, "+15125550149", DeliveryStatus.CANCELLED),
        (False, None, DeliveryStatus.SENT),
    ],
    ids=["the present number", "no number", "another number", "no reminder"],
)
def test_a_reminder_is_not_faxed_to_a_number_that_the_provider_has_changed(
    own: str | None, status: DeliveryStatus, *, follows_up: bool
) -> None:
    world = strict(World())
    world.clock.at = utc("2026-12-02T20:00")
    fax = world.row(world.message(Channel.FAX, MessageType.FAX, "+15125550148"))
    provider = world.store.provider(PROVIDER.id)
    assert provider is not None
    owner = replace(PROVIDER, version=provider.version + 1, fax=own)
    marked = replace(fax, version=2, follows_up=follows_up)
    world.store.commit(Change(at=world.clock.at, providers=(owner,), deliveries=(marked,)))
    assert world.deliver(fax.id).status is status


def test_a_fax_to_the_providers_own_number_transmits_nothing() -> None:
    for number, is_transmitted in (("+15125550148", False), (CHICAGO, True)):
        world = FaxWorld()
        progress = FollowUpProgress(since=world.clock.at, own_faxes=("+15125550148",))
        world.change_document(follow_up=progress)
        fax = world.row(world.message(Channel.FAX, MessageType.FAX, number))
        delivered = replace(fax, version=fax.version + 1, status=DeliveryStatus.DELIVERED)
        world.settlement.settle(delivered, world.clock.at)
        assert (world.document.transmitted_at is not None) is is_transmitted
