"""The pages for a provider without an account, who signs a document on the screen, or prints it and uploads a scan.

A code by email or fax opens one document to its reader for `BY_HAND_LIFETIME`. This time is called a visit."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalice.app import Response

from chalicelib.domain.certification.rules import local_day
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict, Invalid
from chalicelib.domain.expiring_records import BY_HAND_LIFETIME
from chalicelib.domain.status import is_decidable
from chalicelib.domain.visibility import opens_to
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.pdf_jobs.page_images import page_texts
from chalicelib.services.review.by_hand import CodeVisitor
from chalicelib.services.review.decisions import WaysToSign, ways_to_sign
from chalicelib.services.review.guest_signing import confirmation, find_proven_email, is_by_visit
from chalicelib.services.review.hand_codes import CODES_PER_HOUR
from chalicelib.services.review.scans import MAX_SCAN_BYTES
from chalicelib.web.http.error_mapping import error_messages
from chalicelib.web.http.file_names import make_file_name
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import BY_HAND_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie, redirect, redirect_to_file, render_page
from chalicelib.web.http.templating import format_time
from chalicelib.web.pages.decision_forms import FORM_VALUES, GuestForms, read_guest_fields, visit_reader, with_tokens
from chalicelib.web.pages.signing import scan_confirmation
from chalicelib.web.pages.view_models import describe_document, list_page_images


def show_code_form(context: RequestContext, document_id: str, errors: Mapping[str, str] | None = None) -> Response:
    """Return the page with the form for the code that opens a document, with the errors of a wrong code.

    The page is the same for an unknown document, so that it does not reveal which documents exist. The addressee who is
    logged in needs no code, and gets a redirect to the document in the account."""
    document, owned = run_concurrently(
        lambda: context.services.review.find_document(document_id), lambda: _is_in_account(context, document_id)
    )
    can_sign = context.services.review.can_sign(document)
    if owned and can_sign:
        return redirect(f"/documents/{document_id}")
    return render_page(
        context,
        "by_hand_code.html",
        status=422 if errors else 200,
        document_id=document_id,
        code_sent=bool(errors) or context.query.get("asked") == "yes",
        ended="ended" in context.query,
        seconds_between_codes=CODES_PER_HOUR.min_interval.seconds,
        can_sign=can_sign,
        errors=errors or {},
        history_url=context.history_url(f"/by-hand/{document_id}?asked=yes"),
    )


def _is_in_account(context: RequestContext, document_id: str) -> bool:
    """Return True if the document must be opened in the account, because a logged-in reader has it there.

    Return False if the reader has asked for a code or chose to sign on paper."""
    token = context.cookies.get(SESSION_COOKIE, "")
    if context.request.method != "GET" or not token or not {"asked", "paper"}.isdisjoint(context.query):
        return False
    visit = context.services.sessions.visit(token, context.now, document_id)
    if visit is None or visit.provider is None or visit.document is None:
        return False
    return opens_to(visit.provider, visit.document)


def send_code(context: RequestContext, document_id: str) -> Response:
    context.services.by_hand.ask_for_code(document_id, make_visitor(context))
    return redirect(f"/by-hand/{document_id}?asked=yes")


def enter_code(context: RequestContext, document_id: str) -> Response:
    try:
        token = context.services.by_hand.enter_code(document_id, context.form.get("code", ""), make_visitor(context))
    except Invalid as trouble:
        return show_code_form(context, document_id, error_messages(trouble))
    return redirect_to_visit(document_id, token)


def redirect_to_visit(document_id: str, token: str) -> Response:
    """Return a redirect to the document that a code has opened.

    The cookie with `token` lets the browser read this one document for `BY_HAND_LIFETIME`."""
    lifetime = int(BY_HAND_LIFETIME.total_seconds())
    return redirect(f"/by-hand/{document_id}/document", cookies=[format_cookie(BY_HAND_COOKIE, token, lifetime)])


def show_document(context: RequestContext, document_id: str) -> Response:
    return show_visit(context, context.require_document(), {})


def download_original(context: RequestContext, document_id: str) -> Response:
    visit, visitor = context.require_visit(), make_visitor(context)
    document = context.services.by_hand.record_download(context.require_document(), visit, visitor)
    return redirect_to_file(context, document.original.key, make_file_name(document))


def confirm_upload(context: RequestContext, document_id: str) -> Response:
    return scan_confirmation.confirm_upload(context, *_scan_paths(document_id), _refuse_scan(context))


def submit_scan(context: RequestContext, document_id: str) -> Response:
    scan = scan_confirmation.read_scan_form(context)
    visit, visitor = context.require_visit(), make_visitor(context)
    try:
        context.services.by_hand.take_scan(context.require_document(), scan, visit, visitor)
    except Invalid as trouble:
        errors = error_messages(trouble)
        if "signer_name" in errors:
            refuse = _refuse_scan(context)
            return scan_confirmation.show_confirmation(context, scan, errors, *_scan_paths(document_id), refuse)
        return _refuse_scan(context)(errors)
    except Conflict as trouble:
        return show_visit(context, read_latest(context), {"conflict": trouble.detail}, status=409)
    return redirect(f"/by-hand/{document_id}/document")


def _refuse_scan(context: RequestContext) -> scan_confirmation.Refuse:
    return lambda errors: show_visit(context, context.require_document(), errors, status=422)


def show_visit(
    context: RequestContext,
    latest: Document,
    errors: Mapping[str, str],
    status: int = 200,
    forms: GuestForms | None = None,
) -> Response:
    """Return the page of the document that a code has opened, and record the first view of the document.

    `latest` is the document as last read. `errors` are those of the uploaded scan, and of a decision that came too
    late. `forms` are the refused forms of a decision on the screen."""
    document, texts, ways = _open(context, latest)
    undecided = is_decidable(document.status)
    images = list_page_images(document, context.services.files, texts)
    return render_page(
        context,
        "by_hand_document.html",
        status=status,
        undecided=undecided,
        images=with_tokens(context, images, visit_reader(context)) if undecided and ways.code else images,
        errors=errors,
        can_sign=ways.account,
        signs_here=ways.code,
        entered=forms or read_guest_fields(context, {}),
        history_url=context.history_url(f"/by-hand/{document.id}/document"),
        **describe_document(document, context.now),
        **(_describe_forms(context, document) if undecided else _describe_outcome(context, document)),
    )


def _open(context: RequestContext, latest: Document) -> tuple[Document, Sequence[str] | None, WaysToSign]:
    """Return the document after its first view was recorded, the texts of its pages, and the ways to sign it."""
    services = context.services
    document, (texts, ways) = run_concurrently(
        lambda: services.by_hand.open(latest, context.require_visit(), make_visitor(context)),
        lambda: run_concurrently(
            lambda: page_texts(latest, services.files), lambda: ways_to_sign(services.switches, latest)
        ),
    )
    return document, texts, ways


def _describe_forms(context: RequestContext, document: Document) -> dict[str, Any]:
    """Return what the forms on the page of an undecided document need."""
    upload_url, upload_fields = context.services.by_hand.upload_form(document)
    return {
        "upload_url": upload_url,
        "upload_fields": upload_fields,
        "max_bytes": MAX_SCAN_BYTES,
        "confirmation": confirmation(document),
        "today": local_day(context.now, document),
        "by_fax": context.require_visit().email is None,
        **FORM_VALUES,
    }


def _describe_outcome(context: RequestContext, document: Document) -> dict[str, Any]:
    """Return the values of the page of a decided document: when it was decided, and whether in this visit.

    `offers_account` is true if the person may create an account in one step."""
    decided_at, visit = document.decided_at, context.require_visit()
    email = find_proven_email(document, visit, context.now)
    return {
        "at": format_time(decided_at, document.practice.time_zone) if decided_at else None,
        "is_by_visit": is_by_visit(document, visit),
        "offers_account": context.services.guest_accounts.is_offered(document, email),
    }


def _scan_paths(document_id: str) -> tuple[str, str]:
    """Return the path with which the paths of an uploaded scan begin, and the path of the document's page."""
    return f"/by-hand/{document_id}", f"/by-hand/{document_id}/document"


def read_latest(context: RequestContext) -> Document:
    """Read the request's document again, after another request has decided it in the meantime, and return it."""
    document = context.require_document()
    return context.services.review.find_document(document.id) or document


def make_visitor(context: RequestContext) -> CodeVisitor:
    return CodeVisitor(actor=context.actor, now=context.now)
