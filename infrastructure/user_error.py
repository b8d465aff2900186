"""The one error that ends a command: its message tells the reader what happened and what to do."""

import sys
from collections.abc import Callable


class Trouble(Exception):
    """Something only the person at the keyboard can mend. The text is one or two plain sentences."""


def exit_status(command: Callable[[], int]) -> int:
    """Run `command`; print a Trouble as a sentence instead of a traceback, and answer 1."""
    try:
        return command()
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr, flush=True)
        return 1
