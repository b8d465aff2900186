"""Test the emails to the assistants of a provider. Each of them says for which provider it is."""

from dataclasses import replace

import pytest

from chalicelib.domain.assistants import Assistant
from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.documents import Decision, Signer, SigningMethod
from chalicelib.domain.errors import Unprocessable
from chalicelib.domain.providers import with_name
from chalicelib.domain.status import Action, Outcome
from chalicelib.services.accounts.assistant_invitations import Invitations
from chalicelib.services.delivery.recipient_rations import LINKS, count_message
from chalicelib.services.documents.identity import identify_assistant
from chalicelib.services.transaction import Change
from tests.support.assistants import ASSISTANT
from tests.support.fakes import START
from tests.support.provider_fixtures import PROVIDER
from tests.support.worlds.delivery_world import World
from tests.unit.services.delivery.test_emails import LINK, both, part, sent

KINDS = ["invitation", "assists", "assists_no_more"]


@pytest.fixture
def world() -> World:
    return World()


def queue(world: World, kind: str) -> str:
    """Queue an email of this kind to an assistant who is invited by it, and return the id of its delivery."""
    row_id = world.own_message(kind)
    entry = Assistant(id="ast_1", name="Susan Park", email="s@office.example", invited_at=START, invitation=row_id)
    stored = world.store.provider(PROVIDER.id)
    assert stored is not None
    helped = replace(PROVIDER, version=stored.version + 1, assistants=(entry,))
    world.store.commit(Change(at=world.clock.at, providers=(helped,)))
    return row_id


@pytest.mark.parametrize("kind", KINDS)
def test_every_email_names_the_provider_and_no_clinic(world: World, kind: str) -> None:
    assert world.deliver(queue(world, kind)).status is DeliveryStatus.SENT
    mail = world.mail()
    assert "Luis Rivera, MD" in str(mail["Subject"])
    assert mail["From"].addresses[0].display_name == "Provider Portal"
    for text in both(mail):
        assert "Luis Rivera, MD" in text
        assert "Hill Country" not in text
        assert "Ada" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_no_stranger_gets_a_text_that_a_provider_typed_as_a_name(world: World, kind: str) -> None:
    row_id = queue(world, kind)
    stored = world.store.provider(PROVIDER.id)
    assert stored is not None
    typed = with_name(stored, "Your bank", "Call 8005550199", self_stated=True)
    world.store.commit(Change(at=world.clock.at, providers=(replace(typed, version=stored.version + 1),)))
    assert world.deliver(row_id).status is DeliveryStatus.SENT
    mail = world.mail()
    for text in (str(mail["Subject"]), *both(mail)):
        assert "Luis Rivera, MD" in text
        assert "bank" not in text


def test_an_invitation_has_a_link_that_opens_it(world: World) -> None:
    world.deliver(queue(world, "invitation"))
    mail = world.mail()
    assert mail["Subject"] == "Luis Rivera, MD invited you as an assistant"
    links = {link for text in both(mail) for link in LINK.findall(text) if "/invitation/" in link}
    (link,) = links
    token = link.removeprefix("https://portal.test/invitation/")
    assert Invitations(world.store, world.ids).open(token, world.clock.at).entry.name == "Susan Park"
    assert "The link expires in 90 minutes and works once." in part(mail, "plain")


def test_an_invitation_that_was_withdrawn_is_cancelled(world: World) -> None:
    row_id = queue(world, "invitation")
    stored = world.store.provider(PROVIDER.id)
    assert stored is not None
    alone = replace(stored, version=stored.version + 1, assistants=())
    world.store.commit(Change(at=world.clock.at, providers=(alone,)))
    assert world.deliver(row_id).status is DeliveryStatus.CANCELLED


@pytest.mark.parametrize("kind", ["assists", "assists_no_more"])
def test_the_email_about_a_change_says_when(world: World, kind: str) -> None:
    world.deliver(queue(world, kind))
    for text in both(world.mail()):
        assert "November 22, 2026, at 2:00 PM EST" in " ".join(text.split())


@pytest.mark.parametrize(
    ("kind", "sentence"), [("assists", "You're now an assistant of"), ("assists_no_more", "You no longer assist")]
)
def test_the_subject_says_what_has_changed(world: World, kind: str, sentence: str) -> None:
    world.deliver(queue(world, kind))
    assert world.mail()["Subject"] == f"{sentence} Luis Rivera, MD"


@pytest.mark.parametrize(("kind", "heading"), [("invited", "invited to"), ("removed", "removed from")])
def test_the_provider_hears_of_each_change_with_the_address(world: World, kind: str, heading: str) -> None:
    row_id = world.own_message(f"assistant_{kind}")
    row = world.store.delivery(row_id)
    assert row is not None
    named = replace(row, version=row.version + 1, body="susan@office.example")
    world.store.commit(Change(at=world.clock.at, deliveries=(named,)))
    assert world.deliver(row_id).status is DeliveryStatus.SENT
    for text in both(world.mail()):
        assert f"An assistant was {heading} your account" in text
        assert "susan@office.example" in text


def test_the_provider_reads_which_assistant_returned_a_scan(world: World) -> None:
    signer = Signer(
        name="Luis Rivera",
        credential="MD",
        npi=None,
        method=SigningMethod.BY_HAND,
        authentication="p",
        identity=identify_assistant(PROVIDER, ASSISTANT),
    )
    decision = Decision(action=Action.SIGN_BY_HAND, signer=signer, decided_at=START, scan_key="evidence/scans/1")
    world.change_document(outcome=Outcome.BY_HAND, decision=decision)
    for text in both(sent(world, "decided_elsewhere")):
        words = " ".join(text.split())
        assert "was uploaded as signed by hand. Returned by Susan Park, an assistant whom Luis Rivera, MD" in words
        assert "with a code" not in words


def test_a_mailbox_gets_a_limited_number_of_invitations_a_day(world: World) -> None:
    row = world.store.delivery(queue(world, "invitation"))
    assert row is not None
    for _ in range(LINKS):
        count_message(world.store, row, world.clock.at)
    with pytest.raises(Unprocessable):
        count_message(world.store, row, world.clock.at)
