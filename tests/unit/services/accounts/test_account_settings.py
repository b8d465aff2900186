"""Test the changes that an owner makes to an account: the rows, the sessions, the codes and the limits."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pyotp
import pytest

from chalicelib.domain.account_events import AccountEventType
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.expiring_records import ENROL_LIFETIME, Secret, SecretKind
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator, Passkey, hash_recovery_code
from chalicelib.services.accounts.account_changes import AccountChange, AccountOwner, AccountWriter
from chalicelib.services.accounts.account_settings import (
    RECOVERY_CODES,
    AccountSettings,
    authenticator_uri,
    end_sessions,
    reset_second_factor,
)
from chalicelib.services.authentication.passkey_options import PasskeyOptions
from chalicelib.services.authentication.passkeys import MAX_PASSKEYS, Passkeys
from chalicelib.services.authentication.passwords import is_password
from chalicelib.services.authentication.sessions import Sessions
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds, FakeKeys
from tests.support.provider_fixtures import PRACTICE, PROVIDER
from tests.support.soft_passkey import SoftPasskey

ORIGIN = "https://portal.test"
PHONE = Passkey(id="a", public_key="k", count=0, name="Phone", created_at=START)
LAPTOP = replace(PHONE, id="b", name="Laptop")
APP = Authenticator(secret="S", since=START)


class World:
    """A provider's account with a session, and the service that changes the account's settings, in memory."""

    def __init__(self, **changes: Any) -> None:
        self.store, keys, self.ids = FakeStore(), FakeKeys(), FakeIds()
        self.sessions = Sessions(self.store, keys, self.ids, issuer=ORIGIN)
        passkeys = Passkeys(self.store, keys, self.sessions, portal_url=ORIGIN)
        writer = AccountWriter(self.store, self.ids, self.sessions)
        self.settings = AccountSettings(self.store, self.ids, writer, passkeys)
        self.options = PasskeyOptions(keys, self.ids, portal_url=ORIGIN)
        self.session, self.cookie = self.sessions.start(PROVIDER, START)
        owner = replace(PROVIDER, **changes)
        self.store.commit(Change(at=START, providers=(owner,), secrets=(self.session,), practices=(PRACTICE,)))

    @property
    def provider(self) -> Provider:
        provider = self.store.provider(PROVIDER.id)
        assert provider is not None
        return provider

    def owner(self, after: timedelta = timedelta()) -> AccountOwner:
        return AccountOwner(self.session, self.provider, START + after)

    def check(self, change: AccountChange, event: AccountEventType, codes: int = 0) -> None:
        """Check what a change of the account has stored: the event, the email, the sessions and the number of recovery
        codes."""
        assert len(change.codes) == codes
        if codes:
            assert self.provider.recovery == tuple(map(hash_recovery_code, change.codes))
        assert (self.provider.version, self.provider.session_generation) == (2, 2)
        assert self.sessions.visit(self.cookie, START) is None
        assert self.sessions.visit(change.cookie, START) is not None
        events = self.store.account_events(PROVIDER.id, limit=9, before=None).items
        assert [made.type for made in events] == [event]
        mails = self.store.every(Delivery, "deliveries")
        assert [(mail.type, mail.recipient) for mail in mails] == [(event.value, PROVIDER.email)]


def test_the_first_passkey_brings_recovery_codes_and_the_second_none() -> None:
    world = World(recovery=("old",))
    response = SoftPasskey(ORIGIN).register(world.options.for_enrolment(PROVIDER, START))
    change = world.settings.add_passkey(world.owner(), response, f"  My   {'x' * 50}")
    world.check(change, AccountEventType.PASSKEY_ADDED, RECOVERY_CODES)
    assert [key.name for key in world.provider.passkeys] == ["My " + "x" * 37]
    assert all(len(code) == 29 and code.count("-") == 5 for code in change.codes)
    secured = World(passkeys=(PHONE,), recovery=("kept",))
    response = SoftPasskey(ORIGIN).register(secured.options.for_enrolment(PROVIDER, START))
    secured.check(secured.settings.add_passkey(secured.owner(), response, " "), AccountEventType.PASSKEY_ADDED)
    assert [key.name for key in secured.provider.passkeys] == ["Phone", "Passkey"]
    assert secured.provider.recovery == ("kept",)


def test_an_account_has_at_most_ten_passkeys() -> None:
    world = World(passkeys=(PHONE,) * (MAX_PASSKEYS - 1))
    with pytest.raises(Invalid) as refused:
        world.settings.add_passkey(world.owner(), "{}", "Phone")
    assert [error.field for error in refused.value.errors] == ["form"]
    full = World(passkeys=(PHONE,) * MAX_PASSKEYS)
    with pytest.raises(Invalid) as refused:
        full.settings.add_passkey(full.owner(), "{}", "Phone")
    assert [error.field for error in refused.value.errors] == ["name"]


def test_one_passkey_is_removed_and_the_recovery_codes_go_with_the_last_factor() -> None:
    world = World(passkeys=(PHONE, LAPTOP), recovery=("code",))
    world.check(world.settings.remove_passkey(world.owner(), "a"), AccountEventType.PASSKEY_REMOVED)
    assert (world.provider.passkeys, world.provider.recovery) == ((LAPTOP,), ("code",))
    last = World(passkeys=(PHONE,), recovery=("code",))
    last.check(last.settings.remove_passkey(last.owner(), "a"), AccountEventType.PASSKEY_REMOVED)
    assert (last.provider.passkeys, last.provider.recovery) == ((), ())
    with pytest.raises(NotFound):
        last.settings.remove_passkey(last.owner(), "a")


@pytest.mark.parametrize("factors", [{"passkeys": (PHONE,)}, {"authenticator": APP}])
def test_the_last_factor_stays_while_the_password_is_short(factors: dict[str, Any]) -> None:
    world = World(short_password=True, **factors)
    remove = world.settings.remove_authenticator
    if world.provider.passkeys:
        remove = partial(world.settings.remove_passkey, passkey_id="a")
    with pytest.raises(Invalid) as refused:
        remove(world.owner())
    assert [error.field for error in refused.value.errors] == ["form"]
    both = World(short_password=True, passkeys=(PHONE,), authenticator=APP)
    assert both.settings.remove_authenticator(both.owner())
    assert both.provider.authenticator is None


def test_the_secret_of_an_app_is_the_same_for_fifteen_minutes() -> None:
    world = World()
    secret = world.settings.authenticator_secret(world.session, START)
    almost = START + ENROL_LIFETIME - timedelta(seconds=1)
    assert world.settings.authenticator_secret(world.session, almost) == secret
    later = world.settings.authenticator_secret(world.session, START + ENROL_LIFETIME)
    assert later != secret
    assert len(secret) == 32
    (row,) = [row for row in world.store.every(Secret, "secrets") if row.kind is SecretKind.AUTHENTICATOR]
    assert (row.version, row.provider_id, row.link) == (2, PROVIDER.id, later)
    assert row.expires_at == START + 2 * ENROL_LIFETIME


def test_an_app_is_added_with_its_code_which_is_then_used() -> None:
    world = World()
    code = pyotp.TOTP(world.settings.authenticator_secret(world.session, START)).at(START)
    with pytest.raises(Invalid, match="isn't the code"):
        world.settings.add_authenticator(world.owner(), "000000" if code != "000000" else "111111")
    with pytest.raises(Invalid, match="too long"):
        world.settings.add_authenticator(world.owner(ENROL_LIFETIME), code)
    change = world.settings.add_authenticator(world.owner(), code)
    world.check(change, AccountEventType.AUTHENTICATOR_ADDED, RECOVERY_CODES)
    app = world.provider.authenticator
    assert app is not None
    assert (app.since, app.last_step) == (START, int(START.timestamp()) // 30)
    assert not any(row.kind is SecretKind.AUTHENTICATOR for row in world.store.every(Secret, "secrets"))
    with pytest.raises(Invalid, match="too long"):
        world.settings.add_authenticator(world.owner(), code)


def test_an_app_is_removed_once() -> None:
    world = World(authenticator=APP, recovery=("code",))
    world.check(world.settings.remove_authenticator(world.owner()), AccountEventType.AUTHENTICATOR_REMOVED)
    assert (world.provider.authenticator, world.provider.recovery) == (None, ())
    with pytest.raises(NotFound):
        world.settings.remove_authenticator(world.owner())


def test_new_recovery_codes_replace_the_old_ones_and_need_a_second_factor() -> None:
    world = World(authenticator=APP, recovery=("old",))
    change = world.settings.create_recovery_codes(world.owner())
    world.check(change, AccountEventType.RECOVERY_CODES_MADE, RECOVERY_CODES)
    assert len(set(change.codes)) == RECOVERY_CODES
    bare = World()
    with pytest.raises(NotFound):
        bare.settings.create_recovery_codes(bare.owner())


@pytest.mark.parametrize(
    ("factor", "password", "accepted"),
    [
        (None, "violet tractor onion", True),
        (None, "kettle42", False),
        (APP, "kettle42", True),
        (APP, "Hill Country 1", False),
    ],
)
def test_a_new_password_may_be_short_beside_a_second_factor(*, factor: Any, password: str, accepted: bool) -> None:
    world = World(authenticator=factor, practices=(PRACTICE.id,))
    if not accepted:
        with pytest.raises(Invalid) as refused:
            world.settings.change_password(world.owner(), password)
        assert [error.field for error in refused.value.errors] == ["new_password"]
        return
    world.check(world.settings.change_password(world.owner(), password), AccountEventType.PASSWORD_CHANGED)
    assert is_password(password, world.provider.password_hash)
    assert world.provider.short_password is (len(password) < 15)


@pytest.mark.parametrize(
    "password", ["q7.zkvw@wmxhtr.example", "1245319599 kvz qx", f"{PRACTICE.name} kvz", f"{PROVIDER.name} kvz qx"]
)
def test_a_new_password_must_not_consist_of_facts_about_its_owner(password: str) -> None:
    facts: dict[str, Any] = {"email": "q7.zkvw@wmxhtr.example", "npi": "1245319599", "practices": (PRACTICE.id,)}
    world = World(**facts)
    with pytest.raises(Invalid, match="too similar to your name"):
        world.settings.change_password(world.owner(), password)
    stranger = World(first_name="Ann", last_name="Other", email="ann@example.org", npi=None)
    assert stranger.settings.change_password(stranger.owner(), password)


@pytest.mark.parametrize(("ids", "names"), [((), []), ((PRACTICE.id,), [PRACTICE.name])])
def test_the_activity_page_names_the_practices_of_a_provider(ids: tuple[str, ...], names: list[str]) -> None:
    world = World(practices=ids)
    assert world.settings.practice_names(world.provider) == names


def test_a_change_that_loses_to_another_is_refused() -> None:
    world = World(authenticator=APP)
    stale = replace(world.owner(), provider=replace(world.provider, version=0))
    with pytest.raises(Invalid):
        world.settings.remove_authenticator(stale)


def test_a_declined_offer_is_stored_on_the_latest_row() -> None:
    world = World(credential="DO")
    world.settings.decline_second_factor(replace(world.provider, credential="MD", version=0), START)
    assert (world.provider.factor_declined_at, world.provider.credential) == (START, "DO")


def test_logging_out_everywhere_ends_every_session() -> None:
    world = World()
    world.settings.log_out_everywhere(world.owner())
    assert world.sessions.visit(world.cookie, START) is None
    assert (world.provider.version, world.provider.session_generation) == (2, 2)
    events = world.store.account_events(PROVIDER.id, limit=9, before=None).items
    assert [event.type for event in events] == [AccountEventType.LOGGED_OUT_EVERYWHERE]


@pytest.mark.parametrize("short", [True, False])
def test_a_reset_removes_all_factors_and_a_short_password(*, short: bool) -> None:
    owner = replace(PROVIDER, passkeys=(PHONE,), authenticator=APP, recovery=("c",), short_password=short)
    change = reset_second_factor(FakeIds(), owner, START)
    (reset,) = change.providers
    assert (reset.passkeys, reset.authenticator, reset.recovery, reset.short_password) == ((), None, (), False)
    assert (reset.version, reset.session_generation) == (owner.version + 1, owner.session_generation + 1)
    assert (reset.password_hash == owner.password_hash) is not short
    assert [mail.type for mail in change.deliveries] == ["second_factor_reset"]
    assert len(change.outbox) == len(change.account_events) == 1


def test_support_can_end_all_sessions() -> None:
    change = end_sessions(FakeIds(), PROVIDER, START)
    assert [provider.session_generation for provider in change.providers] == [2]
    assert [event.type for event in change.account_events] == [AccountEventType.SESSIONS_ENDED]


def test_the_uri_of_an_app_names_the_portal_and_the_account() -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    assert authenticator_uri(secret, "a@b.org") == (
        f"otpauth://totp/Provider%20Portal:a%40b.org?secret={secret}&issuer=Provider%20Portal"
    )
