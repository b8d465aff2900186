"""The handlers of the proof of transmission, for a clinic's EMR."""

from chalice.app import Response

from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response


def read_proof(context: RequestContext, document_id: str) -> Response:
    """Return the proof of transmission as JSON. Raises `NotFound` for a missing or another practice's document."""
    services = context.services
    document = services.reports.document(context.require_practice().id, document_id)
    return json_response(services.proofs.compile(document, context.now))
