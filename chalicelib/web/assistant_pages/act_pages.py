"""The handlers of an assistant's forms on a document: mark it as ready, and return it after it was signed by hand."""

from collections.abc import Mapping
from urllib.parse import quote

from chalice.app import Response

from chalicelib.domain.errors import Conflict, Invalid
from chalicelib.domain.status import is_decidable
from chalicelib.services.authentication.sessions import PASSWORD
from chalicelib.services.review.assistant_acts import AssistantAct
from chalicelib.services.review.scans import ScanForm
from chalicelib.web.assistant_pages.document_pages import show_page
from chalicelib.web.http.error_mapping import error_messages
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, render_page
from chalicelib.web.pages.login_form import ASSISTANT_HOME


def mark_ready(context: RequestContext, document_id: str) -> Response:
    """Mark the document as ready, and redirect to its page. A refused form returns the page with the error."""
    acts, remark = context.services.assistant_acts, context.form.get("remark", "")
    try:
        acts.mark_ready(context.require_document(), _act(context), remark)
    except Invalid as trouble:
        return show_page(context, context.require_document(), error_messages(trouble), status=422)
    except Conflict as trouble:
        return _show_conflict(context, trouble)
    return redirect(_place(document_id))


def confirm_upload(context: RequestContext, document_id: str) -> Response:
    """Return the page that asks for the signer's name, to which the bucket redirects the browser after the upload.

    If no upload has the `key` in the query, or the document is decided, return a redirect to the document's page."""
    document, key = context.require_document(), context.query.get("key", "")
    if not is_decidable(document.status) or not context.services.scans.has_upload(document_id, key):
        return redirect(_place(document_id))
    return _show_confirmation(context, key, document.addressee.name, {})


def submit_scan(context: RequestContext, document_id: str) -> Response:
    form = ScanForm(key=context.form.get("key", ""), signer_name=context.form.get("signer_name", ""))
    try:
        context.services.assistant_acts.return_scan(context.require_document(), _act(context), form)
    except Invalid as trouble:
        errors = error_messages(trouble)
        if "signer_name" in errors:
            return _show_confirmation(context, form.key, form.signer_name, errors)
        return show_page(context, context.require_document(), errors, status=422)
    except Conflict as trouble:
        return _show_conflict(context, trouble)
    return redirect(_place(document_id))


def _act(context: RequestContext) -> AssistantAct:
    method = context.session.method if context.session else None
    return AssistantAct(
        assistant=context.require_provider(),
        principal=context.require_principal(),
        actor=context.actor,
        now=context.now,
        authentication=method or PASSWORD,
    )


def _place(document_id: str) -> str:
    return f"{ASSISTANT_HOME}/{document_id}"


def _show_conflict(context: RequestContext, trouble: Conflict) -> Response:
    """Return the page of the document as it is now, after somebody has decided or recalled it in the meantime."""
    latest = context.services.review.reload(context.require_document(), context.require_principal())
    return show_page(context, latest, {"conflict": trouble.detail}, status=409)


def _show_confirmation(context: RequestContext, key: str, signer_name: str, errors: Mapping[str, str]) -> Response:
    document = context.require_document()
    place = _place(document.id)
    return render_page(
        context,
        "by_hand_confirm.html",
        status=422 if errors else 200,
        section="pending",
        document=document,
        key=key,
        signer_name=signer_name,
        errors=errors,
        place=place,
        document_page=place,
        history_url=context.history_url(f"{place}/uploaded?key={quote(key, safe='/')}"),
    )
