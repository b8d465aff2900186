"""Test that a provider invites assistants, sends an invitation again, and removes assistants."""

from dataclasses import replace

import pytest

from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.services.accounts.assistant_list import (
    INVITATIONS_PER_DAY,
    INVITATIONS_PER_HOUR,
    MAX_ASSISTANTS,
    MAX_NAME_CHARS,
)
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, only_doing
from tests.support.worlds.assistant_world import SUSAN, AssistantWorld


@pytest.fixture
def world() -> AssistantWorld:
    return AssistantWorld()


def errors(raised: pytest.ExceptionInfo[Invalid]) -> dict[str, str]:
    return {error.field: error.message for error in raised.value.errors}


def test_an_invitation_is_listed_and_emailed(world: AssistantWorld) -> None:
    entry = world.invite(f" {SUSAN.upper()} ", "  Susan   Park ")
    (mail,) = world.mails("invitation")
    assert (entry.name, entry.email, entry.account_id) == ("Susan Park", SUSAN, None)
    assert (entry.invited_at, entry.invitation) == (world.clock.now(), mail.id)
    assert (mail.recipient, mail.provider_id, mail.practice_id) == (SUSAN, PROVIDER.id, "portal")
    assert mail.id in [job.delivery_id for job in world.store.jobs()]


def test_the_provider_hears_of_an_invitation(world: AssistantWorld) -> None:
    world.invite()
    (notice,) = world.mails("assistant_invited")
    assert (notice.recipient, notice.body, notice.status) == (PROVIDER.email, SUSAN, DeliveryStatus.QUEUED)
    assert world.events(world.provider()) == [("assistant_invited", SUSAN)]


def test_an_invitation_ends_the_providers_other_sessions(world: AssistantWorld) -> None:
    before = world.provider().session_generation
    world.invite()
    assert world.provider().session_generation == before + 1


@pytest.mark.parametrize(
    ("name", "email", "fields"),
    [
        ("", SUSAN, {"assistant_name"}),
        ("Susan\nPark", SUSAN, {"assistant_name"}),
        ("S" * (MAX_NAME_CHARS + 1), SUSAN, {"assistant_name"}),
        ("Susan Park", "susan@", {"assistant_email"}),
        (" ", "Susan <susan@office.example>", {"assistant_name", "assistant_email"}),
    ],
)
def test_every_wrong_field_is_named(world: AssistantWorld, name: str, email: str, fields: set[str]) -> None:
    with pytest.raises(Invalid) as raised:
        world.invite(email, name)
    assert set(errors(raised)) == fields
    assert world.provider().assistants == ()
    assert world.mails("invitation") == []


def test_the_longest_name_is_accepted(world: AssistantWorld) -> None:
    assert world.invite(name="S" * MAX_NAME_CHARS).name == "S" * MAX_NAME_CHARS


def test_the_providers_own_address_is_refused(world: AssistantWorld) -> None:
    with pytest.raises(Invalid) as raised:
        world.invite(PROVIDER.email or "")
    assert "your own address" in errors(raised)["assistant_email"]


def test_an_address_in_the_list_is_refused(world: AssistantWorld) -> None:
    world.invite()
    with pytest.raises(Invalid) as raised:
        world.invite()
    assert "already invited" in errors(raised)["assistant_email"]
    assert len(world.provider().assistants) == 1


def test_a_clinics_address_is_refused(world: AssistantWorld) -> None:
    practice = replace(PRACTICE, version=2, reply_to="Front.Desk@clinic.example")
    world.store.commit(Change(at=START, practices=(practice,)))
    with pytest.raises(Invalid) as raised:
        world.invite("front.desk@clinic.example")
    assert "clinic's address" in errors(raised)["assistant_email"]
    world.invite("front@clinic.example")


def test_a_provider_without_clinics_may_invite(world: AssistantWorld) -> None:
    world.store.commit(Change(at=START, providers=(replace(world.provider(), version=3, practices=()),)))
    assert world.invite().email == SUSAN


def test_addresses_of_accounts_and_of_nobody_get_the_same_result(world: AssistantWorld) -> None:
    world.invite(OTHER_PROVIDER.email or "")
    world.invite("nobody@office.example")
    mails = [mail.recipient for mail in world.mails("invitation")]
    assert mails == [OTHER_PROVIDER.email, "nobody@office.example"]
    assert [entry.account_id for entry in world.provider().assistants] == [None, None]


def test_a_list_has_at_most_ten_assistants(world: AssistantWorld) -> None:
    for number in range(MAX_ASSISTANTS):
        world.invite(f"a{number}@office.example")
    with pytest.raises(Invalid) as raised:
        world.invite()
    assert "10 assistants" in errors(raised)["assistant_email"]
    world.list.remove(world.owner(), world.provider().assistants[0].id)
    world.invite()


