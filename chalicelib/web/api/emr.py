"""The EMR's API: events in, documents and deliveries out, settings (DESIGN section 4, contract)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from chalice.app import Response

from chalicelib.domain.documents import Document, StoredPdf
from chalicelib.domain.errors import Conflict, FieldError, Invalid, NotFound, TooLarge
from chalicelib.domain.timestamps import to_text
from chalicelib.services.delivery.practice_deliveries import Outgoing, delivery_resource
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.pagination import cursor_of, limit_of, list_name, place_of
from chalicelib.services.ports import DeliveryListing
from chalicelib.services.practices import practices
from chalicelib.services.practices.practices import MAX_BODY_BYTES
from chalicelib.web.http import request_parsing as requests
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.responses import answer, redirect
from chalicelib.web.pages.view_models import decided_as

UPLOAD_LIVES = timedelta(minutes=15)
URL_LIVES_SECONDS = 60
CSV = "text/csv; charset=utf-8"

_DELIVERIES = {
    "all": DeliveryListing.ALL,
    "failed": DeliveryListing.FAILED,
    "held": DeliveryListing.HELD,
}


def receive_event(caller: Caller) -> Response:
    from chalicelib.web.api.inbound_events import receive

    return answer(receive(caller), 202)


def offer_upload(caller: Caller) -> Response:
    from chalicelib.services.documents.incoming_pdf import MAX_UPLOAD_BYTES, upload_key

    _body(caller)
    upload_id = caller.services.ids.new("upl")
    url, fields = caller.services.files.upload_form(
        upload_key(caller.tenant.id, upload_id),
        max_bytes=MAX_UPLOAD_BYTES,
        seconds=int(UPLOAD_LIVES.total_seconds()),
    )
    expires_at = to_text(caller.now + UPLOAD_LIVES)
    offer = {"upload_id": upload_id, "url": url, "fields": dict(fields), "expires_at": expires_at}
    return answer({**offer, "max_bytes": MAX_UPLOAD_BYTES}, 201)


# Reading


def list_documents(caller: Caller) -> Response:
    from chalicelib.services.documents.reports import REPORTS, as_csv

    _check_query(caller, "report", "format", "limit", "cursor")
    report = _choice(caller, "report", tuple(REPORTS), default="unsigned")
    form = _choice(caller, "format", ("json", "csv"), default=_accepted(caller))
    name = list_name(REPORTS[report], caller.tenant.id)
    found = caller.services.store.documents(
        REPORTS[report],
        caller.tenant.id,
        limit=limit_of(caller.query.get("limit")),
        after=place_of(caller.query.get("cursor"), of=name),
    )
    cursor = cursor_of(found.next_after, of=name)
    if form == "csv":
        text = as_csv(found.items, caller.services.settings.portal_url)
        return Response(body=text, status_code=200, headers={"Content-Type": CSV, **_link(caller, cursor)})
    return answer({"documents": [_resource(caller, each) for each in found.items], "next_cursor": cursor})


def read_document(caller: Caller, document_id: str) -> Response:
    return answer(_resource(caller, _document(caller, document_id)))


def read_original(caller: Caller, document_id: str) -> Response:
    document = _document(caller, document_id)
    return _to_file(caller, document.original, f"{document.id}-original.pdf")


_NO_FILE = {
    "timestamped": "No timestamp came after the signed PDF was announced",
    "certificate": "The certificate is in the signed PDF",
    "timestamped-certificate": "No timestamp of a certificate came after it was announced",
}


def read_signed(caller: Caller, document_id: str) -> Response:
    versions = ("announced", "timestamped", "certificate", "timestamped-certificate")
    version = _choice(caller, "version", versions, default="announced")
    document = _document(caller, document_id)
    files = (
        document.signed,
        document.timestamped,
        document.certificate,
        document.timestamped_certificate,
    )
    pdf = dict(zip(versions, files, strict=True))[version]
    if document.signed is None:
        raise Conflict(
            f"There is no signed PDF to fetch: the document is {document.status}, its sealing stands at "
            f"`{document.sealing}`. Wait for the webhook document.approved.",
            code="not-ready",
        )
    if pdf is None:
        raise Conflict(f"{_NO_FILE[version]}: fetch the signed PDF without `version`.", code="not-ready")
    kind = "certificate" if version.endswith("certificate") else decided_as(document)
    return _to_file(caller, pdf, f"{document.id}-{kind}.pdf")


def read_trail(caller: Caller, document_id: str) -> Response:
    from chalicelib.services.documents.reports import audit_trail

    document = _document(caller, document_id)
    return answer(audit_trail(document, caller.services.store.events(document.id)))


# Deliveries


def list_deliveries(caller: Caller) -> Response:
    _check_query(caller, "status", "limit", "cursor")
    status = _choice(caller, "status", tuple(_DELIVERIES), default="all")
    name = list_name(_DELIVERIES[status], caller.tenant.id)
    found = _outgoing(caller).page(
        caller.tenant,
        _DELIVERIES[status],
        limit=limit_of(caller.query.get("limit")),
        after=place_of(caller.query.get("cursor"), of=name),
    )
    shown = [delivery_resource(each) for each in found.items]
    return answer({"deliveries": shown, "next_cursor": cursor_of(found.next_after, of=name)})


def retry_delivery(caller: Caller, delivery_id: str) -> Response:
    _body(caller)
    queued = _outgoing(caller).retry(caller.tenant, delivery_id, caller.actor, caller.now)
    return answer(delivery_resource(queued), 202)


# Settings


def read_practice(caller: Caller) -> Response:
    on = caller.services.switches.electronic_signature(caller.tenant.id)
    return answer(practices.resource(caller.tenant, electronic_signature=on))


def write_practice(caller: Caller) -> Response:
    from chalicelib.web.api.schemas import read_settings

    services, settings = caller.services, read_settings(_body(caller))
    return answer(practices.update(services.store, services.switches, caller.tenant, caller.now, settings))


def write_endpoint(caller: Caller) -> Response:
    from chalicelib.web.api.schemas import read_endpoint

    services = caller.services
    url = read_endpoint(_body(caller), allow_loopback=services.settings.allow_loopback)
    return answer(practices.set_endpoint(services.store, caller.tenant, caller.now, url))


def test_endpoint(caller: Caller) -> Response:
    _body(caller)
    return answer(delivery_resource(_outgoing(caller).test_endpoint(caller.tenant, caller.now)), 202)


def read_openapi(caller: Caller) -> Response:
    from chalicelib.web.api.openapi import openapi

    return answer(openapi(caller.services.settings.portal_url))


# Common


def _body(caller: Caller) -> bytes:
    body = requests.body(caller.request)
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge("The body is larger than 6 MB.")
    return body


def _document(caller: Caller, document_id: str) -> Document:
    """The practice's document; the same answer for another's as for none."""
    document = caller.services.store.document(document_id)
    if document is None or document.practice_id != caller.tenant.id:
        raise NotFound("There is no such document.")
    return document


def _resource(caller: Caller, document: Document) -> Mapping[str, Any]:
    return document_resource(document, caller.services.settings.portal_url)


def _to_file(caller: Caller, pdf: StoredPdf, name: str) -> Response:
    url = caller.services.files.url(pdf.key, seconds=URL_LIVES_SECONDS, file_name=name, inline=False)
    return redirect(url)


def _outgoing(caller: Caller) -> Outgoing:
    services = caller.services
    return Outgoing(store=services.store, ids=services.ids, portal_url=services.settings.portal_url)


def _check_query(caller: Caller, *known: str) -> None:
    """A parameter that no list has would otherwise look as if it had chosen among the rows."""
    wrong = tuple(
        FieldError(each, "is no parameter of this list") for each in caller.query if each not in known
    )
    if wrong:
        names = ", ".join(each.field for each in wrong)
        raise Invalid(f"This list has no parameter {names}. It has {', '.join(known)}.", errors=wrong)


def _choice(caller: Caller, name: str, choices: tuple[str, ...], *, default: str) -> str:
    value = caller.query.get(name, default)
    if value not in choices:
        message = f"must be one of {', '.join(choices)}"
        wrong = FieldError(name, message)
        raise Invalid(f"The query parameter {name} {message}.", errors=(wrong,))
    return value


def _accepted(caller: Caller) -> str:
    return "csv" if "text/csv" in caller.request.headers.get("accept", "") else "json"


def _link(caller: Caller, cursor: str | None) -> Mapping[str, str]:
    """Where CSV goes on (RFC 8288), since it has no place for a cursor."""
    if cursor is None:
        return {}
    query = urlencode({**caller.query, "cursor": cursor})
    return {"Link": f'<{caller.services.settings.portal_url}/v1/documents?{query}>; rel="next"'}
