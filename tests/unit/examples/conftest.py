"""Fixtures for the tests of the sample programs: the sample clinic, with a fake of the portal."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from flask.testing import FlaskClient

from examples.clinic.app import create_app
from examples.clinic.office import Addresses, Office
from examples.clinic.portal import Portal
from examples.clinic.store import Store
from tests.support.portal_fake import API_KEY, SECRET, FakePortal


class Clock:
    """A clock that moves on at every call, so that stored rows have different times."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


@pytest.fixture
def fake_portal() -> FakePortal:
    return FakePortal()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def portal(fake_portal: FakePortal, pauses: list[float]) -> Portal:
    return Portal(
        url="https://portal.example",
        practice_id="practice-1",
        api_key=API_KEY,
        webhook_secret=SECRET,
        transport=httpx.MockTransport(fake_portal.handle),
        sleep=pauses.append,
    )


@pytest.fixture
def office(portal: Portal, tmp_path: Path) -> Office:
    addresses = Addresses(
        clinic="http://127.0.0.1:4576", mailbox="http://127.0.0.1:4577", portal="http://portal.localhost:4566"
    )
    office = Office(
        portal=portal,
        store=Store(tmp_path / "clinic.sqlite3"),
        addresses=addresses,
        webhook_secret=SECRET,
        clock=Clock(),
    )
    office.seed()
    return office


@pytest.fixture
def browser(office: Office) -> FlaskClient:
    return create_app(office).test_client()
