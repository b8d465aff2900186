"""Faults of AWS, such as throttling, that the local AWS never shows. Event hooks of boto3 clients inject them."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.hooks import HierarchicalEmitter

Called = tuple[AWSResponse, dict[str, Any]]
Fault = Callable[[str, Mapping[str, Any]], Called | None]
"""A function of a call's operation and parameters. It returns AWS's response, or None for no fault."""


def refusal(code: str, *, status: int = 400, **more: Any) -> Called:
    parsed = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return AWSResponse("http://aws.test", status, {}, None), {**parsed, **more}


def throttled(_operation: str, _parameters: Mapping[str, Any]) -> Called:
    """Return DynamoDB's throttling error as the response to a call. The client's own retries get the error too."""
    return refusal("ProvisionedThroughputExceededException")


def in_conflict(operation: str, parameters: Mapping[str, Any]) -> Called:
    """Return DynamoDB's error for a write that meets a transaction in progress, as the response to the call.

    In a transaction, the conflict is with the first row."""
    if operation != "TransactWriteItems":
        return refusal("TransactionConflictException")
    count = len(parameters["TransactItems"])
    reasons = [{"Code": "TransactionConflict"}, *({"Code": "None"} for _ in range(count - 1))]
    return refusal("TransactionCanceledException", CancellationReasons=reasons)


@dataclass
class Hook:
    """The record of injected faults: the number of all AWS calls, and the operations (`spoilt`) that met a fault."""

    asked: int = 0
    spoilt: list[str] = field(default_factory=list)


@contextlib.contextmanager
def before(hooks: HierarchicalEmitter, service: str, fault: Fault) -> Iterator[Hook]:
    """Make AWS calls fail before they are sent, until the end of the block, and yield the record of the faults.

    `fault` decides for each call to the `service`: it returns the error response, or None for no fault. `hooks` are the
    event hooks of a boto3 client."""
    hook = Hook()

    def handle(model: Any, params: Mapping[str, Any], **_: Any) -> Called | None:
        hook.asked += 1
        answer = fault(model.name, _parameters(params))
        if answer is not None:
            hook.spoilt.append(model.name)
        return answer

    with _registered(hooks, f"before-call.{service}", handle):
        yield hook


@contextlib.contextmanager
def after(hooks: HierarchicalEmitter, service: str, is_lost: Callable[[str], bool]) -> Iterator[Hook]:
    """Let AWS calls take effect but lose their responses, until the end of the block, and yield the record of the
    faults.

    `is_lost` returns True for the name of an operation whose response is lost. `hooks` are the event hooks of a boto3
    client."""
    hook = Hook()

    def handle(model: Any, **_: Any) -> None:
        hook.asked += 1
        if is_lost(model.name):
            hook.spoilt.append(model.name)
            raise ReadTimeoutError(endpoint_url="http://aws.test")

    with _registered(hooks, f"after-call.{service}", handle):
        yield hook


def the(operations: str | set[str], *, times: int, fault: Fault) -> Fault:
    """Return a fault for only the first `times` calls of these operations. All other calls succeed."""
    named = {operations} if isinstance(operations, str) else operations
    left = [times]

    def judge(operation: str, parameters: Mapping[str, Any]) -> Called | None:
        if operation not in named or not left[0]:
            return None
        left[0] -= 1
        return fault(operation, parameters)

    return judge


def _parameters(request: Mapping[str, Any]) -> Mapping[str, Any]:
    body = request["body"]
    found: Mapping[str, Any] = json.loads(body) if body else {}
    return found


@contextlib.contextmanager
def _registered(hooks: HierarchicalEmitter, event: str, handle: Callable[..., Any]) -> Iterator[None]:
    hooks.register(event, handle)
    try:
        yield
    finally:
        hooks.unregister(event, handle)
