"""The record of who read a document: an access event for every read of a document's page, text or file.

If the event cannot be stored, the request fails and shows nothing. Most events are stored while the handler works, so
an event may exist although the handler then found nothing to show."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus

from chalice.app import Response

from chalicelib.domain.timestamps import sort_key
from chalicelib.services.concurrency import run_concurrently
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.route import Route


def run_handler(route: Route, context: RequestContext, values: Mapping[str, str]) -> Response:
    """Call the route's handler and return its response. If the response shows a document, store who read it.

    The response to a form shows the document only if the form was refused. An accepted form redirects to another page.
    Raises `Unavailable` if the record (an access event) cannot be stored."""
    handler, is_form = route.load(), context.request.method == "POST"
    if not route.reads:
        return handler(context, **values)
    if context.document is not None and not is_form:
        response, _ = run_concurrently(lambda: handler(context, **values), lambda: record(route, context, values))
        return response
    # Only the handler of an EMR's route checks whose document it is.
    response = handler(context, **values)
    if not (is_form and response.status_code == HTTPStatus.SEE_OTHER):
        record(route, context, values)
    return response


def record(route: Route, context: RequestContext, values: Mapping[str, str]) -> None:
    """Call `record_access` for the document whose id is in the path, and for the part that the route shows.

    Raises `Unavailable` if the database does not respond."""
    record_access(context, values["document_id"], route.reads)


def record_access(context: RequestContext, document_id: str, what: str) -> None:
    """Store an access event, which says who reads which part of a document (`what`), when, and in which login.

    The practice can list these events.

    Raises `Unavailable` if the database does not respond."""
    from chalicelib.domain.audit import AccessEvent

    services, now = context.services, context.now
    event = AccessEvent(
        document_id=document_id,
        sort_key=sort_key(now, services.ids.token()),
        at=now,
        what=what,
        actor=context.actor.name,
        session=_session_id(context),
    )
    services.store.record_access(event)


def _session_id(context: RequestContext) -> str:
    """Return a hash that identifies the reader's login, the code that the reader entered, or the EMR's API key.

    By this id, the practice sees which reads of a document belong together, and learns nothing secret."""
    session = context.session or context.by_hand
    if session is not None:
        secret = f"{session.kind}:{session.provider_id or session.document_id}:{session.created_at.isoformat()}"
    else:
        secret = context.request.headers.get("authorization", "")
    return hashlib.sha256(f"access {secret}".encode()).hexdigest()[:16]
