"""Drafts of decisions that were sent after the session ended. A draft is saved until the provider logs in again."""

from collections.abc import Mapping

from chalicelib.domain.errors import PortalError
from chalicelib.domain.expiring_records import DRAFT_LIFETIME
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE, draft_cookie
from chalicelib.web.http.responses import format_cookie


def save_draft(context: RequestContext, document_id: str) -> list[str]:
    """Save the form as a draft if the ended session belongs to the document's provider. Return the cookies to set."""
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
    """Return the fields of this provider's draft about the open document, or nothing without the draft's cookie."""
    drafts, document = context.services.unsent_drafts, context.require_document()
    return drafts.load(_token(context), context.require_provider(), document, context.now)


def discard_draft(context: RequestContext) -> list[str]:
    """Delete the draft about the open document, and return the cookie that removes the draft's cookie.

    If the row cannot be deleted, the browser's cookie remains. The row then expires."""
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
