"""The steps of every HTTP request: read it, apply the access rule, call the handler, add headers, log one line."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from threading import Thread
from traceback import walk_tb

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, Request, Response
from pynamodb.exceptions import PynamoDBException

from chalicelib import bootstrap
from chalicelib.domain.errors import PortalError
from chalicelib.domain.expiring_records import Secret
from chalicelib.services.concurrency import run_concurrently
from chalicelib.web.access_log import record, run_handler
from chalicelib.web.access_rules import (
    Denial,
    authorize,
    is_read_only,
    may_require_second_factor,
    requires_second_factor,
)
from chalicelib.web.denied_access import render_denial
from chalicelib.web.http import credential_throttle, request_parsing
from chalicelib.web.http.error_mapping import DEPENDENCY_FAILED, UNEXPECTED
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import HTML, format_cookie, problem_response, refuse_prefetch, render_error_page
from chalicelib.web.http.security_headers import security_headers
from chalicelib.web.route import WITH_SESSION, Route
from chalicelib.web.routes import PAGES_WITH_FORM

_AWS_ERRORS = (BotoCoreError, ClientError, PynamoDBException)

logger = Logger(service="portal")


def register(app: Chalice, routes: Iterable[Route]) -> None:
    """Register the routes with the Chalice app, for every content type.

    If a route refused a content type, Chalice would send its own error, which is neither a page nor problem+json."""
    for route in routes:
        app.route(route.path, methods=list(route.methods), content_types=[])(_view(app, route))


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
    context.log_fields["request_id"] = request_id
    # Callers choose the gateway's other id, `requestId`, with the header x-amzn-requestid.
    context.log_fields["gateway_request_id"] = request.context.get("extendedRequestId")
    try:
        response = _respond(route, context, values)
    except PortalError as error:
        response = _refuse(route, context, error)
    except Exception as error:  # noqa: BLE001 - the outermost boundary logs every error and returns 500
        _log_mistake(route, context, error)
        response = _refuse(route, context, DEPENDENCY_FAILED if isinstance(error, _AWS_ERRORS) else UNEXPECTED)
    _count_credential_failure(route, context, response)
    _add_headers(route, context, response)
    logger.info(
        "request",
        method=request.method,
        route=route.path,
        status=response.status_code,
        ms=round((time.perf_counter() - started) * 1000),
        **context.log_fields,
    )
    return response


def _path(route: Route, request: Request, values: dict[str, str]) -> str:
    """Return the actual path of the request, such as `/documents/doc_1`, from the route's pattern and its `values`.

    For the pattern `{proxy+}`, which matches every path, Chalice passes no values, so they come from the request."""
    if not route.path.endswith("+}"):
        return route.path.format(**values)
    return "/" + "/".join((request.uri_params or {}).values())


def _open_context(route: Route, request: Request, services: bootstrap.Services, path: str) -> RequestContext:
    """Return the context of a request as the access rule gets it: without session, provider, document and practice."""
    cookies = request_parsing.read_cookies(request)
    return RequestContext(
        services=services,
        request=request,
        path=path,
        has_page=route.path in PAGES_WITH_FORM,
        now=services.clock.now(),
        address=request_parsing.read_address(request),
        device=request_parsing.read_device(request),
        csrf="" if route.is_api else cookies.get(request_parsing.CSRF_COOKIE) or services.ids.token(),
        query={} if _has_foreign_query(route, request) else request_parsing.read_query(request),
        cookies=cookies,
    )


def _has_foreign_query(route: Route, request: Request) -> bool:
    """Return True if another website may have chosen the query, and the page may show a patient's name.

    The query is then ignored. Pages are compressed, so if a page repeated a text that an attacker chose, the length of
    the page would help the attacker to guess the name (the BREACH attack)."""
    at_risk = route.access in WITH_SESSION and not route.trusts_query
    return at_risk and request_parsing.is_cross_site(request)


def _respond(route: Route, context: RequestContext, values: dict[str, str]) -> Response:
    """Check the form, apply the access rule, and return the handler's response or the page for a denied request.

    Raises `PortalError` for a request that is refused."""
    request_parsing.check_path(values)
    if route.shows_private_pages and request_parsing.is_prefetch(context.request):
        # Otherwise the portal would record a view and a transmission of a document that nobody has seen.
        return refuse_prefetch()
    if context.request.method == "POST" and not route.is_api:
        form = request_parsing.read_form(context.request)
        request_parsing.check_same_site(context.request, form, context.services.settings.portal_url)
        context = replace(context, form=form)
        credential_throttle.check(route, context)
    admitted = authorize(route, context, values)
    if isinstance(admitted, Denial):
        return render_denial(admitted, context, values)
    context.log_fields.update(_log_ids(admitted))
    with _session_touched(admitted):
        if not may_require_second_factor(route, admitted):
            return run_handler(route, admitted, values)
        response = _enforce_second_factor(route, admitted, values)
        return response or render_denial(Denial.NO_SECOND_FACTOR, admitted, values)


def _enforce_second_factor(route: Route, context: RequestContext, values: dict[str, str]) -> Response | None:
    """Return the handler's response, or None if this provider must set up a second factor first.

    The practices' setting *second factor required* is in Parameter Store, and reading it takes time. So a handler that
    writes nothing is called at the same time, and its response is discarded if a second factor is required. Every
    other handler waits for the setting. In that case, only the document's practice is read in the meantime."""
    if is_read_only(route, context):
        required, response = run_concurrently(
            lambda: _check_and_record(route, context, values), lambda: _call_handler(route, context, values)
        )
        if isinstance(response, PortalError) and not required:
            raise response
        return None if required or isinstance(response, PortalError) else response
    document, read_ahead = context.document, context.services.review.prefetch_practice
    required, practice = run_concurrently(
        lambda: requires_second_factor(context), lambda: read_ahead(document) if document else None
    )
    return None if required else run_handler(route, replace(context, practice=practice), values)


