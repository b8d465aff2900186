"""Test the one reminder by email that a mailbox gets on a day: what it contains, and when nothing is sent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.deliveries import AttemptStatus, Channel, Delivery, DeliveryAttempt, DeliveryStatus, MessageType
from chalicelib.domain.documents import DeliveryChoice, Document, Kind
from chalicelib.domain.follow_up.preferences import ReminderPreferences
from chalicelib.domain.follow_up.progress import FollowUpPlan, FollowUpProgress, FollowUpStep
from chalicelib.domain.practices import PracticeCard
from chalicelib.domain.status import Status
from chalicelib.services.reminders.reminder_rows import add_to_reminder
from chalicelib.services.transaction import Change
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER
from tests.support.worlds.delivery_world import World

AFTERNOON = datetime(2026, 12, 2, 19, tzinfo=UTC)
"""One o'clock in Chicago, on a Wednesday."""

EMAIL, CHICAGO = "dr.rivera@example.com", "America/Chicago"
CEDAR = replace(PRACTICE, id="prc_2", name="Cedar Clinic", phone="+15125550144", api_keys=(), reply_to=None)
PATIENT = ("Ada", "Byron", "PT-77", "1950", "POC-1001", "Plan of Care", "initial evaluation")


@pytest.fixture
def world() -> World:
    world = World()
    world.settings = replace(world.settings, sends_at_any_hour=False)
    world.clock.at = AFTERNOON
    world.store.commit(Change(at=AFTERNOON, practices=(CEDAR,)))
    world.switches.on.add(CEDAR.id)
    return world


def other(world: World, number: int = 2, **changes: Any) -> Document:
    """Store another document that waits for a signature at the same email address, and return it.

    `number` becomes a part of its ids. `changes` replace its fields."""
    facts: dict[str, Any] = {"id": f"doc_{number}", "external_id": f"POC-{number}", **changes}
    document = replace(world.document, version=1, sequence=0, head="", deliveries=(), **facts)
    world.store.commit(Change(at=AFTERNOON, documents=(document,)))
    return document


def of_cedar(world: World, number: int = 2, **changes: Any) -> Document:
    card = PracticeCard(name=CEDAR.name, phone=CEDAR.phone, time_zone=CHICAGO)
    return other(world, number, practice_id=CEDAR.id, practice=card, **changes)


def remind(world: World, *documents: str) -> Delivery:
    ids = documents or (world.document.id,)
    row = add_to_reminder(world.store, ids, EMAIL, PROVIDER.id, leaves=world.clock.at, zone=CHICAGO)
    assert row is not None
    world.store.commit(Change(at=world.clock.at, deliveries=(row,)))
    return row


def deliver(world: World, row: Delivery) -> Delivery:
    return world.when_due(row.id)


def sent_text(world: World) -> str:
    body = world.mail().get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def html(world: World) -> str:
    body = world.mail().get_body(("html",))
    assert body is not None
    return " ".join(str(body.get_content()).split())


def rows(world: World) -> list[Delivery]:
    return [row for row in world.store.every(Delivery, "deliveries") if row.type == MessageType.REMINDER]


def test_a_reminder_names_the_provider_the_clinic_and_the_day_but_no_patient(world: World) -> None:
    assert deliver(world, remind(world)).status is DeliveryStatus.SENT
    mail = world.mail()
    assert mail["Subject"] == "Reminder: a plan of care needs your signature: Hill Country Therapy"
    assert mail["From"] == "Hill Country Therapy via Provider Portal <no-reply@portal.test>"
    assert mail["Reply-To"] == "desk@hillcountry.example"
    text = sent_text(world)
    assert text.startswith(
        "Reminder: a plan of care needs your signature\n\n"
        "It has been waiting since November 20.\n\n"
        "For Luis Rivera, MD, from Hill Country Therapy, (512) 555-0177:\n"
        "- Plan of care, sent November 20, due December 20\n"
        f"  https://portal.test/documents/{world.document.id}\n"
    )
    assert "Waiting since November 20." in html(world)
    assert "last reminder" not in text
    everything = text + html(world) + str(mail)
    assert not [word for word in PATIENT if word in everything]


