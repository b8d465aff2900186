"""A recorder of the AWS calls that the web function makes for one response, and a count of calls made in sequence.

The web function runs in this process, with the environment and the tables of a newly deployed local stack, so every
call is real. `pages.py` lists the responses to measure."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

from botocore.client import BaseClient
from chalice.test import HTTPResponse

from chalicelib import bootstrap
from tests.support import slow_calls as slow
from tests.support.stack import Stack

SLOWER_BY = 0.25
"""Seconds added to each call, so that concurrent calls overlap even on a busy machine."""


@dataclass(frozen=True)
class Call:
    """One recorded AWS call with its operation, start and end in seconds.

    `scanned` is the number of rows that a query read."""

    name: str
    began: float
    ended: float
    scanned: int = 0


@contextmanager
def record_calls() -> Iterator[list[Call]]:
    """Record every AWS call (of boto3 and PynamoDB) within the `with` block in the list that it yields.

    Each call is made slower, so that concurrent calls overlap even on a busy machine."""
    calls: list[Call] = []
    original = BaseClient._make_api_call  # noqa: SLF001 - every client uses this method

    def record(self: BaseClient, operation: str, arguments: Mapping[str, Any]) -> Any:
        began, response = time.perf_counter(), {}
        time.sleep(SLOWER_BY)
        try:
            response = original(self, operation, arguments)
            return response
        finally:
            ended, scanned = time.perf_counter(), response.get("ScannedCount", 0)
            calls.append(Call(operation, began, ended, scanned))

    BaseClient._make_api_call = record  # noqa: SLF001 - as above
    try:
        yield calls
    finally:
        BaseClient._make_api_call = original  # noqa: SLF001 - as above


def in_sequence(calls: list[Call]) -> int:
    """Return how many of the AWS calls waited for one another: the number of round trips for which the response
    waits."""
    return len(slow.in_sequence([(call.name, call.began, call.ended) for call in calls]))


def warm() -> None:
    """Create the web function's AWS clients before the measurement, because a warm Lambda function has them already."""
    clients = bootstrap.services().clients
    _ = (clients.s3, clients.sqs, clients.ssm, clients.functions)


def forget() -> None:
    """Clear the web function's caches, except the AWS clients and the session key, before a measured request."""
    old = bootstrap.services()
    new = bootstrap.Services(old.settings)
    new.clients, new.keys = old.clients, old.keys
    bootstrap.install(new)


def environment(stack: Stack) -> dict[str, str]:
    """Return the environment variables of the deployed web function, with keys of the local AWS that allow every call.

    With these, the web function can run in this process."""
    configuration = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["ApiFunction"])
    return {
        **configuration["Environment"]["Variables"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": stack.aws_endpoint_url,
        "POWERTOOLS_LOG_LEVEL": "ERROR",
    }


def count_calls(send: Callable[[], HTTPResponse], status: int = 200) -> list[Call]:
    """Call `send`, which sends one request, and return the AWS calls behind the response.

    End the benchmark if the response has another status than `status`."""
    # The app prints its metrics, which do not belong among the figures.
    with record_calls() as calls, redirect_stdout(StringIO()):
        response = send()
    if response.status_code != status:
        body = response.body.decode()[:2000]
        raise SystemExit(f"The status is {response.status_code}, not {status}: {body}")
    return calls


def summarize(calls: list[Call]) -> str:
    """Return the AWS calls of a response as text, such as `2 in sequence, 3 in all (GetItem, GetItem, Query)`."""
    names = ", ".join(call.name for call in calls)
    return f"{in_sequence(calls)} in sequence, {len(calls)} in all ({names or 'none'})"
