"""The handlers with which a clinic's EMR reads the proof that a plan reached its provider (proof of transmission)."""

from chalice.app import Response

from chalicelib.domain.documents import Document
from chalicelib.services.proof.proof_schema import ProofInPreparation
from chalicelib.web.api.emr import URL_LIFETIME
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response, redirect

RETRY_AFTER_SECONDS = 5


def read_proof(context: RequestContext, document_id: str) -> Response:
    """Return the proof that the document reached its provider, as JSON.

    Raises `NotFound` for a missing document, and for a document of another practice."""
    return json_response(context.services.proofs.compile(_require_document(context, document_id), context.now))


def read_proof_pdf(context: RequestContext, document_id: str) -> Response:
    """Return a redirect to the sealed PDF with the proof, or status 202 while the PDF is being made.

    Raises `NotFound` for a missing document, and for a document of another practice."""
    document = _require_document(context, document_id)
    key = context.services.proofs.find_or_request_pdf(document, context.now)
    if key is None:
        body = ProofInPreparation(status="in_preparation")
        return json_response(body, 202, {"Retry-After": str(RETRY_AFTER_SECONDS)})
    seconds, name = int(URL_LIFETIME.total_seconds()), f"{document.id}-proof.pdf"
    return redirect(context.services.files.url(key, seconds=seconds, file_name=name, inline=False))


def _require_document(context: RequestContext, document_id: str) -> Document:
    return context.services.reports.document(context.require_practice().id, document_id)
