"""Throttling of wrong passwords and codes by source, and a count of all wrong credentials for the alarm.

Nobody can guess a link (256 random bits) or a passkey. So a wrong link or passkey is counted for the alarm only."""

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
    """Raise `TooManyRequests` if the source must still wait. The credential is not checked in this case."""
    if _is_throttled(route, context):
        context.services.source_throttle.check(_source(context), context.now)


def record_failure(route: Route, context: RequestContext, status: int) -> None:
    """Count and log a wrong credential or a request that came too soon, with its client address but no account."""
    if context.request.method != "POST" or not route.failure_statuses:
        return
    is_wrong = status in route.failure_statuses
    if is_wrong and status != HTTPStatus.GONE and _is_throttled(route, context):
        context.services.source_throttle.count_failure(_source(context), context.now)
    if is_wrong or status == HTTPStatus.TOO_MANY_REQUESTS:
        logger.warning("refused credential", route=route.path, status=status, address=context.address)
        _count_metric(context.services.settings.stage)


def _is_throttled(route: Route, context: RequestContext) -> bool:
    """Return True if the route takes a credential that somebody could guess. Status 410 is no wrong guess."""
    if context.request.method != "POST" or route.throttles_itself:
        return False
    if route.accepts_passkey and read_form(context.request).get("passkey"):
        return False
    return any(status != HTTPStatus.GONE for status in route.failure_statuses)


def _source(context: RequestContext) -> str:
    """Return the source of guesses: the client's address, with the account that knows the browser, if there is one."""
    device = context.services.known_devices.read(context.cookies.get(DEVICE_COOKIE, ""))
    address = context.address or "unknown"
    return f"{device.provider_id} at {address}" if device else address


def _count_metric(namespace: str) -> None:
    """Count one event in a CloudWatch metric, by a log line in Embedded Metric Format and without an AWS call."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(name=METRIC, unit=MetricUnit.Count, value=1, namespace=namespace) as metric:
        metric.add_dimension(name="service", value=SERVICE)
