"""The page that asks who signed an uploaded scan. A reader with a code and an assistant return documents on it."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from chalice.app import Response

from chalicelib.domain.errors import Invalid
from chalicelib.domain.status import is_decidable
from chalicelib.services.review.scans import ScanForm
from chalicelib.web.http.error_mapping import error_messages
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, render_page

Refuse = Callable[[Mapping[str, str]], Response]
"""A function that returns the page of the document with the errors of a refused scan."""


def confirm_upload(context: RequestContext, place: str, document_page: str, refuse: Refuse, **page: Any) -> Response:
    """Return the page that asks for the signer's name, to which the bucket redirects the browser after the upload.

    The query has the `key` of the uploaded scan. Another website can link here too, and a page with a patient's name
    must not repeat text that an attacker chooses (the BREACH attack). So if no upload has this key, or the document is
    already decided, return a redirect to `document_page`. For the other parameters, see `show_confirmation`."""
    document, key = context.require_document(), context.query.get("key", "")
    if not is_decidable(document.status) or not context.services.scans.has_upload(document.id, key):
        return redirect(document_page)
    form = ScanForm(key=key, signer_name=document.addressee.name)
    return show_confirmation(context, form, {}, place, document_page, refuse, **page)


def show_confirmation(
    context: RequestContext,
    form: ScanForm,
    errors: Mapping[str, str],
    place: str,
    document_page: str,
    refuse: Refuse,
    **page: Any,
) -> Response:
    """Return the page that shows the upload and asks for the signer's name, with the values and errors of the form.

    If the upload is not a scan of the document, return the page of `refuse` instead, before anybody confirms the
    upload. The paths of the upload and of the form begin with `place`. `page` are further values of the page."""
    try:
        scan = context.services.scan_previews.make(context.require_document(), form.key)
    except Invalid as trouble:
        return refuse(error_messages(trouble))
    return render_page(
        context,
        "by_hand_confirm.html",
        status=422 if errors else 200,
        document=context.require_document(),
        key=form.key,
        scan=scan,
        signer_name=form.signer_name,
        errors=errors,
        place=place,
        document_page=document_page,
        history_url=context.history_url(f"{place}/uploaded?key={quote(form.key, safe='/')}"),
        **page,
    )


def read_scan_form(context: RequestContext) -> ScanForm:
    return ScanForm(**{name: context.form.get(name, "") for name in ("key", "signer_name", "sha256")})
