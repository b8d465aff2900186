"""Test that functions run side by side, and that their results keep the order of the items."""

import time
from threading import Barrier, Lock

import pytest

from chalicelib.services.concurrency import MAX_AT_ONCE, run_concurrently, run_for_each


def test_two_functions_run_at_the_same_time() -> None:
    meeting = Barrier(2, timeout=5)
    first, second = run_concurrently(meeting.wait, meeting.wait)
    assert {first, second} == {0, 1}


def test_results_keep_the_order_of_the_items() -> None:
    def wait(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    assert run_for_each(wait, [0.03, 0.02, 0.01]) == [0.03, 0.02, 0.01]
    assert run_for_each(wait, []) == []


def test_five_items_run_at_once_and_no_sixth() -> None:
    meeting, lock, running, most = Barrier(MAX_AT_ONCE, timeout=5), Lock(), 0, 0

    def meet(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        meeting.wait()
        with lock:
            running -= 1

    run_for_each(meet, range(2 * MAX_AT_ONCE))
    assert (MAX_AT_ONCE, most) == (5, 5)


def test_an_error_of_one_item_is_raised() -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise ValueError(number)

    with pytest.raises(ValueError, match="2"):
        run_for_each(fail, [1, 2, 3])
