"""Reading and signing by hand without an account: the code, the document, and the scan that comes back."""

from collections.abc import Mapping
from urllib.parse import quote

from chalice.app import Response

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict, Invalid
from chalicelib.domain.expiring_records import BY_HAND_LIFETIME, Secret
from chalicelib.domain.status import is_decidable
from chalicelib.services.documents.document_writer import together
from chalicelib.services.pdf_jobs.page_images import page_texts
from chalicelib.services.review.by_hand import MAX_SCAN_BYTES, Scan, Visitor
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.request_parsing import BY_HAND_COOKIE
from chalicelib.web.http.responses import cookie, moment, page, redirect
from chalicelib.web.pages.document_landing import signs_here
from chalicelib.web.pages.view_models import (
    FILE_SECONDS,
    due,
    file_name,
    local_day,
    page_images,
    pages_prepared,
    refreshing,
    still_preparing,
)


def code_page(caller: Caller, document_id: str) -> Response:
    """For an id that does not exist it is as for any document that can be signed online: who does not have
    the code learns no more than the document's door tells.
    """
    asked, online = caller.query.get("asked") == "yes", _signs_online(caller, document_id)
    return _code_page(caller, document_id, asked=asked, online=online)


def ask_for_code(caller: Caller, document_id: str) -> Response:
    caller.services.by_hand.ask_for_code(document_id, _visitor(caller))
    return redirect(f"/by-hand/{document_id}?asked=yes")


def enter_code(caller: Caller, document_id: str) -> Response:
    try:
        entered = caller.services.by_hand.enter(document_id, caller.form.get("code", ""), _visitor(caller))
    except Invalid as trouble:
        errors, online = _messages(trouble), _signs_online(caller, document_id)
        return _code_page(caller, document_id, asked=True, online=online, errors=errors, status=422)
    lifetime = int(BY_HAND_LIFETIME.total_seconds())
    return redirect(f"/by-hand/{document_id}/document", cookies=[cookie(BY_HAND_COOKIE, entered, lifetime)])


def _signs_online(caller: Caller, document_id: str) -> bool:
    return signs_here(caller, caller.services.store.document(document_id))


def read(caller: Caller, document_id: str) -> Response:
    return _document_page(caller, caller.opened)


def original(caller: Caller, document_id: str) -> Response:
    document = caller.services.by_hand.downloaded(caller.opened, _visit(caller), _visitor(caller))
    url = caller.services.files.url(
        document.original.key,
        seconds=FILE_SECONDS,
        file_name=file_name(document),
        inline="download" not in caller.query,
    )
    return redirect(url)


def uploaded(caller: Caller, document_id: str) -> Response:
    """Where the bucket sends the browser after the upload.

    Another website may send it here too. Beside a patient's name it repeats only the key of a file that was
    uploaded, which nobody else can choose (BREACH).
    """
    key = caller.query.get("key", "")
    if not is_decidable(caller.opened.status) or not caller.services.by_hand.has_received(document_id, key):
        return redirect(f"/by-hand/{document_id}/document")
    return _confirm_page(caller, key, caller.opened.addressee.name)


def take_scan(caller: Caller, document_id: str) -> Response:
    scan = Scan(key=caller.form.get("key", ""), signer_name=caller.form.get("signer_name", ""))
    try:
        caller.services.by_hand.take_scan(caller.opened, scan, _visit(caller), _visitor(caller))
    except Invalid as trouble:
        errors = _messages(trouble)
        if "signer_name" in errors:
            return _confirm_page(caller, scan.key, scan.signer_name, errors=errors, status=422)
        return _document_page(caller, caller.opened, errors=errors, status=422)
    except Conflict as trouble:
        latest = caller.services.store.document(document_id) or caller.opened
        return _document_page(caller, latest, errors={"conflict": trouble.detail}, status=409)
    return redirect(f"/by-hand/{document_id}/document")


def _code_page(
    caller: Caller,
    document_id: str,
    *,
    asked: bool,
    online: bool,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    return page(
        caller,
        "by_hand_code.html",
        status=status,
        document_id=document_id,
        asked=asked,
        online=online,
        errors=errors or {},
        stands_for=caller.stands_for(f"/by-hand/{document_id}?asked=yes"),
    )


def _document_page(
    caller: Caller, found: Document, *, errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    document, (texts, online) = together(
        lambda: caller.services.by_hand.open(found, _visit(caller), _visitor(caller)),
        lambda: (page_texts(found, caller.services.files), signs_here(caller, found)),
    )
    undecided = is_decidable(document.status)
    upload_url, upload_fields = caller.services.by_hand.upload_form(document) if undecided else ("", {})
    waiting = undecided and still_preparing(document, caller.now)
    return page(
        caller,
        "by_hand_document.html",
        status=status,
        headers=refreshing(waiting=waiting),
        document=document,
        undecided=undecided,
        images=page_images(document, caller.services.files, texts),
        prepared=pages_prepared(document),
        waiting=waiting,
        due=due(document, caller.now),
        sent_on=local_day(document.sent_at, document),
        at=_decided_at(document),
        upload_url=upload_url,
        upload_fields=upload_fields,
        max_bytes=MAX_SCAN_BYTES,
        errors=errors or {},
        online=online,
        stands_for=caller.stands_for(f"/by-hand/{document.id}/document"),
    )


def _confirm_page(
    caller: Caller, key: str, signer_name: str, *, errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    return page(
        caller,
        "by_hand_confirm.html",
        status=status,
        document=caller.opened,
        key=key,
        signer_name=signer_name,
        errors=errors or {},
        stands_for=caller.stands_for(f"/by-hand/{caller.opened.id}/uploaded?key={quote(key, safe='/')}"),
    )


def _decided_at(document: Document) -> str | None:
    at = document.decided_at
    return moment(at, document.practice.time_zone) if at else None


def _messages(trouble: Invalid) -> dict[str, str]:
    return {each.field: each.message for each in trouble.errors}


def _visit(caller: Caller) -> Secret:
    if caller.by_hand is None:
        raise LookupError("this route's access rule does not establish a visit")
    return caller.by_hand


def _visitor(caller: Caller) -> Visitor:
    return Visitor(actor=caller.actor, now=caller.now)
