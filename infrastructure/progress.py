"""Lines about the progress of a command such as `make run`, each with the seconds since the command began."""

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Progress:
    """A printer of lines such as ` 12 s  Deploying the stack`."""

    def __init__(self, started: float, *, clock: Callable[[], float] = time.time, stream: TextIO | None = None) -> None:
        """Count the seconds from `started`, a time of `clock` (seconds since the epoch). Lines are printed to
        `stream`."""
        self._started = started
        self._clock = clock
        self._stream = stream or sys.stdout

    def say(self, text: str) -> None:
        """Print one line of progress."""
        elapsed = self._clock() - self._started
        print(f"{elapsed:4.0f} s  {text}", file=self._stream, flush=True)
