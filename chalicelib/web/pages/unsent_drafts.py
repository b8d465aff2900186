"""A decision that was sent after the session had ended: its note waits until its writer is back."""

from collections.abc import Mapping

from chalicelib.domain.errors import PortalError
from chalicelib.domain.expiring_records import DRAFT_LIFETIME
from chalicelib.services.review import unsent_drafts as drafts
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE, draft_cookie
from chalicelib.web.http.responses import format_cookie


def keep_what_was_written(context: RequestContext, document_id: str) -> list[str]:
    """The cookie that finds it again. Nothing is kept for whoever had no session of the addressee."""
    services = context.services
    found = services.sessions.visit_even_if_idle(
        context.cookies.get(SESSION_COOKIE, ""), context.now, document_id
    )
    if found is None or found.session is None or found.document is None:
        return []
    if found.document.provider_id != found.session.provider_id:
        return []
    name = draft_cookie(document_id)
    token = drafts.keep(
        services.store,
        services.ids,
        found.session,
        found.document,
        context.form,
        context.now,
        before=context.cookies.get(name, ""),
    )
    return [format_cookie(name, token, int(DRAFT_LIFETIME.total_seconds()))] if token else []


def what_was_written(context: RequestContext) -> Mapping[str, str]:
    """By the caller, about the document that is open; empty for the usual case, which reads nothing."""
    return drafts.kept(
        context.services.store,
        _token(context),
        context.require_provider(),
        context.require_document(),
        context.now,
    )


def drop_what_was_written(context: RequestContext) -> list[str]:
    """The cookie that ends it, once a later form has come or there is nothing left to decide.

    To be asked when the answer to that form is certain. A row that cannot be dropped runs out by itself.
    """
    token = _token(context)
    if not token:
        return []
    try:
        drafts.drop(
            context.services.store, token, context.require_provider(), context.require_document(), context.now
        )
    except PortalError:
        return []
    return [format_cookie(draft_cookie(context.require_document().id), "", 0)]


def _token(context: RequestContext) -> str:
    return context.cookies.get(draft_cookie(context.require_document().id), "")
