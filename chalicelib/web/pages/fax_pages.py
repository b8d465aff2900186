"""The pages below `/fax`, where a reader types the code of a fax.

The code opens the document to sign it by hand, adds it to an account, or reports a fax that reached a wrong place."""

from collections.abc import Mapping
from dataclasses import replace

from chalice.app import Response

from chalicelib.domain.errors import Invalid
from chalicelib.services.review.fax_documents import Addition, find_scanned_document
from chalicelib.web.access_log import record_access
from chalicelib.web.http.error_mapping import error_messages
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from chalicelib.web.http.responses import redirect, render_page
from chalicelib.web.pages.by_hand_pages import make_visitor, redirect_to_visit

_FORM, _REPORT = "fax.html", "fax_report.html"


def show_form(context: RequestContext) -> Response:
    """Return the page with the form for the code that is printed on a fax.

    Without a login, the form opens the document to sign it by hand. For a provider who is logged in, the form adds the
    document to the account."""
    visit = context.services.sessions.visit(context.cookies.get(SESSION_COOKIE, ""), context.now)
    if visit is not None:
        context = replace(context, session=visit.session, provider=visit.provider)
    return _show_form(context, _FORM, {})


def open_scanned_page(_context: RequestContext, name: str) -> Response:
    """Return a redirect from the link in a faxed page's QR code to the page where a code opens the document.

    A link that cannot be read leads to the page for the code that is printed on the fax. The link of a cover carries
    the code, which the redirect moves behind a `#`: browsers send that part to nobody, and the page's script fills it
    in."""
    scanned = find_scanned_document(name)
    if scanned is None:
        return redirect("/fax")
    document_id, code = scanned
    return redirect(f"/by-hand/{document_id}{f'#{code}' if code else ''}")


def open_by_hand(context: RequestContext) -> Response:
    try:
        document_id, token = context.services.fax_documents.open(context.form.get("code", ""), make_visitor(context))
    except Invalid as trouble:
        return _show_form(context, _FORM, error_messages(trouble))
    return redirect_to_visit(document_id, token)


def add_document(context: RequestContext) -> Response:
    """Add the document of a fax's code to the account, and return a redirect to the document.

    If the code is wrong or the document names another person, return a page with the reason."""
    code, provider = context.form.get("code", ""), context.require_provider()
    try:
        faxed = context.services.fax_documents.add(code, provider, context.actor, context.now)
    except Invalid as trouble:
        return _show_form(context, _FORM, error_messages(trouble))
    document = faxed.document
    if faxed.addition is Addition.ADDED:
        record_access(context, document.id, "added")
    if faxed.addition in (Addition.ADDED, Addition.ALREADY_LISTED):
        return redirect(f"/documents/{document.id}")
    return render_page(
        context,
        "fax_not_added.html",
        status=409,
        document=document,
        names_other_person=faxed.addition is Addition.NAMES_OTHER_PERSON,
        code=code,
        section="pending",
    )


def show_report_form(context: RequestContext) -> Response:
    """Return the page on which the recipient of a fax reports with its code that the fax reached the wrong place."""
    return _show_form(context, _REPORT, {})


def report_wrong_number(context: RequestContext) -> Response:
    """Close the fax's number for the clinic, and return a redirect to a page that says nothing about the document.

    If the code is wrong, return the form with the reason."""
    try:
        document_id = context.services.wrong_numbers.report(context.form.get("code", ""), make_visitor(context))
    except Invalid as trouble:
        return _show_form(context, _REPORT, error_messages(trouble))
    record_access(context, document_id, "reported")
    return redirect("/fax/reported")


def confirm_report(context: RequestContext) -> Response:
    return render_page(context, "fax_reported.html")


def _show_form(context: RequestContext, template: str, errors: Mapping[str, str]) -> Response:
    """Return a page with a form for the code of a fax, with the code as typed and the errors of a wrong code."""
    return render_page(
        context,
        template,
        status=422 if errors else 200,
        errors=errors,
        typed=context.form.get("code", "")[:20],
        section="pending",
    )
