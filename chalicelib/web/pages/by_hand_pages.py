"""Reading and signing by hand without an account: the code, the document, and the scan that comes back."""

from collections.abc import Mapping
from urllib.parse import quote

from chalice.app import Response

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict, Invalid
from chalicelib.domain.expiring_records import BY_HAND_LIFETIME, Secret
from chalicelib.domain.status import is_decidable
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.pdf_jobs.page_images import page_texts
from chalicelib.services.review.by_hand import MAX_SCAN_BYTES, CodeVisitor, ScanForm
from chalicelib.web.http.file_names import make_file_name
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import BY_HAND_COOKIE
from chalicelib.web.http.responses import format_cookie, moment, redirect, render_page
from chalicelib.web.pages.document_landing import signs_here
from chalicelib.web.pages.view_models import (
    FILE_SECONDS,
    due,
    local_day,
    page_images,
    pages_prepared,
    refreshing,
    still_preparing,
)


def code_page(context: RequestContext, document_id: str) -> Response:
    """For an id that does not exist it is as for any document that can be signed online: who does not have
    the code learns no more than the document's door tells.
    """
    asked, online = context.query.get("asked") == "yes", _signs_online(context, document_id)
    return _code_page(context, document_id, asked=asked, online=online)


def ask_for_code(context: RequestContext, document_id: str) -> Response:
    context.services.by_hand.ask_for_code(document_id, _visitor(context))
    return redirect(f"/by-hand/{document_id}?asked=yes")


def enter_code(context: RequestContext, document_id: str) -> Response:
    try:
        entered = context.services.by_hand.enter_code(
            document_id, context.form.get("code", ""), _visitor(context)
        )
    except Invalid as trouble:
        errors, online = _messages(trouble), _signs_online(context, document_id)
        return _code_page(context, document_id, asked=True, online=online, errors=errors, status=422)
    lifetime = int(BY_HAND_LIFETIME.total_seconds())
    return redirect(
        f"/by-hand/{document_id}/document", cookies=[format_cookie(BY_HAND_COOKIE, entered, lifetime)]
    )


def _signs_online(context: RequestContext, document_id: str) -> bool:
    return signs_here(context, context.services.store.document(document_id))


def read(context: RequestContext, document_id: str) -> Response:
    return _document_page(context, context.require_document())


def original(context: RequestContext, document_id: str) -> Response:
    document = context.services.by_hand.record_download(
        context.require_document(), _visit(context), _visitor(context)
    )
    url = context.services.files.url(
        document.original.key,
        seconds=FILE_SECONDS,
        file_name=make_file_name(document),
        inline="download" not in context.query,
    )
    return redirect(url)


def uploaded(context: RequestContext, document_id: str) -> Response:
    """Where the bucket sends the browser after the upload.

    Another website may send it here too. Beside a patient's name it repeats only the key of a file that was
    uploaded, which nobody else can choose (BREACH).
    """
    key = context.query.get("key", "")
    if not is_decidable(context.require_document().status) or not context.services.by_hand.has_upload(
        document_id, key
    ):
        return redirect(f"/by-hand/{document_id}/document")
    return _confirm_page(context, key, context.require_document().addressee.name)


def take_scan(context: RequestContext, document_id: str) -> Response:
    scan = ScanForm(key=context.form.get("key", ""), signer_name=context.form.get("signer_name", ""))
    try:
        context.services.by_hand.take_scan(
            context.require_document(), scan, _visit(context), _visitor(context)
        )
    except Invalid as trouble:
        errors = _messages(trouble)
        if "signer_name" in errors:
            return _confirm_page(context, scan.key, scan.signer_name, errors=errors, status=422)
        return _document_page(context, context.require_document(), errors=errors, status=422)
    except Conflict as trouble:
        latest = context.services.store.document(document_id) or context.require_document()
        return _document_page(context, latest, errors={"conflict": trouble.detail}, status=409)
    return redirect(f"/by-hand/{document_id}/document")


def _code_page(
    context: RequestContext,
    document_id: str,
    *,
    asked: bool,
    online: bool,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    return render_page(
        context,
        "by_hand_code.html",
        status=status,
        document_id=document_id,
        asked=asked,
        online=online,
        errors=errors or {},
        history_url=context.history_url(f"/by-hand/{document_id}?asked=yes"),
    )


def _document_page(
    context: RequestContext, found: Document, *, errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    document, (texts, online) = run_concurrently(
        lambda: context.services.by_hand.open(found, _visit(context), _visitor(context)),
        lambda: (page_texts(found, context.services.files), signs_here(context, found)),
    )
    undecided = is_decidable(document.status)
    upload_url, upload_fields = context.services.by_hand.upload_form(document) if undecided else ("", {})
    waiting = undecided and still_preparing(document, context.now)
    return render_page(
        context,
        "by_hand_document.html",
        status=status,
        headers=refreshing(waiting=waiting),
        document=document,
        undecided=undecided,
        images=page_images(document, context.services.files, texts),
        prepared=pages_prepared(document),
        waiting=waiting,
        due=due(document, context.now),
        sent_on=local_day(document.sent_at, document),
        at=_decided_at(document),
        upload_url=upload_url,
        upload_fields=upload_fields,
        max_bytes=MAX_SCAN_BYTES,
        errors=errors or {},
        online=online,
        history_url=context.history_url(f"/by-hand/{document.id}/document"),
    )


def _confirm_page(
    context: RequestContext,
    key: str,
    signer_name: str,
    *,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    return render_page(
        context,
        "by_hand_confirm.html",
        status=status,
        document=context.require_document(),
        key=key,
        signer_name=signer_name,
        errors=errors or {},
        history_url=context.history_url(
            f"/by-hand/{context.require_document().id}/uploaded?key={quote(key, safe='/')}"
        ),
    )


def _decided_at(document: Document) -> str | None:
    at = document.decided_at
    return moment(at, document.practice.time_zone) if at else None


def _messages(trouble: Invalid) -> dict[str, str]:
    return {each.field: each.message for each in trouble.errors}


def _visit(context: RequestContext) -> Secret:
    if context.by_hand is None:
        raise LookupError("this route's access rule does not establish a visit")
    return context.by_hand


def _visitor(context: RequestContext) -> CodeVisitor:
    return CodeVisitor(actor=context.actor, now=context.now)
