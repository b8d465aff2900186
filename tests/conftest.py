"""Fixtures for all tests: the packaged app, and the deployed portal on a local AWS that a test run shares."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.progress import Progress
from tests.support.stack import Stack, package_once, running_stack
from tests.support.timestamp_server import TimestampServer, running_timestamp_server


@pytest.fixture(scope="session")
def package_folder() -> Path:
    return package_once(Progress(time.time()))


@pytest.fixture(scope="session")
def timestamp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimestampServer]:
    with running_timestamp_server(tmp_path_factory.mktemp("authority")) as running:
        yield running


@pytest.fixture(scope="session")
def stack(package_folder: Path, timestamp_server: TimestampServer, request: pytest.FixtureRequest) -> Iterator[Stack]:
    part = Path(request.config.args[0].partition("::")[0]).stem
    with running_stack(package_folder, part, authority=timestamp_server) as running:
        yield running
