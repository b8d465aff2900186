"""Test the link in a reminder by which the reader stops reminders by email, and what the clinics learn of it."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.audit import find_break
from chalicelib.domain.carriers.email_receipts import Receipt, ReceiptKind
from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.deliveries import Delivery, DeliveryStatus
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import ConcurrentUpdate, Gone
from chalicelib.domain.follow_up.progress import FollowUpProgress, FollowUpStep
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import Status
from chalicelib.services.documents.identity import mask
from chalicelib.services.reminders.reminder_rows import add_to_reminder
from chalicelib.services.reminders.reminder_stops import LINK_LIFETIME
from chalicelib.services.stopped_reminders import is_stopped, stop_change
from chalicelib.services.transaction import Change, Job
from chalicelib.workers import run_delivery_job
from tests.support.portal import Browser, Portal, text
from tests.support.provider_fixtures import PROVIDER
from tests.support.worlds.delivery_world import World

EMAIL, ZONE = "dr.rivera@example.com", "America/Chicago"


@pytest.fixture
def world() -> World:
    world = World()
    world.change_document(follow_up=FollowUpProgress(since=world.clock.at))
    return world


def remind(world: World) -> Delivery:
    """Send the day's reminder of the test's document, and return its delivery."""
    row = add_to_reminder(world.store, (world.document.id,), EMAIL, PROVIDER.id, leaves=world.clock.at, zone=ZONE)
    assert row is not None
    world.store.commit(Change(at=world.clock.at, deliveries=(row,)))
    return world.when_due(row.id)


def token(world: World) -> str:
    body = world.mail().get_body(("plain",))
    assert body is not None
    (found,) = re.findall(r"https://portal\.test/reminders/stop/(\S+)", str(body.get_content()))
    return str(found)


def other(world: World, **changes: Any) -> Document:
    document = replace(world.document, id="doc_2", external_id="POC-2", version=1, sequence=0, head="", **changes)
    world.store.commit(Change(at=world.clock.at, documents=(document,)))
    return document


def tell(world: World) -> list[Job]:
    """Run the jobs that tell the clinics after reminders were stopped, each job twice, and return the jobs."""
    jobs = [job for job in world.relay() if job.name is JobName.REMINDERS_STOPPED]
    for job in (*jobs, *jobs):
        run_delivery_job(job, world)
    return jobs


def test_a_reminder_has_a_link_for_sixty_days(world: World) -> None:
    remind(world)
    link, now = token(world), world.clock.at
    assert world.reminder_stops.find_email(link, now) == EMAIL
    assert timedelta(days=60) == LINK_LIFETIME
    world.reminder_stops.find_email(link, now + LINK_LIFETIME - timedelta(seconds=1))
    for wrong, at in ((link, now + LINK_LIFETIME), ("other", now)):
        with pytest.raises(Gone, match="Every reminder has a new link"):
            world.reminder_stops.find_email(wrong, at)
        with pytest.raises(Gone):
            world.reminder_stops.stop(wrong, at)
    assert not is_stopped(world.store, EMAIL)


def test_after_a_stop_no_reminder_is_sent_and_none_is_queued(world: World) -> None:
    remind(world)
    world.reminder_stops.stop(token(world), world.clock.at)
    assert is_stopped(world.store, EMAIL)
    assert not is_stopped(world.store, "other@example.com")
    world.clock.pass_time(days=1)
    assert remind(world).status is DeliveryStatus.CANCELLED
    assert len(world.mailer.sent) == 1
    done = (FollowUpStep.FAX, FollowUpStep.CALL)
    since = world.clock.at - timedelta(days=10)
    world.change_document(follow_up=FollowUpProgress(since=since, done=done), follow_up_at=since)
    world.clock.at = world.clock.at.replace(day=24, hour=20)
    assert world.scheduled_sweep.run()["follow_ups"] == 1
    assert world.document.follow_up is not None
    assert world.document.follow_up.reminders == 0


def test_the_clinic_learns_once_of_every_document_that_waits(world: World) -> None:
    other(world)
    remind(world)
    world.reminder_stops.stop(token(world), world.clock.at)
    world.reminder_stops.stop(token(world), world.clock.at)
    assert len(tell(world)) == 1
    for document_id in (world.document.id, "doc_2"):
        document = world.store.document(document_id)
        assert document is not None
        assert document.attention is AttentionReason.REMINDERS_STOPPED
        events = world.store.events(document_id)
        assert [event.type for event in events] == ["document.reminders_stopped", "document.needs_attention"]
        assert find_break(events) is None
    assert world.notices() == ["needs_attention"] * 2
    assert world.webhooks() == ["document.needs_attention"] * 2


def test_a_stop_hides_no_other_reason_and_marks_no_document_of_an_earlier_release(world: World) -> None:
    other(world, follow_up=None)
    world.change_document(attention=AttentionReason.SIGNED_UNDATED)
    remind(world)
    world.reminder_stops.stop(token(world), world.clock.at)
    tell(world)
    assert world.document.attention is AttentionReason.SIGNED_UNDATED
    assert [event.type for event in world.events()] == ["document.reminders_stopped"]
    assert world.store.events("doc_2") == ()
    assert world.notices() == []


def test_after_a_new_start_reminders_are_sent_and_the_clinic_has_nothing_to_do(world: World) -> None:
    other(world, attention=AttentionReason.SIGNED_UNDATED)
    remind(world)
    link = token(world)
    world.reminder_stops.stop(link, world.clock.at)
    tell(world)
    for _ in range(2):
        world.reminder_stops.start_again(link, world.clock.at)
    assert not is_stopped(world.store, EMAIL)
    assert len(tell(world)) == 1
    for document_id, attention in ((world.document.id, None), ("doc_2", AttentionReason.SIGNED_UNDATED)):
        document = world.store.document(document_id)
        assert document is not None
        assert document.follow_up is not None
        assert (document.follow_up.is_stopped, document.attention) == (False, attention)
        events = world.store.events(document_id)
        assert [event.type for event in events][-1] == "document.reminders_resumed"
        assert [event.type for event in events].count("document.reminders_resumed") == 1
        assert find_break(events) is None
    world.clock.pass_time(days=1)
    assert remind(world).status is DeliveryStatus.SENT


@pytest.mark.parametrize("name", ["stop", "start_again"])
def test_a_form_that_is_sent_twice_at_once_does_no_harm(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    remind(world)
    link, stops = token(world), world.reminder_stops
    if name == "start_again":
        stops.stop(link, world.clock.at)
    commit = world.store.commit

    def lose(_change: Change) -> None:
        monkeypatch.setattr(world.store, "commit", commit)
        getattr(stops, name)(link, world.clock.at)
        raise ConcurrentUpdate(("claim",))

    world.relay()
    monkeypatch.setattr(world.store, "commit", lose)
    getattr(stops, name)(link, world.clock.at)
    assert is_stopped(world.store, EMAIL) is (name == "stop")
    assert len(world.relay()) == 1


def test_the_link_of_an_old_reminder_holds_for_documents_that_came_later(world: World) -> None:
    remind(world)
    link = token(world)
    other(world)
    world.change_document(status=Status.APPROVED)
    for change, is_stopped_then in ((world.reminder_stops.stop, True), (world.reminder_stops.start_again, False)):
        change(link, world.clock.at)
        tell(world)
        later, first = world.store.document("doc_2"), world.document
        assert later is not None
        assert later.follow_up is not None
        assert later.follow_up.is_stopped is is_stopped_then
        assert first.follow_up is not None
        assert not first.follow_up.is_stopped


def test_a_change_while_the_job_runs_is_not_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    remind(world)
    link = token(world)
    world.reminder_stops.stop(link, world.clock.at)
    commit = world.store.commit

    def start_again_first(change: Change) -> None:
        monkeypatch.setattr(world.store, "commit", commit)
        world.reminder_stops.start_again(link, world.clock.at)
        commit(change)

    (job,) = (job for job in world.relay() if job.name is JobName.REMINDERS_STOPPED)
    monkeypatch.setattr(world.store, "commit", start_again_first)
    run_delivery_job(job, world)
    assert world.document.follow_up is not None
    assert not world.document.follow_up.is_stopped
    assert world.document.attention is None


def test_a_late_job_of_a_stop_stops_nothing_after_a_new_start(world: World) -> None:
    remind(world)
    link = token(world)
    world.reminder_stops.stop(link, world.clock.at)
    world.reminder_stops.start_again(link, world.clock.at)
    assert len(tell(world)) == 2
    assert world.document.follow_up is not None
    assert not world.document.follow_up.is_stopped
    assert world.events() == []
    for wrong, at in ((link, world.clock.at + LINK_LIFETIME), ("other", world.clock.at)):
        with pytest.raises(Gone):
            world.reminder_stops.start_again(wrong, at)


def test_a_job_without_its_reminder_fails(world: World) -> None:
    remind(world)
    world.reminder_stops.stop(token(world), world.clock.at)
    (job,) = (job for job in world.relay() if job.name is JobName.REMINDERS_STOPPED)
    with pytest.raises(LookupError, match="does not exist"):
        run_delivery_job(replace(job, delivery_id=None), world)


# The page


@pytest.fixture
def portal(world: World) -> Iterator[Portal]:
    portal = Portal(world.store)
    portal.time.at = world.clock.at
    bootstrap.install(portal)
    yield portal
    bootstrap.install(None)


def test_opening_the_link_changes_nothing_and_the_form_stops_reminders(world: World, portal: Portal) -> None:
    remind(world)
    browser, path = Browser(), f"/reminders/stop/{token(world)}"
    before = portal.fake_store.commits
    page = browser.get(path)
    assert page.status_code == 200
    assert "Stop reminder emails?" in text(page)
    assert mask(EMAIL) in text(page)
    assert EMAIL not in text(page)
    assert portal.fake_store.commits == before
    assert not is_stopped(world.store, EMAIL)
    answer = browser.post(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    assert is_stopped(world.store, EMAIL)
    assert "Reminder emails are stopped" in text(browser.get(path))
    assert "Stop reminders" not in text(browser.get(path))
    answer = browser.post(path, change="start")
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    assert not is_stopped(world.store, EMAIL)
    assert "Stop reminder emails?" in text(browser.get(path))


def test_a_form_without_its_token_stops_nothing(world: World, portal: Portal) -> None:
    remind(world)
    assert portal.browser().post_raw(f"/reminders/stop/{token(world)}", {}).status_code == 403
    assert not is_stopped(world.store, EMAIL)


def test_an_expired_link_says_where_to_find_another(portal: Portal) -> None:
    page = portal.browser().get("/reminders/stop/unknown")
    assert page.status_code == 410
    assert "Every reminder has a new link." in text(page)


# A reminder that bounces


def bounce(world: World) -> Delivery:
    """Send the day's reminder, report that it bounced, and return its delivery.

    The jobs that follow are run twice each, because jobs may come twice."""
    row = remind(world)
    receipt = Receipt(carrier_id=row.carrier_id or "", kind=ReceiptKind.BOUNCED, at=world.clock.at, detail="Gone.")
    world.ses_feedback.apply(receipt)
    jobs = [job for job in world.relay() if job.name is JobName.REMINDER_BOUNCED]
    assert len(jobs) == 1
    for job in (*jobs, *jobs):
        run_delivery_job(job, world)
    return world.row(row.id)


def test_the_clinic_learns_once_of_a_reminder_that_bounced(world: World) -> None:
    other(world)
    row = bounce(world)
    assert row.status is DeliveryStatus.FAILED
    for document_id in (world.document.id, "doc_2"):
        document = world.store.document(document_id)
        assert document is not None
        assert document.attention is AttentionReason.PLEASE_CALL
        events = world.store.events(document_id)
        assert [event.type for event in events] == ["document.delivery_failed", "document.needs_attention"]
        assert json.loads(events[0].body)["data"]["delivery"] == row.id
        assert events[0].private == {"recipient": EMAIL}
    assert world.notices() == ["delivery_failed"] * 2
    assert world.webhooks() == ["document.delivery_failed", "document.needs_attention"] * 2


def test_after_a_bounce_no_reminder_follows_and_no_other_reason_is_hidden(world: World) -> None:
    world.change_document(attention=AttentionReason.SIGNED_UNDATED)
    bounce(world)
    assert world.document.attention is AttentionReason.SIGNED_UNDATED
    assert world.document.follow_up is not None
    steps = (FollowUpStep.FAX, FollowUpStep.CALL)
    afternoon = world.clock.at.replace(day=24, hour=20)
    stopped = replace(world.document.follow_up, since=afternoon - timedelta(days=10), done=steps)
    world.change_document(follow_up=stopped, follow_up_at=afternoon)
    world.clock.at = afternoon
    assert world.scheduled_sweep.run()["follow_ups"] == 1
    assert world.document.follow_up.reminders == 0


# The switch on the account page


def switch(world: World, *, stops: bool) -> None:
    """Stop or start the reminders as the account page does, and run the job that follows, twice."""
    email_job = Job(
        queue=QueueName.DELIVERIES,
        name=JobName.REMINDERS_STOPPED,
        event_id="out_1",
        provider_id=PROVIDER.id,
        email=EMAIL,
    )
    world.store.commit(stop_change(EMAIL, world.clock.at, stops=stops))
    for _ in range(2):
        run_delivery_job(email_job, world)


def test_the_account_page_stops_and_starts_the_reminders_of_everything_that_waits_at_the_address(world: World) -> None:
    elsewhere = replace(world.document.addressee, email="luis@home.example")
    other(world, addressee=elsewhere)
    switch(world, stops=True)
    stopped = world.document
    assert stopped.attention is AttentionReason.REMINDERS_STOPPED
    assert stopped.follow_up is not None
    assert stopped.follow_up.is_stopped
    switch(world, stops=False)
    assert [event.type for event in world.events()] == [
        "document.reminders_stopped",
        "document.needs_attention",
        "document.reminders_resumed",
    ]
    assert world.document.attention is None
    assert world.store.events("doc_2") == ()


def test_a_job_without_an_account_or_a_reminder_is_an_error(world: World) -> None:
    job = Job(queue=QueueName.DELIVERIES, name=JobName.REMINDERS_STOPPED, event_id="out_1")
    for incomplete in (job, replace(job, provider_id=PROVIDER.id), replace(job, email=EMAIL)):
        with pytest.raises(LookupError):
            run_delivery_job(incomplete, world)
