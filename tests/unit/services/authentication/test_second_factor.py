from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyotp
import pytest

from chalicelib.domain.account_events import AccountEventType, Origin
from chalicelib.domain.errors import Gone, TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator, hash_recovery_code
from chalicelib.services.authentication.known_devices import KnownDevice, KnownDevices
from chalicelib.services.authentication.passkey_options import PasskeyOptions
from chalicelib.services.authentication.passkeys import Passkeys
from chalicelib.services.authentication.password_login import (
    LOCKOUT_RETRY_SECONDS,
    MAX_KNOWN_FAILURES,
    MAX_UNKNOWN_FAILURES,
)
from chalicelib.services.authentication.second_factor import (
    CODE_ATTEMPTS,
    SecondFactor,
    SecondFactorResponse,
    find_matching_step,
    second_factor_counters,
)
from chalicelib.services.authentication.sessions import Sessions
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds, FakeKeys
from tests.support.provider_fixtures import PROVIDER
from tests.support.soft_passkey import SoftPasskey

ORIGIN = "https://portal.test"
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SPARE, OTHER_SPARE = "AAAA-BBBB", "CCCC-DDDD"
STEP = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)
FROM = Origin(address="198.51.100.7", device="Firefox")
WRONG = SecondFactorResponse(code="000000")


class World:
    """An account with an authenticator app, a passkey and two recovery codes. Its login waits for the second factor."""

    def __init__(self) -> None:
        self.store, keys, ids = FakeStore(), FakeKeys(), FakeIds()
        self.sessions = Sessions(self.store, keys, ids, issuer=ORIGIN)
        passkeys = Passkeys(self.store, keys, self.sessions, portal_url=ORIGIN)
        self.second = SecondFactor(self.store, self.sessions, passkeys)
        self.options = PasskeyOptions(keys, ids, portal_url=ORIGIN)
        self.phone = SoftPasskey(ORIGIN)
        passkey, _ = passkeys.verify_registration(
            PROVIDER, self.phone.register(self.options.for_enrolment(PROVIDER, START)), "Phone", START
        )
        spares = (hash_recovery_code(SPARE), hash_recovery_code(OTHER_SPARE))
        app = Authenticator(secret=KEY, since=START)
        owner = replace(PROVIDER, passkeys=(passkey,), authenticator=app, recovery=spares)
        self.store.commit(Change(at=START, providers=(owner,)))
        devices = KnownDevices(keys, ids)
        self.laptop, self.tablet = (devices.read(devices.issue(PROVIDER.id, 1)) for _ in range(2))

    @property
    def owner(self) -> Provider:
        provider = self.store.provider(PROVIDER.id)
        assert provider is not None
        return provider

    def begin(self, login: str = "t", **changes: Any) -> str:
        row = Secret(
            key=secret_key(SecretKind.PENDING_LOGIN, login),
            version=1,
            kind=SecretKind.PENDING_LOGIN,
            created_at=START,
            expires_at=START + timedelta(days=9),
            provider_id=PROVIDER.id,
            session_generation=1,
        )
        self.store.commit(Change(at=START, secrets=(replace(row, **changes),)))
        return login

    def finish(self, response: SecondFactorResponse, after: timedelta = timedelta(), login: str = "t") -> str:
        """Finish the login with a code or passkey, `after` some time. Return how the new session says the owner logged
        in."""
        provider, cookie = self.second.finish(login, response, START + after, FROM)
        visit = self.sessions.visit(cookie, START + after)
        assert visit is not None
        assert visit.session is not None
        assert provider == self.owner
        return str(visit.session.method)

    def fail(self, times: int = 1, device: KnownDevice | None = None, *, wait: timedelta = MINUTE) -> None:
        """Enter `times` wrong codes at the login. Before each, wait so long that another try is allowed."""
        for _ in range(times):
            self.waited = getattr(self, "waited", timedelta()) + wait
            with pytest.raises(Unauthenticated):
                self.finish(replace(WRONG, device=device), self.waited)

    def tries(self, subject: str) -> int:
        count = self.store.secret(CODE_ATTEMPTS.key(subject))
        return count.tries if count else 0


