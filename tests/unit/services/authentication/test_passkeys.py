import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.account_events import UNKNOWN, AccountEventType
from chalicelib.domain.errors import Unauthenticated
from chalicelib.domain.providers import Provider
from chalicelib.services.authentication.passkey_challenges import LIFETIME, is_valid_challenge, make_challenge
from chalicelib.services.authentication.passkey_options import PasskeyOptions
from chalicelib.services.authentication.passkeys import MAX_PASSKEYS, MAX_RESPONSE_CHARS, METHOD, Passkeys
from chalicelib.services.authentication.sessions import Sessions
from chalicelib.services.signed_tokens import from_base64url, to_base64url
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds, FakeKeys
from tests.support.provider_fixtures import PROVIDER
from tests.support.soft_passkey import SoftPasskey

ORIGIN = "https://portal.test"
SECOND = timedelta(seconds=1)
LATER = START + timedelta(minutes=3)


class World:
    """A provider's account with two passkeys, one that the tests use and one that they do not, in memory."""

    def __init__(self) -> None:
        self.store, keys, ids = FakeStore(), FakeKeys(), FakeIds()
        self.sessions = Sessions(self.store, keys, ids, issuer=ORIGIN)
        self.passkeys = Passkeys(self.store, keys, self.sessions, portal_url=ORIGIN)
        self.options = PasskeyOptions(keys, ids, portal_url=ORIGIN)
        self.phone, self.other = SoftPasskey(ORIGIN), SoftPasskey(ORIGIN, name="another")
        made = tuple(self.register(key, name) for key, name in ((self.other, "Laptop"), (self.phone, "Phone")))
        self.store.commit(Change(at=START, providers=(replace(PROVIDER, passkeys=made),)))

    @property
    def owner(self) -> Provider:
        provider = self.store.provider(PROVIDER.id)
        assert provider is not None
        return provider

    def register(self, key: SoftPasskey, name: str, *, now: datetime = START) -> Any:
        response = key.register(self.options.for_enrolment(PROVIDER, START))
        return self.passkeys.verify_registration(PROVIDER, response, name, now)[0]

    def answer(self, key: SoftPasskey | None = None, *, provider: Provider | None = None, owner: str = "prv_1") -> str:
        return (key or self.phone).sign(self.options.for_login(START, provider), owner=owner)


@pytest.fixture
def world() -> World:
    return World()


def test_a_registered_passkey_has_its_name_its_time_and_its_counter(world: World) -> None:
    key = SoftPasskey(ORIGIN)
    key.count = 7
    passkey = world.register(key, "Work phone", now=START + SECOND)
    assert (passkey.id, passkey.name, passkey.count) == (key.id, "Work phone", 7)
    assert (passkey.created_at, passkey.last_used_at) == (START + SECOND, None)


def test_a_login_stores_the_counter_and_the_time_of_use_of_this_passkey_only(world: World) -> None:
    world.phone.count = 41
    provider, cookie = world.passkeys.log_in(world.answer(), LATER, UNKNOWN)
    assert provider.id == PROVIDER.id
    assert [(key.name, key.count, key.last_used_at) for key in world.owner.passkeys] == [
        ("Laptop", 0, None),
        ("Phone", 42, LATER),
    ]
    visit = world.sessions.visit(cookie, LATER)
    assert visit is not None
    assert visit.session is not None
    assert visit.session.method == METHOD
    events = world.store.account_events(PROVIDER.id, limit=9, before=None).items
    assert [(event.type, event.method) for event in events] == [(AccountEventType.LOGGED_IN, METHOD)]


def test_a_copied_passkey_is_noticed_by_its_counter(world: World) -> None:
    world.phone.count = 9
    world.passkeys.log_in(world.answer(), LATER, UNKNOWN)
    world.phone.count = 5
    with pytest.raises(Unauthenticated):
        world.passkeys.log_in(world.answer(), LATER, UNKNOWN)
    world.phone.count = 10
    assert world.passkeys.log_in(world.answer(), LATER, UNKNOWN)


def test_a_login_ends_the_session_before_it(world: World) -> None:
    _, first = world.passkeys.log_in(world.answer(), LATER, UNKNOWN)
    visit = world.sessions.visit(first, LATER)
    assert visit is not None
    _, second = world.passkeys.log_in(world.answer(), LATER, UNKNOWN, visit.session)
    assert world.sessions.visit(first, LATER) is None
    assert world.sessions.visit(second, LATER) is not None


def test_a_response_works_once_even_without_a_counter(world: World) -> None:
    world.phone.count = -1
    response = world.answer()
    world.passkeys.log_in(response, LATER, UNKNOWN)
    with pytest.raises(Unauthenticated):
        world.passkeys.log_in(response, LATER, UNKNOWN)


