"""The fixture that the tests of an account's pages share."""

import pytest

from tests.support.accounts import EMAIL, PASSWORD
from tests.support.portal import Browser, Portal


@pytest.fixture
def browser(portal: Portal) -> Browser:
    """Return a browser in which the owner of the account is logged in. `portal` is the fixture of the test module."""
    made = portal.browser()
    made.log_in(EMAIL, PASSWORD)
    return made
