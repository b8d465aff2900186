"""Fixtures of the browser tests: browsers of providers and of a clinic's staff, the sample clinic and the mailbox."""

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
NewClinic = Callable[..., Clinic]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def new_context(chromium: Browser) -> Iterator[NewContext]:
    """Return a function that opens a new browser with separate cookies. All of them close after the test."""
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
    """Return a function that starts the sample clinic (a small EMR) with a new practice, which has the given settings.

    Each clinic runs until the test session ends. Without a receiver, the portal would retry a webhook for minutes, and
    the queues that all tests share would never become empty."""
    with ExitStack() as open_clinics:
        yield lambda name, **settings: open_clinics.enter_context(
            running_clinic(stack, mailbox, tmp_path_factory.mktemp("clinic"), name=name, **settings)
        )


@pytest.fixture(scope="session")
def cedar(new_clinic: NewClinic) -> Clinic:
    """Return the running sample clinic that most tests share. Tests must not change the clinic's settings."""
    return new_clinic("Cedar Clinic")


@pytest.fixture
def own_clinic(new_clinic: NewClinic) -> Clinic:
    """Return a running sample clinic for one test, which may change the clinic's settings."""
    return new_clinic("Juniper Rehab")


@pytest.fixture
def rows(stack: Stack) -> Rows:
    return Rows(stack)


def visit(context: BrowserContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """Return a visitor of the portal. The test run checks at its end that no URL names a patient."""
    context.on("request", lambda request: stack.urls.keep(request.url))
    return Visitor(context, stack.portal_url, mailbox)


@pytest.fixture
def phone(new_context: NewContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """Return a visitor of the portal whose browser has the size of a phone, for the provider."""
    return visit(new_context(**PHONE), stack, mailbox)


@pytest.fixture
def other_phone(new_context: NewContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """Return a second visitor whose browser has the size of a phone and its own cookies."""
    return visit(new_context(**PHONE), stack, mailbox)


@pytest.fixture
def assistants_phone(new_context: NewContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """Return a visitor of the portal whose phone browser is that of a provider's assistant."""
    return visit(new_context(**PHONE), stack, mailbox)


@pytest.fixture
def plain_phone(new_context: NewContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """Return a visitor of the portal whose phone browser has JavaScript switched off."""
    return visit(new_context(java_script_enabled=False, **PHONE), stack, mailbox)


@pytest.fixture
def desk(new_context: NewContext) -> BrowserContext:
    """Return a browser for the staff at the clinic's front desk."""
    return new_context(**DESK)


@pytest.fixture(scope="session")
def memory_portal() -> Iterator[MemoryPortal]:
    with running_memory_portal() as running:
        yield running


@pytest.fixture
def memory(memory_portal: MemoryPortal) -> Iterator[MemoryPortal]:
    """Return the portal that runs in memory at a real address, reset to one practice and one provider."""
    memory_portal.reset()
    yield memory_portal
    bootstrap.install(None)
