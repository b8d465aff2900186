"""The handlers of an assistant's forms on a document: mark it as ready, and return it after it was signed by hand."""

from chalice.app import Response

from chalicelib.domain.errors import Conflict, Invalid
from chalicelib.services.authentication.sessions import PASSWORD
from chalicelib.services.review.assistant_acts import AssistantAct
from chalicelib.web.assistant_pages.document_pages import show_page
from chalicelib.web.http.error_mapping import error_messages
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect
from chalicelib.web.pages.login_form import ASSISTANT_HOME
from chalicelib.web.pages.signing import scan_confirmation


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
    place = _place(document_id)
    return scan_confirmation.confirm_upload(context, place, place, _refuse_scan(context), section="pending")


def submit_scan(context: RequestContext, document_id: str) -> Response:
    form, place = scan_confirmation.read_scan_form(context), _place(document_id)
    try:
        context.services.assistant_acts.return_scan(context.require_document(), _act(context), form)
    except Invalid as trouble:
        errors = error_messages(trouble)
        if "signer_name" in errors:
            refuse = _refuse_scan(context)
            return scan_confirmation.show_confirmation(context, form, errors, place, place, refuse, section="pending")
        return _refuse_scan(context)(errors)
    except Conflict as trouble:
        return _show_conflict(context, trouble)
    return redirect(place)


def _refuse_scan(context: RequestContext) -> scan_confirmation.Refuse:
    return lambda errors: show_page(context, context.require_document(), errors, status=422)


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
