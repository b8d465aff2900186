"""Test the emailed codes with which an owner adds one more email address to an account.

They have limits, and must not disclose whether an address belongs to another account."""

import re
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.domain.errors import Invalid, MessageOutdated
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.account_changes import AccountWriter
from chalicelib.services.accounts.account_emails import AccountEmails
from chalicelib.services.accounts.address_codes import TRIES_PER_CODE, TRIES_PER_SOURCE
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import RIVERA
from tests.support.provider_fixtures import only_doing
from tests.support.slow_calls import Calls, Slow
from tests.support.worlds.account_emails_world import HOME, WORK, EmailWorld

OKAFOR = replace(RIVERA, first_name="Jane", last_name="Okafor", npi="1000000004")
OTHER, SOURCE = "jane@example.com", "198.51.100.7"


@pytest.fixture
def world() -> EmailWorld:
    return EmailWorld()


@pytest.fixture
def account(world: EmailWorld) -> Provider:
    return world.account()


def enter(world: EmailWorld, account: Provider, code: str, source: str = SOURCE) -> bool:
    """Enter a code to add an address to the account. Return True if the address was added.

    `source` is the network of the client, in which wrong codes are counted."""
    try:
        world.emails.add(world.owner(account), code, source)
    except Invalid:
        return False
    return True


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_a_code_is_stored_only_as_a_hash(world: EmailWorld, account: Provider) -> None:
    code = world.code(account)
    assert re.fullmatch(r"\d{6}", code)
    assert not [row for row in world.secrets() if code in (row.link or "")]


@pytest.mark.parametrize(("seconds", "works"), [(599, True), (600, False)])
def test_a_code_is_good_for_ten_minutes(world: EmailWorld, account: Provider, seconds: int, *, works: bool) -> None:
    code = world.code(account)
    world.clock.pass_time(seconds=seconds)
    assert (world.emails.pending_email(account, world.clock.now()) == WORK) is works
    assert enter(world, account, code) is works


@pytest.mark.parametrize("shape", ["{} ", " {0[0]}{0[1]}{0[2]}-{0[3]}{0[4]}{0[5]}"])
def test_blanks_and_dashes_in_a_code_do_not_matter(world: EmailWorld, account: Provider, shape: str) -> None:
    assert enter(world, account, shape.format(world.code(account)))


def test_only_the_newest_code_works(world: EmailWorld, account: Provider) -> None:
    first = world.code(account)
    world.clock.pass_time(minutes=1)
    second = world.code(account, "another@example.com")
    assert not enter(world, account, first)
    assert enter(world, account, second)
    assert world.provider(account.id).proven_emails == (HOME, "another@example.com")


def test_an_email_that_is_late_sends_no_code_for_a_replaced_request(world: EmailWorld, account: Provider) -> None:
    first = world.ask(account)
    world.clock.pass_time(minutes=1)
    second = world.ask(account)
    code = world.codes.create_code(second, world.clock.now())
    with pytest.raises(MessageOutdated):
        world.codes.create_code(first, world.clock.now())
    assert enter(world, account, code)


def test_an_email_that_is_sent_after_ten_minutes_brings_no_code(world: EmailWorld, account: Provider) -> None:
    delivery = world.ask(account)
    world.clock.pass_time(minutes=10)
    with pytest.raises(MessageOutdated):
        world.codes.create_code(delivery, world.clock.now())


def test_a_repeated_email_makes_the_newest_code(world: EmailWorld, account: Provider) -> None:
    """The worker may stop after it sent the email and before it recorded this, so that another worker sends the email
    again."""
    delivery = world.ask(account)
    first, second = (world.codes.create_code(delivery, world.clock.now()) for _ in range(2))
    assert not enter(world, account, first)
    assert enter(world, account, second)


def test_a_code_of_another_account_does_not_work(world: EmailWorld, account: Provider) -> None:
    other = world.account(OTHER, OKAFOR)
    code, others_code = world.code(account), world.code(other, "jane@clinic.example")
    assert not enter(world, account, others_code)
    assert not enter(world, other, code)


def test_five_wrong_codes_stop_a_source_and_no_other_source(world: EmailWorld, account: Provider) -> None:
    code = world.code(account)
    for _ in range(TRIES_PER_SOURCE):
        assert not enter(world, account, wrong(code))
    assert not enter(world, account, code)
    assert enter(world, account, code, "203.0.113.9")


def test_four_wrong_codes_of_a_source_stop_nothing(world: EmailWorld, account: Provider) -> None:
    code = world.code(account)
    for _ in range(TRIES_PER_SOURCE - 1):
        assert not enter(world, account, wrong(code))
    assert enter(world, account, code)


def test_ten_wrong_codes_of_several_sources_end_the_code(world: EmailWorld, account: Provider) -> None:
    code = world.code(account)
    for number in range(TRIES_PER_CODE - 1):
        assert not enter(world, account, wrong(code), f"203.0.113.{number}")
    before = world.store.tables["secrets"].copy()
    assert enter(world, account, code)
    world.store.tables["secrets"] = before
    assert not enter(world, account, wrong(code), "203.0.113.77")
    assert not enter(world, account, code, "203.0.113.78")


