"""Test which rows a login stores: events, counters of failures, sessions, and logins that wait for a second factor."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.account_events import AccountEventType, Origin
from chalicelib.domain.errors import TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.domain.second_factors import Authenticator
from chalicelib.services.authentication.password_login import (
    KNOWN_BROWSERS,
    MAX_UNKNOWN_FAILURES,
    PER_ACCOUNT,
    PER_CLIENT,
    PER_SOURCE,
    UNDER_ATTACK,
    SecondFactorRequired,
    is_used_up,
    login_counters,
)
from chalicelib.services.authentication.source_throttle import SourceThrottle
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER
from tests.unit.services.authentication.test_password_login import EMAIL, RIGHT, WRONG, Desk

SECOND = timedelta(seconds=1)
AGENT = "Mozilla/5.0"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def tries(desk: Desk) -> list[int]:
    """Return the four stored counts of wrong passwords that limit guessing.

    They count the failures of this client at the account, of all clients at the account, those that count as an attack
    on the account, and those of the client's IP address at all accounts."""
    counters = (
        (PER_CLIENT, f"{EMAIL} from {RIGHT.source}"),
        (PER_ACCOUNT, EMAIL),
        (UNDER_ATTACK, EMAIL),
        (PER_SOURCE, RIGHT.source),
    )
    rows = [desk.store.secret(backoff.key(subject)) for backoff, subject in counters]
    return [row.tries if row else 0 for row in rows]


def test_a_wrong_password_is_counted_four_times_and_a_login_clears_all_but_the_source(desk: Desk) -> None:
    desk.fails(WRONG)
    desk.fails(WRONG)
    assert tries(desk) == [2, 2, 2, 2]
    desk.login.log_in(RIGHT)
    assert tries(desk) == [0, 0, 0, 2]


def test_a_wrong_password_is_an_event_of_the_account_with_its_number_and_origin(desk: Desk) -> None:
    for number in range(2):
        desk.fails(replace(WRONG, agent=AGENT, now=START + number * SECOND))
    events = desk.store.account_events(PROVIDER.id, limit=9, before=None).items
    origin = Origin(address=RIGHT.source, device=AGENT)
    assert [(event.type, event.tries, event.origin) for event in events] == [
        (AccountEventType.WRONG_PASSWORD, 2, origin),
        (AccountEventType.WRONG_PASSWORD, 1, origin),
    ]


def test_of_many_wrong_passwords_the_twenty_first_is_no_event(desk: Desk) -> None:
    for number in range(21):
        desk.fails(replace(WRONG, source=f"198.51.100.{number}"))
    assert len(desk.store.account_events(PROVIDER.id, limit=99, before=None).items) == 20


def test_an_unknown_address_leaves_an_expired_row_in_place_of_the_event(desk: Desk) -> None:
    desk.fails(replace(WRONG, email="nobody@example.com", agent=AGENT))
    decoys = [row for row in desk.store.every(Secret, "secrets") if row.tries == 0]
    assert [(row.kind, row.method, row.expires_at) for row in decoys] == [(SecretKind.THROTTLE, AGENT, START)]


def test_a_login_is_an_event_and_ends_the_session_before_it(desk: Desk) -> None:
    _, first = desk.login.log_in(replace(RIGHT, agent=AGENT))
    visit = desk.sessions.visit(first, START)
    assert visit is not None
    desk.login.log_in(replace(RIGHT, previous_session=visit.session))
    assert desk.sessions.visit(first, START) is None
    events = desk.store.account_events(PROVIDER.id, limit=9, before=None).items
    assert [event.type for event in events] == [AccountEventType.LOGGED_IN] * 2
    assert Origin(address=RIGHT.source, device=AGENT) in [event.origin for event in events]


