"""What every request goes through: its caller is established, and the form's origin checked; errors become
answers, the security headers are added, and one line is logged.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from threading import Thread
from typing import Any

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, Request, Response
from pynamodb.exceptions import PynamoDBException

from chalicelib import bootstrap
from chalicelib.domain.errors import PortalError
from chalicelib.domain.expiring_records import Secret
from chalicelib.web.access_rules import authorize, handle
from chalicelib.web.http import credential_throttle, request_parsing
from chalicelib.web.http.error_mapping import DEPENDENCY_FAILED, UNEXPECTED
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import HTML, format_cookie, problem_response, render_error_page
from chalicelib.web.http.security_headers import security_headers
from chalicelib.web.route import WITH_SESSION, Route

_AWS_FAILED = (BotoCoreError, ClientError, PynamoDBException)

logger = Logger(service="portal")


def register(app: Chalice, routes: Iterable[Route]) -> None:
    """Serves these routes with `app`: nothing is reached but through its route's access rule.

    No content type is refused before us: Chalice's own refusal would not be a problem or a page.
    """
    for each in routes:
        app.route(each.path, methods=list(each.methods), content_types=[])(_view(app, each))


def _view(app: Chalice, route: Route) -> Callable[..., Response]:
    def view(**values: str) -> Response:
        request, invocation = app.current_request, app.lambda_context
        if request is None or invocation is None:
            raise LookupError("a view outside of a request")
        return _serve(route, request, invocation.aws_request_id, values)

    return view


def _serve(route: Route, request: Request, request_id: str, values: dict[str, str]) -> Response:
    started = time.perf_counter()
    services = bootstrap.services()
    context = _open_context(route, request, services, _path(route, request, values))
    # The gateway's other id, `requestId`, is whatever the caller sent as x-amzn-requestid.
    told: dict[str, Any] = {
        "request_id": request_id,
        "gateway_request_id": request.context.get("extendedRequestId"),
    }
    try:
        response = _answer(route, context, values, told)
    except PortalError as error:
        response = _refusal(route, context, error, told)
    except _AWS_FAILED as error:
        _log_mistake(route, error, told)
        response = _refusal(route, context, DEPENDENCY_FAILED, told)
    except Exception as error:  # noqa: BLE001 - the outermost boundary: logged, and answered as our mistake
        _log_mistake(route, error, told)
        response = _refusal(route, context, UNEXPECTED, told)
    _note_guess(route, context, response, told)
    _add_headers(route, context, response)
    logger.info(
        "request",
        method=request.method,
        route=route.path,
        status=response.status_code,
        ms=round((time.perf_counter() - started) * 1000),
        **told,
    )
    return response


def _path(route: Route, request: Request, values: dict[str, str]) -> str:
    """The request's own path. Chalice does not tell a view what a greedy `{proxy+}` stands for."""
    if not route.path.endswith("+}"):
        return route.path.format(**values)
    return "/" + "/".join((request.uri_params or {}).values())


def _open_context(route: Route, request: Request, services: bootstrap.Services, path: str) -> RequestContext:
    """The caller before anything is established."""
    sent = request_parsing.read_cookies(request)
    return RequestContext(
        services=services,
        request=request,
        path=path,
        now=services.clock.now(),
        address=request_parsing.read_address(request),
        device=request_parsing.read_device(request),
        csrf="" if route.is_api else sent.get(request_parsing.CSRF_COOKIE) or services.ids.token(),
        query={} if _has_foreign_query(route, request) else request_parsing.read_query(request),
        cookies=sent,
    )


def _has_foreign_query(route: Route, request: Request) -> bool:
    """Whether another website chose what this page would repeat beside a patient's name: pages go out
    compressed, and from the length of many a patient's name could be guessed (BREACH).
    """
    at_risk = route.access in WITH_SESSION and not route.trusts_query
    return at_risk and request_parsing.is_cross_site(request)


def _answer(route: Route, context: RequestContext, values: dict[str, str], told: dict[str, Any]) -> Response:
    """What the log is told of it goes to `told`: whose and which, once the rule has admitted the caller."""
    request_parsing.check_path(values)
    if context.request.method == "POST" and not route.is_api:
        context = _with_form(route, context)
        credential_throttle.check(route, context)
    found = authorize(route, context, values)
    if isinstance(found, Response):
        return found
    told.update(_about(found))
    with _kept_alive(found):
        return handle(route, found, values)


def _with_form(route: Route, context: RequestContext) -> RequestContext:
    sent = request_parsing.read_form(context.request) if route.has_form else {}
    request_parsing.check_same_site(context.request, sent, context.services.settings.portal_url)
    return replace(context, form=sent)


@contextmanager
def _kept_alive(context: RequestContext) -> Iterator[None]:
    """Notes the session's use while the handler works, so that no page waits for it."""
    if context.session is None:
        yield
        return
    note = Thread(target=_touch, args=(context, context.session))
    note.start()
    try:
        yield
    finally:
        note.join()


def _touch(context: RequestContext, session: Secret) -> None:
    try:
        context.services.sessions.touch(session, context.now)
    except PortalError as error:
        logger.warning("session not touched", error=error.code)


def _about(context: RequestContext) -> dict[str, str]:
    """Opaque ids, for who has to find out what happened to one document or one clinic."""
    told = {}
    if context.document is not None:
        told = {"document": context.document.id, "practice": context.document.practice_id}
    if context.practice is not None:
        told["practice"] = context.practice.id
    return told


def _refusal(route: Route, context: RequestContext, error: PortalError, told: dict[str, Any]) -> Response:
    told["code"] = error.code
    if route.is_api:
        return problem_response(error, context.services.settings.portal_url)
    return render_error_page(context, error)


def _note_guess(route: Route, context: RequestContext, response: Response, told: dict[str, Any]) -> None:
    """The answer stands whatever becomes of the count."""
    try:
        credential_throttle.note(route, context, response.status_code)
    except (PortalError, *_AWS_FAILED) as error:
        _log_mistake(route, error, told)


def _log_mistake(route: Route, error: Exception, told: dict[str, Any]) -> None:
    """Where it happened, without its message: that may quote what was sent."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    logger.error(
        "unexpected",
        route=route.path,
        kind=type(error).__name__,
        aws_code=_aws_code(error),
        places=places[-8:],
        **told,
    )


def _aws_code(error: Exception) -> str | None:
    """Tells what was throttled from what was denied and from what is not there."""
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return error.cause_response_code if isinstance(error, PynamoDBException) else None


def _add_headers(route: Route, context: RequestContext, response: Response) -> None:
    is_page = response.headers.get("Content-Type") == HTML
    shows_files = is_page and response.status_code != HTTPStatus.SEE_OTHER and route.shows_files
    origin = context.services.files.origin() if shows_files else None
    response.headers = {**security_headers(origin), **response.headers}
    if is_page and context.csrf != context.cookies.get(request_parsing.CSRF_COOKIE):
        others = response.headers.get("Set-Cookie", [])
        response.headers["Set-Cookie"] = [*others, format_cookie(request_parsing.CSRF_COOKIE, context.csrf)]