def test_a_new_code_has_new_tries(world: EmailWorld, account: Provider) -> None:
    code = world.code(account)
    for _ in range(TRIES_PER_SOURCE):
        enter(world, account, wrong(code))
    world.clock.pass_time(minutes=1)
    assert enter(world, account, world.code(account))


def test_parallel_wrong_codes_all_count(world: EmailWorld, account: Provider) -> None:
    code = world.code(account)
    for number in range(TRIES_PER_CODE // 2):
        source = f"203.0.113.{number}"
        world.store.before_commit = only_doing(partial(enter, world, account, wrong(code), f"{source}9"))
        assert not enter(world, account, wrong(code), source)
    assert not enter(world, account, code)


@pytest.mark.parametrize(("seconds", "allowed"), [(59, False), (60, True)])
def test_a_code_can_be_requested_once_a_minute(
    world: EmailWorld, account: Provider, seconds: int, *, allowed: bool
) -> None:
    world.ask(account)
    world.clock.pass_time(seconds=seconds)
    assert is_sent(world, account) is allowed


def test_five_codes_an_hour_and_twenty_a_day_can_be_requested(world: EmailWorld, account: Provider) -> None:
    allowed: list[bool] = []
    for _ in range(6):
        for _ in range(6):
            allowed.append(is_sent(world, account, f"luis{len(allowed)}@example.com"))
            world.clock.pass_time(minutes=1)
        world.clock.pass_time(hours=1)
    assert (allowed[:6], sum(allowed)) == ([True] * 5 + [False], 20)
    world.clock.pass_time(hours=24)
    assert is_sent(world, account)


def is_sent(world: EmailWorld, account: Provider, email: str = WORK) -> bool:
    before = len(world.mails())
    with suppress(Invalid):
        world.ask(account, email)
    return len(world.mails()) > before


# An address of another account


@pytest.fixture
def other(world: EmailWorld) -> Provider:
    return world.add(world.account(OTHER, OKAFOR), "jane@home.example")


@pytest.mark.parametrize("email", [OTHER, "jane@home.example"])
def test_the_owner_of_an_address_hears_that_somebody_tried_to_add_it(
    world: EmailWorld, account: Provider, other: Provider, email: str
) -> None:
    delivery = world.ask(account, email)
    for _ in range(2):
        with pytest.raises(MessageOutdated):
            world.codes.create_code(delivery, world.clock.now())
    (notice,) = [mail for mail in world.mails() if mail.type == "address_taken"]
    assert (notice.recipient, notice.body) == (OTHER, email)
    assert (notice.provider_id, notice.practice_id, notice.document_id) == (other.id, "portal", None)


def test_a_taken_address_is_never_added(world: EmailWorld, account: Provider, other: Provider) -> None:
    """Another account gets the address after the email with the code was sent, and before the code is entered."""
    code = world.code(account, "shared@example.com")
    world.clock.pass_time(minutes=1)
    world.add(other, "shared@example.com")
    assert not enter(world, account, code)
    assert world.provider(account.id).proven_emails == (HOME,)


def test_the_account_hears_nothing_if_the_address_is_its_own_by_now(world: EmailWorld, account: Provider) -> None:
    delivery = world.ask(account)
    code = world.codes.create_code(delivery, world.clock.now())
    row = next(row for row in world.secrets() if row.email == WORK)
    assert enter(world, account, code)
    world.store.commit(Change(at=world.clock.now(), secrets=(replace(row, version=1),)))
    with pytest.raises(MessageOutdated):
        world.codes.create_code(delivery, world.clock.now())
    assert world.sent_mails("address_taken") == []


def test_a_free_and_a_taken_address_get_the_same_answers_after_the_same_calls(
    world: EmailWorld, account: Provider, other: Provider
) -> None:
    assert other.has_account
    free, taken = attempt(world, account, WORK), attempt(world, account, OTHER)
    assert free == taken
    assert len(free) > 10


def attempt(world: EmailWorld, account: Provider, email: str) -> list[object]:
    """Try to add an address to the account: request a code, let the email be sent, and enter wrong codes.

    Return what the owner saw, and the names of the database calls for which the owner waited. Both must be the same for
    every address, so that nothing reveals other accounts."""
    world.clock.pass_time(hours=1)
    calls: Calls = []
    slow, owner, seen = Slow(world.store, calls, each=0), world.owner(account), list[object]()
    emails = AccountEmails(slow, world.ids, AccountWriter(slow, world.ids, world.sessions))
    emails.ask_for_code(owner, email)
    with suppress(MessageOutdated):
        world.codes.create_code(world.mails()[-1], world.clock.now())
    for number in range(TRIES_PER_SOURCE + 2):
        with pytest.raises(Invalid) as refused:
            emails.add(owner, "wrong", f"203.0.113.{number // 6}")
        seen.append((refused.value.detail, refused.value.errors))
    for seconds in (0, 599, 1):
        world.clock.pass_time(seconds=seconds)
        seen.append(emails.pending_email(account, world.clock.now()) == email)
    return [*seen, *(name for name, _, _ in calls)]
