"""Commands and helpers for the tests of the supervisor, which starts and stops the processes of `make run`."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from infrastructure.local.emulator import inherited_variables
from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Command


def ready(paths: LocalPaths, name: str = "saver") -> Path:
    return paths.home / f"{name}-ready"


def saved(paths: LocalPaths, name: str = "saver") -> Path:
    return paths.home / f"{name}-saved"


def saver(
    paths: LocalPaths, *, name: str = "saver", seconds: float = 0.0, manner: str = "obedient", grace: float = 10.0
) -> Command:
    return Command(
        name=name,
        module="tests.support.local.slow_saver",
        arguments=[str(ready(paths, name)), str(saved(paths, name)), str(seconds), manner],
        environment=inherited_variables(),
        grace=grace,
        clean_stop=paths.clean_stop,
    )


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_running(pid: int) -> bool:
    """Return True if the process with this id still runs, and is no zombie (ended, but not yet reaped)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
