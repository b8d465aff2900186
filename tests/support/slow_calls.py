"""Calls as slow as those to AWS, to see which of them wait for one another."""

import time
from collections.abc import Sequence
from typing import Any

Calls = list[tuple[str, float, float]]
"""Name, when it began and when it ended, in seconds."""

EACH = 0.2
"""Seconds that each call takes: what is asked for side by side then overlaps, on a busy machine too."""

_NO_CALLS = frozenset({"url", "upload_form", "origin"})


class Slow:
    """`inner`, each call to which takes so many seconds, and is noted."""

    def __init__(self, inner: Any, calls: Calls, *, each: float = EACH) -> None:
        self._inner, self._calls, self._each = inner, calls, each

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or name in _NO_CALLS:
            return found

        def call(*args: Any, **more: Any) -> Any:
            began = time.perf_counter()
            time.sleep(self._each)
            try:
                return found(*args, **more)
            finally:
                self._calls.append((name, began, time.perf_counter()))

        return call


def in_sequence(calls: Sequence[tuple[str, float, float]]) -> list[str]:
    """A longest chain of calls of which each began after the one before had ended."""
    chain, free_at = [], 0.0
    for name, began, ended in sorted(calls, key=lambda each: each[2]):
        if began >= free_at:
            chain.append(name)
            free_at = ended
    return chain
