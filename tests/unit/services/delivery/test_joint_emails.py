"""Test that documents sent within minutes are announced in one email, and that each keeps its own delivery."""

from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from chalicelib.adapters.dynamodb_rows import delivery_row
from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import AttemptStatus, Channel, Delivery, DeliveryStatus, MessageType, NoticeKind
from chalicelib.domain.delivery_attempts import LEASE, is_due, queue_again, requeue, start
from chalicelib.domain.documents import Document, Kind
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable, Unprocessable
from chalicelib.domain.status import Status
from chalicelib.services.delivery import joint_emails
from chalicelib.services.delivery.message_sender import look_up
from chalicelib.services.delivery.settlement import Settlement
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER
from tests.support.worlds.delivery_world import World

WAIT = timedelta(minutes=2)
EMAIL = "dr.rivera@example.com"
CEDAR = replace(PRACTICE, id="prc_2", name="Cedar Clinic", phone="+15125550144", api_keys=())
PATIENT = ("Ada", "Byron", "PT-77", "1950", "POC-1001", "initial evaluation")


class Crash(BaseException):
    """The end of a worker's process."""


@pytest.fixture
def world() -> World:
    world = World()
    world.settings = replace(world.settings, notice_wait_seconds=int(WAIT.total_seconds()))
    world.store.commit(Change(at=START, practices=(CEDAR,)))
    world.switches.on.add(CEDAR.id)
    return world


def send(world: World, *, recipient: str = EMAIL, **changes: Any) -> str:
    """Store another document, queue the email that announces it, and run its job. Return the delivery's id."""
    number = len(world.store.every(Document, "documents")) + 1
    document = replace(world.document, version=0, sequence=0, head="", deliveries=(), sent_at=world.clock.at)
    document = replace(document, **{"id": f"doc_{number}", "external_id": f"POC-{number}", **changes})
    practice = world.store.practice(document.practice_id)
    assert practice is not None
    recorder = Recorder(
        document, practice=practice, now=world.clock.at, ids=world.ids, portal_url="https://portal.test", actor=PORTAL
    )
    change = recorder.event(DocumentEventType.SENT).message(Channel.EMAIL, MessageType.READY, recipient).change()
    world.store.commit(change)
    row_id = change.deliveries[0].id
    world.deliver(row_id)
    return row_id


def pass_time(world: World, seconds: float) -> None:
    """Let time pass, and run the job of every announcement at the time at which it becomes due."""
    end = world.clock.at + timedelta(seconds=seconds)
    while times := [row.next_attempt_at for row in notices(world) if row.next_attempt_at]:
        if min(times) > end:
            break
        world.clock.at = max(world.clock.at, min(times))
        for row in notices(world):
            if is_due(world.row(row.id), world.clock.at):
                world.deliver(row.id)
    world.clock.at = end


def notices(world: World) -> list[Delivery]:
    return [row for row in world.store.every(Delivery, "deliveries") if row.type == MessageType.READY]


def statuses(world: World) -> list[DeliveryStatus]:
    return [row.status for row in notices(world)]


def subjects(world: World) -> list[str]:
    return [str(world.mail(number)["Subject"]) for number in range(len(world.mailer.sent))]


def texts(mail: EmailMessage) -> tuple[str, str]:
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


def trail(world: World, delivery_id: str) -> list[str]:
    document_id = world.row(delivery_id).document_id
    return [event.type for event in world.store.events(document_id or "")]


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
        assert ("Set up your password" in text) == (is_electronic and not has_account)
        assert ("Review all" in text) == (is_electronic and has_account)
        assert ("6-digit code" in text) == (not is_electronic)
        assert ("You don't need an account." in text.replace("&#39;", "'")) == (not is_electronic)
        assert not [word for word in PATIENT if word in text]
    plain = texts(world.mail())[0]
    assert "\n\n\n" not in plain
    assert [line for line in plain.splitlines() if line != line.strip() and not line.startswith("  http")] == []


# Failures and receipts


