"""Test that one signature signs several documents, each by the same rules and with the same evidence as alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Decision, DeclineReason, Document, Signer, SigningMethod
from chalicelib.domain.errors import Conflict, Invalid, NotFound, Unavailable
from chalicelib.domain.jobs import JobName
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.decisions import CONSENT_VERSION, ApprovalForm, DeclineForm
from chalicelib.services.review.read_marks import ReadMarks
from chalicelib.services.review.review import ProviderAction, Review
from chalicelib.services.review.signing_several import Offer, SigningSeveral
from chalicelib.services.transaction import Change
from tests.support.fakes import START, FakeIds, FakeSwitches
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, a_document, a_store
from tests.support.slow_calls import Calls, Slow, in_sequence

MINUTE = timedelta(minutes=1)
BY = ProviderAction(
    provider=PROVIDER,
    actor=Actor("provider:prv_1", "203.0.113.7", "A phone"),
    now=START,
    authentication="account password",
)
LATER = replace(BY, now=START + 9 * MINUTE)
FORM = ApprovalForm(typed_name="Luis Rivera", consents_to=CONSENT_VERSION)
IDS = ["doc_1", "doc_2", "doc_3"]


class World:
    """Three viewed documents of one provider, and the services that mark and sign them."""

    def __init__(self, *others: Document) -> None:
        self.store = a_store(*(a_document(id=key, viewed_at=START) for key in IDS), *others)
        self.switches = FakeSwitches({PRACTICE.id})
        self.use(self.store)

    def use(self, store: Any) -> None:
        """Create the services again, with another database such as a slow one."""
        writer = DocumentWriter(store=store, ids=FakeIds(), portal_url="https://portal.test")
        self.review = Review(writer, self.switches)
        self.marks = ReadMarks(store)
        self.several = SigningSeveral(store, self.review, self.marks)

    def mark(self, document_id: str, action: ProviderAction = BY, **changes: Any) -> None:
        read = replace(FORM, pages_shown=dict.fromkeys((1, 2, 3), action.now))
        self.several.mark(self.stored(document_id), replace(read, **changes), action)

    def mark_all(self) -> None:
        for minute, key in enumerate(IDS):
            self.mark(key, replace(BY, now=START + minute * MINUTE))

    def sign(self, *document_ids: str, **changes: Any) -> list[tuple[str | None, str]]:
        """Sign the documents, or all three, and return the id and the trouble of each."""
        results = self.several.sign(document_ids or IDS, replace(FORM, **changes), LATER)
        return [(result.document.id if result.document else None, result.trouble) for result in results]

    def stored(self, document_id: str) -> Document:
        document = self.store.document(document_id)
        assert document is not None
        return document

    def change(self, document_id: str, **changes: Any) -> None:
        current = self.stored(document_id)
        changed = replace(current, version=current.version + 1, **changes)
        self.store.commit(Change(at=START, documents=(changed,)))

    def signed(self) -> list[str]:
        return [key for key in IDS if self.stored(key).status is Status.APPROVED]


@pytest.fixture
def world() -> World:
    return World()


# Marking


def test_marking_signs_nothing(world: World) -> None:
    world.mark_all()
    assert world.signed() == []
    assert [event for key in IDS for event in world.store.events(key)] == []
    assert list(world.marks.load(PROVIDER, START)) == IDS


@pytest.mark.parametrize(
    ("facts", "form", "message"),
    [
        ({"viewed_at": None}, {}, "Open the document and read every page, then sign."),
        ({"viewed_at": None}, {"read_statement": True}, "Open the document and read every page, then sign."),
        ({"pages_ready": 2}, {}, "The pages are not ready yet."),
        ({}, {"pages_shown": {1: START, 2: START}}, "Please read every page, then tick that you have."),
        ({}, {"note": "Twice a week."}, "To send a note, sign this document now. Or remove the note."),
    ],
)
def test_a_document_that_was_not_shown_or_has_a_note_is_not_marked(
    world: World, facts: dict[str, Any], form: dict[str, Any], message: str
) -> None:
    world.change("doc_1", **facts)
    with pytest.raises(Invalid, match="Not marked yet") as refusal:
        world.mark("doc_1", **form)
    assert [error.message for error in refusal.value.errors] == [message]
    assert world.marks.load(PROVIDER, START) == {}


def test_a_blank_note_is_no_note(world: World) -> None:
    world.mark("doc_1", note=" \n")
    assert list(world.marks.load(PROVIDER, START)) == ["doc_1"]


def test_the_statement_replaces_the_report_of_the_browser(world: World) -> None:
    world.mark("doc_1", pages_shown={}, read_statement=True)
    world.sign("doc_1")
    decision = world.stored("doc_1").decision
    assert decision is not None
    assert (decision.pages_shown, decision.read_statement) == ((), True)


def test_a_document_that_cannot_be_signed_here_is_not_marked(world: World) -> None:
    world.switches.set_electronic_signature(PRACTICE.id, on=False)
    with pytest.raises(Conflict, match="has switched electronic signatures off"):
        world.mark("doc_1")
    world.switches.set_electronic_signature(PRACTICE.id, on=True)
    world.change("doc_1", status=Status.APPROVED)
    with pytest.raises(Conflict, match="has already been signed"):
        world.mark("doc_1")
    assert world.marks.load(PROVIDER, START) == {}


def test_the_next_document_is_the_first_without_a_mark(world: World) -> None:
    def upcoming(besides: str) -> str | None:
        document = world.several.next_unread(BY, besides=besides)
        return document.id if document else None

    assert (upcoming("doc_1"), upcoming("doc_2")) == ("doc_2", "doc_1")
    world.mark("doc_2")
    world.mark("doc_1")
    assert upcoming("doc_1") == "doc_3"
    assert upcoming("doc_3") is None
    world.mark("doc_3")
    assert upcoming("doc_1") is None
    world.change("doc_2", access=2)
    assert upcoming("doc_1") == "doc_2", "it has changed since it was marked"


def test_the_offer_depends_on_the_marks_and_on_what_waits(world: World) -> None:
    def offer(document_id: str) -> Offer:
        return world.several.offer(world.stored(document_id), BY)

    assert offer("doc_1") == Offer(is_marked=False, others_marked=False, more_wait=True)
    world.mark("doc_1")
    assert offer("doc_1") == Offer(is_marked=True, others_marked=False, more_wait=True)
    assert offer("doc_2") == Offer(is_marked=False, others_marked=True, more_wait=True)
    world.change("doc_1", access=2)
    assert not offer("doc_1").is_marked
    for key in IDS[1:]:
        world.change(key, status=Status.DECLINED)
    assert not offer("doc_1").more_wait


@pytest.mark.parametrize("changes", [{"status": Status.DECLINED}, {"status": Status.RECALLED}])
def test_a_mark_of_a_document_that_no_longer_waits_hides_no_other(world: World, changes: dict[str, Any]) -> None:
    world.mark("doc_1")
    world.change("doc_1", **changes)
    offered = world.several.offer(world.stored("doc_2"), BY)
    assert offered == Offer(is_marked=False, others_marked=False, more_wait=True), "the third waits"


def test_the_next_document_is_offered_only_if_one_waits_without_a_mark(world: World) -> None:
    def is_offered(document_id: str) -> bool:
        return world.several.offer(world.stored(document_id), BY).more_wait

    world.mark("doc_1")
    assert is_offered("doc_2")
    world.mark("doc_2")
    assert is_offered("doc_2"), "the third waits"
    assert not is_offered("doc_3"), "both others are marked"
    world.mark("doc_3")
    assert not is_offered("doc_3")


# Signing


def test_each_document_has_its_own_decision_event_seal_and_evidence(world: World) -> None:
    world.mark_all()
    assert world.sign() == [(key, "") for key in IDS]
    for minute, key in enumerate(IDS):
        document = world.stored(key)
        decision = document.decision
        assert decision is not None
        assert (document.status, document.outcome, document.decided_at) == (
            Status.APPROVED,
            Outcome.APPROVED,
            LATER.now,
        )
        assert decision.pages_shown == (1, 2, 3)
        assert decision.pages_shown_at == (START + minute * MINUTE,) * 3
        assert (decision.typed_name, decision.note, decision.consent_version) == ("Luis Rivera", None, CONSENT_VERSION)
        assert decision.signer.authentication == "account password; one confirmation for 3 documents"
        assert [event.type for event in world.store.events(key)] == ["decision.approved", "document.certified"]
    seals = [job.document_id for job in world.store.jobs() if job.name is JobName.SEAL]
    assert sorted(seals, key=str) == IDS
    assert world.marks.load(PROVIDER, START) == {}


def test_one_document_is_signed_as_alone(world: World) -> None:
    world.mark("doc_1")
    assert world.sign("doc_1") == [("doc_1", "")]
    decision = world.stored("doc_1").decision
    assert decision is not None
    assert decision.signer.authentication == "account password"


def test_signature_and_consent_are_saved_in_the_account_once(world: World) -> None:
    world.mark_all()
    before = world.store.provider(PROVIDER.id)
    world.sign(remember=True)
    after = world.store.provider(PROVIDER.id)
    assert before is not None
    assert after is not None
    assert (after.version, after.consent_version) == (before.version + 1, CONSENT_VERSION)
    assert after.saved_signature is not None


def test_the_saved_signature_signs_all(world: World) -> None:
    world.mark_all()
    world.sign("doc_1", remember=True)
    latest = world.store.provider(PROVIDER.id)
    assert latest is not None
    action = replace(LATER, provider=latest)
    results = world.several.sign(["doc_2", "doc_3"], ApprovalForm(typed_name="", signature="saved"), action)
    assert [result.trouble for result in results] == ["", ""]
    assert world.signed() == IDS


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"typed_name": "Jane Okafor"}, "typed_name"),
        ({"signature": "drawn"}, "drawing"),
        ({"consents_to": ""}, "consent"),
    ],
)
def test_a_wrong_form_signs_nothing(world: World, changes: dict[str, Any], field: str) -> None:
    world.mark_all()
    with pytest.raises(Invalid, match="Not signed yet") as refusal:
        world.sign(**changes)
    assert [error.field for error in refusal.value.errors] == [field]
    assert world.signed() == []
    assert list(world.marks.load(PROVIDER, START)) == IDS


def test_no_note_goes_to_several_clinics(world: World) -> None:
    world.mark("doc_1")
    world.sign("doc_1", note="For one patient only.")
    decision = world.stored("doc_1").decision
    assert decision is not None
    assert decision.note is None


def test_only_marked_documents_are_signed(world: World) -> None:
    world.mark("doc_2")
    not_marked = "Not marked as read in its present version. Please review it."
    assert world.sign() == [("doc_1", not_marked), ("doc_2", ""), ("doc_3", not_marked)]
    assert world.signed() == ["doc_2"]


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "second", "third"])
@pytest.mark.parametrize(
    ("facts", "trouble"),
    [
        ({"status": Status.DECLINED}, "This document has already been declined."),
        ({"status": Status.APPROVED}, "This document has already been signed."),
        ({"status": Status.RECALLED}, "This document has been recalled by the clinic."),
        ({"status": Status.RETURNED}, "This document has been marked as returned."),
        ({"access": 2}, "Not marked as read in its present version. Please review it."),
        ({"pages_ready": None}, "The pages are not ready yet."),
        ({"provider_id": OTHER_PROVIDER.id}, "It is no longer in your list."),
    ],
)
def test_a_document_that_changed_meanwhile_is_left_out(
    world: World, facts: dict[str, Any], trouble: str, place: int
) -> None:
    world.mark_all()
    key = IDS[place]
    world.change(key, **facts)
    before = world.stored(key)
    results = world.sign()
    shown = None if "provider_id" in facts else key
    assert results[place] == (shown, trouble)
    assert [result for result in results if result[1] == ""] == [(other, "") for other in IDS if other != key]
    assert world.stored(key) == before
    assert world.marks.load(PROVIDER, START) == {}


def test_a_document_of_a_practice_that_switched_signatures_off_is_left_out() -> None:
    other = replace(PRACTICE, id="prc_2", name="Juniper Rehab")
    world = World(a_document(id="doc_4", practice_id="prc_2", practice=other.card(), viewed_at=START))
    world.store.commit(Change(at=START, practices=(other,)))
    world.switches.set_electronic_signature("prc_2", on=True)
    world.mark_all()
    world.mark("doc_4")
    world.switches.set_electronic_signature("prc_2", on=False)
    results = dict(world.sign("doc_4", "doc_1"))
    assert results["doc_1"] == ""
    assert (results["doc_4"] or "").startswith("Juniper Rehab has switched electronic signatures off")
    assert world.stored("doc_4").status is Status.PENDING


def test_documents_of_others_and_unknown_ids_look_the_same(world: World) -> None:
    world.store.commit(Change(at=START, documents=(a_document(id="doc_x", provider_id=OTHER_PROVIDER.id),)))
    world.mark_all()
    hidden = (None, "It is no longer in your list.")
    assert world.sign("doc_x", "doc_unknown", "doc_1") == [hidden, hidden, ("doc_1", "")]
    assert world.stored("doc_x").status is Status.PENDING


def test_a_document_that_is_lost_at_the_last_moment_is_not_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object) -> Document:
        raise NotFound("There is no such document.")

    world.mark("doc_1")
    monkeypatch.setattr(world.review, "approve", lose)
    assert world.sign("doc_1") == [(None, "It is no longer in your list.")]


def test_a_form_sent_twice_signs_nothing_twice(world: World) -> None:
    world.mark_all()
    world.sign()
    before, seals = world.store.commits, len(list(world.store.jobs()))
    assert world.sign() == [(key, "") for key in IDS]
    assert (world.store.commits, len(list(world.store.jobs()))) == (before, seals)


def test_an_id_that_comes_twice_is_signed_once(world: World) -> None:
    world.mark("doc_1")
    assert world.sign("doc_1", "doc_1") == [("doc_1", "")]
    decision = world.stored("doc_1").decision
    assert decision is not None
    assert decision.signer.authentication == "account password"


def test_the_same_form_at_the_same_moment_signs_once(world: World) -> None:
    world.mark("doc_1")

    def sign_elsewhere() -> None:
        world.sign("doc_1")

    world.store.before_commit = sign_elsewhere
    assert world.sign("doc_1") == [("doc_1", "")]
    assert [event.type for event in world.store.events("doc_1")] == ["decision.approved", "document.certified"]


def test_a_decline_at_the_same_moment_wins_or_loses_alone(world: World) -> None:
    world.mark_all()

    def decline_elsewhere() -> None:
        world.review.decline(world.stored("doc_1"), DeclineForm(reason=DeclineReason.NOT_MY_PATIENT), BY)

    world.store.before_commit = decline_elsewhere
    assert world.sign() == [("doc_1", "This document has already been declined."), ("doc_2", ""), ("doc_3", "")]


def test_a_document_that_changes_at_the_last_moment_is_left_out(world: World) -> None:
    """Check with the counter `access`, which rises if a document is corrected, or handed over and taken back."""
    world.mark("doc_1")
    world.store.before_commit = lambda: world.change("doc_1", access=3)
    assert world.sign("doc_1") == [("doc_1", "Not marked as read in its present version. Please review it.")]
    assert world.signed() == []


def test_a_document_that_came_back_signed_by_hand_is_not_reported_as_signed_now(world: World) -> None:
    world.mark_all()
    signer = Signer(
        name="Luis Rivera",
        credential="MD",
        npi=None,
        method=SigningMethod.BY_HAND,
        authentication="code",
        provider_id=PROVIDER.id,
    )
    decision = Decision(action=Action.SIGN_BY_HAND, signer=signer, decided_at=START, scan_key="scan")
    world.change("doc_2", status=Status.APPROVED, outcome=Outcome.BY_HAND, decision=decision)
    assert world.sign() == [("doc_1", ""), ("doc_2", "This document has already been signed."), ("doc_3", "")]


def test_marks_that_cannot_be_removed_hide_no_signature(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Unavailable("The database did not respond. Please try again in a moment.")

    world.mark_all()
    monkeypatch.setattr(world.marks, "remove", fail)
    assert world.sign() == [(key, "") for key in IDS]
    assert world.marks.find_documents(PROVIDER, START) == ()


def test_a_database_that_does_not_respond_leaves_the_marks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.mark_all()
    approve: Callable[..., Document] = world.review.approve

    def approve_two(document: Document, form: ApprovalForm, action: ProviderAction) -> Document:
        if document.id == "doc_2":
            raise Unavailable("The database did not respond. Please try again in a moment.")
        return approve(document, form, action)

    monkeypatch.setattr(world.review, "approve", approve_two)
    results = dict(world.sign())
    assert results["doc_2"] == "The database did not respond. Please try again in a moment."
    assert world.signed() == ["doc_1", "doc_3"]
    assert list(world.marks.load(PROVIDER, START)) == ["doc_2"]
    monkeypatch.undo()
    assert world.sign() == [(key, "") for key in IDS]


def test_a_crash_in_the_middle_keeps_what_was_signed_and_marked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.mark_all()
    approve: Callable[..., Document] = world.review.approve

    def crash(document: Document, form: ApprovalForm, action: ProviderAction) -> Document:
        if document.id == "doc_2":
            raise MemoryError
        return approve(document, form, action)

    monkeypatch.setattr(world.review, "approve", crash)
    with pytest.raises(MemoryError):
        world.sign("doc_1", "doc_2")
    assert world.signed() == ["doc_1"]
    assert [document.id for document in world.marks.find_documents(PROVIDER, START)] == ["doc_2", "doc_3"]


def test_at_most_twenty_documents_are_signed() -> None:
    many = [a_document(id=f"doc_{number}", viewed_at=START) for number in range(11, 32)]
    world = World(*many)
    results = world.several.sign([document.id for document in many], FORM, LATER)
    assert len(results) == 20


def test_twenty_documents_are_signed_side_by_side() -> None:
    many = [a_document(id=f"doc_{number}", viewed_at=START) for number in range(11, 31)]
    world, calls = World(*many), Calls()
    for document in many:
        world.mark(document.id)
    world.use(Slow(world.store, calls, each=0.04))
    results = world.several.sign([document.id for document in many], replace(FORM, remember=True), LATER)
    assert [result.trouble for result in results] == [""] * 20
    # One document alone waits for its own row, its practice and its transaction. Twenty in a row would wait 60 times.
    assert len(in_sequence(calls)) <= 30
    assert [name for name, _, _ in calls].count("provider") == 2, "the first may change the account, the others do not"


def test_each_document_has_its_own_webhook(world: World) -> None:
    world.mark_all()
    world.sign()
    webhooks = [mail for mail in world.store.every(Delivery, "deliveries") if mail.channel == "webhook"]
    assert sorted((mail.document_id or "", mail.type) for mail in webhooks) == [
        (key, "document.certified") for key in IDS
    ]
