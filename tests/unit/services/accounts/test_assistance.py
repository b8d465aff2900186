"""Test for which providers an assistant acts: those who have invited and not removed the assistant."""

from dataclasses import replace

import pytest

from chalicelib.domain.providers import Provider, without_credentials
from chalicelib.domain.visibility import assists, is_ruled_out, may_hold, names_person
from chalicelib.services.documents.provider_matching import match_again
from chalicelib.services.transaction import Change
from tests.support.assistants import ASSISTANT, OTHER_ASSISTANT, entry_of
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document, addressed_to, handed_over
from tests.support.worlds.assistant_world import PHONE, SUSAN, AssistantWorld

HELPED = replace(PROVIDER, assistants=(entry_of(ASSISTANT),))


@pytest.fixture
def world() -> AssistantWorld:
    return AssistantWorld()


def test_an_assistant_in_the_list_assists() -> None:
    assert assists(ASSISTANT, HELPED)


@pytest.mark.parametrize(
    ("assistant", "provider"),
    [
        (ASSISTANT, PROVIDER),
        (OTHER_ASSISTANT, HELPED),
        (replace(ASSISTANT, password_hash=None), HELPED),
        (ASSISTANT, replace(HELPED, password_hash=None)),
        (ASSISTANT, replace(HELPED, assistants=(replace(entry_of(ASSISTANT), account_id=None),))),
        (replace(OTHER_PROVIDER, id=ASSISTANT.id), HELPED),
    ],
)
def test_nobody_else_assists(assistant: Provider, provider: Provider) -> None:
    assert not assists(assistant, provider)


def test_no_document_belongs_to_an_assistant() -> None:
    document = addressed_to(ASSISTANT, a_document())
    assert is_ruled_out(ASSISTANT, document.addressee)
    assert not names_person(ASSISTANT, document.addressee, at_address=True)
    assert not may_hold(ASSISTANT, document)


def test_a_closed_or_moved_account_has_no_assistants_and_assists_nobody() -> None:
    assert without_credentials(HELPED).assistants == ()
    assert without_credentials(replace(ASSISTANT, assists=(PROVIDER.id,))).assists == ()


def test_the_providers_are_sorted_by_name(world: AssistantWorld) -> None:
    account = world.join()
    world.invite(by=OTHER_PROVIDER.id)
    account = world.invitations.accept(world.token(), account, world.clock.now(), PHONE)
    assert [provider.last_name for provider in world.assistance.principals(account)] == ["Okafor", "Rivera"]


def test_a_removal_counts_at_once_although_the_assistants_row_is_older(world: AssistantWorld) -> None:
    account = world.join()
    document = a_document()
    assert world.assistance.principal_of(document, account) == world.provider()
    world.list.remove(world.owner(), world.provider().assistants[0].id)
    assert account.assists == (PROVIDER.id,)
    assert world.assistance.principals(account) == []
    assert world.assistance.principal_of(document, account) is None


def test_an_unknown_provider_is_left_out(world: AssistantWorld) -> None:
    account = replace(world.join(), assists=("prv_nobody", PROVIDER.id))
    assert [provider.id for provider in world.assistance.principals(account)] == [PROVIDER.id]
    assert world.assistance.principal_of(a_document(provider_id="prv_nobody"), account) is None


def test_a_document_of_another_provider_is_closed(world: AssistantWorld) -> None:
    account = world.join()
    foreign = addressed_to(OTHER_PROVIDER, a_document())
    assert world.assistance.principal_of(foreign, account) is None
    listed = replace(account, assists=(PROVIDER.id, OTHER_PROVIDER.id))
    assert world.assistance.principal_of(foreign, listed) is None


def test_the_list_of_the_assistants_row_alone_is_not_enough(world: AssistantWorld) -> None:
    account = world.join()
    assert world.assistance.principal_of(a_document(), replace(account, assists=())) is None


def test_a_document_that_is_closed_to_the_provider_is_closed_to_the_assistant(world: AssistantWorld) -> None:
    account = world.join()
    another = replace(a_document().addressee, first_name="Ann", last_name="Other", npi="1000000004")
    assert world.assistance.principal_of(a_document(addressee=another), account) is None
    assert world.assistance.principal_of(handed_over(a_document()), account) is None


def test_a_document_at_an_assistants_address_is_read_by_code_only(world: AssistantWorld) -> None:
    account = world.join()
    addressee = replace(a_document().addressee, first_name="Susan", last_name="Park", npi=None, email=SUSAN)
    document = a_document(id="doc_susan", external_id="POC-9", addressee=addressee)
    world.store.commit(Change(at=world.clock.now(), documents=(document,)))
    match = match_again(world.store, world.ids, document)
    assert match.provider.id not in (account.id, PROVIDER.id)
    assert not match.may_set_up
    moved = replace(document, provider_id=account.id)
    assert world.assistance.principal_of(moved, replace(account, assists=(PROVIDER.id, account.id))) is None
