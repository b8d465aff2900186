"""What makes thousands of tests quick and independent: cheap passwords, memory that is not searched again and
again, no services left installed.
"""

import gc
from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from chalicelib.services.authentication import passwords

CHEAP_KIB = 64


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest) -> Iterator[None]:
    """Use argon2id with less memory, except in tests marked `real_passwords`."""
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
def nothing_stays_installed() -> Iterator[None]:
    """Uninstall the services that a test installed."""
    yield
    bootstrap.install(None)


@pytest.fixture(autouse=True, scope="module")
def settled_memory() -> Iterator[None]:
    """What a module leaves behind, such as fonts and templates kept for good, is no garbage to look through
    during those after it: they would take up to ten times as long.
    """
    yield
    gc.collect()
    gc.freeze()
