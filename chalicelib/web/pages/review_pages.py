"""The pages on which a logged-in provider reads and decides documents: the lists, review, decision and files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalice.app import Response

from chalicelib.domain.colleagues.hand_overs import find_colleague
from chalicelib.domain.documents import Document, Sealing
from chalicelib.domain.errors import Conflict, Gone, Invalid, NotFound, PortalError, TooManyRequests
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable, is_readable
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.document_writer import needs_view
from chalicelib.services.pagination import decode_cursor, encode_cursor
from chalicelib.services.pdf_jobs.page_images import page_texts
from chalicelib.services.review.page_tokens import ShownPage
from chalicelib.services.review.past_search import PastSearch, parse_search
from chalicelib.services.review.read_marks import ReadMark, is_marked
from chalicelib.services.review.review import MAX_COUNT, OpenedDocument, PendingDocuments
from chalicelib.services.review.signature_input import block_size
from chalicelib.services.review.signing_several import Offer
from chalicelib.web.http.error_mapping import form_status
from chalicelib.web.http.file_names import decision_prefix, make_file_name
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, redirect_to_file, render_page
from chalicelib.web.http.templating import format_time
from chalicelib.web.pages import signature_form as signing
from chalicelib.web.pages.decision_forms import (
    FORM_VALUES,
    ReviewForms,
    parse_decline,
    read_fields,
    read_pages_shown,
    with_tokens,
    with_trouble,
)
from chalicelib.web.pages.reauthentication import (
    is_recently_authenticated,
    make_action,
    passkey_options,
    reauthenticate_to_sign,
)
from chalicelib.web.pages.unsent_drafts import discard_draft, read_draft
from chalicelib.web.pages.view_models import describe_document, list_page_images, make_row, refresh_header

MARKED = "/documents/marked"
"""The path of the page that lists the documents marked as read, and signs all of them with one signature."""

SEARCH_FIELDS = ("q", "from", "to")
_ID = re.compile(r"[^a-z0-9_]")


def list_pending(context: RequestContext) -> Response:
    after = decode_cursor(context.query.get("after"), "after", of="pending")
    provider = context.require_provider()
    pending, handed_over, marks = _read_pending(context, provider, after)
    count = f"{MAX_COUNT - 1}+" if pending.count >= MAX_COUNT else str(pending.count)
    rows = [make_row(document, context.now) for document in pending.documents]
    return render_page(
        context,
        "pending.html",
        section="pending",
        rows=rows,
        marked=frozenset(row.document.id for row in rows if is_marked(row.document, marks)),
        count=count,
        next_after=encode_cursor(pending.next_after, of="pending"),
        first="after" not in context.query,
        handed_over=[(make_row(document, context.now), find_colleague(provider, document)) for document in handed_over],
        signed=_parse_signed_id(context),
        files_origin=context.services.files.origin(),
    )


def list_past(context: RequestContext) -> Response:
    return _show_past(context, context.query.get("after"), dict.fromkeys(SEARCH_FIELDS, ""), None)


def search_past(context: RequestContext) -> Response:
    """Return the list of the provider's past documents that match the search form, or a redirect if it is empty.

    The search is a POST, so that no URL contains a patient's name."""
    sought = {name: context.form.get(name, "")[:100] for name in SEARCH_FIELDS}
    search = parse_search(sought["q"], sought["from"], sought["to"])
    if search is None:
        return redirect("/documents/past")
    return _show_past(context, context.form.get("after"), sought, search)


def show_document(context: RequestContext, document_id: str) -> Response:
    if not is_decidable(context.require_document().status):
        return _show_decision(context, context.require_document(), cookies=discard_draft(context))
    return _show_review(context, _restore_draft(context, read_draft(context)))


def approve(context: RequestContext, document_id: str) -> Response:
    given = signing.parse_approval(context.form, _pages_shown(context))
    cookies: list[str] = []
    try:
        context, cookies = reauthenticate_to_sign(context)
        context.services.review.approve(context.require_document(), given, make_action(context))
    except (Invalid, Conflict, TooManyRequests) as trouble:
        return _show_refusal(context, trouble, [*cookies, *discard_draft(context)], declining=False)
    cookies = [*cookies, *discard_draft(context)]
    wants_next = context.form.get("then") == "next"
    return redirect(_next_url(context) if wants_next else f"/documents/{document_id}", cookies=cookies)


