"""The handlers of the API for a clinic's EMR (its records system), which `GET /v1/openapi.json` describes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from chalice.app import Response

from chalicelib.domain.documents import Document, StoredPdf
from chalicelib.domain.errors import Conflict, ConflictCode, TooLarge
from chalicelib.domain.timestamps import to_text
from chalicelib.services.delivery.practice_deliveries import delivery_resource
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.pagination import decode_cursor, encode_cursor, list_name, parse_limit
from chalicelib.services.ports import DeliveryListing
from chalicelib.services.practices.request_authentication import MAX_BODY_BYTES, MAX_BODY_MEGABYTES
from chalicelib.web.api.query_parameters import (
    DELIVERY_STATUS,
    FORMAT,
    PROVIDERS_REPORT,
    REPORT,
    VERSION,
    check_parameters,
)
from chalicelib.web.http import request_parsing
from chalicelib.web.http.file_names import decision_prefix
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response, redirect

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.services.documents.idempotent_events import EventResponse, InboundEvent
    from chalicelib.web.api.event_schemas import Event

UPLOAD_LIFETIME = timedelta(minutes=15)
URL_LIFETIME = timedelta(seconds=60)
CSV = "text/csv; charset=utf-8"

_NO_SUCH_VERSION = {
    "timestamped": "No timestamp was added after the announcement of the signed PDF",
    "certificate": "The certificate is a page of the signed PDF",
    "timestamped-certificate": "No timestamp was added to a certificate after its announcement",
}


def receive_event(context: RequestContext) -> Response:
    """Validate an event that an EMR sends, such as `document.sent`, apply it, and return status 202 with the result.

    The access rule has verified the body's signature. Raises `Invalid` with every wrong field."""
    from chalicelib.services.documents.idempotent_events import InboundEvent
    from chalicelib.web.api.event_schemas import read_event

    body = request_parsing.read_body(context.request)
    command = read_event(body, context.now.date(), context.services.settings.fax_countries)
    inbound = InboundEvent(
        practice=context.require_practice(),
        webhook_id=context.request.headers["webhook-id"],
        body=body,
        now=context.now,
        actor=context.actor,
    )
    return json_response(_handle(context.services, inbound, command), 202)


def _handle(services: "Services", inbound: "InboundEvent", command: "Event") -> "EventResponse":
    """Call the service for the event's type (`command`), and return the service's response.

    `inbound` has the practice, the `webhook-id` and the body, by which a repeated event gets the same response."""
    from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand
    from chalicelib.services.documents.send_command import SendCommand
    from chalicelib.services.documents.staff_reports import CallCommand, CopyCommand

    if isinstance(command, SendCommand):
        return services.intake.receive(inbound, command)
    if isinstance(command, CallCommand):
        return services.staff_reports.note_call(inbound, command)
    if isinstance(command, CopyCommand):
        return services.staff_reports.confirm_copy(inbound, command)
    events = services.lifecycle_events
    if isinstance(command, ResendCommand):
        return events.resend(inbound, command)
    if isinstance(command, RecallCommand):
        return events.recall(inbound, command)
    return events.mark_returned(inbound, command)


def offer_upload(context: RequestContext) -> Response:
    from chalicelib.services.documents.incoming_pdf import MAX_UPLOAD_BYTES, upload_key

    _read_body(context)
    upload_id = context.services.ids.new("upl")
    url, fields = context.services.files.upload_form(
        upload_key(context.require_practice().id, upload_id),
        max_bytes=MAX_UPLOAD_BYTES,
        seconds=int(UPLOAD_LIFETIME.total_seconds()),
    )
    expires_at = to_text(context.now + UPLOAD_LIFETIME)
    offer = {"upload_id": upload_id, "url": url, "fields": dict(fields), "expires_at": expires_at}
    return json_response({**offer, "max_bytes": MAX_UPLOAD_BYTES}, 201)


def list_documents(context: RequestContext) -> Response:
    from chalicelib.services.documents.reports import REPORTS, as_csv

    check_parameters(context.query, "report", "format", "limit", "cursor")
    practice_id, portal_url = context.require_practice().id, context.services.settings.portal_url
    report = REPORT.read(context.query)
    accepts_csv = "text/csv" in context.request.headers.get("accept", "")
    list_format = FORMAT.read(context.query, default="csv" if accepts_csv else "json")
    name = list_name(REPORTS[report], practice_id)
    page = context.services.reports.page(
        report,
        practice_id,
        limit=parse_limit(context.query.get("limit")),
        after=decode_cursor(context.query.get("cursor"), of=name),
    )
    cursor = encode_cursor(page.next_after, of=name)
    if list_format == "csv":
        text = as_csv(page.items, portal_url, context.now)
        return Response(body=text, status_code=200, headers={"Content-Type": CSV, **_link(context, cursor)})
    documents = [document_resource(document, portal_url, context.now) for document in page.items]
    return json_response({"documents": documents, "next_cursor": cursor})


