import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from chalicelib.domain.errors import TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import Secret, SecretKind
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator
from chalicelib.services.authentication import password_login as module
from chalicelib.services.authentication import passwords
from chalicelib.services.authentication.known_devices import KnownDevice, KnownDevices
from chalicelib.services.authentication.password_login import (
    MAX_KNOWN_FAILURES,
    MAX_UNKNOWN_FAILURES,
    Login,
    LoginAttempt,
    SecondFactorRequired,
)
from chalicelib.services.authentication.passwords import hash_password
from chalicelib.services.authentication.sessions import Sessions
from chalicelib.services.transaction import Change, Claim
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds, FakeKeys
from tests.support.provider_fixtures import PROVIDER, only_doing

PASSWORD = "violet tractor onion"
EMAIL = "dr.rivera@example.com"
RIGHT = LoginAttempt(email=EMAIL, password=PASSWORD, source="198.51.100.7", now=START)
WRONG = replace(RIGHT, password="violet tractor apple")


class Desk:
    def __init__(self) -> None:
        self.store = FakeStore()
        self.sessions = Sessions(self.store, FakeKeys(), FakeIds(), issuer="https://portal.test")
        self.devices = KnownDevices(FakeKeys(), FakeIds())
        self.login = Login(self.store, self.sessions, FakeIds())
        owner = replace(PROVIDER, password_hash=hash_password(PASSWORD))
        claim = Claim(key=f"email#{EMAIL}", owner=owner.id)
        self.store.commit(Change(at=START, providers=(owner,), claims=(claim,)))

    @property
    def owner(self) -> Provider:
        provider = self.store.provider(PROVIDER.id)
        assert provider is not None
        return provider

    def fails(self, attempt: LoginAttempt) -> str:
        with pytest.raises((Unauthenticated, TooManyRequests)) as refused:
            self.login.log_in(attempt)
        return str(refused.value.code)


