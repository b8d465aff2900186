"""Passwords that cost the tests little: thousands are checked, and few tests are about what that costs."""

from collections.abc import Iterator

import pytest

from chalicelib.services import passwords

CHEAP_KIB = 64


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest) -> Iterator[None]:
    """argon2id as ever, filling less memory; not for tests marked `dear_passwords`."""
    if request.node.get_closest_marker("dear_passwords"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "MEMORY_KIB", CHEAP_KIB)
        passwords._hasher.cache_clear()
        patch.setattr(passwords, "NOBODYS_HASH", passwords.hash_password("nobody's"))
        yield
    passwords._hasher.cache_clear()
