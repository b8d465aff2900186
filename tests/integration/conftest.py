"""Fixtures of the integration tests: a deployed portal, a webhook receiver and an EMR.

The portal's own background workers are switched off. The tests run the workers themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.integration.emr_client import Emr
from tests.support.integration.local_workers import Works, switch_off_workers, works_of
from tests.support.integration.webhook_receivers import Receiver, a_receiver
from tests.support.stack import Stack, running_stack


@pytest.fixture(scope="session")
def sleeping_stack(package_folder: Path) -> Iterator[Stack]:
    with running_stack(package_folder, "sleeping", warm=False) as running:
        switch_off_workers(running)
        yield running


@pytest.fixture
def works(sleeping_stack: Stack) -> Iterator[Works]:
    with works_of(sleeping_stack) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


@pytest.fixture
def clinic(works: Works, receiver: Receiver) -> Emr:
    """Return an EMR whose webhooks the portal sends to the receiver of the test."""
    emr = Emr(works.stack, works.stack.practice())
    emr.listens_at(receiver.url)
    works.work_off()
    return emr
