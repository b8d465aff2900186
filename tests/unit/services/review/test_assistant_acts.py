"""Test that an assistant marks documents as ready and returns them by hand, and that the trail names the assistant."""

import json
from dataclasses import replace

import pytest

from chalicelib.domain.assistants import ReadyMark
from chalicelib.domain.audit import find_break
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.providers import Provider, with_name
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.documents.audit_trail import describe_event
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.assistant_acts import MAX_REMARK_CHARS, AssistantAct, AssistantActs
from chalicelib.services.review.scans import ScanForm
from chalicelib.services.transaction import Change
from tests.support.assistants import ASSISTANT, OTHER_ASSISTANT, entry_of
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, only_doing
from tests.support.worlds.by_hand_world import DOCUMENT_ID, KEY
from tests.support.worlds.by_hand_world import World as ByHandWorld

SCAN = ScanForm(key=KEY, signer_name="Luis Rivera")
REMARK = "New since March: twice a week.\nHer daughter called."


class World(ByHandWorld):
    def __init__(self) -> None:
        super().__init__()
        self.acts = AssistantActs(self.writer, self.scans)
        self.helped = replace(PROVIDER, version=2, assistants=(entry_of(ASSISTANT),))
        self.store.commit(Change(at=START, providers=(ASSISTANT, OTHER_ASSISTANT, self.helped)))

    def act(self, assistant: Provider = ASSISTANT) -> AssistantAct:
        actor = Actor(f"assistant:{assistant.id}", "203.0.113.9", "A desktop")
        return AssistantAct(
            assistant=assistant, principal=self.helped, actor=actor, now=self.now, authentication="account password"
        )

    def mark(self, remark: str = REMARK) -> Document:
        return self.acts.mark_ready(self.document(), self.act(), remark)

    def send_back(self, form: ScanForm = SCAN) -> Document:
        return self.acts.return_scan(self.document(), self.act(), form)

    def remove_assistant(self) -> None:
        stored = self.store.provider(PROVIDER.id)
        assert stored is not None
        self.store.commit(Change(at=START, providers=(replace(stored, version=stored.version + 1, assistants=()),)))


@pytest.fixture
def world() -> World:
    return World()


# Ready


def test_a_mark_is_for_the_provider_of_the_assistant(world: World) -> None:
    marked = world.mark()
    mark = ReadyMark(provider_id=PROVIDER.id, assistant_id=ASSISTANT.id, name="Susan Park", at=START, remark=REMARK)
    assert world.document() == marked
    assert marked.ready_for(PROVIDER.id) == mark
    assert marked.ready_for(OTHER_PROVIDER.id) is None
    assert replace(marked, ready=None).ready_for(PROVIDER.id) is None


def test_the_trail_names_the_assistant_and_has_no_remark(world: World) -> None:
    world.mark()
    (event,) = world.store.events(DOCUMENT_ID)
    assert (event.type, event.actor, event.data) == (
        "document.marked_ready",
        f"assistant:{ASSISTANT.id}",
        {"assistant": "Susan Park"},
    )
    assert describe_event(event) == "Marked ready for the provider (by Susan Park, assistant)"
    assert "daughter" not in json.dumps([event.body, dict(event.private)])
    assert event.private["address"] == "203.0.113.9"
    assert find_break([event]) is None


def test_a_name_that_the_assistant_typed_is_on_no_mark_and_no_certificate(world: World) -> None:
    """Otherwise an assistant could act in the name of another one."""
    typed = replace(world.act(), assistant=with_name(ASSISTANT, "Mary", "Other", self_stated=True))
    mark = world.acts.mark_ready(world.document(), typed, "").ready
    assert mark is not None
    assert mark.name == "Susan Park"
    decision = world.acts.return_scan(world.document(), typed, SCAN).decision
    assert decision is not None
    assert decision.signer.authentication == "account password, by the assistant Susan Park"
    assert (decision.signer.returned_by or "").startswith("Returned by Susan Park, an assistant")


def test_the_clinic_learns_nothing_of_the_remark(world: World) -> None:
    marked = world.mark()
    assert "daughter" not in json.dumps(document_resource(marked, "https://portal.test", START))
    assert world.store.every(Delivery, "deliveries") == ()


def test_the_remark_may_be_left_out(world: World) -> None:
    mark = world.mark(" \n ").ready
    assert mark is not None
    assert mark.remark is None


def test_a_remark_loses_spaces_around_it(world: World) -> None:
    mark = world.mark("  See page 2.\r\n\n").ready
    assert mark is not None
    assert mark.remark == "See page 2."


@pytest.mark.parametrize("remark", ["x" * (MAX_REMARK_CHARS + 1), "See\x07page 2"])
def test_a_wrong_remark_is_refused(world: World, remark: str) -> None:
    with pytest.raises(Invalid) as raised:
        world.mark(remark)
    assert [error.field for error in raised.value.errors] == ["remark"]
    assert world.document().ready is None


def test_the_longest_remark_is_accepted(world: World) -> None:
    mark = world.mark("x" * MAX_REMARK_CHARS).ready
    assert mark is not None
    assert mark.remark == "x" * MAX_REMARK_CHARS


