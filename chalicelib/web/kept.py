"""A decision that was sent after the session had ended: its note waits until its writer is back."""

from collections.abc import Mapping

from chalicelib.services import drafts
from chalicelib.web.answers import cookie
from chalicelib.web.caller import Caller
from chalicelib.web.requests import SESSION_COOKIE

DRAFT_COOKIE = "__Host-draft"


def keep_what_was_written(caller: Caller, document_id: str) -> list[str]:
    """The cookie that finds it again. Nothing is kept for whoever had no session of the addressee."""
    services = caller.services
    found = services.sessions.lapsed(caller.cookies.get(SESSION_COOKIE, ""), caller.now, document_id)
    if found is None or found.session is None or found.document is None:
        return []
    if found.document.provider_id != found.session.provider_id:
        return []
    token = drafts.keep(services.store, services.ids, found.session, found.document, caller.form, caller.now)
    return [cookie(DRAFT_COOKIE, token, int(drafts.KEPT_FOR.total_seconds()))] if token else []


def what_was_written(caller: Caller) -> Mapping[str, str]:
    """By the caller, about the document that is open; empty for the usual case, which reads nothing."""
    token = caller.cookies.get(DRAFT_COOKIE, "")
    return drafts.kept(caller.services.store, token, caller.known, caller.opened, caller.now)