def mark_read(context: RequestContext, document_id: str) -> Response:
    """Mark the document as read, to be signed later together with others.

    Return a redirect to the next document without a mark, or to the page on which the marked documents are signed."""
    given, action = signing.parse_approval(context.form, _pages_shown(context)), make_action(context)
    try:
        context.services.signing_several.mark(context.require_document(), given, action)
    except (Invalid, Conflict) as trouble:
        return _show_refusal(context, trouble, discard_draft(context), declining=False)
    wants_next = context.form.get("then") == "next"
    upcoming = context.services.signing_several.next_unread(action, besides=document_id) if wants_next else None
    return redirect(f"/documents/{upcoming.id}" if upcoming else MARKED, cookies=discard_draft(context))


def remove_signature(context: RequestContext, document_id: str) -> Response:
    """Delete the provider's saved signature, and return the review page with the values of its form as typed so far.

    If the document has been decided, return a redirect to its page."""
    provider = context.services.review.forget_signature(context.require_provider(), context.now)
    if not is_decidable(context.require_document().status):
        return redirect(f"/documents/{document_id}")
    forms = _read_fields(context, context.form)
    return _show_review(replace(context, provider=provider), forms, cookies=discard_draft(context))


def decline(context: RequestContext, document_id: str) -> Response:
    given = parse_decline(context.form)
    cookies: list[str] = []
    try:
        context, cookies = reauthenticate_to_sign(context)
        context.services.review.decline(context.require_document(), given, make_action(context))
    except (Invalid, Conflict, TooManyRequests) as trouble:
        return _show_refusal(context, trouble, [*cookies, *discard_draft(context)], declining=True)
    return redirect(f"/documents/{document_id}", cookies=[*cookies, *discard_draft(context)])


def download_original(context: RequestContext, document_id: str) -> Response:
    if not is_readable(context.require_document().status):
        raise Gone("The clinic has recalled this document, so it can no longer be opened.")
    document = context.services.review.record_download(context.require_document(), make_action(context))
    return redirect_to_file(context, document.original.key, make_file_name(document))


def download_signed(context: RequestContext, document_id: str) -> Response:
    document = context.require_document()
    if document.signed is not None:
        name = f"{decision_prefix(document)}-{make_file_name(document)}"
        return redirect_to_file(context, document.signed.key, name)
    if document.sealing is Sealing.NONE:
        raise NotFound("There is no signed copy of this document.")
    return render_page(
        context,
        "signed_pdf_pending.html",
        status=202,
        headers=refresh_header(waiting=True),
        document=document,
        section="past",
    )


def download_certificate(context: RequestContext, document_id: str) -> Response:
    """Return a redirect to the PDF with a document's certificate page, which says who decided the document and how.

    Usually the certificate is the last page of the signed PDF, and this handler raises `NotFound`. It is a separate
    file if the original PDF had digital signatures already, because then no page can be added to the PDF."""
    document = context.require_document()
    if document.certificate is None:
        raise NotFound("There is no certificate apart from the signed copy.")
    return redirect_to_file(context, document.certificate.key, f"certificate-{make_file_name(document)}")


def show_text(context: RequestContext, document_id: str) -> Response:
    """Return the page with the text of the document's PDF, for screen readers and long documents.

    If the provider has not viewed the document yet, redirect to its page, which records the first view. Raises `Gone`
    for a recalled document, and `NotFound` if the text is not ready."""
    document = context.require_document()
    if not is_readable(document.status):
        raise Gone("The clinic has recalled this document, so it can no longer be opened.")
    if needs_view(document):
        return redirect(f"/documents/{document_id}")
    texts = page_texts(document, context.services.files)
    if texts is None:
        raise NotFound("The text of this document is not ready yet. Please open the PDF.")
    return render_page(context, "document_text.html", document=document, texts=texts, section="pending")


def _read_pending(
    context: RequestContext, provider: Provider, after: str | None
) -> tuple[PendingDocuments, tuple[Document, ...], Mapping[str, ReadMark]]:
    """Read one page of the pending list, and the marks of documents as read, with concurrent reads.

    For the first page, also read the documents that the provider handed over to colleagues."""
    services = context.services
    (pending, handed_over), marks = run_concurrently(
        lambda: run_concurrently(
            lambda: services.review.pending(provider, after),
            lambda: services.hand_overs.list_handed_over(provider) if after is None else (),
        ),
        lambda: services.read_marks.load(provider, context.now),
    )
    return pending, handed_over, marks


def _show_past(
    context: RequestContext, after: str | None, sought: Mapping[str, str], search: PastSearch | None
) -> Response:
    provider, cursor = context.require_provider(), decode_cursor(after, "after", of="past")
    documents = context.services.review.past(provider, cursor, search)
    return render_page(
        context,
        "past.html",
        section="past",
        rows=[make_row(document, context.now) for document in documents.items],
        next_after=encode_cursor(documents.next_after, of="past"),
        first=not after,
        sought=sought,
        searched=search is not None,
    )


