"""Guesses at passwords, codes, links and passkeys: slowed down by their source, and counted for the alarm.

`Route.wrong` names the statuses by which a handler says that one was wrong.
"""

from http import HTTPStatus
from typing import Protocol

from chalicelib.web.caller import Caller
from chalicelib.web.requests import DEVICE_COOKIE

METRIC = "RefusedCredentials"
SERVICE = "portal"


class Guessed(Protocol):
    """What is asked of a row of the table of routes."""

    @property
    def wrong(self) -> tuple[int, ...]: ...
    @property
    def counts_itself(self) -> bool: ...


def check(route: Guessed, caller: Caller) -> None:
    """Raises `TooMany` before a guess from this source is looked at."""
    if _is_guarded(route, caller):
        caller.services.sources.check(_source(caller), caller.now)


def note(route: Guessed, caller: Caller, status: int) -> None:
    """Counts an answer that says that the guess was wrong, or that it came too soon."""
    if caller.request.method != "POST" or not route.wrong:
        return
    if status in route.wrong and _is_guarded(route, caller):
        caller.services.sources.failed(_source(caller), caller.now)
    if status in route.wrong or status == HTTPStatus.TOO_MANY_REQUESTS:
        _count(caller.services.settings.stage)


def _is_guarded(route: Guessed, caller: Caller) -> bool:
    return caller.request.method == "POST" and bool(route.wrong) and not route.counts_itself


def _source(caller: Caller) -> str:
    device = caller.services.devices.read(caller.cookies.get(DEVICE_COOKIE, ""))
    return f"device {device.id}" if device else caller.address or "unknown"


def _count(namespace: str) -> None:
    """One in CloudWatch, by a line in the log (EMF): nothing of whose it was, and no AWS call."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(name=METRIC, unit=MetricUnit.Count, value=1, namespace=namespace) as metric:
        metric.add_dimension(name="service", value=SERVICE)