@pytest.fixture(autouse=True)
def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run reads that are concurrent in the app one after another, because thousands of logins would start many
    threads."""

    def in_sequence(first: Callable[[], object], second: Callable[[], object]) -> tuple[object, object]:
        return first(), second()

    monkeypatch.setattr(module, "run_concurrently", in_sequence)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_right_password_opens_a_session(desk: Desk) -> None:
    provider, cookie = desk.login.log_in(RIGHT)
    assert provider.id == PROVIDER.id
    assert desk.sessions.visit(cookie, START) is not None


def test_a_wrong_password_and_an_unknown_address_get_the_same_refusal(desk: Desk) -> None:
    refusals = set()
    for attempt in (WRONG, replace(RIGHT, email="nobody@example.com"), replace(RIGHT, email="")):
        with pytest.raises(Unauthenticated) as refused:
            desk.login.log_in(attempt)
        refusals.add((refused.value.detail, refused.value.code))
    assert len(refusals) == 1


def test_an_unknown_address_makes_the_same_calls_and_also_checks_a_password(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[bool] = []
    real = passwords.is_password

    def recorded(password: str, stored: str | None) -> bool:
        checked.append(stored is not None)
        return real(password, stored)

    monkeypatch.setattr(module, "is_password", recorded)
    known, unknown = calls_of(desk, WRONG), calls_of(desk, replace(WRONG, email="nobody@example.com"))
    assert known == unknown
    assert checked == [True, False]


def calls_of(desk: Desk, attempt: LoginAttempt) -> list[str]:
    """Return the names of the database calls that a login attempt makes, sorted, because some calls are concurrent.

    They must be the same for every attempt, so that their time reveals nothing."""
    seen: list[str] = []

    class Watched:
        def __getattr__(self, name: str) -> object:
            seen.append(name)
            return getattr(desk.store, name)

    login = Login(Watched(), desk.sessions, FakeIds())  # type: ignore[arg-type]  # - stands in for the store
    with pytest.raises(Unauthenticated):
        login.log_in(attempt)
    return sorted(seen)


def test_a_provider_without_a_password_cannot_log_in(desk: Desk) -> None:
    bare = replace(PROVIDER, version=2, password_hash=None)
    desk.store.commit(Change(at=START, providers=(bare,)))
    assert desk.fails(RIGHT) == "unauthenticated"


def test_the_sixth_attempt_must_wait_and_its_password_is_not_checked(desk: Desk) -> None:
    assert [desk.fails(WRONG) for _ in range(5)] == ["unauthenticated"] * 5
    assert desk.fails(RIGHT) == "too-many-requests"
    later = START + timedelta(seconds=1)
    assert desk.login.log_in(replace(RIGHT, now=later))


def test_the_growing_wait_never_exceeds_a_minute(desk: Desk) -> None:
    now = START
    for _ in range(30):
        now += timedelta(seconds=60)
        assert desk.fails(replace(WRONG, now=now, source=str(now))) == "unauthenticated"
    assert desk.login.log_in(replace(RIGHT, now=now + timedelta(seconds=60)))


@pytest.mark.parametrize("with_device", [True, False])
def test_an_attacker_with_many_sources_never_locks_the_owner_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, with_device: bool
) -> None:
    monkeypatch.setattr(module, "is_password", lambda password, _: password == PASSWORD)
    device = desk.devices.read(desk.devices.issue(PROVIDER.id, PROVIDER.session_generation)) if with_device else None
    for second in range(15 * 60):
        now = START + timedelta(seconds=second)
        desk.fails(replace(WRONG, now=now, source=RIGHT.source if with_device else f"10.0.0.{second % 250}"))
        if second % 60 == 59:
            assert desk.login.log_in(replace(RIGHT, now=now, device=device))


def test_a_known_browser_is_unknown_to_other_accounts_and_a_forged_cookie_is_refused(desk: Desk) -> None:
    name = f"{PROVIDER.id}.1.token-1"
    assert desk.devices.read(f"{name}.{'0' * 64}") is None
    assert desk.devices.read("") is None
    foreign = desk.devices.read(desk.devices.issue("prv_other", 1))
    assert foreign is not None
    for _ in range(5):
        desk.fails(WRONG)
    assert desk.fails(replace(RIGHT, device=foreign)) == "too-many-requests"


def test_a_known_browser_that_guesses_is_slowed_down_too(desk: Desk) -> None:
    device = desk.devices.read(desk.devices.issue(PROVIDER.id, PROVIDER.session_generation))
    answers = [desk.fails(replace(WRONG, device=device, source=f"10.0.0.{n}")) for n in range(6)]
    assert answers == ["unauthenticated"] * 5 + ["too-many-requests"]


def test_of_a_thousand_guesses_in_a_minute_from_one_source_at_most_twelve_are_checked(desk: Desk) -> None:
    answers = [
        desk.fails(replace(WRONG, now=START + timedelta(milliseconds=60 * n), source="10.0.0.1")) for n in range(1000)
    ]
    assert answers.count("unauthenticated") <= 12


def test_a_login_clears_the_failures_of_the_account(desk: Desk) -> None:
    for _ in range(4):
        desk.fails(WRONG)
    desk.login.log_in(RIGHT)
    assert [desk.fails(WRONG) for _ in range(5)] == ["unauthenticated"] * 5


def test_a_login_clears_the_failures_of_unknown_and_known_browsers(desk: Desk) -> None:
    device = desk.devices.read(desk.devices.issue(PROVIDER.id, PROVIDER.session_generation))
    for browser in (None, device):
        desk.fails(replace(WRONG, device=browser))
    keys = [module.KNOWN_BROWSERS.key(PROVIDER.id), module.PER_ACCOUNT.key(EMAIL), module.UNDER_ATTACK.key(EMAIL)]
    assert len(desk.store.secrets(keys)) == len(keys)
    desk.login.log_in(RIGHT)
    assert desk.store.secrets(keys) == {}


def test_one_source_that_tries_many_accounts_is_slowed_down(desk: Desk) -> None:
    answers = [desk.fails(replace(WRONG, email=f"dr.{n}@example.com")) for n in range(31)]
    assert answers == ["unauthenticated"] * 30 + ["too-many-requests"]
    assert desk.login.log_in(replace(RIGHT, source="203.0.113.9"))


def test_attempts_at_the_same_moment_are_all_counted(desk: Desk) -> None:
    desk.store.before_commit = only_doing(lambda: desk.fails(WRONG))
    desk.fails(WRONG)
    counts = [row.tries for row in desk.store.every(Secret, "secrets") if row.kind is SecretKind.THROTTLE]
    assert counts == [2, 2, 2, 2]


# At most a hundred guesses in a row


def checked_guesses(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, attempts: int, like: LoginAttempt = WRONG
) -> list[str]:
    """Guess a password `attempts` times, once every 3 days, each time from a new address, to get around the limits.

    Return only the guesses that the portal compared with the password. The others were refused before."""
    checked: list[str] = []

    def guess(password: str, _kept: str | None) -> bool:
        checked.append(password)
        return False

    monkeypatch.setattr(module, "is_password", guess)
    for number in range(attempts):
        later = START + timedelta(days=3 * number)
        source = f"2001:db8::{number}"
        desk.fails(replace(like, now=later, source=source, password=f"guess {number}"))
    monkeypatch.undo()
    return checked


def test_at_most_a_hundred_guesses_in_a_row_are_checked_even_if_slow_and_from_many_sources(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(checked_guesses(desk, monkeypatch, 130)) == MAX_UNKNOWN_FAILURES
    assert desk.fails(replace(RIGHT, now=START + timedelta(days=400))) == "too-many-requests"


def test_an_unknown_address_is_locked_exactly_as_an_account(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = set()
    for email in (EMAIL, "nobody@example.com"):
        assert len(checked_guesses(desk, monkeypatch, 101, replace(WRONG, email=email))) == MAX_UNKNOWN_FAILURES
        with pytest.raises(TooManyRequests) as refused:
            desk.login.log_in(replace(RIGHT, email=email, now=START + timedelta(days=303)))
        refusals.add((refused.value.detail, refused.value.retry_after))
    assert len(refusals) == 1


def test_a_login_with_a_known_browser_unlocks_the_account(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    checked_guesses(desk, monkeypatch, 110)
    now = START + timedelta(days=330)
    device = desk.devices.read(desk.devices.issue(PROVIDER.id, PROVIDER.session_generation))
    assert desk.login.log_in(replace(RIGHT, now=now, device=device))
    assert desk.login.log_in(replace(RIGHT, now=now))


def test_a_known_browser_with_too_many_failures_counts_as_unknown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    device = desk.devices.read(desk.devices.issue(PROVIDER.id, PROVIDER.session_generation))
    checked_guesses(desk, monkeypatch, 100)
    assert len(checked_guesses(desk, monkeypatch, 130, replace(WRONG, device=device))) == MAX_KNOWN_FAILURES
    assert desk.fails(replace(RIGHT, now=START + timedelta(days=395), device=device)) == "too-many-requests"


def test_at_most_a_hundred_guesses_in_a_row_are_checked_with_ten_known_browsers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = PROVIDER.session_generation
    devices = [desk.devices.read(desk.devices.issue(PROVIDER.id, generation)) for _ in range(10)]
    checked = [len(checked_guesses(desk, monkeypatch, 25, replace(WRONG, device=device))) for device in devices]
    assert sum(checked) <= MAX_KNOWN_FAILURES + MAX_UNKNOWN_FAILURES
    expired_in_a_year = timedelta(days=365) // (module.PER_ACCOUNT.lifetime_per_attempt or timedelta())
    assert MAX_KNOWN_FAILURES + MAX_UNKNOWN_FAILURES + expired_in_a_year <= 100


def test_a_known_browser_becomes_unknown_when_all_sessions_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    device = desk.devices.read(desk.devices.issue(PROVIDER.id, PROVIDER.session_generation))
    checked_guesses(desk, monkeypatch, MAX_UNKNOWN_FAILURES)
    now = START + timedelta(days=200)
    assert desk.login.log_in(replace(RIGHT, now=now, device=device))
    checked_guesses(desk, monkeypatch, MAX_UNKNOWN_FAILURES)
    ended = replace(desk.owner, version=2, session_generation=PROVIDER.session_generation + 1)
    desk.store.commit(Change(at=now, providers=(ended,)))
    assert desk.fails(replace(RIGHT, now=now, device=device)) == "too-many-requests"


def test_a_device_cookie_without_a_session_generation_is_refused(desk: Desk) -> None:
    name = f"{PROVIDER.id}.token-1"
    signature = hmac.new(FakeKeys().session_key(), f"device:{name}".encode(), hashlib.sha256).hexdigest()
    assert desk.devices.read(f"{name}.{signature}") is None


def test_a_new_browser_waits_longer_until_a_day_passes_without_an_attack(desk: Desk) -> None:
    for number in range(module.UNDER_ATTACK.free_attempts):
        desk.fails(replace(WRONG, source=f"2001:db8::{number}"))
    new = replace(WRONG, source="203.0.113.9")
    assert [desk.fails(new) for _ in range(2)] == ["unauthenticated", "too-many-requests"]
    almost = replace(new, now=START + timedelta(hours=23), source="203.0.113.10")
    assert [desk.fails(almost) for _ in range(2)] == ["unauthenticated", "too-many-requests"]
    quiet = replace(new, now=almost.now + timedelta(days=1), source="203.0.113.11")
    assert [desk.fails(quiet) for _ in range(5)] == ["unauthenticated"] * 5
    assert desk.fails(quiet) == "too-many-requests"


def test_a_single_failure_at_an_unknown_address_expires_within_90_days(desk: Desk) -> None:
    desk.fails(replace(WRONG, email="made.up@example.com"))
    rows = desk.store.every(Secret, "secrets")
    assert max(row.expires_at for row in rows) <= START + timedelta(days=90)


def test_reauthentication_is_not_blocked_by_guesses_from_other_browsers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked_guesses(desk, monkeypatch, 110)
    now = START + timedelta(days=330)
    session, _ = desk.sessions.start(PROVIDER, now)
    session_as_device = KnownDevice(
        provider_id=PROVIDER.id, session_generation=PROVIDER.session_generation, id="session 1"
    )
    assert desk.login.reauthenticate(session, replace(RIGHT, now=now, device=session_as_device))


# Outdated hashes


def store_outdated_hash(desk: Desk) -> str:
    old_hash = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    desk.store.commit(Change(at=START, providers=(replace(desk.owner, version=2, password_hash=old_hash),)))
    return old_hash


def test_an_outdated_hash_is_replaced_in_the_transaction_of_the_login(desk: Desk) -> None:
    old_hash, before = store_outdated_hash(desk), desk.store.commits
    desk.login.log_in(RIGHT)
    new_hash = desk.owner.password_hash or ""
    assert new_hash != old_hash
    assert not passwords.is_outdated(new_hash)
    assert passwords.is_password(PASSWORD, new_hash)
    assert desk.store.commits == before + 2
    assert desk.login.log_in(RIGHT)


def test_a_current_hash_and_the_hash_of_a_failed_login_stay_unchanged(desk: Desk) -> None:
    before = desk.owner
    desk.login.log_in(RIGHT)
    assert desk.owner == before
    old = store_outdated_hash(desk)
    desk.fails(WRONG)
    assert desk.owner.password_hash == old


def test_a_concurrent_change_of_the_account_does_not_stop_the_login(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_outdated_hash(desk)

    def rival(password: str) -> str:
        changed = replace(desk.owner, version=desk.owner.version + 1, credential="DO")
        desk.store.commit(Change(at=START, providers=(changed,)))
        return hash_password(password)

    monkeypatch.setattr(module, "hash_password", rival)
    _, cookie = desk.login.log_in(RIGHT)
    assert desk.sessions.visit(cookie, START) is not None
    assert desk.owner.credential == "DO"


def test_a_login_that_waits_for_a_second_factor_also_replaces_an_outdated_hash(desk: Desk) -> None:
    old_hash = store_outdated_hash(desk)
    app = Authenticator(secret="A" * 32, since=START)
    desk.store.commit(Change(at=START, providers=(replace(desk.owner, version=3, authenticator=app),)))
    with pytest.raises(SecondFactorRequired):
        desk.login.log_in(RIGHT)
    assert desk.owner.password_hash != old_hash


def test_only_the_username_logs_in_and_another_address_is_as_unknown_as_any(desk: Desk) -> None:
    second = "luis@clinic.example"
    both = replace(desk.owner, version=desk.owner.version + 1, emails=(EMAIL, second))
    desk.store.commit(Change(at=START, providers=(both,), claims=(Claim(key=f"email#{second}", owner=both.id),)))
    commits = []
    for email in (second, "nobody@example.com"):
        before = desk.store.commits
        assert desk.fails(replace(RIGHT, email=email)) == "unauthenticated"
        commits.append(desk.store.commits - before)
    assert commits[0] == commits[1]
    assert "account_events" not in desk.store.tables
    desk.login.log_in(RIGHT)
