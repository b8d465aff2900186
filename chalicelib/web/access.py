"""Who may use each route: declared in `routes.py`, decided here and nowhere else.

`register` serves the routes of that table: it authenticates, checks where a form came from, hands the
handler a `Caller`, turns errors into answers, adds the security headers and writes one log line.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from importlib import import_module
from threading import Thread
from urllib.parse import quote, urlencode

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, Request, Response
from pynamodb.exceptions import PynamoDBException

from chalicelib import bootstrap
from chalicelib.domain.errors import NotFound, PortalError
from chalicelib.domain.secrets import Secret, SecretKind, secret_key
from chalicelib.web import guesses, requests
from chalicelib.web.answers import HTML, cookie, error_page, problem, redirect
from chalicelib.web.caller import Caller
from chalicelib.web.errors import NO_ANSWER, UNEXPECTED
from chalicelib.web.headers import security_headers
from chalicelib.web.requests import BY_HAND_COOKIE, SESSION_COOKIE

__all__ = ["BY_HAND_COOKIE", "SESSION_COOKIE", "Access", "Caller", "Route", "register"]

_NOTHING_HERE = "There is nothing at this address. It may have been withdrawn, or it is not addressed to you."

logger = Logger(service="portal")


class Access(Enum):
    """Who may come in. What each establishes on the `Caller` stands beside it."""

    ANYONE = "anyone"
    ACCOUNT = "account"  # session, provider; even while a second factor is still to be set up
    PROVIDER = "provider"  # session, provider
    DOCUMENT = "document"  # session, provider, document (addressed to them)
    BY_HAND = "by_hand"  # by_hand, document
    PRACTICE_KEY = "practice_key"  # practice
    PRACTICE_SIGNATURE = "practice_signature"  # practice


_FOR_SOFTWARE = frozenset({Access.PRACTICE_KEY, Access.PRACTICE_SIGNATURE})
_WITH_SESSION = frozenset({Access.ACCOUNT, Access.PROVIDER, Access.DOCUMENT})
_SHOWS_PATIENTS = frozenset({Access.PROVIDER, Access.DOCUMENT})
_SHOWS_FILES = _WITH_SESSION | {Access.BY_HAND}

_AWS_FAILED = (BotoCoreError, ClientError, PynamoDBException)

Handler = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    """One row of the table of routes. `handler` answers `(caller, **path parameters)`, or names what does as
    `module:function`. `form` says that a post carries a form of ours, `files` that the page deals with the
    bucket although anyone may come, `wrong` the statuses by which a post says that a password, code, link or
    passkey was wrong: such a route is throttled by source, here unless it `counts_itself`, and not for what
    nobody can guess: a link, or the passkey of a form that `takes_passkey` (`guesses.py`). `keeps_query` says
    that another website's link may choose the query: it is checked, and the page shows no patient.
    `only_reads` says of a post what goes without saying of a get: nothing is written because of it, but for
    a document's first view.
    """

    path: str
    methods: tuple[str, ...]
    access: Access
    handler: str | Handler
    form: bool = True
    files: bool = False
    wrong: tuple[int, ...] = ()
    counts_itself: bool = False
    takes_passkey: bool = False
    keeps_query: bool = False
    only_reads: bool = False

    @property
    def for_software(self) -> bool:
        """Whether an EMR reads the answer: then errors are problem+json."""
        return self.access in _FOR_SOFTWARE or self.path.startswith("/v1/")

    def load(self) -> Handler:
        """The handler, its module imported if this is the first request for it."""
        if not isinstance(self.handler, str):
            return self.handler
        module, _, name = self.handler.partition(":")
        found: Handler = getattr(import_module(f"chalicelib.web.{module}"), name)
        return found


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


# Serving


def _serve(declared: Route, request: Request, request_id: str, values: dict[str, str]) -> Response:
    started = time.perf_counter()
    services = bootstrap.services()
    caller = _stranger(declared, request, services, _path(declared, request, values))
    try:
        response = _answer(declared, caller, values)
    except PortalError as error:
        response = _refusal(declared, caller, error)
    except _AWS_FAILED as error:
        _log_mistake(declared, error)
        response = _refusal(declared, caller, NO_ANSWER)
    except Exception as error:  # noqa: BLE001 - the outermost boundary: logged, and answered as our mistake
        _log_mistake(declared, error)
        response = _refusal(declared, caller, UNEXPECTED)
    _note_guess(declared, caller, response)
    _add_headers(declared, caller, response)
    logger.info(
        "request", method=request.method, route=declared.path, status=response.status_code,
        ms=round((time.perf_counter() - started) * 1000), request_id=request_id,
    )  # fmt: skip
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
    at_risk = declared.access in _WITH_SESSION and not declared.keeps_query
    return at_risk and requests.came_from_elsewhere(request)


def _answer(declared: Route, caller: Caller, values: dict[str, str]) -> Response:
    requests.check_path(values)
    if caller.request.method == "POST" and not declared.for_software:
        caller = _with_form(declared, caller)
        guesses.check(declared, caller)
    admitted = _RULES[declared.access](caller, values)
    if isinstance(admitted, Response):
        return admitted
    with _kept_alive(admitted):
        if declared.access not in _SHOWS_PATIENTS or admitted.known.has_second_factor:
            return declared.load()(admitted, **values)
        return _after_second_factor(declared, admitted, values)


def _after_second_factor(declared: Route, caller: Caller, values: dict[str, str]) -> Response:
    """The page, unless a practice or the portal asks for a second factor that its reader does not have yet.

    What records nothing is made while the switches are read, which cost it no time; its refusal, too, is only
    for who may see it. What records a view or a decision waits for them; what it reads first is read
    meanwhile.
    """
    from chalicelib.services.writing import together
    from chalicelib.web.enrolment import is_asked_for, to_enrolment

    if _only_reads(declared, caller):
        asked, answer = together(lambda: is_asked_for(caller), lambda: _made(declared, caller, values))
        if asked:
            return to_enrolment(caller)
        if isinstance(answer, PortalError):
            raise answer
        return answer
    document, ahead = caller.document, caller.services.review.read_ahead
    asked, practice = together(
        lambda: is_asked_for(caller), lambda: ahead(document) if document is not None else None
    )  # fmt: skip
    return to_enrolment(caller) if asked else declared.load()(replace(caller, practice=practice), **values)


def _only_reads(declared: Route, caller: Caller) -> bool:
    from chalicelib.services.writing import needs_view

    seen = caller.document is None or not needs_view(caller.document)
    return seen and (declared.only_reads or declared.methods == ("GET",))


def _made(declared: Route, caller: Caller, values: dict[str, str]) -> Response | PortalError:
    try:
        return declared.load()(caller, **values)
    except PortalError as refusal:
        return refusal


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


def _refusal(declared: Route, caller: Caller, error: PortalError) -> Response:
    if declared.for_software:
        return problem(error, caller.services.settings.portal_url)
    return error_page(caller, error)


def _note_guess(declared: Route, caller: Caller, response: Response) -> None:
    """The answer stands whatever becomes of the count."""
    try:
        guesses.note(declared, caller, response.status_code)
    except (PortalError, *_AWS_FAILED) as error:
        _log_mistake(declared, error)


def _log_mistake(declared: Route, error: Exception) -> None:
    """Where it happened, without its message: that may quote what was sent."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    logger.error("unexpected", route=declared.path, kind=type(error).__name__, places=places[-8:])


