"""Test that documents sent within minutes are announced in one email, and that each keeps its own delivery."""

from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import AttemptStatus, Channel, DeliveryStatus, MessageType
from chalicelib.domain.documents import HandOver, Kind
from chalicelib.domain.status import Status
from chalicelib.services.delivery import joint_emails
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER
from tests.support.worlds.announcements import (
    CEDAR,
    EMAIL,
    WAIT,
    make_world,
    notices,
    pass_time,
    send,
    statuses,
    subjects,
)
from tests.support.worlds.delivery_world import World

PATIENT = ("Ada", "Byron", "PT-77", "1950", "POC-1001", "initial evaluation")


@pytest.fixture
def world() -> World:
    return make_world()


def texts(mail: EmailMessage) -> tuple[str, str]:
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


# One email for all


def test_documents_that_are_sent_within_minutes_become_one_email(world: World) -> None:
    ids = [send(world)]
    for _ in range(2):
        pass_time(world, 50)
        ids.append(send(world))
    pass_time(world, 19)
    assert subjects(world) == []
    pass_time(world, 1)
    assert subjects(world) == ["3 plans of care need your signature: Hill Country Therapy"]
    assert statuses(world) == [DeliveryStatus.SENT] * 3
    pass_time(world, 600)
    assert len(world.mailer.sent) == 1
    for row in map(world.row, ids):
        assert row.joint == tuple(ids)
        assert [attempt.status for attempt in row.attempts] == [AttemptStatus.SUCCEEDED]
        assert (row.carrier_id, row.attempts[0].carrier_id) == ("ses-0001", "ses-0001")
        document = world.store.document(row.document_id or "")
        assert document is not None
        assert [(line.id, line.status) for line in document.deliveries] == [(row.id, DeliveryStatus.SENT)]


def test_a_lone_document_is_announced_after_the_wait(world: World) -> None:
    row_id = send(world)
    assert (world.row(row_id).next_attempt_at, world.row(row_id).attempts) == (START + WAIT, ())
    pass_time(world, WAIT.total_seconds() - 1)
    assert world.mailer.sent == []
    pass_time(world, 1)
    assert subjects(world) == ["Hill Country Therapy: a document is waiting for your signature"]
    assert world.row(row_id).joint == ()


def test_a_worker_queues_the_next_look_with_the_delay(world: World) -> None:
    send(world)
    assert world.queues.sent[-1][1] == 120


def test_without_a_wait_every_document_is_announced_at_once(world: World) -> None:
    world.settings = replace(world.settings, notice_wait_seconds=0)
    send(world)
    send(world)
    assert subjects(world) == ["Hill Country Therapy: a document is waiting for your signature"] * 2


def test_a_document_after_the_email_is_announced_in_another_email(world: World) -> None:
    send(world)
    pass_time(world, 130)
    late = send(world)
    pass_time(world, 119)
    assert len(world.mailer.sent) == 1
    pass_time(world, 1)
    assert len(world.mailer.sent) == 2
    assert (world.row(late).status, world.row(late).joint) == (DeliveryStatus.SENT, ())


def test_documents_that_are_sent_at_the_same_moment_become_one_email(world: World) -> None:
    ids = [send(world) for _ in range(4)]
    pass_time(world, 600)
    assert [set(row.joint) for row in notices(world)] == [set(ids)] * 4
    assert len(world.mailer.sent) == 1


def test_kinds_are_named_if_they_are_the_same(world: World) -> None:
    send(world)
    send(world, kind=Kind.ORDER)
    pass_time(world, 120)
    assert subjects(world) == ["2 documents need your signature: Hill Country Therapy"]


@pytest.mark.parametrize(
    "changes", [{"provider_id": OTHER_PROVIDER.id}, {"practice_id": CEDAR.id}], ids=["provider", "practice"]
)
def test_other_persons_and_practices_get_emails_of_their_own(world: World, changes: dict[str, str]) -> None:
    world.store.commit(Change(at=START, providers=(replace(OTHER_PROVIDER, version=1),)))
    for _ in range(2):
        send(world)
        send(world, **changes)
    pass_time(world, 121)
    assert len(world.mailer.sent) == 2
    assert statuses(world) == [DeliveryStatus.SENT] * 4
    assert {len(row.joint) for row in notices(world)} == {2}


def test_each_provider_at_a_mailbox_is_named(world: World) -> None:
    world.store.commit(Change(at=START, providers=(replace(OTHER_PROVIDER, version=1),)))
    addressee = replace(world.document.addressee, first_name="Maria", last_name="Chen", credential="NP")
    for _ in range(2):
        send(world)
        send(world, provider_id=OTHER_PROVIDER.id, addressee=addressee)
    pass_time(world, 120)
    first, second = (texts(world.mail(number))[0] for number in (0, 1))
    assert ("For Luis Rivera, MD, from" in first, "Chen" in first) == (True, False)
    assert ("For Maria Chen, NP, from" in second, "Rivera" in second) == (True, False)


def test_another_address_of_the_provider_gets_an_email_of_its_own(world: World) -> None:
    send(world)
    send(world, recipient="front@example.com")
    pass_time(world, 120)
    assert sorted(to for to, _ in world.mailer.sent) == [EMAIL, "front@example.com"]


