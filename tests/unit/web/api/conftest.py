"""Fixtures of the tests of the EMR's API: a portal in memory, and the EMR of a practice that calls it."""

import pytest

from chalicelib import bootstrap
from tests.support.portal import Portal
from tests.unit.web.api.test_emr import Emr


@pytest.fixture
def portal() -> Portal:
    """Return a portal in memory, whose services answer the requests of the test."""
    made = Portal()
    bootstrap.install(made)
    return made


@pytest.fixture
def emr(portal: Portal) -> Emr:
    """Return the EMR of a practice at the test's portal."""
    return Emr(portal)
