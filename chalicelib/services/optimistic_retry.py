from collections.abc import Callable
from typing import TypeVar

from chalicelib.domain.errors import ConcurrentUpdate, Unavailable

S = TypeVar("S")
T = TypeVar("T")
MAX_TRIES = 12


def retry_on_conflict(step: Callable[[], T], *, retry_on: frozenset[str]) -> T:
    """Run `step` (read, decide, commit) until its commit succeeds, at most `MAX_TRIES` times, and return its result.

    A commit fails if another request changed the same rows. `step` runs again only if `retry_on` names all parts of the
    commit that failed. Raises `ConcurrentUpdate` if another part failed, and `Unavailable` after the last try."""
    return retry_on_latest(lambda _: step(), initial=None, read=lambda: None, retry_on=retry_on)


def retry_on_latest(step: Callable[[S], T], *, initial: S, read: Callable[[], S], retry_on: frozenset[str]) -> T:
    """Run `step` on `initial` (the state that the caller has read), and after each conflict on the state from `read`.

    Returns the result of `step`. Raises the same errors as `retry_on_conflict`."""
    for tries in range(MAX_TRIES):
        state = read() if tries else initial
        try:
            return step(state)
        except ConcurrentUpdate as conflict:
            if not set(conflict.parts) <= retry_on:
                raise
    raise Unavailable("Too many people are changing this right now. Please try again in a moment.")