def test_a_reminder_covers_everything_that_waits_at_the_mailbox_from_all_practices(world: World) -> None:
    of_cedar(world, due_on=date(2026, 12, 10))
    other(world, 3, kind=Kind.PROGRESS_NOTE)
    deliver(world, remind(world))
    assert world.mail()["Subject"] == "Reminder: 3 documents need your signature: 2 clinics"
    assert world.mail()["From"] == "Provider Portal <no-reply@portal.test>"
    text = sent_text(world)
    assert "For Luis Rivera, MD, from Cedar Clinic, (512) 555-0144:\n- Plan of care, sent November 20, due" in text
    assert "The oldest has been waiting since November 20." in text
    assert text.count("https://portal.test/documents/") == 3
    assert text.index("For Luis Rivera, MD, from Cedar") < text.index("For Luis Rivera, MD, from Hill")


def test_the_documents_of_a_practice_without_reminders_by_email_are_left_out(world: World) -> None:
    second = of_cedar(world)
    world.switches.plans[CEDAR.id] = FollowUpPlan(emails=False)
    deliver(world, remind(world, world.document.id, second.id))
    assert world.mail()["Subject"] == "Reminder: a plan of care needs your signature: Hill Country Therapy"
    assert "Cedar Clinic" not in sent_text(world)


def test_nothing_is_sent_if_the_practice_has_switched_reminders_by_email_off_since(world: World) -> None:
    row = remind(world)
    of_cedar(world)
    world.switches.plans[PRACTICE.id] = FollowUpPlan(emails=False)
    assert deliver(world, row).status is DeliveryStatus.CANCELLED
    assert world.mailer.sent == []


def test_documents_of_one_kind_are_counted_by_their_name(world: World) -> None:
    other(world)
    deliver(world, remind(world))
    assert world.mail()["Subject"] == "Reminder: 2 plans of care need your signature: Hill Country Therapy"


def test_two_providers_at_one_mailbox_each_have_their_part(world: World) -> None:
    addressee = replace(world.document.addressee, first_name="Ana", last_name="Cole", credential="NP")
    second = other(world, addressee=addressee, provider_id=OTHER_PROVIDER.id)
    deliver(world, remind(world, world.document.id, second.id))
    text = sent_text(world)
    assert "For Ana Cole, NP, from Hill Country Therapy" in text
    assert "For Luis Rivera, MD, from Hill Country Therapy" in text


def test_the_last_reminder_says_so(world: World) -> None:
    last = FollowUpProgress(since=AFTERNOON, done=(FollowUpStep.LAST_REMINDER,))
    world.change_document(follow_up=last)
    deliver(world, remind(world))
    assert world.mail()["Subject"].strip() == "Last reminder: a plan of care needs your signature: Hill Country Therapy"
    assert "This is our last reminder. After this, the clinic may call you." in sent_text(world)


def test_the_last_reminder_of_one_of_several_documents_says_so(world: World) -> None:
    world.change_document(follow_up=FollowUpProgress(since=AFTERNOON, done=(FollowUpStep.LAST_REMINDER,)))
    other(world, follow_up=FollowUpProgress(since=AFTERNOON))
    deliver(world, remind(world))
    assert "This is our last reminder for at least one of these documents." in sent_text(world)


def test_a_document_that_is_only_mentioned_does_not_make_a_last_reminder(world: World) -> None:
    other(world, follow_up=FollowUpProgress(since=AFTERNOON, done=(FollowUpStep.LAST_REMINDER,)))
    deliver(world, remind(world))
    assert world.mail()["Subject"].startswith("Reminder: 2 plans")