@pytest.fixture
def world() -> World:
    made = World()
    made.begin()
    return made


def code_at(after: timedelta) -> str:
    return pyotp.TOTP(KEY).at(START + after)


def test_a_code_of_the_app_finishes_the_login(world: World) -> None:
    assert world.second.find_pending_login("t", START) == world.owner
    assert world.finish(SecondFactorResponse(code=code_at(timedelta()))) == "account password and authenticator code"
    assert world.owner.authenticator is not None
    assert world.owner.authenticator.last_step == int(START.timestamp()) // 30
    assert world.owner.recovery == (hash_recovery_code(SPARE), hash_recovery_code(OTHER_SPARE))
    (event,) = world.store.account_events(PROVIDER.id, limit=9, before=None).items
    assert (event.type, event.origin, event.method) == (
        AccountEventType.LOGGED_IN,
        FROM,
        "account password and authenticator code",
    )


def test_a_pending_login_finishes_once(world: World) -> None:
    world.finish(SecondFactorResponse(code=SPARE))
    with pytest.raises(Gone):
        world.finish(SecondFactorResponse(code=OTHER_SPARE))


def test_a_recovery_code_works_once_and_the_others_stay(world: World) -> None:
    assert world.finish(SecondFactorResponse(code=SPARE.lower())) == "account password and recovery code"
    assert world.owner.recovery == (hash_recovery_code(OTHER_SPARE),)
    world.begin("again")
    with pytest.raises(Unauthenticated):
        world.finish(SecondFactorResponse(code=SPARE), login="again")
    assert world.finish(SecondFactorResponse(code=OTHER_SPARE), login="again") == "account password and recovery code"
    assert len(world.owner.recovery) == 0


def test_a_passkey_is_not_counted_and_its_counter_is_stored(world: World) -> None:
    world.phone.count = 6
    response = world.phone.sign(world.options.for_login(START, world.owner))
    assert world.finish(SecondFactorResponse(passkey=response)) == "account password and passkey"
    assert [key.count for key in world.owner.passkeys] == [7]
    assert world.tries(PROVIDER.id) == 0


def test_a_login_that_loses_to_another_change_of_the_account_is_refused(world: World) -> None:
    response = world.phone.sign(world.options.for_login(START, world.owner))
    newer = replace(world.owner, version=2)
    world.store.before_commit = lambda: world.store.commit(Change(at=START, providers=(newer,)))
    with pytest.raises(Unauthenticated):
        world.finish(SecondFactorResponse(passkey=response))
    assert world.owner == newer


def test_a_wrong_passkey_is_refused_and_not_counted(world: World) -> None:
    with pytest.raises(Unauthenticated):
        world.finish(SecondFactorResponse(passkey="{}", code=code_at(timedelta())))
    assert world.tries(PROVIDER.id) == 0
    assert world.store.account_events(PROVIDER.id, limit=9, before=None).items == ()


@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_may_be_one_step_early_or_late(*, steps: int, right: bool) -> None:
    app = Authenticator(secret=KEY, since=START)
    step = int(START.timestamp()) // 30 + steps
    code = code_at(steps * STEP)
    assert find_matching_step(app, f" {code[:3]} {code[3:]}", START) == (step if right else None)
    assert find_matching_step(replace(app, last_step=step), code, START) is None
    assert find_matching_step(replace(app, last_step=step - 1), code, START) == (step if right else None)


@pytest.mark.parametrize(
    "changes", [{"expires_at": START}, {"provider_id": "prv_9"}, {"provider_id": None}, {"session_generation": 2}]
)
def test_a_login_that_is_over_is_refused(changes: dict[str, Any]) -> None:
    world = World()
    world.begin(**changes)
    for token in ("t", "", "unknown"):
        with pytest.raises(Gone):
            world.second.find_pending_login(token, START)
    with pytest.raises(Gone):
        world.finish(SecondFactorResponse(code=SPARE))
    assert world.owner.recovery == (hash_recovery_code(SPARE), hash_recovery_code(OTHER_SPARE))