def _show_review(context: RequestContext, forms: ReviewForms, **page: Any) -> Response:
    """Return the review page, on which a provider reads a document and approves or declines it.

    The first view of the document is recorded. `page` may contain the response's `status` and `cookies`."""
    opened, offer, texts = _open(context, context.require_document())
    document = opened.document
    return render_page(
        context,
        "review.html",
        can_sign=opened.can_sign,
        offer=offer,
        ask_password=not is_recently_authenticated(context),
        passkey_options=passkey_options(context),
        entered=forms,
        saved=signing.read_saved_signature(context.require_provider()),
        block_size=block_size(document),
        images=with_tokens(context, list_page_images(document, context.services.files, texts), _reader(context)),
        **describe_document(document, context.now),
        **FORM_VALUES,
        section="pending",
        signed=_parse_signed_id(context),
        **page,
    )


def _open(context: RequestContext, document: Document) -> tuple[OpenedDocument, Offer, Sequence[str] | None]:
    """Record the first view, and return the document, the offer to sign several, and the texts of the pages."""
    services, action = context.services, make_action(context)
    (opened, offer), texts = run_concurrently(
        lambda: run_concurrently(
            lambda: services.review.open(document, action), lambda: services.signing_several.offer(document, action)
        ),
        lambda: page_texts(document, services.files),
    )
    return opened, offer, texts


def _show_decision(context: RequestContext, document: Document, **details: Any) -> Response:
    """Return the page with the outcome of a decided or recalled document, and a link to the next pending document.

    `details` may contain the response's `status` and `cookies`. After a refused second decision, it has `conflict`
    (the reason) and `unsent_note` (the note that was not sent, for the provider to copy)."""
    upcoming = context.services.review.next_pending(context.require_provider(), besides=document.id)
    at = document.decided_at or document.recalled_at
    return render_page(
        context,
        "decision.html",
        document=document,
        section="past",
        at=format_time(at, document.practice.time_zone) if at else None,
        upcoming=make_row(upcoming, context.now) if upcoming else None,
        readable=is_readable(document.status),
        **{"conflict": "", "unsent_note": "", **details},
    )


def _show_refusal(context: RequestContext, trouble: PortalError, cookies: list[str], *, declining: bool) -> Response:
    """Return the review page with the refused form and the errors of `trouble`.

    If somebody has decided the document in the meantime, return the page with the outcome instead. `declining` says
    which of the two forms was refused."""
    forms = with_trouble(_read_fields(context, context.form), trouble, declining=declining)
    if isinstance(trouble, Conflict):
        latest = context.services.review.reload(context.require_document(), context.require_provider())
        if not is_decidable(latest.status):
            note = forms.decline_note if declining else forms.note
            details = {"conflict": trouble.detail, "unsent_note": note}
            return _show_decision(context, latest, status=409, cookies=cookies, **details)
    return _show_review(context, forms, status=form_status(trouble), cookies=cookies)


def _restore_draft(context: RequestContext, draft: Mapping[str, str]) -> ReviewForms:
    """Return the forms of the review page with the fields of the saved draft, which may be empty.

    A draft never has the consent, the signature or the password."""
    of_decline = ("reason", "decline_note", "other_name", "other_address")
    declining = any(draft.get(name) for name in of_decline)
    return replace(_read_fields(context, draft), declining=declining, is_draft=bool(draft))


def _read_fields(context: RequestContext, fields: Mapping[str, str]) -> ReviewForms:
    return read_fields(context, fields, _reader(context), typed_name=context.require_provider().name)


def _next_url(context: RequestContext) -> str:
    """Return the path for *Approve and next*: the pending document that is due next, or the pending list if none is.

    The list shows the documents that are marked as read, and leads to the page that signs them."""
    document_id = context.require_document().id
    upcoming = context.services.signing_several.next_unread(make_action(context), besides=document_id)
    return f"/documents/{upcoming.id}?signed={document_id}" if upcoming else f"/documents?signed={document_id}"


def _parse_signed_id(context: RequestContext) -> str:
    """Return the id of the document that was just signed, from the query, for a link *Signed* on this page.

    The id may be made up. The page behind the link checks who may open the document."""
    return _ID.sub("", context.query.get("signed", ""))[:64]


def _pages_shown(context: RequestContext) -> list[ShownPage]:
    return read_pages_shown(context, context.form, _reader(context))


def _reader(context: RequestContext) -> str:
    """Return the text that names this document and this provider in a page token.

    A page token proves that the portal showed a page to this provider. It is valid only with this text."""
    return f"{context.require_document().id}:{context.require_provider().id}"
