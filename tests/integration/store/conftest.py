"""Fixtures of the tests of the database. Each test runs on DynamoDB (in the local AWS) and on the fake in memory.

So unit tests can trust the fake."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.adapters import dynamodb_tables as tables
from chalicelib.adapters.dynamodb_store import DynamoStore
from chalicelib.services.ports import Store
from infrastructure.local import emulator
from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Processes, take_lock
from infrastructure.progress import Progress
from tests.support.fake_store import FakeStore
from tests.support.free_ports import free_port
from tests.support.integration.store_values import World
from tests.support.worlds.delivery_world import some_settings

MODELS = (
    tables.DocumentRow,
    tables.EventRow,
    tables.AccountEventRow,
    tables.OutboxTableRow,
    tables.DeliveryRow,
    tables.ProviderRow,
    tables.PracticeRow,
    tables.SecretRow,
    tables.ClaimRow,
    tables.RequestRow,
)
NAMES = (
    "documents",
    "events",
    "account_events",
    "outbox",
    "deliveries",
    "providers",
    "practices",
    "secrets",
    "claims",
    "requests",
)


@pytest.fixture(scope="module")
def local_aws() -> Iterator[str]:
    """Yield the URL of an empty local AWS."""
    home = Path(tempfile.mkdtemp(prefix="portal-store-"))
    paths = LocalPaths(home)
    paths.prepare()
    processes = Processes(paths, take_lock(paths, Progress(time.time())))
    try:
        port = free_port()
        processes.start(emulator.command(paths, port, smtp_port=free_port(), persistent=False))
        emulator.wait_until_up(processes, port)
        yield emulator.endpoint(port)
    finally:
        processes.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def dynamo(local_aws: str) -> Iterator[DynamoStore]:
    """Yield the real database client on the local AWS, with empty tables made from the classes of the rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", local_aws)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        patch.delenv("AWS_PROFILE", raising=False)
        named: dict[str, Any] = {f"table_{name}": f"store-{name}" for name in NAMES}
        connection = tables.bind(replace(some_settings(), region=emulator.REGION, **named))
        for model in MODELS:
            model.create_table(billing_mode="PAY_PER_REQUEST", wait=True)
        yield DynamoStore(connection)


@pytest.fixture(params=["in memory", "on DynamoDB"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "in memory":
        return FakeStore()
    real: DynamoStore = request.getfixturevalue("dynamo")
    return real


@pytest.fixture
def world() -> World:
    return World(uuid4().hex[:12])