def test_every_wrong_code_is_recorded_with_its_number_and_origin(world: World) -> None:
    world.fail(2)
    events = world.store.account_events(PROVIDER.id, limit=9, before=None).items
    assert [(event.type, event.tries, event.origin) for event in events] == [
        (AccountEventType.WRONG_SECOND_FACTOR, 2, FROM),
        (AccountEventType.WRONG_SECOND_FACTOR, 1, FROM),
    ]


def test_five_wrong_codes_are_free_and_the_next_must_wait_up_to_a_minute(world: World) -> None:
    world.fail(5, wait=timedelta())
    with pytest.raises(TooManyRequests) as refused:
        world.finish(SecondFactorResponse(code=SPARE))
    assert refused.value.retry_after == 1
    world.fail(10)
    with pytest.raises(TooManyRequests) as refused:
        world.finish(SecondFactorResponse(code=SPARE), world.waited + MINUTE - timedelta(seconds=1))
    assert refused.value.retry_after == 1
    assert world.finish(SecondFactorResponse(code=SPARE), world.waited + MINUTE)


def test_a_finished_login_clears_the_counters_of_the_account_and_of_this_browser(world: World) -> None:
    laptop, tablet = (f"device {device.id}" for device in (world.laptop, world.tablet) if device)
    world.fail(2)
    world.fail(3, world.laptop)
    world.fail(1, world.tablet)
    assert [world.tries(name) for name in (PROVIDER.id, "known prv_1", laptop, tablet)] == [2, 4, 3, 1]
    world.finish(SecondFactorResponse(code=SPARE, device=world.laptop), world.waited)
    assert [world.tries(name) for name in (PROVIDER.id, "known prv_1", laptop, tablet)] == [0, 0, 0, 1]


def test_a_known_browser_does_not_wait_for_an_unknown_one(world: World) -> None:
    world.fail(5, wait=timedelta())
    with pytest.raises(TooManyRequests):
        world.finish(SecondFactorResponse(code=SPARE))
    stale = replace(world.laptop, session_generation=0) if world.laptop else None
    with pytest.raises(TooManyRequests):
        world.finish(SecondFactorResponse(code=SPARE, device=stale))
    assert world.finish(SecondFactorResponse(code=SPARE, device=world.laptop))


def test_known_browsers_that_fail_too_often_count_as_unknown(world: World) -> None:
    world.fail(MAX_KNOWN_FAILURES, world.laptop)
    assert (world.tries("known prv_1"), world.tries(PROVIDER.id)) == (MAX_KNOWN_FAILURES, 0)
    world.fail(1, world.tablet)
    assert (world.tries("known prv_1"), world.tries(PROVIDER.id)) == (MAX_KNOWN_FAILURES, 1)


def test_after_too_many_wrong_codes_an_unknown_browser_is_locked_out(world: World) -> None:
    world.fail(MAX_UNKNOWN_FAILURES)
    with pytest.raises(TooManyRequests, match="Use your passkey") as refused:
        world.finish(SecondFactorResponse(code=SPARE), world.waited + timedelta(days=1))
    assert refused.value.retry_after == LOCKOUT_RETRY_SECONDS
    response = world.phone.sign(world.options.for_login(START, world.owner))
    assert world.finish(SecondFactorResponse(passkey=response), timedelta(minutes=9))


def test_a_new_password_clears_the_counters_of_all_browsers() -> None:
    keys = [row.key for row in second_factor_counters("prv_1", START)]
    assert keys == [CODE_ATTEMPTS.key("prv_1"), CODE_ATTEMPTS.key("known prv_1")]


def test_the_counters_of_wrong_codes_last_a_year() -> None:
    assert (CODE_ATTEMPTS.free_attempts, CODE_ATTEMPTS.max_wait) == (5, MINUTE)
    assert CODE_ATTEMPTS.lifetime == timedelta(days=365)
