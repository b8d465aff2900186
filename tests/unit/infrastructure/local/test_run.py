import argparse
import socket
import time
from pathlib import Path
from typing import cast

import httpx
import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from infrastructure.local import emulator
from infrastructure.local import run as local_run
from infrastructure.local.emulator import Condition
from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Processes
from infrastructure.local.sample_practice import Addresses
from infrastructure.local.stack import FIXED_PARAMETERS, LocalStack
from infrastructure.progress import Progress
from infrastructure.user_error import UserError


def free_addresses() -> Addresses:
    """Return the addresses of a local run with free ports.

    The ports are below the ephemeral range, of which another program may take a port at any moment."""
    candidates = (Addresses(port) for port in range(20_000, 30_000, 20))
    return next(addresses for addresses in candidates if all(map(local_run._is_free, addresses.all_ports)))


@pytest.mark.parametrize("number", range(5))
def test_a_taken_port_is_refused_and_another_suggested(number: int) -> None:
    addresses = free_addresses()
    port = addresses.all_ports[number]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(UserError, match=rf"Port {port} is in use .* make run PORT=\d+"):
            local_run.refuse_taken_ports(addresses)


@pytest.mark.parametrize("text", ["80", "65530", "http", ""])
def test_a_port_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a port from 1024 to 65522"):
        local_run.port_number(text)


def test_the_stand_ins_get_the_addresses_and_their_folders(tmp_path: Path) -> None:
    paths, addresses = LocalPaths(tmp_path), Addresses(5000)
    clinic, mailbox = local_run.clinic(paths, addresses), local_run.mailbox(paths, addresses)
    shared = ["--portal-json", str(tmp_path / "stand-ins.json")]
    assert [clinic.module, *clinic.arguments] == [
        "examples.clinic",
        *shared,
        "--port",
        "5010",
        "--data",
        str(tmp_path / "clinic"),
    ]
    assert [mailbox.module, *mailbox.arguments] == [
        "examples.mailbox",
        *shared,
        "--port",
        "5011",
        "--data",
        str(tmp_path / "mailbox"),
        "--smtp-port",
        "5012",
        "--fax-domain",
        FIXED_PARAMETERS["FaxDomain"],
    ]


def test_after_a_kill_the_time_of_the_restored_data_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = LocalPaths(tmp_path)
    paths.prepare()
    (paths.state / "s3.json").write_text("{}")
    local_run.explain(Condition.KILLED, paths, Progress(time.time()))
    output = capsys.readouterr().out
    assert "was killed before it could save. The portal returns to its data of 20" in output


def test_after_a_kill_before_the_first_save_the_loss_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local_run.explain(Condition.LOST, LocalPaths(tmp_path), Progress(time.time()))
    assert "the portal starts without data" in capsys.readouterr().out


def test_after_a_clean_stop_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    local_run.explain(Condition.SAVED, LocalPaths(tmp_path), Progress(time.time()))
    assert capsys.readouterr().out == ""


class FakeProcesses:
    """A fake of the processes that `make run` starts. With an `error`, one of them has ended, and a check raises it."""

    def __init__(self, error: str = "") -> None:
        self.error = error

    def check(self) -> None:
        if self.error:
            raise UserError(self.error)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("timed out"),
        httpx.ConnectError("refused"),
        ReadTimeoutError(endpoint_url="http://localhost"),
        ConnectTimeoutError(endpoint_url="http://localhost"),
    ],
)
def test_a_timeout_is_explained_with_advice(tmp_path: Path, error: Exception) -> None:
    processes = cast("Processes", FakeProcesses())
    with pytest.raises(UserError) as raised, local_run.explain_timeouts(LocalPaths(tmp_path), processes):
        raise error
    assert str(raised.value) == (
        f"The local AWS did not respond in time ({type(error).__name__}). This machine may be too busy. "
        "Run `make run` again; finished steps are not repeated. If the problem persists, see "
        f"{LocalPaths(tmp_path).log_of(emulator.NAME)}."
    )


def test_the_end_of_a_process_explains_more_than_a_timeout(tmp_path: Path) -> None:
    processes = cast("Processes", FakeProcesses("The process `ministack` ended unexpectedly."))
    with (
        pytest.raises(UserError, match="ended unexpectedly"),
        local_run.explain_timeouts(LocalPaths(tmp_path), processes),
    ):
        raise httpx.ReadTimeout("timed out")


def test_the_start_continues_without_a_function_that_stays_cold(capsys: pytest.CaptureFixture[str]) -> None:
    class ColdStack:
        def warm_up(self) -> bool:
            return False

    local_run.warm_up(cast("LocalStack", ColdStack()), Progress(time.time()))
    assert "Not every function is warm yet" in capsys.readouterr().out