def test_a_login_with_a_second_factor_waits_five_minutes_for_it(desk: Desk) -> None:
    secured = replace(desk.owner, version=2, session_generation=3, authenticator=Authenticator(secret="s", since=START))
    desk.store.commit(Change(at=START, providers=(secured,)))
    desk.fails(WRONG)
    with pytest.raises(SecondFactorRequired) as required:
        desk.login.log_in(RIGHT)
    row = desk.store.secret(secret_key(SecretKind.PENDING_LOGIN, required.value.token))
    assert row is not None
    assert (row.provider_id, row.session_generation) == (PROVIDER.id, 3)
    assert row.expires_at == START + timedelta(minutes=5)
    assert tries(desk) == [0, 0, 0, 1]
    assert not any(row.kind is SecretKind.SESSION for row in desk.store.every(Secret, "secrets"))


def test_reauthentication_renews_the_session_of_its_owner_only(desk: Desk) -> None:
    session, cookie = desk.sessions.start(PROVIDER, START)
    desk.store.commit(Change(at=START, secrets=(session,)))
    later = replace(RIGHT, now=START + timedelta(minutes=10))
    renewed = desk.login.reauthenticate(session, later)
    assert (renewed.provider.id, renewed.session.authenticated_at) == (PROVIDER.id, later.now)
    assert desk.sessions.visit(cookie, later.now) is None
    assert desk.sessions.visit(renewed.cookie, later.now) is not None
    assert tries(desk) == [0, 0, 0, 0]
    foreign = replace(session, provider_id=OTHER_PROVIDER.id)
    with pytest.raises(Unauthenticated):
        desk.login.reauthenticate(foreign, later)


def test_a_password_is_verified_for_its_owner_only(desk: Desk) -> None:
    desk.login.verify_password(PROVIDER, RIGHT)
    assert tries(desk) == [0, 0, 0, 0]
    with pytest.raises(Unauthenticated):
        desk.login.verify_password(OTHER_PROVIDER, RIGHT)
    with pytest.raises(Unauthenticated):
        desk.login.verify_password(PROVIDER, WRONG)


def test_the_refusal_of_a_locked_account_names_an_hour(desk: Desk) -> None:
    locked = replace(PER_ACCOUNT.add_attempt(None, EMAIL, START), tries=MAX_UNKNOWN_FAILURES)
    desk.store.commit(Change(at=START, secrets=(locked,)))
    with pytest.raises(TooManyRequests) as refused:
        desk.login.log_in(RIGHT)
    assert refused.value.retry_after == 3600
    almost = replace(locked, version=2, tries=MAX_UNKNOWN_FAILURES - 1)
    desk.store.commit(Change(at=START, secrets=(almost,)))
    assert desk.login.log_in(RIGHT)


@pytest.mark.parametrize(("count", "after", "used_up"), [(2, 0, False), (3, 0, True), (4, 0, True), (3, 3600, False)])
def test_a_counter_is_used_up_at_its_limit_while_it_is_live(*, count: int, after: int, used_up: bool) -> None:
    row = replace(PER_SOURCE.add_attempt(None, "x", START), tries=count)
    assert is_used_up(row, 3, START + after * SECOND) is used_up
    assert is_used_up(None, 0, START) is False


def test_a_new_password_clears_three_counters() -> None:
    keys = [row.key for row in login_counters(EMAIL, "prv_1", START)]
    assert keys == [PER_ACCOUNT.key(EMAIL), UNDER_ATTACK.key(EMAIL), KNOWN_BROWSERS.key("prv_1")]


def test_a_source_waits_after_thirty_failures(desk: Desk) -> None:
    throttle = SourceThrottle(desk.store)
    for _ in range(30):
        throttle.check("198.51.100.9", START)
        throttle.count_failure("198.51.100.9", START)
    with pytest.raises(TooManyRequests) as refused:
        throttle.check("198.51.100.9", START)
    assert refused.value.retry_after == 1
    throttle.check("198.51.100.8", START)
    throttle.check("198.51.100.9", START + SECOND)
