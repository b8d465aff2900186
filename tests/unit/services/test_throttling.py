from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.errors import TooManyRequests
from chalicelib.domain.expiring_records import Secret, SecretKind
from chalicelib.services.throttling import Backoff, Quota, network, require_no_wait
from tests.support.fakes import START

BACKOFF = Backoff(name="door", free_attempts=3, max_wait=timedelta(seconds=10), lifetime=timedelta(hours=1))


def after(attempts: int) -> Secret | None:
    count = None
    for _ in range(attempts):
        count = BACKOFF.add_attempt(count, "luis", START)
    return count


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 0), (2, 0), (3, 1), (4, 2), (5, 4), (6, 8), (7, 10), (5000, 10)])
def test_the_delay_doubles_up_to_the_longest(attempts: int, seconds: int) -> None:
    assert BACKOFF.wait_left(after(attempts), START) == timedelta(seconds=seconds)


def test_the_delay_runs_from_the_last_attempt() -> None:
    assert BACKOFF.wait_left(after(5), START + timedelta(seconds=4)) == timedelta()
    assert BACKOFF.wait_left(after(5), START + timedelta(seconds=3)) == timedelta(seconds=1)


def test_the_count_expires_although_the_row_is_still_there() -> None:
    old = after(7)
    later = START + timedelta(hours=1)
    assert BACKOFF.wait_left(old, later) == timedelta()
    fresh = BACKOFF.add_attempt(old, "luis", later)
    assert (fresh.tries, fresh.version) == (1, 8)


def test_another_name_or_another_person_has_its_own_count() -> None:
    other = Backoff(name="window", free_attempts=3, max_wait=BACKOFF.max_wait, lifetime=BACKOFF.lifetime)
    assert len({BACKOFF.key("luis"), BACKOFF.key("jane"), other.key("luis")}) == 3


def test_the_refusal_says_how_long_to_wait() -> None:
    with pytest.raises(TooManyRequests, match="Please wait 4 seconds") as refused:
        require_no_wait(timedelta(), timedelta(seconds=3.2))
    assert refused.value.retry_after == 4
    with pytest.raises(TooManyRequests, match="3 minutes"):
        require_no_wait(timedelta(seconds=130))
    require_no_wait(timedelta(), timedelta(seconds=-5))


QUOTA = Quota(kind=SecretKind.CODE, limit=3, period=timedelta(hours=1), min_interval=timedelta(minutes=1))
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def test_a_quota_allows_its_limit_within_its_period() -> None:
    count = None
    for use in range(3):
        count = QUOTA.count_use(count, "key", START + use * MINUTE)
        assert count is not None
        assert (count.tries, count.version, count.last_seen_at) == (use + 1, use + 1, START + use * MINUTE)
        assert (count.key, count.kind, count.created_at) == ("key", SecretKind.CODE, START)
        assert count.expires_at == START + timedelta(hours=1)
    assert QUOTA.count_use(count, "key", START + timedelta(hours=1) - SECOND) is None
    fresh = QUOTA.count_use(count, "key", START + timedelta(hours=1))
    assert fresh is not None
    assert (fresh.tries, fresh.version) == (1, 4)


def test_two_uses_of_a_quota_are_apart() -> None:
    first = QUOTA.count_use(None, "key", START)
    assert QUOTA.count_use(first, "key", START + MINUTE - SECOND) is None
    assert QUOTA.count_use(first, "key", START + MINUTE) is not None
    assert Quota(kind=SecretKind.CODE, limit=3, period=MINUTE).count_use(first, "key", START) is not None


def test_the_first_attempts_of_a_counter_expire_sooner() -> None:
    slow = replace(BACKOFF, lifetime=timedelta(days=9), lifetime_per_attempt=timedelta(days=2))
    count, lifetimes = None, []
    for _ in range(6):
        count = slow.add_attempt(count, "luis", START + SECOND)
        lifetimes.append((count.expires_at - START - SECOND).days)
    assert lifetimes == [2, 4, 6, 8, 9, 9]
    assert count is not None
    assert (count.tries, count.version, count.last_seen_at) == (6, 6, START + SECOND)


def test_every_attempt_prolongs_the_count() -> None:
    again = BACKOFF.add_attempt(after(1), "luis", START + MINUTE)
    assert again.expires_at == START + MINUTE + timedelta(hours=1)
    assert (again.created_at, again.last_seen_at) == (START, START + MINUTE)
    assert again.key == BACKOFF.key("luis")


def test_a_long_wait_grows_by_powers_of_two() -> None:
    patient = replace(BACKOFF, max_wait=timedelta(days=99_999))
    count = after(3)
    assert count is not None
    waits = [patient.wait_left(replace(count, tries=3 + n), START).total_seconds() for n in (0, 1, 29, 30, 31)]
    assert waits == [1, 2, 2**29, 2**30, 2**30]


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("not an address", "not an address"),
        (None, "unknown"),
    ],
)
def test_a_client_is_its_ipv4_address_or_its_ipv6_network(address: str | None, named: str) -> None:
    assert network(address) == named


@pytest.mark.parametrize(
    ("seconds", "words", "retry_after"),
    [(0.2, "1 second.", 1), (1.1, "2 seconds.", 2), (60, "60 seconds.", 60), (61, "2 minutes.", 61)],
)
def test_a_wait_is_named_in_seconds_up_to_a_minute(seconds: float, words: str, retry_after: int) -> None:
    with pytest.raises(TooManyRequests, match=words) as refused:
        require_no_wait(timedelta(seconds=seconds))
    assert refused.value.retry_after == retry_after


def test_no_wait_is_no_refusal() -> None:
    require_no_wait(timedelta())
