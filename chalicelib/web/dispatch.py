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
from chalicelib.web.access_rules import admitted, answered
from chalicelib.web.http import credential_throttle as guesses
from chalicelib.web.http import request_parsing as requests
from chalicelib.web.http.error_mapping import NO_ANSWER, UNEXPECTED
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.responses import HTML, cookie, error_page, problem
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


def _view(app: Chalice, declared: Route) -> Callable[..., Response]:
    def view(**values: str) -> Response:
        request, context = app.current_request, app.lambda_context
        if request is None or context is None:
            raise LookupError("a view outside of a request")
        return _serve(declared, request, context.aws_request_id, values)

    return view


def _serve(declared: Route, request: Request, request_id: str, values: dict[str, str]) -> Response:
    started = time.perf_counter()
    services = bootstrap.services()
    caller = _stranger(declared, request, services, _path(declared, request, values))
    # The gateway's other id, `requestId`, is whatever the caller sent as x-amzn-requestid.
    told: dict[str, Any] = {
        "request_id": request_id,
        "gateway_request_id": request.context.get("extendedRequestId"),
    }
    try:
        response = _answer(declared, caller, values, told)
    except PortalError as error:
        response = _refusal(declared, caller, error, told)
    except _AWS_FAILED as error:
        _log_mistake(declared, error, told)
        response = _refusal(declared, caller, NO_ANSWER, told)
    except Exception as error:  # noqa: BLE001 - the outermost boundary: logged, and answered as our mistake
        _log_mistake(declared, error, told)
        response = _refusal(declared, caller, UNEXPECTED, told)
    _note_guess(declared, caller, response, told)
    _add_headers(declared, caller, response)
    logger.info(
        "request",
        method=request.method,
        route=declared.path,
        status=response.status_code,
        ms=round((time.perf_counter() - started) * 1000),
        **told,
    )
    return response


def _path(declared: Route, request: Request, values: dict[str, str]) -> str:
    """The request's own path. Chalice does not tell a view what a greedy `{proxy+}` stands for."""
    if not declared.path.endswith("+}"):
        return declared.path.format(**values)
    return "/" + "/".join((request.uri_params or {}).values())


def _stranger(declared: Route, request: Request, services: bootstrap.Services, path: str) -> Caller:
    """The caller before anything is established."""
    sent = requests.cookies(request)
    return Caller(
        services=services,
        request=request,
        path=path,
        now=services.clock.now(),
        address=requests.address(request),
        device=requests.device(request),
        csrf="" if declared.for_software else sent.get(requests.CSRF_COOKIE) or services.ids.token(),
        query={} if _could_be_guessed(declared, request) else requests.query(request),
        cookies=sent,
    )


def _could_be_guessed(declared: Route, request: Request) -> bool:
    """Whether another website chose what this page would repeat beside a patient's name: pages go out
    compressed, and from the length of many a patient's name could be guessed (BREACH).
    """
    at_risk = declared.access in WITH_SESSION and not declared.keeps_query
    return at_risk and requests.came_from_elsewhere(request)


def _answer(declared: Route, caller: Caller, values: dict[str, str], told: dict[str, Any]) -> Response:
    """What the log is told of it goes to `told`: whose and which, once the rule has admitted the caller."""
    requests.check_path(values)
    if caller.request.method == "POST" and not declared.for_software:
        caller = _with_form(declared, caller)
        guesses.check(declared, caller)
    found = admitted(declared, caller, values)
    if isinstance(found, Response):
        return found
    told.update(_about(found))
    with _kept_alive(found):
        return answered(declared, found, values)


def _with_form(declared: Route, caller: Caller) -> Caller:
    sent = requests.form(caller.request) if declared.form else {}
    requests.check_same_site(caller.request, sent, caller.services.settings.portal_url)
    return replace(caller, form=sent)


@contextmanager
def _kept_alive(caller: Caller) -> Iterator[None]:
    """Notes the session's use while the handler works, so that no page waits for it."""
    if caller.session is None:
        yield
        return
    note = Thread(target=_touch, args=(caller, caller.session))
    note.start()
    try:
        yield
    finally:
        note.join()


def _touch(caller: Caller, session: Secret) -> None:
    try:
        caller.services.sessions.touch(session, caller.now)
    except PortalError as error:
        logger.warning("session not touched", error=error.code)


def _about(caller: Caller) -> dict[str, str]:
    """Opaque ids, for who has to find out what happened to one document or one clinic."""
    told = {}
    if caller.document is not None:
        told = {"document": caller.document.id, "practice": caller.document.practice_id}
    if caller.practice is not None:
        told["practice"] = caller.practice.id
    return told


def _refusal(declared: Route, caller: Caller, error: PortalError, told: dict[str, Any]) -> Response:
    told["code"] = error.code
    if declared.for_software:
        return problem(error, caller.services.settings.portal_url)
    return error_page(caller, error)


def _note_guess(declared: Route, caller: Caller, response: Response, told: dict[str, Any]) -> None:
    """The answer stands whatever becomes of the count."""
    try:
        guesses.note(declared, caller, response.status_code)
    except (PortalError, *_AWS_FAILED) as error:
        _log_mistake(declared, error, told)


def _log_mistake(declared: Route, error: Exception, told: dict[str, Any]) -> None:
    """Where it happened, without its message: that may quote what was sent."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    logger.error(
        "unexpected",
        route=declared.path,
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


def _add_headers(declared: Route, caller: Caller, response: Response) -> None:
    is_page = response.headers.get("Content-Type") == HTML
    shows_files = is_page and response.status_code != HTTPStatus.SEE_OTHER and declared.deals_with_files
    origin = caller.services.files.origin() if shows_files else None
    response.headers = {**security_headers(origin), **response.headers}
    if is_page and caller.csrf != caller.cookies.get(requests.CSRF_COOKIE):
        others = response.headers.get("Set-Cookie", [])
        response.headers["Set-Cookie"] = [*others, cookie(requests.CSRF_COOKIE, caller.csrf)]
