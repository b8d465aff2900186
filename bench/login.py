"""What a login costs the processor: the whole request, argon2id included, with a store in memory.

Kept and wrong passwords, unknown addresses, and a hash of older parameters that is made anew on the way.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO

from argon2 import PasswordHasher

from chalicelib import bootstrap
from chalicelib.services.authentication.passwords import (
    LANES,
    MEMORY_KIB,
    PASSES,
    hash_password,
    password_problem,
)
from chalicelib.services.transaction import Change, Claim
from tests.support.fakes import START
from tests.support.portal import Browser, Portal
from tests.support.provider_fixtures import PROVIDER, a_store

RUNS = 11
MOST = 250
"""Milliseconds, for a login."""

EMAIL, PASSWORD = "dr.rivera@example.com", "velvet harbour quartz lantern"
OLDER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def run() -> None:
    """Prints a line for each, medians in ms of CPU."""
    print(
        f"Login, ms of CPU (at most {MOST}; argon2id {MEMORY_KIB // 1024} MiB, {PASSES} pass, {LANES} lane)"
    )
    for name, kept, email, password in (
        ("right password", hash_password(PASSWORD), EMAIL, PASSWORD),
        ("wrong password", hash_password(PASSWORD), EMAIL, "wrong"),
        ("unknown address", hash_password(PASSWORD), "nobody@example.com", "wrong"),
        ("hash made anew", OLDER.hash(PASSWORD), EMAIL, PASSWORD),
    ):
        print(f"  {name:<22} {_median(partial(_login, kept, email, password)):6.0f}")
    judged = _median(lambda: _timed(lambda: password_problem(PASSWORD, (EMAIL,))))
    print(f"  {'judging a new one':<22} {judged:6.0f}\n")


def _login(kept: str, email: str, password: str) -> float:
    portal = Portal(a_store())
    owner = replace(PROVIDER, version=2, password_hash=kept)
    claim = Claim(key=f"email#{EMAIL}", owner=owner.id)
    portal.store.commit(Change(at=START, providers=(owner,), claims=(claim,)))
    bootstrap.install(portal)
    browser = Browser({"__Host-csrf": "token"})
    try:
        # Metrics of what is refused are lines in the log.
        with redirect_stdout(StringIO()):
            return _timed(lambda: browser.log_in(email, password))
    finally:
        bootstrap.install(None)


def _median(once: Callable[[], float]) -> float:
    return statistics.median([once() for _ in range(RUNS)])


def _timed(what: Callable[[], object]) -> float:
    started = time.process_time()
    what()
    return (time.process_time() - started) * 1000
