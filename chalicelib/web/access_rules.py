"""The access rules: who may use a route, and which session, document or practice the route's handler gets.

`denied_access` renders the page for a denied request."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from chalicelib.domain.errors import NotFound, Unauthenticated
from chalicelib.services.concurrency import run_concurrently
from chalicelib.web.http import request_parsing
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import BY_HAND_COOKIE, SESSION_COOKIE, draft_cookie
from chalicelib.web.route import SHOWS_PATIENTS, Access, Route

if TYPE_CHECKING:
    from chalicelib.domain.providers import Provider

MAX_REPORT_BYTES = 64 * 1024
NOTHING_HERE = "There is nothing at this address. It may have been withdrawn, or it is not addressed to you."


class Denial(Enum):
    """A reason why a request may not use its route. It decides which page the person sees instead, such as *Login*."""

    NOT_LOGGED_IN = auto()
    NOT_LOGGED_IN_FOR_DOCUMENT = auto()
    NO_CODE_ENTERED = auto()
    NO_SECOND_FACTOR = auto()
    IS_ASSISTANT = auto()
    HANDED_OVER = auto()


def authorize(route: Route, context: RequestContext, values: dict[str, str]) -> RequestContext | Denial:
    """Apply the route's access rule. Return the context with the session, provider, document or practice that it read.

    Return a `Denial` if the person must first log in or enter a code, or has handed the document over. Raises
    `NotFound` for another provider's document, and `Unauthenticated` for a wrong API key or signature. `values` are the
    parameters in the path."""
    return _RULES[route.access](context, values)


def may_require_second_factor(route: Route, context: RequestContext) -> bool:
    """Return True if the route shows patients' data and the provider has no second factor for the login.

    Only then does `requires_second_factor` have to read the settings of the practices."""
    return route.access in SHOWS_PATIENTS and not context.require_provider().has_second_factor


def requires_second_factor(context: RequestContext) -> bool:
    """Return True if the installation, or a practice that sends to this provider, requires a second factor at login.

    Such a provider must set up a second factor before the portal shows patients' data. So must an assistant, if a
    practice that sends to one of the assistant's providers requires it."""
    of_document = (context.document.practice_id,) if context.document else ()
    people = context.principals or (context.require_provider(),)
    practices = dict.fromkeys((*(id for person in people for id in person.practices), *of_document))
    return context.services.switches.second_factor(tuple(practices))


def is_read_only(route: Route, context: RequestContext) -> bool:
    """Return True if the request writes nothing, so that its handler may run before the access decision is complete.

    A request that records the first view of a document, or that removes a saved draft, is not read-only."""
    from chalicelib.services.documents.document_writer import needs_view

    document = context.document
    if document is not None and (needs_view(document) or draft_cookie(document.id) in context.cookies):
        return False
    return route.read_only or route.methods == ("GET",)


def _anyone(context: RequestContext, _values: dict[str, str]) -> RequestContext:
    return context


def _account(context: RequestContext, _values: dict[str, str]) -> RequestContext | Denial:
    visit = context.services.sessions.visit(context.cookies.get(SESSION_COOKIE, ""), context.now)
    if visit is None:
        return Denial.NOT_LOGGED_IN
    return replace(context, session=visit.session, provider=visit.provider)


def _provider(context: RequestContext, values: dict[str, str]) -> RequestContext | Denial:
    admitted = _account(context, values)
    if isinstance(admitted, Denial):
        return admitted
    return Denial.IS_ASSISTANT if admitted.require_provider().is_assistant else admitted


def _assistant(context: RequestContext, values: dict[str, str]) -> RequestContext | Denial:
    admitted = _account(context, values)
    if isinstance(admitted, Denial):
        return admitted
    assistant = _require_assistant(admitted)
    return replace(admitted, principals=tuple(context.services.assistance.principals(assistant)))


def _assisted_document(context: RequestContext, values: dict[str, str]) -> RequestContext | Denial:
    visit = context.services.sessions.visit(context.cookies.get(SESSION_COOKIE, ""), context.now, values["document_id"])
    if visit is None:
        return Denial.NOT_LOGGED_IN
    admitted = replace(context, session=visit.session, provider=visit.provider, document=visit.document)
    assistant, document = _require_assistant(admitted), admitted.document
    principal = context.services.assistance.principal_of(document, assistant) if document else None
    if principal is None:
        raise NotFound(NOTHING_HERE)
    return replace(admitted, principals=(principal,))


