"""The handlers of the forms with which a person without an account signs or declines a document.

A code has opened the document for this person."""

from dataclasses import replace

from chalice.app import Response

from chalicelib.domain.errors import Conflict, Invalid, PortalError
from chalicelib.domain.status import is_decidable
from chalicelib.services.review.guest_signing import find_proven_email
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import format_cookie, redirect
from chalicelib.web.pages.by_hand_pages import make_visitor, read_latest, show_visit
from chalicelib.web.pages.decision_forms import (
    parse_decline,
    parse_guest,
    read_guest_fields,
    read_pages_shown,
    visit_reader,
    with_trouble,
)
from chalicelib.web.pages.login_actions import SETUP_COOKIE, SETUP_SECONDS
from chalicelib.web.pages.signature_form import parse_approval


def approve(context: RequestContext, document_id: str) -> Response:
    """Sign the document for a person without an account, and return a redirect to its page.

    If the form is refused, return the page with the errors."""
    form = parse_approval(context.form, read_pages_shown(context, context.form, visit_reader(context)))
    guest, visit = parse_guest(context.form), context.require_visit()
    try:
        context.services.guest_signing.approve(context.require_document(), form, guest, visit, make_visitor(context))
    except (Invalid, Conflict) as trouble:
        return _show_refusal(context, trouble, declining=False)
    return redirect(f"/by-hand/{document_id}/document")


def decline(context: RequestContext, document_id: str) -> Response:
    """Decline the document for a person without an account, and return a redirect to its page.

    If the form is refused, return the page with the errors."""
    form, name = parse_decline(context.form), context.form.get("decliner", "")
    visit, visitor = context.require_visit(), make_visitor(context)
    try:
        context.services.guest_signing.decline(context.require_document(), form, name, visit, visitor)
    except (Invalid, Conflict) as trouble:
        return _show_refusal(context, trouble, declining=True)
    return redirect(f"/by-hand/{document_id}/document")


def create_account(context: RequestContext, document_id: str) -> Response:
    """Open the setup page for a person who has just signed the document with an emailed code.

    If no account is offered any more, return a redirect to the document."""
    document = context.require_document()
    email = find_proven_email(document, context.require_visit(), context.now)
    try:
        token = context.services.guest_accounts.create_link(document, email, context.now)
    except Conflict:
        return redirect(f"/by-hand/{document_id}/document")
    return redirect("/setup", cookies=[format_cookie(SETUP_COOKIE, token, SETUP_SECONDS)])


def _show_refusal(context: RequestContext, trouble: PortalError, *, declining: bool) -> Response:
    """Return the document's page with the refused form and the errors of `trouble`.

    If somebody has decided the document in the meantime, the page has the outcome, and the note that was not sent.
    `declining` says which of the two forms was refused."""
    forms = with_trouble(read_guest_fields(context, context.form), trouble, declining=declining)
    if not isinstance(trouble, Conflict):
        return show_visit(context, context.require_document(), {}, 422, forms)
    latest = read_latest(context)
    if is_decidable(latest.status):
        return show_visit(context, latest, {}, 409, forms)
    note = forms.decline_note if declining else forms.note
    return show_visit(context, latest, {"decided": trouble.detail}, 409, replace(forms, unsent_note=note))