def _add_headers(declared: Route, caller: Caller, response: Response) -> None:
    is_page = response.headers.get("Content-Type") == HTML
    shows_files = is_page and response.status_code != HTTPStatus.SEE_OTHER and _deals_with_files(declared)
    origin = caller.services.files.origin() if shows_files else None
    response.headers = {**security_headers(origin), **response.headers}
    if is_page and caller.csrf != caller.cookies.get(requests.CSRF_COOKIE):
        others = response.headers.get("Set-Cookie", [])
        response.headers["Set-Cookie"] = [*others, cookie(requests.CSRF_COOKIE, caller.csrf)]


def _deals_with_files(declared: Route) -> bool:
    return declared.files or declared.access in _SHOWS_FILES


# The rules


def _anyone(caller: Caller, _values: dict[str, str]) -> Caller:
    return caller


def _provider(caller: Caller, _values: dict[str, str]) -> Caller | Response:
    found = caller.services.sessions.visit(caller.cookies.get(SESSION_COOKIE, ""), caller.now)
    if found is None:
        return _to_login(caller)
    return replace(caller, session=found.session, provider=found.provider)


def _document(caller: Caller, values: dict[str, str]) -> Caller | Response:
    document_id = values["document_id"]
    sessions = caller.services.sessions
    found = sessions.visit(caller.cookies.get(SESSION_COOKIE, ""), caller.now, document_id)
    if found is None:
        return _to_door(caller, document_id)
    known = replace(caller, session=found.session, provider=found.provider, document=found.document)
    if known.document is None or known.document.provider_id != known.known.id:
        raise NotFound(_NOTHING_HERE)
    return known


