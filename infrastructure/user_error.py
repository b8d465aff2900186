"""The error that ends a command with a sentence instead of a traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """A problem that only the person at the keyboard can solve.

    The text is one or two plain sentences: what happened, and what to do about it.
    """


def run_command(command: Callable[[], int]) -> int:
    """Return the exit status of `command`. Print a UserError as a sentence, and return 1 for it."""
    try:
        return command()
    except UserError as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
