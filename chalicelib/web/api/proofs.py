"""The handlers with which a clinic's EMR reads the proof that a plan reached its provider (proof of transmission)."""

from chalice.app import Response

from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response


def read_proof(context: RequestContext, document_id: str) -> Response:
    """Return the proof that the document reached its provider, as JSON.

    Raises `NotFound` for a missing document, and for a document of another practice."""
    services = context.services
    document = services.reports.document(context.require_practice().id, document_id)
    return json_response(services.proofs.compile(document, context.now))
