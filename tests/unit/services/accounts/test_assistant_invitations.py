"""Test that an assistant accepts an invitation, with a new account or with an account that exists."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.assistants import AccountKind
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.errors import Invalid, MessageOutdated
from chalicelib.domain.expiring_records import LINK_LIFETIME, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.assistant_invitations import MAX_PROVIDERS
from chalicelib.services.accounts.setup_links import LinkExpired
from chalicelib.services.authentication.passwords import is_password
from chalicelib.services.transaction import Change, Claim
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, only_doing
from tests.support.worlds.assistant_world import PASSWORD, PHONE, SUSAN, AssistantWorld


@pytest.fixture
def world() -> AssistantWorld:
    return AssistantWorld()


def create(world: AssistantWorld, token: str, password: str = PASSWORD, *, confirmed: bool = True) -> Provider:
    return world.invitations.create_account(token, password, world.clock.now(), PHONE, confirmed=confirmed)


def accept(world: AssistantWorld, token: str, account: Provider) -> Provider:
    return world.invitations.accept(token, world.provider(account.id), world.clock.now(), PHONE)


def joined(world: AssistantWorld, provider_id: str = PROVIDER.id) -> list[str | None]:
    return [entry.account_id for entry in world.provider(provider_id).assistants]


# The link


def test_only_the_hash_of_a_token_is_stored(world: AssistantWorld) -> None:
    entry = world.invite()
    token = world.token()
    row = world.store.secret(secret_key(SecretKind.INVITATION, token))
    assert row is not None
    assert (row.provider_id, row.email, row.link) == (PROVIDER.id, SUSAN, entry.invitation)
    assert row.expires_at - row.created_at == LINK_LIFETIME


def test_a_link_opens_the_invitation_any_number_of_times(world: AssistantWorld) -> None:
    entry = world.invite()
    token = world.token()
    for _ in range(2):
        invitation = world.invitations.open(token, world.clock.now())
        assert (invitation.provider.id, invitation.entry, invitation.account) == (PROVIDER.id, entry, None)
        assert not invitation.is_taken


@pytest.mark.parametrize("token", ["", "no token"])
def test_an_unknown_token_is_refused(world: AssistantWorld, token: str) -> None:
    with pytest.raises(LinkExpired):
        world.invitations.open(token, world.clock.now())


def test_a_link_expires_after_ninety_minutes(world: AssistantWorld) -> None:
    world.invite()
    token = world.token()
    world.clock.pass_time(seconds=int(LINK_LIFETIME.total_seconds()) - 1)
    world.invitations.open(token, world.clock.now())
    world.clock.pass_time(seconds=1)
    with pytest.raises(LinkExpired):
        create(world, token)
    assert timedelta(minutes=90) == LINK_LIFETIME


def test_only_the_newest_link_works(world: AssistantWorld) -> None:
    entry = world.invite()
    token, mail = world.token(), world.mails("invitation")[-1]
    world.clock.pass_time(minutes=1)
    world.list.resend(world.owner(), entry.id)
    with pytest.raises(LinkExpired):
        world.invitations.open(token, world.clock.now())
    with pytest.raises(MessageOutdated):
        world.invitations.create_token(mail, world.clock.now())
    create(world, world.token())


def test_a_link_ends_with_the_removal_of_the_assistant(world: AssistantWorld) -> None:
    entry = world.invite()
    token = world.token()
    world.list.remove(world.owner(), entry.id)
    with pytest.raises(LinkExpired):
        create(world, token)
    with pytest.raises(MessageOutdated):
        world.token()
    assert world.store.claims([email_claim(SUSAN)]) == {}


def test_a_link_ends_with_the_providers_account(world: AssistantWorld) -> None:
    world.invite()
    token = world.token()
    closed = replace(world.provider(), version=world.provider().version + 1, password_hash=None)
    world.store.commit(Change(at=world.clock.now(), providers=(closed,)))
    with pytest.raises(LinkExpired):
        world.invitations.open(token, world.clock.now())
    with pytest.raises(MessageOutdated):
        world.token()


def test_an_email_about_an_unknown_provider_is_not_sent(world: AssistantWorld) -> None:
    world.invite()
    mail = world.mails("invitation")[-1]
    for provider_id in (None, "prv_nobody"):
        with pytest.raises(MessageOutdated):
            world.invitations.create_token(replace(mail, provider_id=provider_id), world.clock.now())


# A new account


def test_a_new_account_is_an_assistants(world: AssistantWorld) -> None:
    entry = world.invite(name="Anna Maria Park")
    account = create(world, world.token())
    assert world.provider(account.id) == account
    assert (account.kind, account.is_assistant, account.has_account) == (AccountKind.ASSISTANT, True, True)
    assert (account.name, account.last_name) == ("Anna Maria Park", "Park")
    assert (account.email, account.proven_emails, account.assists) == (SUSAN, (SUSAN,), (PROVIDER.id,))
    assert account.account_since == world.clock.now()
    assert is_password(PASSWORD, account.password_hash)
    assert world.store.claims([email_claim(SUSAN)]) == {email_claim(SUSAN): account.id}
    assert world.provider().assistants == (replace(entry, account_id=account.id),)


def test_a_name_of_one_word_has_no_spaces(world: AssistantWorld) -> None:
    assert world.join(name="Susan").name == "Susan"


def test_both_people_learn_of_an_accepted_invitation(world: AssistantWorld) -> None:
    account = world.join()
    (mail,) = world.mails("assists")
    assert (mail.recipient, mail.provider_id, mail.practice_id) == (SUSAN, PROVIDER.id, "portal")
    assert mail.id in [job.delivery_id for job in world.store.jobs()]
    assert set(world.events(account)) == {("password_set", None), ("provider_added", PROVIDER.email)}
    assert ("assistant_joined", SUSAN) in world.events(world.provider())


def test_a_used_link_works_no_more(world: AssistantWorld) -> None:
    world.invite()
    token = world.token()
    create(world, token)
    with pytest.raises(LinkExpired):
        create(world, token)
    with pytest.raises(MessageOutdated):
        world.token()


@pytest.mark.parametrize(
    ("password", "confirmed", "fields"),
    [
        ("too short", True, {"password"}),
        ("susan park susan park", True, {"password"}),
        ("luis rivera luis rivera", True, {"password"}),
        (PASSWORD, False, {"confirmed"}),
        ("", False, {"password", "confirmed"}),
    ],
)
def test_a_refused_form_creates_no_account(
    world: AssistantWorld, password: str, *, confirmed: bool, fields: set[str]
) -> None:
    world.invite()
    token = world.token()
    with pytest.raises(Invalid) as raised:
        create(world, token, password, confirmed=confirmed)
    assert {error.field for error in raised.value.errors} == fields
    assert joined(world) == [None]
    create(world, token)


def test_an_address_with_an_account_gets_no_second_one(world: AssistantWorld) -> None:
    account = world.join()
    world.invite(by=OTHER_PROVIDER.id)
    with pytest.raises(Invalid, match="another account"):
        create(world, world.token())
    assert joined(world, OTHER_PROVIDER.id) == [None]
    assert world.provider(account.id) == account


def test_an_address_that_is_taken_meanwhile_gets_no_account(world: AssistantWorld) -> None:
    world.invite()
    token = world.token()
    claim = Claim(key=email_claim(SUSAN), owner=OTHER_PROVIDER.id)
    world.store.before_commit = only_doing(lambda: world.store.commit(Change(at=world.clock.now(), claims=(claim,))))
    with pytest.raises(Invalid, match="another account"):
        create(world, token)
    assert joined(world) == [None]


def test_an_invitation_that_is_withdrawn_meanwhile_is_not_accepted(world: AssistantWorld) -> None:
    entry = world.invite()
    token, owner = world.token(), world.owner()
    world.store.before_commit = only_doing(lambda: world.list.remove(owner, entry.id))
    with pytest.raises(LinkExpired):
        create(world, token)
    assert world.store.claims([email_claim(SUSAN)]) == {}


def test_a_change_of_the_provider_meanwhile_is_kept(world: AssistantWorld) -> None:
    world.invite()
    token = world.token()

    def send() -> None:
        changed = replace(world.provider(), version=world.provider().version + 1, practices=("prc_2",))
        world.store.commit(Change(at=world.clock.now(), providers=(changed,)))

    world.store.before_commit = only_doing(send)
    account = create(world, token)
    assert world.provider().practices == ("prc_2",)
    assert joined(world) == [account.id]


# An account that exists


def test_an_assistant_accepts_a_second_provider(world: AssistantWorld) -> None:
    account = world.join()
    entry = world.invite(name="Sue", by=OTHER_PROVIDER.id)
    token = world.token()
    assert not world.invitations.open(token, world.clock.now()).is_taken
    changed = accept(world, token, account)
    assert world.provider(account.id) == changed
    assert changed.assists == (PROVIDER.id, OTHER_PROVIDER.id)
    assert (changed.name, changed.password_hash) == (account.name, account.password_hash)
    assert world.provider(OTHER_PROVIDER.id).assistants == (replace(entry, account_id=account.id),)
    assert world.mails("assists")[-1].provider_id == OTHER_PROVIDER.id
    with pytest.raises(LinkExpired):
        accept(world, token, account)


def test_a_removed_assistant_can_be_invited_again(world: AssistantWorld) -> None:
    account = world.join()
    world.list.remove(world.owner(), world.provider().assistants[0].id)
    world.invite()
    accept(world, world.token(), account)
    assert world.provider(account.id).assists == (PROVIDER.id,)
    assert joined(world) == [account.id]


def test_another_assistants_account_cannot_accept(world: AssistantWorld) -> None:
    account = world.join("omar@office.example", "Omar Diaz")
    world.join()
    world.invite(by=OTHER_PROVIDER.id)
    token = world.token()
    with pytest.raises(Invalid, match="Log in with the email address"):
        accept(world, token, account)
    assert joined(world, OTHER_PROVIDER.id) == [None]


def test_an_account_cannot_accept_for_an_address_without_an_account(world: AssistantWorld) -> None:
    account = world.join()
    world.invite("omar@office.example", "Omar Diaz")
    with pytest.raises(Invalid):
        accept(world, world.token(), account)


def test_a_providers_account_cannot_be_an_assistants(world: AssistantWorld) -> None:
    world.invite(OTHER_PROVIDER.email or "")
    token = world.token()
    assert world.invitations.open(token, world.clock.now()).is_taken
    for attempt in (create, lambda world, token: accept(world, token, OTHER_PROVIDER)):
        with pytest.raises(Invalid):
            attempt(world, token)
    assert joined(world) == [None]
    assert world.provider(OTHER_PROVIDER.id).kind is AccountKind.PROVIDER


def test_an_assistant_assists_at_most_twenty_providers(world: AssistantWorld) -> None:
    account = world.join()
    world.invite(by=OTHER_PROVIDER.id)
    token = world.token()
    full = replace(account, version=2, assists=tuple(f"prv_x{number}" for number in range(MAX_PROVIDERS)))
    world.store.commit(Change(at=world.clock.now(), providers=(full,)))
    with pytest.raises(Invalid, match="20 providers"):
        accept(world, token, account)
    almost = replace(full, version=3, assists=full.assists[1:])
    world.store.commit(Change(at=world.clock.now(), providers=(almost,)))
    assert len(accept(world, token, account).assists) == MAX_PROVIDERS
