from collections.abc import Callable, Iterable
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

MAX_AT_ONCE = 5


def run_concurrently(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Run two functions at the same time and return both results. Two reads then take the time of one."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(second)
        return first(), pending.result()


def run_for_each(function: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Call the function for every item, `MAX_AT_ONCE` at the same time, and return the results in the items' order."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=MAX_AT_ONCE) as pool:
        return list(pool.map(function, items))
