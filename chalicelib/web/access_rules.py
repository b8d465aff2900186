"""Who may use each route: declared in `routes.py`, decided here and nowhere else."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote, urlencode

from chalice.app import Response

from chalicelib.domain.errors import NotFound, PortalError
from chalicelib.domain.expiring_records import SecretKind, secret_key
from chalicelib.web.http import request_parsing as requests
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.request_parsing import BY_HAND_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import cookie, redirect
from chalicelib.web.route import SHOWS_PATIENTS, Access, Route

_NOTHING_HERE = "There is nothing at this address. It may have been withdrawn, or it is not addressed to you."


def admitted(declared: Route, caller: Caller, values: dict[str, str]) -> Caller | Response:
    """The caller with all that the route's rule establishes, or what they get instead."""
    return _RULES[declared.access](caller, values)


def answered(declared: Route, caller: Caller, values: dict[str, str]) -> Response:
    """What the handler answers whom the rule has admitted."""
    if declared.access not in SHOWS_PATIENTS or caller.known.has_second_factor:
        return declared.load()(caller, **values)
    return _after_second_factor(declared, caller, values)


def _after_second_factor(declared: Route, caller: Caller, values: dict[str, str]) -> Response:
    """The page, unless a practice or the portal asks for a second factor that its reader does not have yet.

    What records nothing is made while the switches are read, which cost it no time; its refusal, too, is only
    for who may see it. What records a view or a decision waits for them; what it reads first is read
    meanwhile.
    """
    from chalicelib.services.documents.document_writer import together
    from chalicelib.web.pages.second_factor_setup import is_asked_for, to_enrolment

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
    )
    return to_enrolment(caller) if asked else declared.load()(replace(caller, practice=practice), **values)


def _only_reads(declared: Route, caller: Caller) -> bool:
    from chalicelib.services.documents.document_writer import needs_view
    from chalicelib.web.pages.unsent_drafts import draft_cookie

    document = caller.document
    if document is not None and (needs_view(document) or draft_cookie(document.id) in caller.cookies):
        return False
    return declared.only_reads or declared.methods == ("GET",)


def _made(declared: Route, caller: Caller, values: dict[str, str]) -> Response | PortalError:
    try:
        return declared.load()(caller, **values)
    except PortalError as refusal:
        return refusal


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
    from chalicelib.services.review.by_hand import opens

    document_id = values["document_id"]
    token = caller.cookies.get(BY_HAND_COOKIE, "")
    found = caller.services.store.visit(secret_key(SecretKind.BY_HAND, token), None, document_id)
    visit, document = found.session, found.document
    if visit is None or document is None or not opens(visit, document, caller.now):
        return redirect(f"/by-hand/{document_id}")
    return replace(caller, by_hand=visit, document=document)


def _practice_key(caller: Caller, _values: dict[str, str]) -> Caller:
    from chalicelib.services.practices.practices import authenticate_key

    bearer = caller.request.headers.get("authorization")
    return replace(caller, practice=authenticate_key(caller.services.store, bearer, caller.now))


def _practice_signature(caller: Caller, _values: dict[str, str]) -> Caller:
    from chalicelib.services.practices.practices import authenticate_signature

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
    from chalicelib.web.pages.document_landing import door

    if caller.request.method == "GET" and caller.path == f"/documents/{document_id}":
        return door(caller, document_id)
    return redirect(f"/documents/{document_id}", cookies=_kept(caller, document_id))


def _kept(caller: Caller, document_id: str) -> list[str]:
    if caller.request.method != "POST" or not caller.path.endswith(("/approve", "/decline")):
        return []
    from chalicelib.web.pages.unsent_drafts import keep_what_was_written

    return keep_what_was_written(caller, document_id)


def _forget_session(caller: Caller) -> list[str]:
    return [cookie(SESSION_COOKIE, "", 0)] if SESSION_COOKIE in caller.cookies else []
