"""The keys of sealed (digitally signed) PDFs in the S3 bucket with Object Lock."""

from chalicelib.services.ports import EVIDENCE


def sealed_key(document_id: str, sha256: str) -> str:
    """Return the key of a sealed PDF with this SHA-256 (hex): a signed PDF, a certificate, or a proof."""
    return f"{EVIDENCE}signed/{document_id}/{sha256}.pdf"