def _require_assistant(context: RequestContext) -> "Provider":
    """Return the assistant who makes the request. Raises `NotFound` for a provider, who has pages of their own."""
    account = context.require_provider()
    if not account.is_assistant:
        raise NotFound(NOTHING_HERE)
    return account


def _document(context: RequestContext, values: dict[str, str]) -> RequestContext | Denial:
    from chalicelib.domain.colleagues.hand_overs import is_giver
    from chalicelib.domain.visibility import opens_to

    read = _read_document(context, values)
    if isinstance(read, Denial):
        return read
    provider, document = read.require_provider(), read.document
    if document is not None and opens_to(provider, document):
        return read
    if document is not None and is_giver(provider, document):
        return Denial.HANDED_OVER
    raise NotFound(NOTHING_HERE)


def _giver(context: RequestContext, values: dict[str, str]) -> RequestContext | Denial:
    from chalicelib.domain.colleagues.hand_overs import is_giver

    read = _read_document(context, values)
    if isinstance(read, Denial):
        return read
    if read.document is None or not is_giver(read.require_provider(), read.document):
        raise NotFound(NOTHING_HERE)
    return read


def _read_document(context: RequestContext, values: dict[str, str]) -> RequestContext | Denial:
    """Return the context with the session, its provider and the document of the path, which may be anybody's or None.

    Return a `Denial` without a session."""
    token = context.cookies.get(SESSION_COOKIE, "")
    visit, _ = run_concurrently(
        lambda: context.services.sessions.visit(token, context.now, values["document_id"]),
        lambda: _prefetch_switches(context, token),
    )
    if visit is None:
        return Denial.NOT_LOGGED_IN_FOR_DOCUMENT
    admitted = replace(context, session=visit.session, provider=visit.provider, document=visit.document)
    return Denial.IS_ASSISTANT if admitted.require_provider().is_assistant else admitted


def _prefetch_switches(context: RequestContext, token: str) -> None:
    """Read the setting *second factor required* of the practices in the session's cookie into the cache.

    This runs while the session itself is read, to save time. Errors are ignored here: `requires_second_factor` later
    reads what is missing and raises errors."""
    claims = context.services.sessions.read(token, context.now)
    if claims is not None and claims.practices:
        with suppress(Exception):
            context.services.switches.second_factor(claims.practices)


def _by_hand(context: RequestContext, values: dict[str, str]) -> RequestContext | Denial:
    token = context.cookies.get(BY_HAND_COOKIE, "")
    opened = context.services.by_hand.find_visit(token, values["document_id"], context.now)
    if opened is None:
        return Denial.NO_CODE_ENTERED
    visit, document = opened
    return replace(context, by_hand=visit, document=document)


def _practice_key(context: RequestContext, _values: dict[str, str]) -> RequestContext:
    bearer = context.request.headers.get("authorization")
    practice = context.services.request_authentication.authenticate_key(bearer, context.now)
    return replace(context, practice=practice)


def _practice_signature(context: RequestContext, _values: dict[str, str]) -> RequestContext:
    headers, body = context.request.headers, request_parsing.read_body(context.request)
    practice = context.services.request_authentication.authenticate_signature(headers, body, context.now)
    return replace(context, practice=practice)


def _fax_carrier(context: RequestContext, _values: dict[str, str]) -> RequestContext:
    if context.services.settings.fax_carrier is None:
        raise NotFound(NOTHING_HERE)
    carrier, body = context.services.fax_carrier, request_parsing.read_body(context.request)
    if len(body) > MAX_REPORT_BYTES or not carrier.is_signed(context.request.headers, body, context.now):
        raise Unauthenticated("The fax carrier's signature is missing, too old or wrong.")
    return context


_RULES: dict[Access, Callable[[RequestContext, dict[str, str]], RequestContext | Denial]] = {
    Access.ANYONE: _anyone,
    Access.ACCOUNT: _account,
    Access.OWN_ACCOUNT: _provider,
    Access.PROVIDER: _provider,
    Access.DOCUMENT: _document,
    Access.ASSISTANT: _assistant,
    Access.ASSISTED_DOCUMENT: _assisted_document,
    Access.GIVER: _giver,
    Access.BY_HAND: _by_hand,
    Access.PRACTICE_KEY: _practice_key,
    Access.PRACTICE_SIGNATURE: _practice_signature,
    Access.FAX_CARRIER: _fax_carrier,
}
