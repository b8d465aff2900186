"""Save the note of a decision that was sent after the session ended, until the provider logs in again."""

from collections.abc import Mapping

from chalicelib.domain.errors import PortalError
from chalicelib.domain.expiring_records import DRAFT_LIFETIME
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE, draft_cookie
from chalicelib.web.http.responses import format_cookie


def save_draft(context: RequestContext, document_id: str) -> list[str]:
    """Save the form if the ended session is that of the document's provider. Return the cookies to set."""
    services = context.services
    visit = services.sessions.visit_even_if_idle(context.cookies.get(SESSION_COOKIE, ""), context.now, document_id)
    if visit is None or visit.session is None or visit.document is None:
        return []
    if visit.document.provider_id != visit.session.provider_id:
        return []
    name = draft_cookie(document_id)
    token = services.unsent_drafts.save(
        visit.session, visit.document, context.form, context.now, replaces=context.cookies.get(name, "")
    )
    return [format_cookie(name, token, int(DRAFT_LIFETIME.total_seconds()))] if token else []


def read_draft(context: RequestContext) -> Mapping[str, str]:
    """Return the saved fields of this provider's form for the open document, or nothing without a cookie."""
    return context.services.unsent_drafts.load(
        _token(context), context.require_provider(), context.require_document(), context.now
    )


def discard_draft(context: RequestContext) -> list[str]:
    """Delete the saved form for the open document, and return the cookie that removes the draft's cookie.

    Call this function after a later form was handled, or when the document can no longer be decided. If
    the row cannot be deleted, keep the cookie: the row expires on its own.
    """
    token = _token(context)
    if not token:
        return []
    try:
        context.services.unsent_drafts.delete(
            token, context.require_provider(), context.require_document(), context.now
        )
    except PortalError:
        return []
    return [format_cookie(draft_cookie(context.require_document().id), "", 0)]


def _token(context: RequestContext) -> str:
    return context.cookies.get(draft_cookie(context.require_document().id), "")