def test_a_failed_email_is_repeated_for_all(world: World) -> None:
    ids = [send(world) for _ in range(3)]
    world.mailer.failing = True
    pass_time(world, 120)
    world.mailer.failing = False
    assert world.mailer.sent == []
    assert [len(world.row(row_id).attempts) for row_id in ids] == [1, 0, 0]
    assert statuses(world) == [DeliveryStatus.QUEUED] * 3
    pass_time(world, 12)
    assert subjects(world) == ["3 plans of care need your signature: Hill Country Therapy"]
    assert statuses(world) == [DeliveryStatus.SENT] * 3


def test_a_refused_email_does_not_hold_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [send(world) for _ in range(3)]

    def refuse(**_: Any) -> str:
        raise Unprocessable("This address is refused.")

    with monkeypatch.context() as patch:
        patch.setattr(world.mailer, "send", refuse)
        pass_time(world, 120)
    assert statuses(world) == [DeliveryStatus.FAILED, DeliveryStatus.QUEUED, DeliveryStatus.QUEUED]
    pass_time(world, 300)
    assert subjects(world) == ["2 plans of care need your signature: Hill Country Therapy"]
    assert world.row(ids[0]).status is DeliveryStatus.FAILED
    assert world.row(ids[1]).joint == (ids[1], ids[2])


@pytest.mark.parametrize("is_sent", [True, False])
def test_nothing_is_lost_if_a_worker_dies(world: World, monkeypatch: pytest.MonkeyPatch, *, is_sent: bool) -> None:
    ids = [send(world) for _ in range(3)]
    pass_time(world, 119)
    original = type(world.mailer).send

    def die(mailer: Any, **message: Any) -> str:
        if is_sent:
            original(mailer, **message)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(type(world.mailer), "send", die)
        with pytest.raises(Crash):
            pass_time(world, 1)
    assert statuses(world) == [DeliveryStatus.SENDING] * 3
    pass_time(world, LEASE.total_seconds() - 1)
    assert len(world.mailer.sent) == is_sent
    pass_time(world, 300)
    assert statuses(world) == [DeliveryStatus.SENT] * 3
    assert {world.row(row_id).attempts[0].status for row_id in ids} <= {
        AttemptStatus.INTERRUPTED,
        AttemptStatus.SUCCEEDED,
    }


def test_nothing_is_lost_if_the_leader_dies_before_it_sends(world: World) -> None:
    leader, second, third = (send(world) for _ in range(3))
    row = world.row(leader)
    lost = replace(row, version=row.version + 1, next_attempt_at=None)
    world.store.commit(Change(at=START, deliveries=(lost,)))
    pass_time(world, 179)
    assert world.mailer.sent == []
    pass_time(world, 1)
    assert world.row(second).joint[0] == second
    assert set(world.row(second).joint) == {leader, second, third}
    assert statuses(world) == [DeliveryStatus.SENT] * 3


def test_another_workers_delivery_is_left_out(world: World) -> None:
    _, second = send(world), send(world)
    running = replace(start(world.row(second), START), next_attempt_at=START + timedelta(minutes=5))
    world.store.commit(Change(at=START, deliveries=(running,)))
    pass_time(world, 120)
    assert subjects(world) == ["Hill Country Therapy: a document is waiting for your signature"]


def test_an_email_goes_alone_if_a_delivery_changes_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = send(world), send(world)
    commit = world.store.commit

    def fail_once(change: Change) -> None:
        if len(change.deliveries) == 2 and not change.documents:
            raise ConcurrentUpdate(("delivery",))
        commit(change)

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "commit", fail_once)
        pass_time(world, 120)
    assert subjects(world) == ["Hill Country Therapy: a document is waiting for your signature"]
    assert [world.row(row_id).status for row_id in (first, second)] == [DeliveryStatus.SENT, DeliveryStatus.QUEUED]
    pass_time(world, 120)
    assert statuses(world) == [DeliveryStatus.SENT] * 2