def test_without_electronic_signature_the_link_leads_to_the_page_for_paper(world: World) -> None:
    world.switches.on.clear()
    deliver(world, remind(world))
    assert f"https://portal.test/by-hand/{world.document.id}" in sent_text(world)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.RECALLED},
        {"addressee": replace(World().document.addressee, email="other@example.com")},
        {"delivery": DeliveryChoice.FAX},
    ],
    ids=["recalled", "corrected", "by fax"],
)
def test_what_waits_no_more_at_the_mailbox_is_left_out(world: World, changes: dict[str, Any]) -> None:
    row = remind(world)
    world.change_document(**changes)
    assert deliver(world, row).status is DeliveryStatus.CANCELLED
    assert world.mailer.sent == []


def test_only_what_still_waits_is_named(world: World) -> None:
    gone = other(world, status=Status.RECALLED)
    deliver(world, remind(world, gone.id, "doc_unknown", world.document.id))
    assert world.mail()["Subject"].startswith("Reminder: a plan of care needs")


def test_nothing_is_sent_if_only_documents_wait_that_are_not_due(world: World) -> None:
    row = remind(world)
    other(world)
    world.change_document(status=Status.RECALLED)
    assert deliver(world, row).status is DeliveryStatus.CANCELLED


@pytest.mark.parametrize("exists", [False, True])
def test_a_late_reminder_joins_the_reminder_of_the_next_working_day(world: World, *, exists: bool) -> None:
    row, second = remind(world), other(world)
    thursday = AFTERNOON + timedelta(days=1)
    if exists:
        tomorrow = add_to_reminder(world.store, (second.id,), EMAIL, PROVIDER.id, leaves=thursday, zone=CHICAGO)
        assert tomorrow is not None
        world.store.commit(Change(at=AFTERNOON, deliveries=(tomorrow,)))
    world.clock.at = AFTERNOON + timedelta(hours=4)
    assert world.deliver(row.id).status is DeliveryStatus.CANCELLED
    assert world.mailer.sent == []
    (later,) = [found for found in rows(world) if found.id != row.id]
    assert later.documents == ((second.id, world.document.id) if exists else (world.document.id,))
    assert later.next_attempt_at == thursday + timedelta(minutes=10)
    assert deliver(world, later).status is DeliveryStatus.SENT


@pytest.mark.parametrize("is_full", [False, True])
def test_a_reminder_of_yesterday_joins_the_reminder_of_today(world: World, *, is_full: bool) -> None:
    row, second = remind(world), other(world)
    thursday = AFTERNOON + timedelta(days=1)
    today = add_to_reminder(world.store, (second.id,), EMAIL, PROVIDER.id, leaves=thursday, zone=CHICAGO)
    assert today is not None
    attempts = (DeliveryAttempt(at=thursday, status=AttemptStatus.SENDING, detail=""),) if is_full else ()
    world.store.commit(Change(at=thursday, deliveries=(replace(today, attempts=attempts),)))
    world.clock.at = thursday + timedelta(minutes=15)
    late = world.deliver(row.id)
    assert late.status is (DeliveryStatus.QUEUED if is_full else DeliveryStatus.CANCELLED)
    assert world.mailer.sent == []
    if is_full:
        assert late.next_attempt_at == thursday + timedelta(days=1)
        assert late.documents == (world.document.id,)
    else:
        assert world.row(today.id).documents == (second.id, world.document.id)
        assert world.deliver(today.id).status is DeliveryStatus.SENT


def test_a_mailbox_of_two_time_zones_is_reminded_in_the_afternoon_of_what_is_due(world: World) -> None:
    nowhere = replace(world.document.addressee, fax=None, phone=None)
    world.change_document(addressee=nowhere, due_on=date(2026, 12, 10))
    east = PracticeCard(name=CEDAR.name, phone=None, time_zone="America/New_York")
    second = other(world, practice_id=CEDAR.id, practice=east, addressee=nowhere, due_on=date(2026, 12, 20))
    world.clock.at = AFTERNOON - timedelta(hours=1)
    row = add_to_reminder(world.store, (second.id,), EMAIL, PROVIDER.id, leaves=world.clock.at, zone="America/New_York")
    assert row is not None
    world.store.commit(Change(at=world.clock.at, deliveries=(row,)))
    assert deliver(world, row).status is DeliveryStatus.SENT
    assert sent_text(world).count("https://portal.test/documents/") == 2