def _check_and_record(route: Route, context: RequestContext, values: dict[str, str]) -> bool:
    """Return True if the provider must set up a second factor before the portal shows this response.

    Otherwise, store an access event (who read the document) if the route shows a document, and return False. The
    route's handler runs at the same time as this function, to save time."""
    required = requires_second_factor(context)
    if route.reads and not required:
        record(route, context, values)
    return required


def _call_handler(route: Route, context: RequestContext, values: dict[str, str]) -> Response | PortalError:
    try:
        return route.load()(context, **values)
    except PortalError as error:
        return error


@contextmanager
def _session_touched(context: RequestContext) -> Iterator[None]:
    """Record that the session is in use while the code in the `with` block works, so that it does not end by idleness.

    A second thread writes at the same time as the handler works. Without a session, do nothing."""
    if context.session is None:
        yield
        return
    thread = Thread(target=_touch, args=(context, context.session))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _touch(context: RequestContext, session: Secret) -> None:
    try:
        context.services.sessions.touch(session, context.now)
    except PortalError as error:
        logger.warning("session not touched", error=error.code)


def _log_ids(context: RequestContext) -> dict[str, str]:
    """Return the ids of the request's document and practice, by which support finds the request's line in the log."""
    ids = {}
    if context.document is not None:
        ids = {"document": context.document.id, "practice": context.document.practice_id}
    if context.practice is not None:
        ids["practice"] = context.practice.id
    return ids


def _refuse(route: Route, context: RequestContext, error: PortalError) -> Response:
    context.log_fields["code"] = error.code
    if route.is_api:
        return problem_response(error, context.services.settings.portal_url)
    return render_error_page(context, error)


def _count_credential_failure(route: Route, context: RequestContext, response: Response) -> None:
    """Count a wrong password, code, link or passkey, by the response's status. Log an error of the count itself.

    The count makes the client wait before further tries, and feeds an alarm."""
    try:
        credential_throttle.record_failure(route, context, response.status_code)
    except (PortalError, *_AWS_ERRORS) as error:
        _log_mistake(route, context, error)


def _log_mistake(route: Route, context: RequestContext, error: Exception) -> None:
    """Log an unexpected error with the file names and line numbers of its traceback, for the developers.

    The error's message is left out, because it may quote a patient's data from the request."""
    places = [f"{frame.f_code.co_filename}:{line}" for frame, line in walk_tb(error.__traceback__)]
    logger.error(
        "unexpected",
        route=route.path,
        kind=type(error).__name__,
        aws_code=_aws_code(error),
        places=places[-8:],
        **context.log_fields,
    )


def _aws_code(error: Exception) -> str | None:
    """Return the AWS error code for the log, such as `Throttling` or `AccessDenied`, or None for any other error."""
    cause = error.cause if isinstance(error, PynamoDBException) else error
    return str(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else None


def _add_headers(route: Route, context: RequestContext, response: Response) -> None:
    is_page = response.headers.get("Content-Type") == HTML
    shows_files = is_page and response.status_code != HTTPStatus.SEE_OTHER and route.shows_files
    origin = context.services.files.origin() if shows_files else None
    response.headers = {**security_headers(origin), **response.headers}
    if is_page and context.csrf != context.cookies.get(request_parsing.CSRF_COOKIE):
        others = response.headers.get("Set-Cookie", [])
        cookie = format_cookie(request_parsing.CSRF_COOKIE, context.csrf)
        response.headers["Set-Cookie"] = [*others, cookie]
