"""The EMR's API: events in, documents and deliveries out, settings (DESIGN section 4, contract)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from chalice.app import Response

from chalicelib.domain.documents import Document, StoredPdf
from chalicelib.domain.errors import Conflict, ConflictCode, FieldError, Invalid, TooLarge
from chalicelib.domain.timestamps import to_text
from chalicelib.services.delivery.practice_deliveries import delivery_resource
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.pagination import cursor_of, limit_of, list_name, place_of
from chalicelib.services.ports import DeliveryListing
from chalicelib.services.practices.practice_resource import practice_resource
from chalicelib.services.practices.request_authentication import MAX_BODY_BYTES
from chalicelib.web.api.query_parameters import DELIVERY_STATUS, FORMAT, REPORT, VERSION
from chalicelib.web.http import request_parsing
from chalicelib.web.http.file_names import decision_prefix
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response, redirect

UPLOAD_LIVES = timedelta(minutes=15)
URL_LIVES_SECONDS = 60
CSV = "text/csv; charset=utf-8"

_DELIVERIES = {
    "all": DeliveryListing.ALL,
    "failed": DeliveryListing.FAILED,
    "held": DeliveryListing.HELD,
}


def receive_event(context: RequestContext) -> Response:
    from chalicelib.web.api.inbound_events import receive

    return json_response(receive(context), 202)


def offer_upload(context: RequestContext) -> Response:
    from chalicelib.services.documents.incoming_pdf import MAX_UPLOAD_BYTES, upload_key

    _body(context)
    upload_id = context.services.ids.new("upl")
    url, fields = context.services.files.upload_form(
        upload_key(context.require_practice().id, upload_id),
        max_bytes=MAX_UPLOAD_BYTES,
        seconds=int(UPLOAD_LIVES.total_seconds()),
    )
    expires_at = to_text(context.now + UPLOAD_LIVES)
    offer = {"upload_id": upload_id, "url": url, "fields": dict(fields), "expires_at": expires_at}
    return json_response({**offer, "max_bytes": MAX_UPLOAD_BYTES}, 201)


# Reading


def list_documents(context: RequestContext) -> Response:
    from chalicelib.services.documents.reports import REPORTS, as_csv

    _check_query(context, "report", "format", "limit", "cursor")
    report = REPORT.read(context.query)
    form = FORMAT.read(context.query, default=_accepted_format(context))
    name = list_name(REPORTS[report], context.require_practice().id)
    found = context.services.reports.page(
        report,
        context.require_practice().id,
        limit=limit_of(context.query.get("limit")),
        after=place_of(context.query.get("cursor"), of=name),
    )
    cursor = cursor_of(found.next_after, of=name)
    if form == "csv":
        text = as_csv(found.items, context.services.settings.portal_url)
        return Response(body=text, status_code=200, headers={"Content-Type": CSV, **_link(context, cursor)})
    return json_response(
        {"documents": [_resource(context, each) for each in found.items], "next_cursor": cursor}
    )


def read_document(context: RequestContext, document_id: str) -> Response:
    return json_response(_resource(context, _document(context, document_id)))


def read_original(context: RequestContext, document_id: str) -> Response:
    document = _document(context, document_id)
    return _to_file(context, document.original, f"{document.id}-original.pdf")


_NO_FILE = {
    "timestamped": "No timestamp came after the signed PDF was announced",
    "certificate": "The certificate is in the signed PDF",
    "timestamped-certificate": "No timestamp of a certificate came after it was announced",
}


def read_signed(context: RequestContext, document_id: str) -> Response:
    version = VERSION.read(context.query)
    document = _document(context, document_id)
    files = (
        document.signed,
        document.timestamped,
        document.certificate,
        document.timestamped_certificate,
    )
    pdf = dict(zip(VERSION.values, files, strict=True))[version]
    if document.signed is None:
        raise Conflict(
            f"There is no signed PDF to fetch: the document is {document.status}, its sealing stands at "
            f"`{document.sealing}`. Wait for the webhook document.approved.",
            code=ConflictCode.NOT_READY,
        )
    if pdf is None:
        raise Conflict(
            f"{_NO_FILE[version]}: fetch the signed PDF without `version`.", code=ConflictCode.NOT_READY
        )
    kind = "certificate" if version.endswith("certificate") else decision_prefix(document)
    return _to_file(context, pdf, f"{document.id}-{kind}.pdf")


def read_trail(context: RequestContext, document_id: str) -> Response:
    return json_response(context.services.reports.audit_trail(context.require_practice().id, document_id))


# Deliveries


def list_deliveries(context: RequestContext) -> Response:
    _check_query(context, "status", "limit", "cursor")
    status = DELIVERY_STATUS.read(context.query)
    name = list_name(_DELIVERIES[status], context.require_practice().id)
    found = context.services.practice_deliveries.page(
        context.require_practice(),
        _DELIVERIES[status],
        limit=limit_of(context.query.get("limit")),
        after=place_of(context.query.get("cursor"), of=name),
    )
    shown = [delivery_resource(each) for each in found.items]
    return json_response({"deliveries": shown, "next_cursor": cursor_of(found.next_after, of=name)})


def retry_delivery(context: RequestContext, delivery_id: str) -> Response:
    _body(context)
    queued = context.services.practice_deliveries.retry(
        context.require_practice(), delivery_id, context.actor, context.now
    )
    return json_response(delivery_resource(queued), 202)


# Settings


def read_practice(context: RequestContext) -> Response:
    on = context.services.switches.electronic_signature(context.require_practice().id)
    return json_response(practice_resource(context.require_practice(), electronic_signature=on))


def write_practice(context: RequestContext) -> Response:
    from chalicelib.web.api.schemas import read_settings

    services, settings = context.services, read_settings(_body(context))
    return json_response(services.practices.update(context.require_practice(), settings, context.now))


def write_endpoint(context: RequestContext) -> Response:
    from chalicelib.web.api.schemas import read_endpoint

    services = context.services
    url = read_endpoint(_body(context), allow_loopback=services.settings.allow_loopback)
    return json_response(services.practices.set_endpoint(context.require_practice(), url, context.now))


def test_endpoint(context: RequestContext) -> Response:
    _body(context)
    practice = context.require_practice()
    test = context.services.practice_deliveries.test_endpoint(practice, context.now)
    return json_response(delivery_resource(test), 202)


def read_openapi(context: RequestContext) -> Response:
    from chalicelib.web.api.openapi import openapi

    return json_response(openapi(context.services.settings.portal_url))


# Common


def _body(context: RequestContext) -> bytes:
    body = request_parsing.read_body(context.request)
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge("The body is larger than 6 MB.")
    return body


def _document(context: RequestContext, document_id: str) -> Document:
    return context.services.reports.document(context.require_practice().id, document_id)


def _resource(context: RequestContext, document: Document) -> Mapping[str, Any]:
    return document_resource(document, context.services.settings.portal_url)


def _to_file(context: RequestContext, pdf: StoredPdf, name: str) -> Response:
    url = context.services.files.url(pdf.key, seconds=URL_LIVES_SECONDS, file_name=name, inline=False)
    return redirect(url)


def _check_query(context: RequestContext, *known: str) -> None:
    """A parameter that no list has would otherwise look as if it had chosen among the rows."""
    wrong = tuple(
        FieldError(each, "is no parameter of this list") for each in context.query if each not in known
    )
    if wrong:
        names = ", ".join(each.field for each in wrong)
        raise Invalid(f"This list has no parameter {names}. It has {', '.join(known)}.", errors=wrong)


def _accepted_format(context: RequestContext) -> str:
    return "csv" if "text/csv" in context.request.headers.get("accept", "") else "json"


def _link(context: RequestContext, cursor: str | None) -> Mapping[str, str]:
    """Where CSV goes on (RFC 8288), since it has no place for a cursor."""
    if cursor is None:
        return {}
    query = urlencode({**context.query, "cursor": cursor})
    return {"Link": f'<{context.services.settings.portal_url}/v1/documents?{query}>; rel="next"'}
