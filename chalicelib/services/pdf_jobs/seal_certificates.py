"""The certificates of the key that seals PDFs, in the bucket: the present one, and all that were ever published.

Both objects are PEM files. Deployment writes them (`infrastructure/seal_certificate.py`), and the functions only read
them."""

import base64
import hashlib
import re
from datetime import datetime

from chalicelib.services.ports import Files

CURRENT_KEY = "certificates/current.pem"
"""The certificate chain in use: the sealing certificate, then its issuers."""

PUBLISHED_KEY = "certificates/published.pem"
"""Every sealing certificate ever used, the newest last, so that old seals stay valid after a new key."""

_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def days_left(files: Files, now: datetime) -> int | None:
    """Return the whole days until the certificate expires with which the portal now seals (digitally signs) PDFs.

    Without a certificate, return None."""
    from chalicelib.pdf.signing.certificate_chain import read_pem

    if not files.exists(CURRENT_KEY):
        return None
    expires: datetime = read_pem(files.get(CURRENT_KEY))[0].not_valid_after
    return (expires - now).days


def read_published(files: Files) -> bytes:
    """Return the PEM text of every published certificate. The text is empty before the first certificate."""
    return files.find(PUBLISHED_KEY) or b""


def compute_fingerprints(pem: bytes) -> list[str]:
    """Return the fingerprint of every certificate in the PEM text: the SHA-256 (hex) of its DER bytes.

    The function uses no certificate library, because the import would slow down the web function."""
    texts = _CERTIFICATE.findall(pem.decode())
    return [hashlib.sha256(base64.b64decode(text)).hexdigest() for text in texts]
