"""Where the certificates that seal are kept, and what is published of them.

Both are PEM files that deployment writes (`infrastructure/seal_certificate.py`) and functions only read.
"""

from datetime import datetime
from typing import Protocol

from chalicelib.services.ports import Files

CURRENT_KEY = "certificates/current.pem"
"""The chain to seal with: the sealing certificate, then its issuers."""

PUBLISHED_KEY = "certificates/published.pem"
"""Every sealing certificate that was ever in use, the latest last: seals stay valid when keys change."""


class Parts(Protocol):
    @property
    def files(self) -> Files: ...


def days_left(parts: Parts, now: datetime) -> int | None:
    """Whole days until the certificate in use expires; None where there is none yet."""
    from chalicelib.pdf.chain import read_pem

    if not parts.files.exists(CURRENT_KEY):
        return None
    expires: datetime = read_pem(parts.files.get(CURRENT_KEY))[0].not_valid_after
    return (expires - now).days


def published(parts: Parts) -> bytes:
    """The PEM of all of them."""
    return parts.files.get(PUBLISHED_KEY)
