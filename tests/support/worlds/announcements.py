"""A world for the tests of announcements, which wait for others, and helpers that send documents in this world."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.domain.delivery_attempts import is_due
from chalicelib.domain.documents import Document
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.provider_fixtures import PRACTICE
from tests.support.worlds.delivery_world import World

WAIT = timedelta(minutes=2)
EMAIL = "dr.rivera@example.com"
CEDAR = replace(PRACTICE, id="prc_2", name="Cedar Clinic", phone="+15125550144", api_keys=())


def make_world() -> World:
    """Return a world with a second practice, in which announcements wait two minutes for others."""
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
