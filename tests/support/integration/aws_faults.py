"""What AWS does on a bad day and the local one never says: put into the hooks of the clients in use."""

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
"""Asked before each call with its operation and parameters; answers what AWS would, or None to let it."""


def refusal(code: str, *, status: int = 400, **more: Any) -> Called:
    parsed = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return AWSResponse("http://aws.test", status, {}, None), {**parsed, **more}


def throttled(_operation: str, _parameters: Mapping[str, Any]) -> Called:
    """For so long that the client's own tries are used up."""
    return refusal("ProvisionedThroughputExceededException")


def in_conflict(operation: str, parameters: Mapping[str, Any]) -> Called:
    """Another transaction holds the first of the rows."""
    if operation != "TransactWriteItems":
        return refusal("TransactionConflictException")
    count = len(parameters["TransactItems"])
    reasons = [{"Code": "TransactionConflict"}, *({"Code": "None"} for _ in range(count - 1))]
    return refusal("TransactionCanceledException", CancellationReasons=reasons)


@dataclass
class Hook:
    """Counts the calls that it was asked about, and those that it spoilt."""

    asked: int = 0
    spoilt: list[str] = field(default_factory=list)


@contextlib.contextmanager
def before(hooks: HierarchicalEmitter, service: str, fault: Fault) -> Iterator[Hook]:
    """Calls meet `fault` before they leave."""
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
    """Calls take effect, and some answers never come."""
    hook = Hook()

    def handle(model: Any, **_: Any) -> None:
        hook.asked += 1
        if is_lost(model.name):
            hook.spoilt.append(model.name)
            raise ReadTimeoutError(endpoint_url="http://aws.test")

    with _registered(hooks, f"after-call.{service}", handle):
        yield hook


def the(operations: str | set[str], *, times: int, fault: Fault) -> Fault:
    """`fault` for the first calls of these operations."""
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
