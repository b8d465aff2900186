"""Fixtures: browsers of providers and of the front desk, the clinic and the mailbox."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from chalicelib import bootstrap
from tests.support.browser.browsers import running_chromium
from tests.support.browser.memory_server import MemoryPortal, running_memory_portal
from tests.support.browser.stand_ins import Clinic, Mailbox, running_clinic, running_mailbox
from tests.support.browser.virtual_time import Rows
from tests.support.browser.visitor import DESK, PHONE, Visitor
from tests.support.stack import Stack

MILLISECONDS_TO_WAIT = 20_000

NewContext = Callable[..., BrowserContext]
NewClinic = Callable[[str], Clinic]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def new_context(chromium: Browser) -> Iterator[NewContext]:
    """Return a function that makes browser contexts with separate cookies. They close after the test."""
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(**options)
        context.set_default_timeout(MILLISECONDS_TO_WAIT)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def mailbox(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    with running_mailbox(stack, tmp_path_factory.mktemp("mailbox")) as running:
        yield running


@pytest.fixture(scope="session")
def new_clinic(stack: Stack, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewClinic]:
    """Return a function that starts a clinic with a new practice.

    Clinics run until the session ends. A webhook without a receiver would be retried for minutes, and the
    queues that all tests share would never be empty.
    """
    with ExitStack() as open_clinics:
        yield lambda name: open_clinics.enter_context(
            running_clinic(stack, mailbox, tmp_path_factory.mktemp("clinic"), name=name)
        )


@pytest.fixture(scope="session")
def cedar(new_clinic: NewClinic) -> Clinic:
    """Return the clinic that most tests share. Tests must not change its settings."""
    return new_clinic("Cedar Clinic")


@pytest.fixture
def own_clinic(new_clinic: NewClinic) -> Clinic:
    """Return a clinic for one test, which may change its settings."""
    return new_clinic("Juniper Rehab")


@pytest.fixture
def rows(stack: Stack) -> Rows:
    return Rows(stack)


@pytest.fixture
def phone(new_context: NewContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """Return a provider's phone."""
    return Visitor(new_context(**PHONE), stack.portal_url, mailbox)


@pytest.fixture
def other_phone(new_context: NewContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """Return a second phone."""
    return Visitor(new_context(**PHONE), stack.portal_url, mailbox)


@pytest.fixture
def plain_phone(new_context: NewContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """Return a phone whose browser runs no scripts."""
    return Visitor(new_context(java_script_enabled=False, **PHONE), stack.portal_url, mailbox)


@pytest.fixture
def desk(new_context: NewContext) -> BrowserContext:
    """Return a browser at the clinic's front desk."""
    return new_context(**DESK)


@pytest.fixture(scope="session")
def memory_portal() -> Iterator[MemoryPortal]:
    with running_memory_portal() as running:
        yield running


@pytest.fixture
def memory(memory_portal: MemoryPortal) -> Iterator[MemoryPortal]:
    """Return a portal with its data in memory that holds only a practice and a provider."""
    memory_portal.reset()
    yield memory_portal
    bootstrap.install(None)
