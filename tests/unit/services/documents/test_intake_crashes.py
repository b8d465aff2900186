"""Test crashes of the web function between any two steps of an EMR's event. The EMR's retry must repair each crash."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.domain.audit import find_break
from chalicelib.domain.documents import ReturnedMethod
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.idempotent_events import EventResponse, InboundEvent
from chalicelib.services.documents.incoming_pdf import PdfSource, upload_key
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand, ReturnCommand
from chalicelib.services.documents.orphan_cleanup import remove_orphans
from tests.support.emr_fixtures import PDF, PRACTICE, Emr, sent

UPLOAD = upload_key(PRACTICE.id, "upl_large")


class Death(BaseException):
    """The simulated death of the process. No code handles this error, and no later call has an effect."""


@dataclass
class Fate:
    """The plan of a crash: at call number `at` (from 0) to the database or the bucket, before or after the call has an
    effect."""

    at: int
    after: bool
    calls: int = 0
    dead: bool = False

    def meet(self, do: Callable[[], Any]) -> Any:
        self.dead = self.dead or (self.calls == self.at and not self.after)
        if self.dead:
            raise Death
        answer = do()
        self.dead = self.calls == self.at
        self.calls += 1
        if self.dead:
            raise Death
        return answer


class Mortal:
    """A wrapper of a fake adapter that counts the calls of its methods, and crashes at the planned call."""

    def __init__(self, part: Any, fate: Fate) -> None:
        self._part, self._fate = part, fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)
        return lambda *values, **named: self._fate.meet(lambda: method(*values, **named))


Event = Callable[[Emr, InboundEvent], EventResponse]

EVENTS: dict[str, Event] = {
    "sent": lambda emr, inbound: emr.intake.receive(inbound, sent(external_id="POC-2")),
    "uploaded": lambda emr, inbound: emr.intake.receive(
        inbound, sent(external_id="POC-2", content=PdfSource(upload_id="upl_large"))
    ),
    "superseding": lambda emr, inbound: emr.intake.receive(inbound, sent(external_id="POC-2", supersedes="POC-1001")),
    "resend": lambda emr, inbound: emr.lifecycle.resend(
        inbound, ResendCommand(document=DocumentRef(external_id="POC-1001"), email="luis@clinic.example")
    ),
    "recalled": lambda emr, inbound: emr.lifecycle.recall(
        inbound, RecallCommand(document=DocumentRef(external_id="POC-1001"), reason="Wrong plan")
    ),
    "returned": lambda emr, inbound: emr.lifecycle.mark_returned(
        inbound, ReturnCommand(document=DocumentRef(external_id="POC-1001"), method=ReturnedMethod.PAPER)
    ),
}


def an_emr() -> Emr:
    """Return an EMR that has sent one document, and uploaded a file for the next one."""
    emr = Emr()
    emr.send()
    emr.files.put(UPLOAD, PDF + b" of many pages", "application/pdf")
    return emr


def outcome(emr: Emr) -> Any:
    """Return everything that an event has visibly caused, without the ids, which differ between two tries.

    So a test can compare a repaired crash with an undisturbed event."""
    documents = emr.documents()
    for document in documents:
        assert find_break(emr.store.events(document.id)) is None
    assert emr.files.keys("evidence/originals/") == sorted(document.original.key for document in documents)
    return (
        [
            (document.external_id, document.status, document.addressee, document.superseded_by, document.access)
            for document in documents
        ],
        [[event.type for event in emr.store.events(document.id)] for document in documents],
        [(delivery.channel, delivery.type, delivery.recipient) for delivery in emr.deliveries()],
        len(emr.store.jobs()),
        sorted(emr.store.tables["claims"]),
        len(emr.store.tables["providers"]),
        sorted(key for key in emr.files.objects if not key.startswith("evidence/originals/")),
    )


def tried(emr: Emr, event: Event, inbound: InboundEvent, fate: Fate) -> None:
    """Handle the event once, with the crash that `fate` plans. Whatever was written before the crash remains."""
    parts = {name: getattr(emr, name) for name in ("store", "files", "inspector", "switches")}
    for name, part in parts.items():
        setattr(emr, name, Mortal(part, fate))
    try:
        event(emr, inbound)
    except Death:
        assert fate.dead
    finally:
        for name, part in parts.items():
            setattr(emr, name, part)


@pytest.mark.parametrize("kind", EVENTS)
def test_a_repeated_event_repairs_any_crash(kind: str) -> None:
    event = EVENTS[kind]
    whole, never = an_emr(), Fate(at=-1, after=False)
    tried(whole, event, whole.inbound("msg_x"), never)
    assert never.calls > 3
    for at in range(never.calls):
        for after in (False, True):
            emr, fate = an_emr(), Fate(at=at, after=after)
            inbound = emr.inbound("msg_x")
            tried(emr, event, inbound, fate)
            assert fate.dead
            answer = event(emr, inbound)
            swept_later(emr)
            assert outcome(emr) == outcome(whole), (at, after)
            assert event(emr, inbound) == answer
            assert outcome(emr) == outcome(whole), (at, after)


@pytest.mark.parametrize("kind", ["sent", "uploaded", "superseding"])
def test_files_of_a_crash_without_a_repeat_are_removed_a_day_later(kind: str) -> None:
    never = Fate(at=-1, after=False)
    tried(an_emr(), EVENTS[kind], an_emr().inbound("msg_x"), never)
    found = set()
    for at in range(never.calls):
        for after in (False, True):
            emr, fate = an_emr(), Fate(at=at, after=after)
            tried(emr, EVENTS[kind], emr.inbound("msg_x"), fate)
            left = set(emr.files.keys())
            emr.clock.pass_time(hours=23)
            assert remove_orphans(emr.store, emr.files, emr.now) == 0
            assert set(emr.files.keys()) == left
            found.add(swept_later(emr))
            named = sorted(document.original.key for document in emr.documents())
            assert emr.files.keys() == [*named, UPLOAD], (at, after)
    assert found == {0, 1}


def swept_later(emr: Emr) -> int:
    """Let two days pass, and return how many original PDFs without a document the cleanup then removes."""
    emr.clock.pass_time(days=2)
    return remove_orphans(emr.store, emr.files, emr.now)
