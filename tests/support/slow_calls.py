"""A simulation of calls as slow as calls to AWS, by which tests find the calls that wait for one another."""

import time
from collections.abc import Sequence
from typing import Any

Calls = list[tuple[str, float, float]]
"""The name of each call, and its start and end in seconds."""

SECONDS_PER_CALL = 0.2
"""Long enough that concurrent calls overlap even on a busy machine."""

_NO_CALLS = frozenset({"url", "upload_form", "origin"})


class Slow:
    """A wrapper of the object `inner`, such as a fake database, that makes each call of a method take `each` seconds.

    The name, start and end of each call are added to the list `calls`. Methods that make no AWS call stay fast."""

    def __init__(self, inner: Any, calls: Calls, *, each: float = SECONDS_PER_CALL) -> None:
        self._inner, self._calls, self._each = inner, calls, each

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not callable(attribute) or name in _NO_CALLS:
            return attribute

        def call(*args: Any, **more: Any) -> Any:
            start = time.perf_counter()
            time.sleep(self._each)
            try:
                return attribute(*args, **more)
            finally:
                self._calls.append((name, start, time.perf_counter()))

        return call


def in_sequence(calls: Sequence[tuple[str, float, float]]) -> list[str]:
    """Return the names of the calls that waited for one another: a longest sequence of calls that do not overlap in
    time.

    Each call is (name, start, end). The length of the sequence is the number of round trips for which a page waits."""
    chain, free_at = [], 0.0
    for name, start, end in sorted(calls, key=lambda call: call[2]):
        if start >= free_at:
            chain.append(name)
            free_at = end
    return chain
