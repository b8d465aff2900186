"""The pages on which an assistant sees a provider's lists and reads, prints and downloads the documents.

No page of an assistant counts as a view by the addressee, because the plan counts as
transmitted only when the addressee opens it (FACTS)."""

from collections.abc import Mapping
from typing import Any

from chalice.app import Response

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Gone, NotFound
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable, is_readable
from chalicelib.services.pagination import decode_cursor, encode_cursor
from chalicelib.services.pdf_jobs.page_images import page_texts
from chalicelib.services.review.assistant_acts import MAX_REMARK_CHARS
from chalicelib.services.review.scans import MAX_SCAN_BYTES
from chalicelib.web.http.file_names import decision_prefix, make_file_name
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect_to_file, render_page
from chalicelib.web.http.templating import format_time
from chalicelib.web.pages.login_form import ASSISTANT_HOME
from chalicelib.web.pages.view_models import describe_document, list_page_images, make_row

_RECALLED = "The clinic has recalled this document, so it can no longer be opened."


def list_pending(context: RequestContext) -> Response:
    return _show_list(context, "pending")


def list_past(context: RequestContext) -> Response:
    return _show_list(context, "past")


def show_document(context: RequestContext, document_id: str) -> Response:
    return show_page(context, context.require_document(), {})


def download_original(context: RequestContext, document_id: str) -> Response:
    document = context.require_document()
    if not is_readable(document.status):
        raise Gone(_RECALLED)
    return redirect_to_file(context, document.original.key, make_file_name(document))


def download_signed(context: RequestContext, document_id: str) -> Response:
    document = context.require_document()
    if document.signed is None:
        raise NotFound("There is no signed copy of this document yet.")
    name = f"{decision_prefix(document)}-{make_file_name(document)}"
    return redirect_to_file(context, document.signed.key, name)


def _show_list(context: RequestContext, section: str) -> Response:
    """Return one page of the pending or past documents (`section`) of the provider whom the query chooses.

    Without a choice, it is the first provider by name. An assistant whom no provider has invited gets an empty page."""
    chosen = _chosen(context)
    documents, next_after = _read(context, chosen, section) if chosen else ((), None)
    return render_page(
        context,
        "assistant_list.html",
        section=section,
        principals=context.principals,
        chosen=chosen,
        rows=[make_row(document, context.now) for document in documents],
        next_after=encode_cursor(next_after, of=section),
        first="after" not in context.query,
    )


def _chosen(context: RequestContext) -> Provider | None:
    chosen = (provider for provider in context.principals if provider.id == context.query.get("for"))
    return next(chosen, context.principals[0] if context.principals else None)


def _read(context: RequestContext, provider: Provider, section: str) -> tuple[tuple[Document, ...], str | None]:
    after, review = decode_cursor(context.query.get("after"), "after", of=section), context.services.review
    if section == "pending":
        pending = review.pending(provider, after)
        return pending.documents, pending.next_after
    past = review.past(provider, after)
    return past.items, past.next_after


def show_page(context: RequestContext, document: Document, errors: Mapping[str, str], status: int = 200) -> Response:
    """Return the page of a document with its pages, or with its outcome once it is decided or recalled.

    `errors` are those of a refused form of this page."""
    undecided, principal = is_decidable(document.status), context.require_principal()
    ready = document.ready_for(principal.id)
    return render_page(
        context,
        "assistant_document.html",
        status=status,
        section="pending" if undecided else "past",
        principal=principal,
        undecided=undecided,
        readable=is_readable(document.status),
        errors=errors,
        ready=ready,
        remark=context.form.get("remark", "") if errors else (ready.remark or "") if ready else "",
        max_remark=MAX_REMARK_CHARS,
        history_url=context.history_url(f"{ASSISTANT_HOME}/{document.id}"),
        **describe_document(document, context.now),
        **_describe_pages(context, document),
        **(_describe_upload(context, document) if undecided else {}),
    )


def _describe_upload(context: RequestContext, document: Document) -> dict[str, Any]:
    """Return what the form for the upload of a signed scan needs."""
    url, fields = context.services.scans.upload_form(document, f"{ASSISTANT_HOME}/{document.id}/uploaded")
    return {"upload_url": url, "upload_fields": fields, "max_bytes": MAX_SCAN_BYTES}


def _describe_pages(context: RequestContext, document: Document) -> dict[str, Any]:
    """Return the page images of a document, unless it was recalled, and the time `at` of its outcome."""
    files, at = context.services.files, document.decided_at or document.recalled_at
    images = list_page_images(document, files, page_texts(document, files)) if is_readable(document.status) else []
    return {"images": images, "at": format_time(at, document.practice.time_zone) if at else None}
