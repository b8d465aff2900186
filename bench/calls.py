"""How many AWS calls an answer makes, and how many of them wait for one another.

The web function runs in this process with the environment and tables of a freshly deployed local stack, so
every call is real. Which answers are asked for stands in `pages.py`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.client import BaseClient
from chalice.test import HTTPResponse

from chalicelib import bootstrap
from tests.support import slow_calls as slow
from tests.support.stack import Stack

SLOWER_BY = 0.25
"""Seconds added to each call: what is asked for side by side then overlaps, on a busy machine too."""


@dataclass(frozen=True)
class Call:
    """One AWS call; times in seconds. `scanned` is how many rows a query looked at."""

    name: str
    began: float
    ended: float
    scanned: int = 0


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Notes every call that botocore makes meanwhile, PynamoDB's too."""
    calls: list[Call] = []
    original = BaseClient._make_api_call  # noqa: SLF001 - the one place that all clients go through

    def noting(self: BaseClient, operation: str, arguments: Mapping[str, Any]) -> Any:
        began, answer = time.perf_counter(), {}
        time.sleep(SLOWER_BY)
        try:
            answer = original(self, operation, arguments)
            return answer
        finally:
            ended, scanned = time.perf_counter(), answer.get("ScannedCount", 0)
            calls.append(Call(operation, began, ended, scanned))

    BaseClient._make_api_call = noting  # noqa: SLF001 - as above
    try:
        yield calls
    finally:
        BaseClient._make_api_call = original  # noqa: SLF001 - as above


def in_sequence(calls: list[Call]) -> int:
    """How many of them waited for one another."""
    return len(slow.in_sequence([(each.name, each.began, each.ended) for each in calls]))


def warm() -> None:
    """Makes the function's clients: that takes longer than a call."""
    clients = bootstrap.services().clients
    _ = (clients.s3, clients.sqs, clients.ssm, clients.functions)


def forget() -> None:
    """Lets the function forget what it has read, but for the key of the sessions; its connections stay."""
    before = bootstrap.services()
    fresh = bootstrap.Services(before.settings)
    fresh.clients, fresh.keys = before.clients, before.keys
    bootstrap.install(fresh)


def environment(stack: Stack) -> dict[str, str]:
    """The variables of the deployed web function, with the emulator's root credentials."""
    found = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["ApiFunction"])
    return {
        **found["Environment"]["Variables"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": stack.aws_endpoint_url,
        "POWERTOOLS_LOG_LEVEL": "ERROR",
    }


def counted(send: Callable[[], HTTPResponse], status: int = 200) -> list[Call]:
    """The calls of one answer, which has to have this status."""
    with recorded() as calls:
        answer = send()
    if answer.status_code != status:
        raise SystemExit(f"answered {answer.status_code}, not {status}: {answer.body.decode()[:2000]}")
    return calls


def line(calls: list[Call]) -> str:
    names = ", ".join(call.name for call in calls)
    return f"{in_sequence(calls)} in sequence, {len(calls)} in all ({names or 'none'})"
