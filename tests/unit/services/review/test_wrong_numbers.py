"""Test the report of a wrong fax number: what it closes, for which practice, and how the practice opens it again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.certification.facts import AttentionReason, Certification, Payer, PayerKind, TransmissionChannel
from chalicelib.domain.certification.rules import certify
from chalicelib.domain.deliveries import Channel, DeliveryStatus, MessageType, NoticeKind
from chalicelib.domain.documents import DeliveryChoice, Document, Kind, ReturnedMethod
from chalicelib.domain.errors import FieldError, Gone, Invalid, TooManyRequests, Unprocessable, UnprocessableCode
from chalicelib.domain.jobs import JobName
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.delivery.settlement import Settlement
from chalicelib.services.documents.closed_numbers import closing_claim
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import ResendCommand
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.by_hand import ByHand, CodeVisitor, check_visit
from chalicelib.services.review.fax_documents import WRONG_CODES, FaxDocuments
from chalicelib.services.review.hand_codes import create_code, create_fax_code
from chalicelib.services.review.scans import Scans
from chalicelib.services.review.wrong_numbers import PAGE, WrongNumbers, mark_jobs
from chalicelib.services.transaction import Change, Claim, Job
from tests.support.emr_fixtures import OTHER_PRACTICE, PRACTICE, RIVERA, Emr, sent
from tests.support.provider_fixtures import PROVIDER

NUMBER = "+15125550100"
RIGHT = "+15125550188"
FAX, EMAIL, BOTH = DeliveryChoice.FAX, DeliveryChoice.EMAIL, DeliveryChoice.BOTH
REFUSAL = FieldError("data.provider.fax", "was reported as a wrong number: correct it, or send fax_confirmed: true")


class World(Emr):
    """An EMR that sends documents by fax, and the people who get the faxes, with the services in memory."""

    @property
    def wrong_numbers(self) -> WrongNumbers:
        return WrongNumbers(self.writer, self.faxes, self.clock)

    def fax(self, external_id: str = "POC-1001", **changes: Any) -> Document:
        return self.send(sent(external_id=external_id, **{"delivery": FAX, **changes}))

    def code(self, document: Document) -> str:
        (fax,) = [row for row in self.deliveries() if row.document_id == document.id and row.channel is Channel.FAX][
            -1:
        ]
        return create_fax_code(self.store, document, fax, self.now, self.ids)

    @property
    def by_hand(self) -> ByHand:
        return ByHand(self.writer, Scans(self.writer, self.files, self.inspector))

    @property
    def faxes(self) -> FaxDocuments:
        return FaxDocuments(self.writer, self.by_hand)

    @property
    def visitor(self) -> CodeVisitor:
        return CodeVisitor(actor=Actor("visitor", "203.0.113.9", "Safari"), now=self.now)

    def enter(self, document: Document, code: str) -> str:
        return self.by_hand.enter_code(document.id, code, self.visitor)

    def certified(self, external_id: str, **changes: Any) -> Document:
        """Send a plan by fax, and store it as certified by a full order and by the confirmed fax."""
        document = self.fax(external_id, **changes)
        facts = Certification(
            initial_visit_on=self.now.date(),
            order_signed_on=self.now.date(),
            order_discipline="PT",
            order_npi=document.addressee.npi,
        )
        return self.change(
            document,
            payer=Payer(kind=PayerKind.MEDICARE),
            certification=facts,
            transmitted_at=self.now,
            transmitted_via=TransmissionChannel.FAX,
        )

    def do_jobs(self) -> None:
        for job in self.marking_jobs():
            self.wrong_numbers.mark(job)

    def report(self, document: Document) -> None:
        assert self.wrong_numbers.report(self.code(document), self.visitor) == document.id

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


def test_a_report_about_a_document_that_came_back_keeps_what_staff_saw_on_its_copy(world: World) -> None:
    document = world.fax()
    seen = {"attention": AttentionReason.SIGNED_UNDATED, "kind": Kind.PLAN_OF_CARE}
    code = world.code(document)
    signed = world.change(document, status=Status.RETURNED, outcome=Outcome.BY_HAND, returned_at=world.now, **seen)
    world.wrong_numbers.report(code, world.visitor)
    latest = world.latest(document)
    assert latest.attention is AttentionReason.SIGNED_UNDATED
    assert certify(signed, world.now) is None
    assert certify(latest, world.now) is None
    assert [kind for kind, _ in world.events(document)] == ["document.sent", "fax.reported"]
    assert world.notices() == []
    refused(lambda: world.fax("POC-2"))


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


# Nothing that came from a fax to a closed number counts


def test_a_fax_code_opens_nothing_while_the_number_is_closed(world: World) -> None:
    document, other = world.fax("POC-1"), world.fax("POC-2")
    codes = [world.code(document), world.code(other)]
    world.report(document)
    for code in codes:
        for enter in (lambda code=code: world.faxes.open(code, world.visitor), lambda: world.enter(document, codes[0])):
            with pytest.raises(Invalid) as error:
                enter()
            assert [(found.field, "wrong number" in found.message) for found in error.value.errors] == [("code", True)]
    provider = replace(PROVIDER, id=document.provider_id)
    with pytest.raises(Invalid, match="reported as wrong"):
        world.faxes.add(codes[0], provider, Actor("provider"), world.now)
    assert "document.code_accepted" not in [kind for kind, _ in world.events(document)]


def test_a_report_ends_the_visits_with_a_fax_code_and_no_others(world: World) -> None:
    document = world.fax()
    _, token = world.faxes.open(world.code(document), world.visitor)
    found = world.by_hand.find_visit(token, document.id, world.now)
    assert found is not None
    world.report(document)
    assert world.by_hand.find_visit(token, document.id, world.now) is None
    latest, (visit, _) = world.latest(document), found
    with pytest.raises(Gone):
        check_visit(latest, visit, world.now)
    check_visit(latest, replace(visit, email="rivera@example.org"), world.now)
    assert (latest.viewed_at, latest.transmitted_at) == (None, None)


def test_a_code_emailed_to_the_addressee_works_while_the_number_is_closed(world: World) -> None:
    document = world.fax()
    (fax,) = [row for row in world.deliveries() if row.channel is Channel.FAX]
    world.report(document)
    email = replace(fax, channel=Channel.EMAIL, recipient=RIVERA.email or "")
    code = create_code(world.store, world.latest(document), email, world.now, world.ids)
    assert world.by_hand.find_visit(world.enter(document, code), document.id, world.now) is not None


@pytest.mark.parametrize("number", ["open", "closed"])
def test_a_carrier_confirms_no_transmission_to_a_closed_number(world: World, number: str) -> None:
    document = world.fax()
    (fax,) = [row for row in world.deliveries() if row.channel is Channel.FAX]
    if number == "closed":
        world.report(document)
    arrived = replace(fax, status=DeliveryStatus.DELIVERED, version=fax.version + 1)
    Settlement(world.writer).settle(arrived, world.now)
    latest = world.latest(document)
    assert latest.deliveries[0].status == "delivered"
    assert latest.transmitted_via is (None if number == "closed" else TransmissionChannel.FAX)


# The clinic's answer


@pytest.mark.parametrize("answer", ["resend", "new document"])
def test_a_confirmation_restores_the_certifications_of_all_documents(world: World, answer: str) -> None:
    reported, other = world.certified("POC-1"), world.certified("POC-2")
    elsewhere = world.certified("POC-3", addressee=replace(RIVERA, fax=RIGHT))
    world.report(reported)
    world.report(elsewhere)
    world.do_jobs()
    for document in (reported, other, elsewhere):
        assert certify(world.latest(document), world.now) is None
    if answer == "resend":
        world.resend(reported, fax=NUMBER, fax_confirmed=True)
        kinds = [kind for kind, _ in world.webhooks(reported)]
        assert kinds[-2:] == ["document.transmitted", "document.certified"]
    else:
        world.fax("POC-4", delivery=BOTH, fax_confirmed=True)
    world.do_jobs()
    for document in (reported, other):
        latest = world.latest(document)
        assert (latest.transmitted_via, latest.transmitted_at) == (TransmissionChannel.FAX, document.transmitted_at)
        assert (latest.attention, latest.closed_fax) == (None, None)
        assert certify(latest, world.now) is not None
        assert [kind for kind, _ in world.events(document)][-2:] == ["document.transmitted", "document.certified"]
    assert world.latest(elsewhere).attention is AttentionReason.WRONG_NUMBER
    before = [world.latest(document) for document in (reported, other)]
    world.do_jobs()
    assert [world.latest(document) for document in (reported, other)] == before


def test_a_code_from_before_the_confirmation_cannot_close_the_number_again(world: World) -> None:
    document = world.fax()
    former = world.code(document)
    world.report(document)
    world.clock.pass_time(seconds=1)
    world.resend(document, fax=NUMBER, fax_confirmed=True)
    before = world.latest(document)
    with pytest.raises(Invalid, match="confirmed this fax number") as error:
        world.wrong_numbers.report(former, world.visitor)
    assert [found.field for found in error.value.errors] == ["code"]
    assert world.latest(document) == before
    assert world.fax("POC-2")
    world.report(document)
    refused(lambda: world.fax("POC-3"))


def test_a_number_that_an_earlier_release_confirmed_can_be_closed_again(world: World) -> None:
    document = world.fax()
    key = closing_claim(document.practice_id, NUMBER).key
    world.store.commit(Change(at=world.now, claims=(Claim(key=key, owner="confirmed"),)))
    world.report(document)
    refused(lambda: world.fax("POC-2"))


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
