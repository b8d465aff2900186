"""Fixtures of unit tests: cheap password hashes, no services of other tests, no output about patients."""

import gc
from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from chalicelib.services.authentication import passwords
from tests.support.phi.outputs import find_leaks
from tests.support.phi.unit_outputs import UnitOutputs, collecting

CHEAP_KIB = 64
OUTPUTS = UnitOutputs()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    OUTPUTS.keep_printed(report)


@pytest.fixture(autouse=True, scope="session")
def no_output_names_a_patient() -> Iterator[None]:
    """Fail the test run at its end if a log line, an email, a notice or a URL of the portal in memory names a patient.

    `tests/support/stack.py` makes the same check for the deployed portal."""
    with collecting(OUTPUTS):
        yield
    assert find_leaks(list(OUTPUTS.outputs())) == []


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest) -> Iterator[None]:
    """Make password hashes (argon2id) fast by less memory, except in tests marked `real_passwords`."""
    if request.node.get_closest_marker("real_passwords"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "MEMORY_KIB", CHEAP_KIB)
        passwords._hasher.cache_clear()
        patch.setattr(passwords, "UNKNOWN_ADDRESS_HASH", passwords.hash_password("nobody's"))
        yield
    passwords._hasher.cache_clear()


@pytest.fixture(autouse=True)
def no_installed_services() -> Iterator[None]:
    """Remove the services that a test has installed for the app, after the test."""
    yield
    bootstrap.install(None)


@pytest.fixture(autouse=True, scope="module")
def frozen_memory() -> Iterator[None]:
    """Exclude the objects of finished test modules from garbage collection.

    Cached fonts and templates are never freed, and searching them makes later modules up to ten times slower."""
    yield
    gc.collect()
    gc.freeze()
