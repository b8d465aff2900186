from datetime import timedelta

import pytest

from chalicelib.domain.errors import TooManyRequests
from chalicelib.domain.expiring_records import Secret
from chalicelib.services.throttling import Backoff, require_no_wait
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
