"""The error that ends a command with a sentence instead of a traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Error for a problem that only the person at the keyboard can solve.

    The text is one or two plain sentences: what happened, and what to do."""


def run_command(command: Callable[[], int]) -> int:
    """Run `command` and return its exit status. For a UserError, print its sentence and return 1."""
    try:
        return command()
    except UserError as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
