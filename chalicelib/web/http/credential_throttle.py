"""The delay after wrong passwords and codes from one source, and a count of all wrong credentials for an alarm.

A source is a client's IP address, or an account's known browser at that address. Nobody can guess a link (256 random
bits) or a passkey, so a wrong link or passkey causes no delay and counts for the alarm only."""

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
    """Raise `TooManyRequests`, before a password or code is checked, if its source must wait after wrong tries."""
    if _is_throttled(route, context):
        context.services.source_throttle.check(_source(context), context.now)


def record_failure(route: Route, context: RequestContext, status: int) -> None:
    """Count a wrong password or code for its source, and log it with the client's IP address but no account.

    `status` is the HTTP status of the response, which says whether the credential was wrong. Also log a request that
    came too soon. Both count in the CloudWatch metric of the alarm. Do nothing for every other response."""
    if context.request.method != "POST" or not route.failure_statuses:
        return
    is_wrong = status in route.failure_statuses
    if is_wrong and status != HTTPStatus.GONE and _is_throttled(route, context):
        context.services.source_throttle.count_failure(_source(context), context.now)
    if is_wrong or status == HTTPStatus.TOO_MANY_REQUESTS:
        logger.warning("refused credential", route=route.path, status=status, address=context.address)
        _count_metric(context.services.settings.stage)


def _is_throttled(route: Route, context: RequestContext) -> bool:
    """Return True if the request contains a password or code, which somebody could guess, and so may have to wait.

    A status 410 (Gone) reports an expired link or login, which is no wrong guess."""
    if context.request.method != "POST" or route.throttles_itself:
        return False
    if route.accepts_passkey and read_form(context.request).get("passkey"):
        return False
    return any(status != HTTPStatus.GONE for status in route.failure_statuses)


def _source(context: RequestContext) -> str:
    """Return the text by which wrong passwords and codes are counted: the client's IP address.

    If the browser has the cookie of an earlier login, the text also has the id of that account. So wrong tries by
    others at the same address do not make this browser wait."""
    device = context.services.known_devices.read(context.cookies.get(DEVICE_COOKIE, ""))
    address = context.address or "unknown"
    return f"{device.provider_id} at {address}" if device else address


def _count_metric(namespace: str) -> None:
    """Count one refused credential in the CloudWatch metric of the alarm, without an AWS call.

    The count is a log line in Embedded Metric Format. `namespace` is the installation's stage, such as `prod`."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(name=METRIC, unit=MetricUnit.Count, value=1, namespace=namespace) as metric:
        metric.add_dimension(name="service", value=SERVICE)
