"""Drafts: the forms of decisions that a provider sent after the session had ended, so that no typed note is lost.

A draft is stored for a limited time. The review page fills in its fields after the next login."""

from collections.abc import Mapping

from chalicelib.domain.errors import PortalError
from chalicelib.domain.expiring_records import DRAFT_LIFETIME
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE, draft_cookie
from chalicelib.web.http.responses import format_cookie


def save_draft(context: RequestContext, document_id: str) -> list[str]:
    """Store the posted form as a draft, if the session that has ended belongs to the document's provider.

    Return the cookie with the draft's token, or an empty list if nothing was stored."""
    from chalicelib.domain.visibility import opens_to

    services = context.services
    visit = services.sessions.visit_even_if_idle(context.cookies.get(SESSION_COOKIE, ""), context.now, document_id)
    if visit is None or visit.session is None or visit.document is None:
        return []
    if visit.provider is None or not opens_to(visit.provider, visit.document):
        return []
    name = draft_cookie(document_id)
    former, drafts = context.cookies.get(name, ""), services.unsent_drafts
    token = drafts.save(visit.session, visit.document, context.form, context.now, replaces=former)
    return [format_cookie(name, token, int(DRAFT_LIFETIME.total_seconds()))] if token else []


def read_draft(context: RequestContext) -> Mapping[str, str]:
    """Return the fields of the draft that the logged-in provider sent about the requested document.

    The result is empty if the browser has no cookie of such a draft, or if the draft has expired."""
    drafts, document = context.services.unsent_drafts, context.require_document()
    return drafts.load(_token(context), context.require_provider(), document, context.now)


def discard_draft(context: RequestContext) -> list[str]:
    """Delete the draft about the requested document, and return the cookie that removes the draft's cookie.

    Return an empty list if there is no draft, or if the row cannot be deleted. Such a row expires later."""
    token, document = _token(context), context.require_document()
    if not token:
        return []
    try:
        context.services.unsent_drafts.delete(token, context.require_provider(), document, context.now)
    except PortalError:
        return []
    return [format_cookie(draft_cookie(document.id), "", 0)]


def _token(context: RequestContext) -> str:
    return context.cookies.get(draft_cookie(context.require_document().id), "")