def test_the_same_mark_again_changes_nothing(world: World) -> None:
    first = world.mark()
    world.later(minutes=1)
    assert world.mark() == first
    assert len(world.event_types()) == 1


def test_a_newer_remark_replaces_the_older_one(world: World) -> None:
    world.mark()
    world.later(minutes=1)
    mark = world.mark("See page 3.").ready
    assert mark is not None
    assert (mark.remark, mark.at) == ("See page 3.", world.now)
    assert world.event_types() == ["document.marked_ready"] * 2


def test_a_document_that_was_recalled_meanwhile_is_not_marked(world: World) -> None:
    document = world.document()
    world.store.before_commit = only_doing(lambda: world.change(lambda before: before.recall(None, START)))
    with pytest.raises(Conflict, match="no longer pending"):
        world.acts.mark_ready(document, world.act(), REMARK)
    assert world.document().ready is None


# By hand


def test_a_scan_is_recorded_as_returned_by_the_assistant(world: World) -> None:
    document = world.send_back()
    assert (document.status, document.outcome) == (Status.APPROVED, Outcome.BY_HAND)
    decision = document.decision
    assert decision is not None
    assert (decision.scan_sha256, decision.scan_key) == ("5ca4", f"evidence/scans/{DOCUMENT_ID}/5ca4")
    signer = decision.signer
    assert (signer.name, signer.credential, signer.npi, signer.method, signer.provider_id) == (
        "Luis Rivera",
        "MD",
        PROVIDER.npi,
        "by_hand",
        PROVIDER.id,
    )
    assert signer.authentication == "account password, by the assistant Susan Park"
    assert signer.identity is not None
    assert signer.identity.statement == "Returned by Susan Park, an assistant whom Luis Rivera, MD has invited."
    assert (signer.identity.method, signer.identity.sent_to, signer.identity.supplied_by) == ("assistant", None, None)
    assert not signer.is_without_account


def test_the_trail_names_the_assistant_of_a_scan_without_an_address(world: World) -> None:
    world.send_back()
    (event,) = world.store.events(DOCUMENT_ID)
    assert (event.type, event.actor) == ("decision.by_hand", f"assistant:{ASSISTANT.id}")
    assert event.data["signer"] == {"name": "Luis Rivera"}
    assert event.data["identity"]["method"] == "assistant"
    assert "office.example" not in event.body


def test_the_provider_hears_of_a_scan(world: World) -> None:
    world.send_back()
    assert ("decided_elsewhere", PROVIDER.email) in [
        (mail.type, mail.recipient) for mail in world.store.every(Delivery, "deliveries")
    ]


def test_the_scan_of_another_signer_has_no_npi(world: World) -> None:
    document = world.send_back(replace(SCAN, signer_name="Jane Okafor"))
    assert document.decision is not None
    signer = document.decision.signer
    assert (signer.name, signer.credential, signer.npi, signer.provider_id) == ("Jane Okafor", None, None, None)


def test_a_second_upload_of_the_same_file_changes_nothing(world: World) -> None:
    first = world.send_back()
    assert world.send_back() == first


def test_a_scan_after_another_decision_is_a_conflict(world: World) -> None:
    world.send_back()
    world.inspector.answer = {"sha256": "07e4", "media_type": "image/png", "pages": 1}
    with pytest.raises(Conflict):
        world.send_back()


@pytest.mark.parametrize(
    ("form", "field"), [(replace(SCAN, signer_name=" "), "signer_name"), (replace(SCAN, key="uploads/x"), "scan")]
)
def test_a_wrong_field_of_the_form_is_named(world: World, form: ScanForm, field: str) -> None:
    with pytest.raises(Invalid) as raised:
        world.send_back(form)
    assert [error.field for error in raised.value.errors] == [field]


# Who may not


@pytest.mark.parametrize("assistant", [OTHER_ASSISTANT, replace(ASSISTANT, password_hash=None), OTHER_PROVIDER])
def test_nobody_else_acts_on_the_document(world: World, assistant: Provider) -> None:
    with pytest.raises(NotFound):
        world.acts.mark_ready(world.document(), world.act(assistant), REMARK)
    with pytest.raises(NotFound):
        world.acts.return_scan(world.document(), world.act(assistant), SCAN)
    assert world.event_types() == []


def test_a_removal_counts_although_the_request_has_begun(world: World) -> None:
    world.remove_assistant()
    for attempt in (world.mark, world.send_back):
        with pytest.raises(NotFound):
            attempt()
    assert world.event_types() == []
    assert [key for key in world.files.objects if key.startswith("evidence/")] == []


def test_a_document_that_left_the_providers_lists_is_closed(world: World) -> None:
    document = world.document()
    world.store.before_commit = only_doing(
        lambda: world.change(lambda before: replace(before, provider_id=OTHER_PROVIDER.id))
    )
    with pytest.raises(NotFound):
        world.acts.mark_ready(document, world.act(), REMARK)


def test_an_unknown_provider_has_no_assistants(world: World) -> None:
    act = replace(world.act(), principal=replace(world.helped, id="prv_nobody"))
    with pytest.raises(NotFound):
        world.acts.mark_ready(world.document(), act, REMARK)