def test_a_result_that_cannot_be_stored_does_not_hide_the_leaders(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, second = send(world), send(world)
    settle = Settlement.settle

    def fail(self: Settlement, after: Delivery, now: Any) -> None:
        if after.id == second and after.status is DeliveryStatus.SENT:
            raise Unavailable("The database does not respond.")
        settle(self, after, now)

    with monkeypatch.context() as patch:
        patch.setattr(Settlement, "settle", fail)
        pass_time(world, 120)
    assert [world.row(row_id).status for row_id in (leader, second)] == [DeliveryStatus.SENT, DeliveryStatus.SENDING]
    pass_time(world, 300)
    assert world.row(second).status is DeliveryStatus.SENT


def test_a_result_is_stored_only_for_the_running_attempt_of_the_same_email(world: World) -> None:
    leader, second = send(world), send(world)
    joint = (leader, second)
    changed = replace(start(world.row(second), START), joint=(second,))
    ended = replace(world.row(second), joint=joint, status=DeliveryStatus.SENT, attempts=())
    for number, row in enumerate((changed, ended), 9):
        stored = replace(row, version=number)
        world.store.tables["deliveries"][second] = delivery_row(stored)
        world.joint_emails.release([look_up(stored, world.store, START)], leader)
        assert world.row(second) == stored


@pytest.mark.parametrize("reported", [0, 1, 2])
def test_a_receipt_holds_for_all(world: World, monkeypatch: pytest.MonkeyPatch, reported: int) -> None:
    ids = [send(world) for _ in range(3)]
    pass_time(world, 120)
    monkeypatch.setattr(world.store, "delivery_by_carrier", lambda _: world.row(ids[reported]))
    receipt(world, "Delivery", {})
    assert statuses(world) == [DeliveryStatus.DELIVERED] * 3
    assert [trail(world, row_id).count(DocumentEventType.DELIVERED) for row_id in ids] == [1, 1, 1]
    assert world.webhooks().count("document.delivered") == 3
    receipt(world, "Delivery", {})
    assert world.webhooks().count("document.delivered") == 3


def test_a_bounce_holds_for_all(world: World) -> None:
    ids = [send(world) for _ in range(3)]
    pass_time(world, 120)
    receipt(world, "Bounce", {"bounceType": "Permanent", "bounceSubType": "General"})
    assert statuses(world) == [DeliveryStatus.FAILED] * 3
    assert [trail(world, row_id).count(DocumentEventType.DELIVERY_FAILED) for row_id in ids] == [1, 1, 1]
    assert world.notices() == [NoticeKind.DELIVERY_FAILED] * 3


def test_a_receipt_waits_for_the_results_of_all(world: World) -> None:
    ids = [send(world) for _ in range(2)]
    pass_time(world, 120)
    sent = world.row(ids[1])
    running = replace(start(sent, world.clock.at), joint=sent.joint, carrier_id=None)
    world.store.commit(Change(at=world.clock.at, deliveries=(running,)))
    receipt(world, "Delivery", {})
    assert [world.row(row_id).status for row_id in ids] == [DeliveryStatus.DELIVERED, DeliveryStatus.SENDING]
    assert [job.receipt.lookups for job, _ in world.queues.sent if job.receipt is not None] == [1]


def test_a_receipt_ignores_a_delivery_that_is_sent_again(world: World) -> None:
    ids = [send(world) for _ in range(2)]
    pass_time(world, 120)
    receipt(world, "Bounce", {"bounceType": "Permanent", "bounceSubType": "General"})
    again = queue_again(world.row(ids[1]), world.clock.at, why="")
    assert again.joint == ()
    world.store.commit(Change(at=world.clock.at, deliveries=(again,)))
    receipt(world, "Bounce", {"bounceType": "Permanent", "bounceSubType": "General"})
    assert world.row(ids[1]).status is DeliveryStatus.QUEUED
    assert not [job for job, _ in world.queues.sent if job.receipt is not None]


def test_the_sweep_repeats_a_joint_email_once(world: World) -> None:
    ids = [send(world) for _ in range(3)]
    world.clock.pass_time(minutes=5)
    for row_id in ids:
        queued = requeue(world.row(row_id), world.clock.at)
        world.store.commit(Change(at=world.clock.at, deliveries=(queued,)))
    for row_id in ids:
        world.deliver(row_id)
    assert len(world.mailer.sent) == 1
    assert statuses(world) == [DeliveryStatus.SENT] * 3


def receipt(world: World, kind: str, detail: dict[str, str]) -> None:
    at = "2026-11-22T19:00:05.000Z"
    report = {"notificationType": kind, "mail": {"messageId": "ses-0001"}, kind.lower(): {"timestamp": at, **detail}}
    world.ses_feedback.record(report)
