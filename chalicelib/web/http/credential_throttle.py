"""Guesses at passwords, codes, links and passkeys: slowed down by their source, and counted for the alarm.

`Route.wrong` names the statuses by which a handler says that one was wrong. Links (256 random bits) and
passkeys cannot be guessed: they are counted for the alarm alone, so that whoever sends wrong ones keeps
nobody behind the same address from a right one.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aws_lambda_powertools.logging import Logger

from chalicelib.web.http.request_parsing import DEVICE_COOKIE, form

if TYPE_CHECKING:
    from chalicelib.web.http.request_context import Caller
    from chalicelib.web.route import Route

METRIC = "RefusedCredentials"
SERVICE = "portal"

logger = Logger(service=SERVICE, child=True)


def check(route: Route, caller: Caller) -> None:
    """Raises `TooMany` before a guess from this source is looked at."""
    if _is_guarded(route, caller):
        caller.services.sources.check(_source(caller), caller.now)


def note(route: Route, caller: Caller, status: int) -> None:
    """Counts an answer that says that the guess was wrong, or that it came too soon.

    The line in the log says from where, so that a flood can be blocked at the edge, and not at whose account.
    """
    if caller.request.method != "POST" or not route.wrong:
        return
    if status in route.wrong and status != HTTPStatus.GONE and _is_guarded(route, caller):
        caller.services.sources.failed(_source(caller), caller.now)
    if status in route.wrong or status == HTTPStatus.TOO_MANY_REQUESTS:
        logger.warning("refused credential", route=route.path, status=status, address=caller.address)
        _count(caller.services.settings.stage)


def _is_guarded(route: Route, caller: Caller) -> bool:
    """Whether a guess might be right: 410 says that a link, or the half of a login, is not there."""
    if caller.request.method != "POST" or route.counts_itself:
        return False
    if route.takes_passkey and form(caller.request).get("passkey"):
        return False
    return any(each != HTTPStatus.GONE for each in route.wrong)


def _source(caller: Caller) -> str:
    """The address; a browser that knows an account does not wait for its neighbours, however often it was
    made known to it.
    """
    device = caller.services.devices.read(caller.cookies.get(DEVICE_COOKIE, ""))
    address = caller.address or "unknown"
    return f"{device.provider_id} at {address}" if device else address


def _count(namespace: str) -> None:
    """One in CloudWatch, by a line in the log (EMF): nothing of whose it was, and no AWS call."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(name=METRIC, unit=MetricUnit.Count, value=1, namespace=namespace) as metric:
        metric.add_dimension(name="service", value=SERVICE)