def test_too_many_invitations_in_an_hour_are_refused(world: AssistantWorld) -> None:
    for number in range(INVITATIONS_PER_HOUR.limit):
        world.clock.pass_time(minutes=1)
        world.list.invite(world.owner(), "Susan Park", f"a{number}@office.example")
    world.clock.pass_time(minutes=1)
    with pytest.raises(Invalid) as raised:
        world.list.invite(world.owner(), "Susan Park", SUSAN)
    assert errors(raised)["assistant_email"] == (
        "You can send 5 invitations an hour and 20 a day. Wait 30 seconds between two."
    )


def test_two_invitations_within_seconds_are_refused(world: AssistantWorld) -> None:
    world.invite()
    world.clock.pass_time(seconds=29)
    with pytest.raises(Invalid):
        world.list.invite(world.owner(), "Omar Diaz", "omar@office.example")
    world.clock.pass_time(seconds=1)
    world.list.invite(world.owner(), "Omar Diaz", "omar@office.example")


def test_too_many_invitations_in_a_day_are_refused(world: AssistantWorld) -> None:
    entry = world.invite()
    for _ in range(INVITATIONS_PER_DAY.limit - 1):
        world.clock.pass_time(minutes=20)
        world.list.resend(world.owner(), entry.id)
    world.clock.pass_time(minutes=60)
    with pytest.raises(Invalid):
        world.list.resend(world.owner(), entry.id)


def test_the_limits_are_each_providers_own(world: AssistantWorld) -> None:
    world.list.invite(world.owner(), "Susan Park", SUSAN)
    world.list.invite(world.owner(OTHER_PROVIDER.id), "Susan Park", SUSAN)
    assert [mail.provider_id for mail in world.mails("invitation")] == [PROVIDER.id, OTHER_PROVIDER.id]


def test_an_invitation_is_sent_again(world: AssistantWorld) -> None:
    other, entry = world.invite("omar@office.example", "Omar Diaz"), world.invite()
    world.clock.pass_time(minutes=20)
    world.list.resend(world.owner(), entry.id)
    first, renewed = world.provider().assistants
    mail = world.mails("invitation")[-1]
    assert first == other
    assert (renewed.id, renewed.invitation, renewed.invited_at) == (entry.id, mail.id, world.clock.now())
    assert (mail.recipient, mail.id) != (SUSAN, entry.invitation)
    assert world.mails("assistant_invited")[-1].body == SUSAN


def test_an_accepted_invitation_is_not_sent_again(world: AssistantWorld) -> None:
    world.join()
    with pytest.raises(NotFound):
        world.list.resend(world.owner(), world.provider().assistants[0].id)


@pytest.mark.parametrize("action", ["resend", "remove"])
def test_an_assistant_of_another_provider_is_unknown(world: AssistantWorld, action: str) -> None:
    entry = world.invite()
    with pytest.raises(NotFound):
        getattr(world.list, action)(world.owner(OTHER_PROVIDER.id), entry.id)
    assert world.provider().assistants == (entry,)


def test_a_removed_assistant_and_the_provider_hear_of_it(world: AssistantWorld) -> None:
    account = world.join()
    world.list.remove(world.owner(), world.provider().assistants[0].id)
    (mail,), (notice,) = world.mails("assists_no_more"), world.mails("assistant_removed")
    assert world.provider().assistants == ()
    assert (mail.recipient, mail.provider_id, mail.practice_id) == (SUSAN, PROVIDER.id, "portal")
    assert mail.id in [job.delivery_id for job in world.store.jobs()]
    assert (notice.recipient, notice.body) == (PROVIDER.email, SUSAN)
    assert world.provider(account.id).assists == ()
    assert ("provider_left", PROVIDER.email) in world.events(account)
    assert ("assistant_removed", SUSAN) in world.events(world.provider())


def test_the_removal_of_one_provider_leaves_the_others(world: AssistantWorld) -> None:
    account = world.join()
    world.invite(by=OTHER_PROVIDER.id)
    world.invitations.accept(world.token(), world.provider(account.id), world.clock.now(), world.owner().origin)
    world.list.remove(world.owner(), world.provider().assistants[0].id)
    assert world.provider(account.id).assists == (OTHER_PROVIDER.id,)
    assert [entry.account_id for entry in world.provider(OTHER_PROVIDER.id).assistants] == [account.id]


def test_the_removal_of_an_assistant_who_has_not_accepted_sends_no_email(world: AssistantWorld) -> None:
    other, entry = world.invite("omar@office.example", "Omar Diaz"), world.invite()
    world.list.remove(world.owner(), entry.id)
    assert world.provider().assistants == (other,)
    assert world.mails("assists_no_more") == []


def test_a_removal_is_repeated_after_a_conflict(world: AssistantWorld) -> None:
    account = world.join()

    def send_meanwhile() -> None:
        changed = replace(world.provider(), version=world.provider().version + 1, practices=(PRACTICE.id, "prc_2"))
        world.store.commit(Change(at=world.clock.now(), providers=(changed,)))

    owner = world.owner()
    world.store.before_commit = only_doing(send_meanwhile)
    world.list.remove(owner, owner.provider.assistants[0].id)
    assert world.provider().assistants == ()
    assert world.provider().practices == (PRACTICE.id, "prc_2")
    assert world.provider(account.id).assists == ()
