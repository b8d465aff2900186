"""Test the report of a wrong fax number: what it closes, for which practice, and how the practice opens it again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.certification.facts import AttentionReason, TransmissionChannel
from chalicelib.domain.deliveries import Channel, MessageType, NoticeKind
from chalicelib.domain.documents import DeliveryChoice, Document, ReturnedMethod
from chalicelib.domain.errors import FieldError, Invalid, TooManyRequests, Unprocessable, UnprocessableCode
from chalicelib.domain.jobs import JobName
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import ResendCommand
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.by_hand import ByHand, CodeVisitor
from chalicelib.services.review.fax_documents import WRONG_CODES, FaxDocuments
from chalicelib.services.review.hand_codes import create_fax_code
from chalicelib.services.review.wrong_numbers import PAGE, WrongNumbers, mark_jobs
from chalicelib.services.transaction import Change, Job
from tests.support.emr_fixtures import OTHER_PRACTICE, PRACTICE, RIVERA, Emr, sent

NUMBER = "+15125550100"
RIGHT = "+15125550188"
FAX, EMAIL, BOTH = DeliveryChoice.FAX, DeliveryChoice.EMAIL, DeliveryChoice.BOTH
REFUSAL = FieldError("data.provider.fax", "was reported as a wrong number: correct it, or send fax_confirmed: true")


class World(Emr):
    """An EMR that sends documents by fax, and the people who get the faxes, with the services in memory."""

    @property
    def wrong_numbers(self) -> WrongNumbers:
        by_hand = ByHand(self.writer, self.files, self.inspector)
        return WrongNumbers(self.writer, FaxDocuments(self.writer, by_hand), self.clock)

    def fax(self, external_id: str = "POC-1001", **changes: Any) -> Document:
        return self.send(sent(external_id=external_id, **{"delivery": FAX, **changes}))

    def code(self, document: Document) -> str:
        (fax,) = [row for row in self.deliveries() if row.document_id == document.id and row.channel is Channel.FAX][
            -1:
        ]
        return create_fax_code(self.store, document, fax, self.now, self.ids)

    def report(self, document: Document) -> None:
        visitor = CodeVisitor(actor=Actor("visitor", "203.0.113.9", "Safari"), now=self.now)
        assert self.wrong_numbers.report(self.code(document), visitor) == document.id

    def marking_jobs(self) -> list[Job]:
        return [job for job in self.store.jobs() if job.name is JobName.WRONG_NUMBER]

    def latest(self, document: Document) -> Document:
        return self.stored({"document_id": document.id})

    def change(self, document: Document, **changes: Any) -> Document:
        latest = self.latest(document)
        changed = replace(latest, version=latest.version + 1, **changes)
        self.store.commit(Change(at=self.now, documents=(changed,)))
        return changed

    def resend(self, document: Document, **changes: Any) -> Document:
        command = ResendCommand(document=DocumentRef(document_id=document.id), **changes)
        return self.stored(self.lifecycle.resend(self.inbound(), command))

    def notices(self) -> list[str]:
        return [row.type for row in self.deliveries() if row.channel is Channel.NOTICE]

    def events(self, document: Document) -> list[tuple[str, Mapping[str, Any]]]:
        return [(event.type, json.loads(event.body)["data"]) for event in self.store.events(document.id)]


@pytest.fixture
def world() -> World:
    return World()


def refused(action: Callable[[], object]) -> Unprocessable:
    with pytest.raises(Unprocessable) as error:
        action()
    return error.value


# The report


def test_a_report_asks_the_clinic_to_act_and_is_recorded(world: World) -> None:
    document = world.fax()
    world.report(document)
    assert world.latest(document).attention is AttentionReason.WRONG_NUMBER
    facts = {"channel": "fax", "sent_to": "…0100", "supplied_by": "practice"}
    assert world.events(document)[1:] == [
        ("fax.reported", facts),
        ("document.needs_attention", {"reason": "wrong_number"}),
    ]
    reported = world.store.events(document.id)[1]
    assert reported.private == {"recipient": NUMBER, "address": "203.0.113.9", "device": "Safari"}
    assert reported.actor == "visitor"
    (kind, resource) = world.webhooks(document)[-1]
    assert (kind, resource["attention"]["reason"]) == ("document.needs_attention", "wrong_number")
    assert world.notices() == [NoticeKind.NEEDS_ATTENTION]


def test_a_second_report_changes_nothing(world: World) -> None:
    document = world.fax()
    world.report(document)
    before, rows = world.latest(document), world.deliveries()
    world.report(document)
    assert (world.latest(document), world.deliveries()) == (before, rows)


def test_a_wrong_code_closes_nothing_and_counts_against_the_limit_of_the_fax_page(world: World) -> None:
    document = world.fax()
    visitor = CodeVisitor(actor=Actor("visitor"), now=world.now)
    for _ in range(WRONG_CODES.limit):
        with pytest.raises(Invalid, match="wrong or has expired"):
            world.wrong_numbers.report("AAAA-AAAA-AAAA", visitor)
    with pytest.raises(TooManyRequests):
        world.report(document)
    assert world.latest(document) == document


@pytest.mark.parametrize("via", [None, *TransmissionChannel])
def test_a_fax_to_a_wrong_number_was_no_transmission(world: World, via: TransmissionChannel | None) -> None:
    document = world.fax()
    world.change(document, transmitted_via=via, transmitted_at=via and world.now, viewed_at=world.now)
    world.report(document)
    latest, is_dropped = world.latest(document), via in (TransmissionChannel.FAX, TransmissionChannel.FAX_CODE)
    assert latest.transmitted_via is (None if is_dropped else via)
    assert (latest.transmitted_at is None) is (is_dropped or via is None)
    assert (latest.viewed_at is None) is is_dropped


def test_a_document_that_came_back_keeps_its_transmission(world: World) -> None:
    document = world.fax()
    transmitted = world.change(document, transmitted_via=TransmissionChannel.FAX, transmitted_at=world.now)
    returned = transmitted.mark_returned(ReturnedMethod.PAPER, world.now)
    assert returned is not None
    world.store.commit(Change(at=world.now, documents=(replace(returned, version=returned.version + 1),)))
    world.report(document)
    assert world.latest(document).transmitted_via is TransmissionChannel.FAX


# What is closed


@pytest.mark.parametrize("delivery", [FAX, BOTH])
def test_the_practice_sends_no_other_document_to_the_number(world: World, delivery: DeliveryChoice) -> None:
    world.report(world.fax())
    error = refused(lambda: world.fax("POC-2", delivery=delivery))
    assert (error.code, error.errors) == (UnprocessableCode.FAX_NUMBER_CLOSED, (REFUSAL,))
    assert "provider.fax_confirmed: true" in error.detail
    assert len(world.documents()) == 1
    assert len(world.files.objects) == 1, "a refused document leaves no file behind"


def test_an_email_and_another_number_are_not_refused(world: World) -> None:
    world.report(world.fax())
    assert world.fax("POC-2", delivery=EMAIL)
    assert world.fax("POC-3", addressee=replace(RIVERA, fax=RIGHT))


def test_the_same_document_again_gets_the_same_response(world: World) -> None:
    document = world.fax()
    world.report(document)
    assert world.fax() == world.latest(document)


def test_another_practice_is_not_affected(world: World) -> None:
    theirs = world.send(sent(delivery=FAX), practice=OTHER_PRACTICE)
    world.report(world.fax())
    for job in world.marking_jobs():
        world.wrong_numbers.mark(job)
    assert world.latest(theirs) == theirs
    assert world.send(sent(external_id="POC-2", delivery=FAX), practice=OTHER_PRACTICE).practice_id == "prc_2"


def test_every_open_document_for_the_number_asks_the_clinic_to_act(world: World) -> None:
    reported, *others = [world.fax(f"POC-{number}") for number in range(PAGE + 3)]
    elsewhere = world.fax("POC-90", addressee=replace(RIVERA, fax=RIGHT))
    corrected = world.resend(world.fax("POC-91"), fax=RIGHT)
    emailed = world.fax("POC-92", delivery=EMAIL)
    faxed_before = world.fax("POC-93", addressee=replace(RIVERA, fax=RIGHT))
    faxed_elsewhere = world.resend(faxed_before, fax=NUMBER, delivery=EMAIL)
    world.change(others[0], transmitted_via=TransmissionChannel.FAX, transmitted_at=world.now)
    world.report(reported)
    done: list[Job] = []
    while jobs := [job for job in world.marking_jobs() if job not in done]:
        for job in jobs:
            world.wrong_numbers.mark(job)
        done += jobs
    assert len(done) == 2, "a page of the list in each job"
    assert {world.latest(document).attention for document in others} == {AttentionReason.WRONG_NUMBER}
    assert world.latest(others[0]).transmitted_at is None
    for document in (elsewhere, corrected, emailed, faxed_elsewhere):
        assert world.latest(document).attention is None
    assert world.notices() == [NoticeKind.NEEDS_ATTENTION], "one notice for one report"
    before = [world.latest(document) for document in others]
    for job in done:
        world.wrong_numbers.mark(job)
    assert [world.latest(document) for document in others] == before


def test_documents_that_came_back_do_not_ask_the_clinic_to_act(world: World) -> None:
    reported, other = world.fax("POC-1"), world.fax("POC-2")
    returned = other.mark_returned(ReturnedMethod.FAX, world.now)
    assert returned is not None
    world.store.commit(Change(at=world.now, documents=(replace(returned, version=returned.version + 1),)))
    world.report(reported)
    for job in world.marking_jobs():
        world.wrong_numbers.mark(job)
    assert world.latest(other).attention is None


def test_a_job_after_the_confirmation_marks_nothing(world: World) -> None:
    reported, other = world.fax("POC-1"), world.fax("POC-2")
    world.report(reported)
    world.resend(reported, fax=NUMBER, fax_confirmed=True)
    for job in world.marking_jobs():
        world.wrong_numbers.mark(job)
    assert world.latest(other).attention is None


def test_one_job_names_the_newest_fax_to_the_number(world: World) -> None:
    document = world.resend(world.resend(world.fax(delivery=BOTH)), delivery=BOTH, fax=RIGHT)
    document = world.resend(world.resend(document, fax=NUMBER))
    newest = [line.id for line in document.deliveries if line.channel == Channel.FAX][-1]
    world.report(document)
    assert [job.delivery_id for job in world.marking_jobs()] == [newest]
    email = replace(document.deliveries[0], channel=Channel.EMAIL, recipient=NUMBER)
    assert mark_jobs(replace(document, deliveries=(email,)), NUMBER) == ()
    assert mark_jobs(document, "+15125550000") == ()


def test_a_document_without_a_listed_fax_is_reported_alone(world: World) -> None:
    document = world.fax()
    code = world.code(document)
    world.change(document, deliveries=())
    world.wrong_numbers.report(code, CodeVisitor(actor=Actor("visitor"), now=world.now))
    assert world.marking_jobs() == []
    assert world.latest(document).attention is AttentionReason.WRONG_NUMBER


# The clinic's answer


def test_a_resend_to_the_closed_number_is_refused(world: World) -> None:
    document = world.fax()
    world.report(document)
    assert refused(lambda: world.resend(document)).errors == (REFUSAL,)
    assert refused(lambda: world.resend(document, fax=NUMBER)).errors == (REFUSAL,)
    assert world.latest(document).attention is AttentionReason.WRONG_NUMBER


@pytest.mark.parametrize("changes", [{"fax": RIGHT}, {"delivery": EMAIL}])
def test_a_correction_settles_the_document_and_leaves_the_number_closed(
    world: World, changes: Mapping[str, Any]
) -> None:
    document = world.fax()
    world.report(document)
    assert world.resend(document, **changes).attention is None
    assert world.events(document)[3][1].keys() == {"corrected"}
    refused(lambda: world.fax("POC-2"))


def test_a_confirmed_number_is_open_again_and_the_trail_says_so(world: World) -> None:
    document = world.fax()
    world.report(document)
    confirmed = world.resend(document, fax=NUMBER, fax_confirmed=True)
    assert (confirmed.attention, confirmed.access) == (None, document.access)
    assert world.events(document)[3] == ("document.resent", {"corrected": [], "fax_confirmed": True})
    assert ("fax", MessageType.FAX, NUMBER) in world.messages(document)[1:]
    assert world.fax("POC-2")


def test_a_new_document_can_confirm_the_number_too(world: World) -> None:
    first = world.fax()
    world.report(first)
    document = world.fax("POC-2", fax_confirmed=True)
    assert world.events(document)[0][1]["fax_confirmed"] is True
    assert "fax_confirmed" not in world.events(world.fax("POC-3"))[0][1]
    world.report(document)
    refused(lambda: world.fax("POC-4"))


def test_other_reasons_to_act_survive_a_resend(world: World) -> None:
    document = world.fax()
    world.change(document, attention=AttentionReason.VERBAL_LAPSED)
    assert world.resend(document).attention is AttentionReason.VERBAL_LAPSED


def test_a_confirmation_of_an_open_number_is_not_recorded(world: World) -> None:
    document = world.fax(fax_confirmed=True)
    assert "fax_confirmed" not in world.events(document)[0][1]
    assert PRACTICE.id == document.practice_id
