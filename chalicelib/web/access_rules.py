"""Who may use each route: declared in `routes.py`, decided here and nowhere else."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote, urlencode

from chalice.app import Response

from chalicelib.domain.errors import NotFound, PortalError
from chalicelib.domain.expiring_records import SecretKind, secret_key
from chalicelib.web.http import request_parsing
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import BY_HAND_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie, redirect
from chalicelib.web.route import SHOWS_PATIENTS, Access, Route

_NOTHING_HERE = "There is nothing at this address. It may have been withdrawn, or it is not addressed to you."


def authorize(route: Route, context: RequestContext, values: dict[str, str]) -> RequestContext | Response:
    """The caller with all that the route's rule establishes, or what they get instead."""
    return _RULES[route.access](context, values)


def handle(route: Route, context: RequestContext, values: dict[str, str]) -> Response:
    """What the handler answers whom the rule has admitted."""
    if route.access not in SHOWS_PATIENTS or context.require_provider().has_second_factor:
        return route.load()(context, **values)
    return _enforce_second_factor(route, context, values)


def _enforce_second_factor(route: Route, context: RequestContext, values: dict[str, str]) -> Response:
    """The page, unless a practice or the portal asks for a second factor that its reader does not have yet.

    What records nothing is made while the switches are read, which cost it no time; its refusal, too, is only
    for who may see it. What records a view or a decision waits for them; what it reads first is read
    meanwhile.
    """
    from chalicelib.services.concurrency import run_concurrently
    from chalicelib.web.pages.second_factor_setup import is_asked_for, to_enrolment

    if _only_reads(route, context):
        asked, answer = run_concurrently(
            lambda: is_asked_for(context), lambda: _render_or_refuse(route, context, values)
        )
        if asked:
            return to_enrolment(context)
        if isinstance(answer, PortalError):
            raise answer
        return answer
    document, ahead = context.document, context.services.review.read_ahead
    asked, practice = run_concurrently(
        lambda: is_asked_for(context), lambda: ahead(document) if document is not None else None
    )
    return to_enrolment(context) if asked else route.load()(replace(context, practice=practice), **values)


def _only_reads(route: Route, context: RequestContext) -> bool:
    from chalicelib.services.documents.document_writer import needs_view
    from chalicelib.web.pages.unsent_drafts import draft_cookie

    document = context.document
    if document is not None and (needs_view(document) or draft_cookie(document.id) in context.cookies):
        return False
    return route.read_only or route.methods == ("GET",)


def _render_or_refuse(
    route: Route, context: RequestContext, values: dict[str, str]
) -> Response | PortalError:
    try:
        return route.load()(context, **values)
    except PortalError as refusal:
        return refusal


# The rules


def _anyone(context: RequestContext, _values: dict[str, str]) -> RequestContext:
    return context


def _provider(context: RequestContext, _values: dict[str, str]) -> RequestContext | Response:
    found = context.services.sessions.visit(context.cookies.get(SESSION_COOKIE, ""), context.now)
    if found is None:
        return _to_login(context)
    return replace(context, session=found.session, provider=found.provider)


def _document(context: RequestContext, values: dict[str, str]) -> RequestContext | Response:
    document_id = values["document_id"]
    sessions = context.services.sessions
    found = sessions.visit(context.cookies.get(SESSION_COOKIE, ""), context.now, document_id)
    if found is None:
        return _to_door(context, document_id)
    known = replace(context, session=found.session, provider=found.provider, document=found.document)
    if known.document is None or known.document.provider_id != known.require_provider().id:
        raise NotFound(_NOTHING_HERE)
    return known


def _by_hand(context: RequestContext, values: dict[str, str]) -> RequestContext | Response:
    from chalicelib.services.review.by_hand import opens

    document_id = values["document_id"]
    token = context.cookies.get(BY_HAND_COOKIE, "")
    found = context.services.store.visit(secret_key(SecretKind.BY_HAND, token), None, document_id)
    visit, document = found.session, found.document
    if visit is None or document is None or not opens(visit, document, context.now):
        return redirect(f"/by-hand/{document_id}")
    return replace(context, by_hand=visit, document=document)


def _practice_key(context: RequestContext, _values: dict[str, str]) -> RequestContext:
    from chalicelib.services.practices.practices import authenticate_key

    bearer = context.request.headers.get("authorization")
    return replace(context, practice=authenticate_key(context.services.store, bearer, context.now))


def _practice_signature(context: RequestContext, _values: dict[str, str]) -> RequestContext:
    from chalicelib.services.practices.practices import authenticate_signature

    request = context.request
    body = request_parsing.read_body(request)
    practice = authenticate_signature(context.services.store, request.headers, body, context.now)
    return replace(context, practice=practice)


_RULES: dict[Access, Callable[[RequestContext, dict[str, str]], RequestContext | Response]] = {
    Access.ANYONE: _anyone,
    Access.ACCOUNT: _provider,
    Access.PROVIDER: _provider,
    Access.DOCUMENT: _document,
    Access.BY_HAND: _by_hand,
    Access.PRACTICE_KEY: _practice_key,
    Access.PRACTICE_SIGNATURE: _practice_signature,
}


def _to_login(context: RequestContext) -> Response:
    """To the login page, and from there back to where one was going, if that was a page."""
    wanted = {"next": context.return_path} if context.request.method == "GET" else {}
    ended = {"reason": "ended"} if SESSION_COOKIE in context.cookies else {}
    text = urlencode({**wanted, **ended}, quote_via=quote, safe="/")
    return redirect(f"/login?{text}" if text else "/login", cookies=_forget_session(context))


def _to_door(context: RequestContext, document_id: str) -> Response:
    """The document's door at the document's own address; from anywhere below it, a redirect there."""
    from chalicelib.web.pages.document_landing import door

    if context.request.method == "GET" and context.path == f"/documents/{document_id}":
        return door(context, document_id)
    return redirect(f"/documents/{document_id}", cookies=_kept(context, document_id))


def _kept(context: RequestContext, document_id: str) -> list[str]:
    if context.request.method != "POST" or not context.path.endswith(("/approve", "/decline")):
        return []
    from chalicelib.web.pages.unsent_drafts import keep_what_was_written

    return keep_what_was_written(context, document_id)


def _forget_session(context: RequestContext) -> list[str]:
    return [format_cookie(SESSION_COOKIE, "", 0)] if SESSION_COOKIE in context.cookies else []