def read_document(context: RequestContext, document_id: str) -> Response:
    document = _require_document(context, document_id)
    return json_response(document_resource(document, context.services.settings.portal_url, context.now))


def read_original(context: RequestContext, document_id: str) -> Response:
    document = _require_document(context, document_id)
    return _redirect_to_file(context, document.original, f"{document.id}-original.pdf")


def read_signed(context: RequestContext, document_id: str) -> Response:
    version = VERSION.read(context.query)
    document = _require_document(context, document_id)
    files = (document.signed, document.timestamped, document.certificate, document.timestamped_certificate)
    pdf = dict(zip(VERSION.values, files, strict=True))[version]
    if document.signed is None:
        raise Conflict(
            f"There is no signed PDF. The document's `status` is `{document.status}` and its `sealing` is "
            f"`{document.sealing}`. Wait for the webhook document.approved.",
            code=ConflictCode.NOT_READY,
        )
    if pdf is None:
        raise Conflict(
            f"{_NO_SUCH_VERSION[version]}. Fetch the signed PDF without `version`.", code=ConflictCode.NOT_READY
        )
    kind = "certificate" if version.endswith("certificate") else decision_prefix(document)
    return _redirect_to_file(context, pdf, f"{document.id}-{kind}.pdf")


def read_trail(context: RequestContext, document_id: str) -> Response:
    return json_response(context.services.reports.audit_trail(context.require_practice().id, document_id))


def list_accesses(context: RequestContext, document_id: str) -> Response:
    check_parameters(context.query, "limit", "cursor")
    limit, cursor = parse_limit(context.query.get("limit")), context.query.get("cursor")
    practice_id = context.require_practice().id
    return json_response(context.services.reports.accesses(practice_id, document_id, limit=limit, cursor=cursor))


def list_providers(context: RequestContext) -> Response:
    check_parameters(context.query, PROVIDERS_REPORT.name)
    PROVIDERS_REPORT.read(context.query)
    return json_response(context.services.silent_providers.read(context.require_practice().id))


def list_deliveries(context: RequestContext) -> Response:
    check_parameters(context.query, "status", "limit", "cursor")
    listing = DeliveryListing[DELIVERY_STATUS.read(context.query).upper()]
    name = list_name(listing, context.require_practice().id)
    page = context.services.practice_deliveries.page(
        context.require_practice(),
        listing,
        limit=parse_limit(context.query.get("limit")),
        after=decode_cursor(context.query.get("cursor"), of=name),
    )
    deliveries = [delivery_resource(delivery) for delivery in page.items]
    return json_response({"deliveries": deliveries, "next_cursor": encode_cursor(page.next_after, of=name)})


def retry_delivery(context: RequestContext, delivery_id: str) -> Response:
    _read_body(context)
    deliveries = context.services.practice_deliveries
    queued = deliveries.retry(context.require_practice(), delivery_id, context.actor, context.now)
    return json_response(delivery_resource(queued), 202)


def read_practice(context: RequestContext) -> Response:
    return json_response(context.services.practices.resource(context.require_practice()))


def write_practice(context: RequestContext) -> Response:
    from chalicelib.web.api.settings_schemas import read_settings

    services = context.services
    settings = read_settings(_read_body(context), services.settings.fax_countries)
    return json_response(services.practices.update(context.require_practice(), settings, context.now))


def write_endpoint(context: RequestContext) -> Response:
    from chalicelib.web.api.settings_schemas import read_endpoint

    services = context.services
    url = read_endpoint(_read_body(context), allow_loopback=services.settings.allow_loopback)
    return json_response(services.practices.set_endpoint(context.require_practice(), url, context.now))


def test_endpoint(context: RequestContext) -> Response:
    _read_body(context)
    test = context.services.practice_deliveries.test_endpoint(context.require_practice(), context.now)
    return json_response(delivery_resource(test), 202)


def read_openapi(context: RequestContext) -> Response:
    from chalicelib.web.api.openapi import openapi

    return json_response(openapi(context.services.settings.portal_url))


def _read_body(context: RequestContext) -> bytes:
    body = request_parsing.read_body(context.request)
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BODY_MEGABYTES} MB.")
    return body


def _require_document(context: RequestContext, document_id: str) -> Document:
    return context.services.reports.document(context.require_practice().id, document_id)


def _redirect_to_file(context: RequestContext, pdf: StoredPdf, name: str) -> Response:
    seconds = int(URL_LIFETIME.total_seconds())
    return redirect(context.services.files.url(pdf.key, seconds=seconds, file_name=name, inline=False))


def _link(context: RequestContext, cursor: str | None) -> Mapping[str, str]:
    """Return the `Link` header (RFC 8288) with the URL of the next page of a CSV list, or no header on the last page.

    A list as JSON has the field `next_cursor` instead."""
    if cursor is None:
        return {}
    query = urlencode({**context.query, "cursor": cursor})
    return {"Link": f'<{context.services.settings.portal_url}/v1/documents?{query}>; rel="next"'}