def test_a_document_that_was_decided_meanwhile_is_left_out(world: World) -> None:
    ids = [send(world) for _ in range(3)]
    document = world.store.document(world.row(ids[1]).document_id or "")
    assert document is not None
    decided = replace(document, version=document.version + 1, status=Status.APPROVED)
    world.store.commit(Change(at=START, documents=(decided,)))
    pass_time(world, 300)
    assert subjects(world) == ["2 plans of care need your signature: Hill Country Therapy"]
    assert statuses(world) == [DeliveryStatus.SENT, DeliveryStatus.CANCELLED, DeliveryStatus.SENT]


def test_an_email_announces_a_limited_number_of_documents(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_emails, "MAX_DOCUMENTS", 3)
    for _ in range(5):
        send(world)
    pass_time(world, 300)
    assert [subject[:2] for subject in subjects(world)] == ["3 ", "2 "]
    assert set(statuses(world)) == {DeliveryStatus.SENT}


def test_a_document_that_is_sent_again_meanwhile_is_listed_once(world: World) -> None:
    first = send(world)
    again = world.store.document(world.row(first).document_id or "")
    assert again is not None
    recorder = Recorder(
        again,
        practice=world.practice,
        now=world.clock.at,
        ids=world.ids,
        portal_url="https://portal.test",
        actor=PORTAL,
    )
    change = recorder.event(DocumentEventType.RESENT).message(Channel.EMAIL, MessageType.READY, EMAIL).change()
    world.store.commit(change)
    world.deliver(change.deliveries[0].id)
    pass_time(world, 120)
    assert subjects(world) == ["Hill Country Therapy: a document is waiting for your signature"]
    assert statuses(world) == [DeliveryStatus.SENT] * 2
    assert world.row(first).joint == (first, change.deliveries[0].id)


def test_a_document_that_a_colleague_handed_over_is_announced_at_once_and_alone(world: World) -> None:
    first = send(world)
    giver = replace(world.document.addressee, first_name="Maria", last_name="Chen", credential="NP")
    act = HandOver(at=START, giver=giver, provider_id=OTHER_PROVIDER.id, delivery=world.document.delivery)
    handed = send(world, handed_over=(act,))
    assert (world.row(handed).status, world.row(handed).joint) == (DeliveryStatus.SENT, ())
    assert subjects(world) == ["Hill Country Therapy: Maria Chen, NP asked you to sign a document"]
    pass_time(world, 120)
    assert world.row(first).joint == ()
    assert len(world.mailer.sent) == 2


def test_a_handed_over_document_that_waits_to_be_repeated_joins_no_email(world: World) -> None:
    world.mailer.failing = True
    giver = replace(world.document.addressee, first_name="Maria", last_name="Chen", credential="NP")
    act = HandOver(at=START, giver=giver, provider_id=OTHER_PROVIDER.id, delivery=world.document.delivery)
    first, handed = send(world), send(world, handed_over=(act,))
    assert world.row(handed).status is DeliveryStatus.QUEUED
    world.mailer.failing = False
    world.when_due(first)
    assert (world.row(first).joint, world.row(handed).joint) == ((), ())


# The text


@pytest.mark.parametrize(
    ("fax", "is_electronic", "by_code", "has_account"),
    [
        ("+15125550123", True, False, False),
        ("+15125550123", True, True, True),
        ("+15125550123", False, True, False),
        (None, True, True, False),
        (None, False, False, True),
        (None, False, True, True),
    ],
)
def test_the_email_lists_the_documents(
    world: World, *, fax: str | None, is_electronic: bool, by_code: bool, has_account: bool
) -> None:
    world.change_practice(fax=fax)
    if not is_electronic:
        world.switches.on.discard(PRACTICE.id)
    if by_code:
        world.switches.open.add(PRACTICE.id)
    if has_account:
        provider = world.store.provider(PROVIDER.id)
        assert provider is not None
        world.store.commit(Change(at=START, providers=(replace(PROVIDER, version=provider.version + 1),)))
    due = world.document.due_on
    card = replace(world.document.practice, phone="+15125550177")
    first = send(world, practice=card, due_on=due + timedelta(days=1))
    second = send(world, practice=card)
    pass_time(world, 120)
    page = "documents" if is_electronic else "by-hand"
    for text in texts(world.mail()):
        links = [f"https://portal.test/{page}/{world.row(row_id).document_id}" for row_id in (second, first)]
        assert text.index(links[0]) < text.index(links[1])
        assert "(512) 555-0177" in text
        assert ("(512) 555-0123" in text) == (fax is not None)
        assert ("First time here?" in text) == (is_electronic and not has_account)
        assert ("Review all" in text) == (is_electronic and has_account)
        assert ("6-digit code" in text) == (not is_electronic)
        assert ("You don't need an account." in text.replace("&#39;", "'")) == (not is_electronic)
        assert not [word for word in PATIENT if word in text]
    plain = texts(world.mail())[0]
    assert "\n\n\n" not in plain
    assert [line for line in plain.splitlines() if line != line.strip() and not line.startswith("  http")] == []