def test_a_reminder_of_today_that_came_too_early_waits_for_the_afternoon(world: World) -> None:
    world.clock.at = AFTERNOON - timedelta(hours=1)
    row = remind(world)
    early = deliver(world, row)
    assert (early.status, early.next_attempt_at) == (DeliveryStatus.QUEUED, AFTERNOON)
    assert world.mailer.sent == []
    assert deliver(world, early).status is DeliveryStatus.SENT


def test_the_local_run_reminds_at_any_hour(world: World) -> None:
    world.settings = replace(world.settings, sends_at_any_hour=True)
    row = remind(world)
    world.clock.at = AFTERNOON + timedelta(hours=12)
    assert world.deliver(row.id).status is DeliveryStatus.SENT


def test_the_last_minute_of_the_afternoon_is_in_time(world: World) -> None:
    row = remind(world)
    world.clock.at = AFTERNOON + timedelta(hours=4, seconds=-1)
    assert world.deliver(row.id).status is DeliveryStatus.SENT


def test_a_mailbox_has_one_row_for_each_day(world: World) -> None:
    first = remind(world)
    again = add_to_reminder(world.store, ("doc_9",), EMAIL, None, leaves=AFTERNOON + timedelta(hours=3), zone=CHICAGO)
    assert again is not None
    assert (again.id, again.version, again.documents) == (first.id, 2, (world.document.id, "doc_9"))
    assert again.next_attempt_at == first.next_attempt_at
    tomorrow = add_to_reminder(world.store, ("doc_9",), EMAIL, None, leaves=AFTERNOON + timedelta(days=1), zone=CHICAGO)
    assert tomorrow is not None
    assert tomorrow.id != first.id
    elsewhere = add_to_reminder(world.store, ("doc_9",), "a@example.com", None, leaves=AFTERNOON, zone=CHICAGO)
    assert elsewhere is not None
    assert elsewhere.id != first.id


@pytest.mark.parametrize("on", [True, False], ids=["online", "by hand"])
def test_the_first_notice_is_told_apart_by_its_subject_and_its_first_line(world: World, *, on: bool) -> None:
    if not on:
        world.switches.on.clear()
    world.deliver(world.message(Channel.EMAIL, MessageType.READY))
    assert world.mail()["Subject"] == "Hill Country Therapy: a document is waiting for your signature"
    start = "A document is waiting for your signature\n\nFor Luis Rivera, MD\n\nHill Country Therapy has sent you"
    assert sent_text(world).startswith(start)
    assert all(word in html(world) for word in ("For Luis Rivera, MD", "(512) 555-0177"))


@pytest.mark.parametrize(
    ("hour", "now", "status"),
    [(13, timedelta(minutes=59), DeliveryStatus.SENT), (13, timedelta(hours=1), DeliveryStatus.CANCELLED)],
    ids=["in the hour", "after the hour"],
)
def test_a_reminder_leaves_in_the_hour_that_its_provider_chose(
    world: World, hour: int, now: timedelta, status: DeliveryStatus
) -> None:
    row = remind(world)
    chosen = ReminderPreferences(time_zone=CHICAGO, hour=hour, weekdays=(AFTERNOON.weekday(),))
    provider = world.store.provider(PROVIDER.id)
    assert provider is not None
    owner = replace(PROVIDER, version=provider.version + 1, reminders=chosen)
    world.store.commit(Change(at=AFTERNOON, providers=(owner,)))
    world.clock.at = AFTERNOON + now
    assert world.deliver(row.id).status is status
    later = [found.next_attempt_at for found in rows(world) if found.id != row.id]
    assert later == [] if status is DeliveryStatus.SENT else [AFTERNOON + timedelta(days=7, minutes=10)]
