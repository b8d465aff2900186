"""The CPU time of one login request, including the slow hash of the password (argon2id). The database is in memory.

The cases are a right password, a wrong password, an unknown address, and a hash with outdated parameters, which the
login replaces."""

import statistics
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO

from argon2 import PasswordHasher

from chalicelib import bootstrap
from chalicelib.services.authentication.passwords import LANES, MEMORY_KIB, PASSES, find_password_problem, hash_password
from chalicelib.services.transaction import Change, Claim
from tests.support.fakes import START
from tests.support.portal import Browser, Portal
from tests.support.provider_fixtures import PROVIDER, a_store

RUNS = 11
LIMIT = 250
"""Milliseconds of CPU for a login."""

EMAIL, PASSWORD = "dr.rivera@example.com", "velvet harbour quartz lantern"
OLDER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def run() -> None:
    """Print the median CPU time (ms) of a login for each case, and of the check of a new password."""
    print(f"Login, ms of CPU (at most {LIMIT}; argon2id {MEMORY_KIB // 1024} MiB, {PASSES} pass, {LANES} lane)")
    for name, stored_hash, email, password in (
        ("right password", hash_password(PASSWORD), EMAIL, PASSWORD),
        ("wrong password", hash_password(PASSWORD), EMAIL, "wrong"),
        ("unknown address", hash_password(PASSWORD), "nobody@example.com", "wrong"),
        ("outdated hash", OLDER.hash(PASSWORD), EMAIL, PASSWORD),
    ):
        print(f"  {name:<22} {_median(partial(_login, stored_hash, email, password)):6.0f}")
    check = _median(lambda: _time(lambda: find_password_problem(PASSWORD, (EMAIL,))))
    print(f"  {'check of a new password':<22} {check:6.0f}\n")


def _login(stored_hash: str, email: str, password: str) -> float:
    portal = Portal(a_store())
    owner = replace(PROVIDER, version=2, password_hash=stored_hash)
    claim = Claim(key=f"email#{EMAIL}", owner=owner.id)
    portal.store.commit(Change(at=START, providers=(owner,), claims=(claim,)))
    bootstrap.install(portal)
    browser = Browser({"__Host-csrf": "token"})
    try:
        # The app prints its metrics, which do not belong among the figures.
        with redirect_stdout(StringIO()):
            return _time(lambda: browser.log_in(email, password))
    finally:
        bootstrap.install(None)


def _median(once: Callable[[], float]) -> float:
    return statistics.median([once() for _ in range(RUNS)])


def _time(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return (time.process_time() - started) * 1000