def _by_hand(caller: Caller, values: dict[str, str]) -> Caller | Response:
    from chalicelib.services.by_hand import opens

    document_id = values["document_id"]
    token = caller.cookies.get(BY_HAND_COOKIE, "")
    found = caller.services.store.visit(secret_key(SecretKind.BY_HAND, token), None, document_id)
    visit, document = found.session, found.document
    if visit is None or document is None or not opens(visit, document, caller.now):
        return redirect(f"/by-hand/{document_id}")
    return replace(caller, by_hand=visit, document=document)


def _practice_key(caller: Caller, _values: dict[str, str]) -> Caller:
    from chalicelib.services.practices import authenticate_key

    bearer = caller.request.headers.get("authorization")
    return replace(caller, practice=authenticate_key(caller.services.store, bearer, caller.now))


def _practice_signature(caller: Caller, _values: dict[str, str]) -> Caller:
    from chalicelib.services.practices import authenticate_signature

    request = caller.request
    body = requests.body(request)
    practice = authenticate_signature(caller.services.store, request.headers, body, caller.now)
    return replace(caller, practice=practice)


_RULES: dict[Access, Callable[[Caller, dict[str, str]], Caller | Response]] = {
    Access.ANYONE: _anyone,
    Access.ACCOUNT: _provider,
    Access.PROVIDER: _provider,
    Access.DOCUMENT: _document,
    Access.BY_HAND: _by_hand,
    Access.PRACTICE_KEY: _practice_key,
    Access.PRACTICE_SIGNATURE: _practice_signature,
}


def _to_login(caller: Caller) -> Response:
    """To the login page, and from there back to where one was going, if that was a page."""
    wanted = {"next": caller.here} if caller.request.method == "GET" else {}
    ended = {"reason": "ended"} if SESSION_COOKIE in caller.cookies else {}
    text = urlencode({**wanted, **ended}, quote_via=quote, safe="/")
    return redirect(f"/login?{text}" if text else "/login", cookies=_forget_session(caller))


def _to_door(caller: Caller, document_id: str) -> Response:
    """The document's door at the document's own address; from anywhere below it, a redirect there."""
    from chalicelib.web.door import door

    if caller.request.method == "GET" and caller.path == f"/documents/{document_id}":
        return door(caller, document_id)
    return redirect(f"/documents/{document_id}", cookies=_kept(caller, document_id))


def _kept(caller: Caller, document_id: str) -> list[str]:
    if caller.request.method != "POST" or not caller.path.endswith(("/approve", "/decline")):
        return []
    from chalicelib.web.kept import keep_what_was_written

    return keep_what_was_written(caller, document_id)


def _forget_session(caller: Caller) -> list[str]:
    return [cookie(SESSION_COOKIE, "", 0)] if SESSION_COOKIE in caller.cookies else []
