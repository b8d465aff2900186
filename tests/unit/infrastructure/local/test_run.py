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
    """Below the ports that the system hands out to anybody, where a neighbour may be taken at any moment."""
    candidates = (Addresses(port) for port in range(20_000, 30_000, 20))
    return next(each for each in candidates if all(map(local_run._is_free, each.all_ports)))


@pytest.mark.parametrize("number", range(4))
def test_a_taken_port_is_refused_with_another_to_try(number: int) -> None:
    addresses = free_addresses()
    port = addresses.all_ports[number]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(UserError, match=rf"Port {port} is in use .* make run PORT=\d+"):
            local_run.refuse_taken_ports(addresses)


@pytest.mark.parametrize("text", ["80", "65530", "http", ""])
def test_a_port_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a port from 1024 on"):
        local_run.port_number(text)


def test_the_stand_ins_are_told_where_everything_is(tmp_path: Path) -> None:
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


def test_a_killed_emulator_is_said_with_what_the_data_goes_back_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = LocalPaths(tmp_path)
    paths.prepare()
    (paths.state / "s3.json").write_text("{}")
    local_run.explain(Condition.KILLED, paths, Progress(time.time()))
    said = capsys.readouterr().out
    assert "was killed before it could save: the portal goes back to what it saved at 20" in said


def test_a_stack_that_was_never_saved_is_said_to_be_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local_run.explain(Condition.LOST, LocalPaths(tmp_path), Progress(time.time()))
    assert "starts afresh" in capsys.readouterr().out


def test_a_clean_stop_needs_no_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    local_run.explain(Condition.SAVED, LocalPaths(tmp_path), Progress(time.time()))
    assert capsys.readouterr().out == ""


class FakeProcesses:
    """Processes of which one has ended, if there are last words."""

    def __init__(self, last_words: str = "") -> None:
        self.last_words = last_words

    def check(self) -> None:
        if self.last_words:
            raise UserError(self.last_words)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("timed out"),
        httpx.ConnectError("refused"),
        ReadTimeoutError(endpoint_url="http://localhost"),
        ConnectTimeoutError(endpoint_url="http://localhost"),
    ],
)
def test_an_answer_that_does_not_come_is_told_with_what_to_do(tmp_path: Path, error: Exception) -> None:
    processes = cast("Processes", FakeProcesses())
    with pytest.raises(UserError) as told, local_run.in_plain_words(LocalPaths(tmp_path), processes):
        raise error
    assert str(told.value) == (
        f"The local AWS did not answer in time ({type(error).__name__}): this machine may be too busy. "
        "Run `make run` again, it goes on from what is there. If it happens again, "
        f"{LocalPaths(tmp_path).log_of(emulator.NAME)} may say why."
    )


def test_a_process_that_has_ended_says_more_than_its_silence(tmp_path: Path) -> None:
    processes = cast("Processes", FakeProcesses("The process `ministack` ended by itself."))
    with (
        pytest.raises(UserError, match="ended by itself"),
        local_run.in_plain_words(LocalPaths(tmp_path), processes),
    ):
        raise httpx.ReadTimeout("timed out")


def test_a_start_goes_on_without_a_function_that_stays_asleep(capsys: pytest.CaptureFixture[str]) -> None:
    class Sleepy:
        def warm_up(self) -> bool:
            return False

    local_run.wake(cast("LocalStack", Sleepy()), Progress(time.time()))
    assert "Not every function is awake yet" in capsys.readouterr().out