def test_a_second_step_and_a_reauthentication_use_the_passkey_too(world: World) -> None:
    used, challenge = world.passkeys.verify_authentication(world.owner, world.answer(provider=world.owner), LATER)
    assert (used.version, used.passkeys[1].count) == (world.owner.version + 1, 1)
    assert challenge.expires_at == LATER + LIFETIME
    row, cookie = world.sessions.start(PROVIDER, START)
    world.store.commit(Change(at=START, secrets=(row,)))
    renewed = world.passkeys.reauthenticate(row, world.owner, world.answer(provider=world.owner), LATER)
    assert (renewed.session.authenticated_at, renewed.session.method) == (LATER, METHOD)
    assert (renewed.provider, world.owner.passkeys[1].count) == (world.owner, 2)
    assert world.sessions.visit(cookie, LATER) is None
    assert world.sessions.visit(renewed.cookie, LATER) is not None


def test_a_challenge_is_for_one_account_and_one_purpose(world: World) -> None:
    for_login, for_owner = world.answer(), world.answer(provider=world.owner)
    with pytest.raises(Unauthenticated, match="too long"):
        world.passkeys.verify_authentication(world.owner, for_login, LATER)
    with pytest.raises(Unauthenticated, match="too long"):
        world.passkeys.log_in(for_owner, LATER, UNKNOWN)


@pytest.mark.parametrize("owner", ["", "prv_9", "é"])
def test_a_passkey_of_nobody_is_refused(world: World, owner: str) -> None:
    with pytest.raises(Unauthenticated, match="couldn't verify"):
        world.passkeys.log_in(world.answer(owner=owner), LATER, UNKNOWN)


def test_a_closed_account_and_a_removed_passkey_are_refused(world: World) -> None:
    removed = replace(world.owner, version=2, passkeys=world.owner.passkeys[:1])
    world.store.commit(Change(at=START, providers=(removed,)))
    with pytest.raises(Unauthenticated):
        world.passkeys.log_in(world.answer(), LATER, UNKNOWN)
    closed = replace(removed, version=3, password_hash=None)
    world.store.commit(Change(at=START, providers=(closed,)))
    with pytest.raises(Unauthenticated):
        world.passkeys.log_in(world.answer(world.other), LATER, UNKNOWN)


def test_the_passkey_must_verify_its_user_and_come_from_the_portals_pages(world: World) -> None:
    world.phone.verifies_user = False
    with pytest.raises(Unauthenticated):
        world.passkeys.log_in(world.answer(), LATER, UNKNOWN)
    with pytest.raises(Unauthenticated):
        world.register(world.phone, "Phone")
    with pytest.raises(Unauthenticated):
        world.register(SoftPasskey("https://elsewhere.test"), "Phone")


@pytest.mark.parametrize("response", ["", "null", "{}", "[]", '{"response": {"clientDataJSON": "e30"}}', "[" * 9999])
def test_a_malformed_response_is_refused(world: World, response: str) -> None:
    with pytest.raises(Unauthenticated):
        world.passkeys.log_in(response, LATER, UNKNOWN)


def test_a_response_is_read_up_to_sixteen_kibibytes(world: World) -> None:
    assert (MAX_RESPONSE_CHARS, MAX_PASSKEYS) == (16_384, 10)
    response = world.answer()
    with pytest.raises(Unauthenticated):
        world.passkeys.log_in(response[:-1].ljust(MAX_RESPONSE_CHARS) + "}", LATER, UNKNOWN)
    assert world.passkeys.log_in(response[:-1].ljust(MAX_RESPONSE_CHARS - 1) + "}", LATER, UNKNOWN)


@pytest.mark.parametrize(
    ("age", "valid"),
    [(-SECOND, False), (timedelta(), True), (timedelta(minutes=10) - SECOND, True), (timedelta(minutes=10), False)],
)
def test_a_challenge_is_valid_for_ten_minutes(*, age: timedelta, valid: bool) -> None:
    keys = FakeKeys().known_session_keys()
    challenge = from_base64url(make_challenge(keys[0], "prv_1", "nonce", START))
    assert is_valid_challenge(keys, challenge, "prv_1", START + age) is valid
    assert len(challenge) == 16 + 8 + 32
    assert is_valid_challenge(keys, challenge, "prv_2", START) is False
    assert is_valid_challenge(keys, bytes([challenge[0] ^ 1]) + challenge[1:], "prv_1", START) is False


def test_the_options_require_a_verified_user_and_name_the_account(world: World) -> None:
    enrolment = json.loads(world.options.for_enrolment(world.owner, START))
    assert (enrolment["timeout"], enrolment["attestation"], enrolment["rp"]["id"]) == (600_000, "none", "portal.test")
    assert enrolment["authenticatorSelection"] == {"residentKey": "required", "userVerification": "required"}
    assert [choice["alg"] for choice in enrolment["pubKeyCredParams"]] == [-7, -8, -257]
    assert [known["id"] for known in enrolment["excludeCredentials"]] == [world.other.id, world.phone.id]
    assert enrolment["user"]["id"] == to_base64url(b"prv_1")
    anyone, owner = (json.loads(world.options.for_login(START, who)) for who in (None, world.owner))
    assert (anyone["allowCredentials"], len(owner["allowCredentials"])) == ([], 2)
    assert (anyone["timeout"], anyone["userVerification"], anyone["rpId"]) == (600_000, "required", "portal.test")
