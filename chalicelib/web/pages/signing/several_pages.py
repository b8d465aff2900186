"""The page on which a provider signs several documents with one signature, after reading and marking each."""

from collections.abc import Sequence
from typing import Any

from chalice.app import Response

from chalicelib.domain.errors import Invalid, TooManyRequests
from chalicelib.services.review.signing_several import Signing
from chalicelib.web.http.error_mapping import form_status
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, render_page
from chalicelib.web.pages.decision_forms import FORM_VALUES, ReviewForms, read_fields, with_trouble
from chalicelib.web.pages.reauthentication import (
    is_recently_authenticated,
    make_action,
    passkey_options,
    reauthenticate,
)
from chalicelib.web.pages.review_pages import MARKED
from chalicelib.web.pages.signature_form import parse_approval, read_saved_signature
from chalicelib.web.pages.view_models import make_row


def show_marked(context: RequestContext) -> Response:
    return _show_form(context, _read_form(context))


def unmark(context: RequestContext, document_id: str) -> Response:
    context.services.read_marks.remove(context.require_provider(), [document_id], context.now)
    return redirect(MARKED)


def sign_marked(context: RequestContext) -> Response:
    """Sign the documents that the form lists, and return the page with the result for each of them.

    A document that the provider has not marked, or that has changed since, is left out."""
    document_ids = [document_id for document_id in context.form.get("documents", "").split(",") if document_id]
    cookies: list[str] = []
    try:
        context, cookies = reauthenticate(context)
        given = parse_approval(context.form, ())
        signings = context.services.signing_several.sign(document_ids, given, make_action(context))
    except (Invalid, TooManyRequests) as trouble:
        forms = with_trouble(_read_form(context), trouble, declining=False)
        return _show_form(context, forms, status=form_status(trouble), cookies=cookies)
    return _show_results(context, signings, cookies)


def _show_form(context: RequestContext, forms: ReviewForms, **page: Any) -> Response:
    """Return the page with the marked documents and the form that signs them.

    `page` may contain the response's `status` and `cookies`."""
    provider = context.require_provider()
    documents = context.services.read_marks.find_documents(provider, context.now)
    return render_page(
        context,
        "marked.html",
        rows=[make_row(document, context.now) for document in documents],
        several=len(documents),
        ask_password=not is_recently_authenticated(context),
        passkey_options=passkey_options(context),
        entered=forms,
        saved=read_saved_signature(provider),
        section="pending",
        **FORM_VALUES,
        **page,
    )


def _show_results(context: RequestContext, signings: Sequence[Signing], cookies: list[str]) -> Response:
    return render_page(
        context,
        "marked_signed.html",
        signed=[signing.document for signing in signings if not signing.trouble],
        left_out=[signing for signing in signings if signing.trouble],
        section="pending",
        cookies=cookies,
    )


def _read_form(context: RequestContext) -> ReviewForms:
    return read_fields(context, context.form, "", typed_name=context.require_provider().name)
