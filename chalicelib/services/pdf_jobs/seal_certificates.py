"""Where the certificates that seal are kept, and what is published of them.

Both are PEM files that deployment writes (`infrastructure/seal_certificate.py`) and functions only read.
"""

import base64
import hashlib
import re
from datetime import datetime

from chalicelib.services.ports import Files

CURRENT_KEY = "certificates/current.pem"
"""The chain to seal with: the sealing certificate, then its issuers."""

PUBLISHED_KEY = "certificates/published.pem"
"""Every sealing certificate that was ever in use, the latest last: seals stay valid when keys change."""

_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def days_left(files: Files, now: datetime) -> int | None:
    """Whole days until the certificate in use expires; None where there is none yet."""
    from chalicelib.pdf.signing.certificate_chain import read_pem

    if not files.exists(CURRENT_KEY):
        return None
    expires: datetime = read_pem(files.get(CURRENT_KEY))[0].not_valid_after
    return (expires - now).days


def published(files: Files) -> bytes:
    """The PEM of all of them; empty before the first."""
    return files.find(PUBLISHED_KEY) or b""


def fingerprints(pem: bytes) -> list[str]:
    """SHA-256 (hex) of each certificate's DER, without a library for certificates: the web function asks."""
    found = _CERTIFICATE.findall(pem.decode())
    return [hashlib.sha256(base64.b64decode(text)).hexdigest() for text in found]
