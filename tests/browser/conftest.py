"""A Chromium, a provider's phone in it, and the two stand-ins."""

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
    """Makes browser contexts of this test: cookies of their own, closed at its end."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(**options)
        context.set_default_timeout(MILLISECONDS_TO_WAIT)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture(scope="session")
def mailbox(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    with running_mailbox(stack, tmp_path_factory.mktemp("mailbox")) as running:
        yield running


@pytest.fixture(scope="session")
def new_clinic(
    stack: Stack, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewClinic]:
    """Makes clinics, each of a practice of its own. They stay up: a webhook that nobody takes is tried again
    for minutes, and keeps the queues that all tests share from ever being empty.
    """
    with ExitStack() as open_clinics:
        yield lambda name: open_clinics.enter_context(
            running_clinic(stack, mailbox, tmp_path_factory.mktemp("clinic"), name=name)
        )


@pytest.fixture(scope="session")
def cedar(new_clinic: NewClinic) -> Clinic:
    """The clinic that most tests send from. Its settings stay as they are."""
    return new_clinic("Cedar Clinic")


@pytest.fixture
def own_clinic(new_clinic: NewClinic) -> Clinic:
    """A clinic of this test alone: another practice, whose settings it may change."""
    return new_clinic("Juniper Rehab")


@pytest.fixture
def rows(stack: Stack) -> Rows:
    return Rows(stack)


@pytest.fixture
def phone(new_context: NewContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """A provider's phone."""
    return Visitor(new_context(**PHONE), stack.portal_url, mailbox)


@pytest.fixture
def other_phone(new_context: NewContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """Another phone, of the same person or another."""
    return Visitor(new_context(**PHONE), stack.portal_url, mailbox)


@pytest.fixture
def plain_phone(new_context: NewContext, stack: Stack, mailbox: Mailbox) -> Visitor:
    """A phone whose browser runs no scripts."""
    return Visitor(new_context(java_script_enabled=False, **PHONE), stack.portal_url, mailbox)


@pytest.fixture
def desk(new_context: NewContext) -> BrowserContext:
    """A browser at the clinic's front desk."""
    return new_context(**DESK)


@pytest.fixture(scope="session")
def memory_portal() -> Iterator[MemoryPortal]:
    with running_memory_portal() as running:
        yield running


@pytest.fixture
def memory(memory_portal: MemoryPortal) -> Iterator[MemoryPortal]:
    """The web function in memory, with nothing stored but a practice and a provider."""
    memory_portal.reset()
    yield memory_portal
    bootstrap.install(None)
