"""Guesses at passwords, codes, links and passkeys: slowed down by their source, and counted for the alarm.

`Route.credential_failure_statuses` names the statuses by which a handler says that one was wrong.
Links (256 random bits) and passkeys cannot be guessed: they are counted for the alarm alone, so that whoever
sends wrong ones keeps nobody behind the same address from a right one.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aws_lambda_powertools.logging import Logger

from chalicelib.web.http.request_parsing import DEVICE_COOKIE, read_form

if TYPE_CHECKING:
    from chalicelib.web.http.request_context import RequestContext
    from chalicelib.web.route import Route

METRIC = "RefusedCredentials"
SERVICE = "portal"

logger = Logger(service=SERVICE, child=True)


def check(route: Route, context: RequestContext) -> None:
    """Raises `TooManyRequests` before a guess from this source is looked at."""
    if _is_guarded(route, context):
        context.services.source_throttle.check(_source(context), context.now)


def note(route: Route, context: RequestContext, status: int) -> None:
    """Counts an answer that says that the guess was wrong, or that it came too soon.

    The line in the log says from where, so that a flood can be blocked at the edge, and not at whose account.
    """
    if context.request.method != "POST" or not route.credential_failure_statuses:
        return
    if (
        status in route.credential_failure_statuses
        and status != HTTPStatus.GONE
        and _is_guarded(route, context)
    ):
        context.services.source_throttle.count_failure(_source(context), context.now)
    if status in route.credential_failure_statuses or status == HTTPStatus.TOO_MANY_REQUESTS:
        logger.warning("refused credential", route=route.path, status=status, address=context.address)
        _count(context.services.settings.stage)


def _is_guarded(route: Route, context: RequestContext) -> bool:
    """Whether a guess might be right: 410 says that a link, or the half of a login, is not there."""
    if context.request.method != "POST" or route.throttles_itself:
        return False
    if route.accepts_passkey and read_form(context.request).get("passkey"):
        return False
    return any(each != HTTPStatus.GONE for each in route.credential_failure_statuses)


def _source(context: RequestContext) -> str:
    """The address; a browser that knows an account does not wait for its neighbours, however often it was
    made known to it.
    """
    device = context.services.known_devices.read(context.cookies.get(DEVICE_COOKIE, ""))
    address = context.address or "unknown"
    return f"{device.provider_id} at {address}" if device else address


def _count(namespace: str) -> None:
    """One in CloudWatch, by a line in the log (EMF): nothing of whose it was, and no AWS call."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(name=METRIC, unit=MetricUnit.Count, value=1, namespace=namespace) as metric:
        metric.add_dimension(name="service", value=SERVICE)
