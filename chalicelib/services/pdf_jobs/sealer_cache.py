"""What the documents function seals with: the key, and the certificate that is configured for it."""

from datetime import datetime, timedelta

from chalicelib.pdf.signing.certificate_chain import read_pem, verify_chain
from chalicelib.pdf.signing.seal import Sealer
from chalicelib.services.pdf_jobs.seal_certificates import CURRENT_KEY
from chalicelib.services.ports import Files, SealKey, TimestampAuthority

CACHE_LIFETIME = timedelta(minutes=5)
"""How long a certificate is used before the function looks whether there is another."""


class SealerCache:
    """Checks that key and certificate fit before the first seal, and whenever the certificate changes."""

    def __init__(self, files: Files, key: SealKey, authority: TimestampAuthority | None) -> None:
        self._files = files
        self._key = key
        self._authority = authority
        self._pem = b""
        self._sealer: Sealer | None = None
        self._looked_at: datetime | None = None

    def sealer(self, now: datetime) -> Sealer:
        """`ChainRefused` where no certificate is there that fits the key and is valid now."""
        if self._sealer is None or self._looked_at is None or now - self._looked_at >= CACHE_LIFETIME:
            self._sealer = self._current(now)
            self._looked_at = now
        return self._sealer

    def _current(self, now: datetime) -> Sealer:
        text = self._files.get(CURRENT_KEY)
        chain = verify_chain(read_pem(text), self._key.public_key(), now)
        if self._sealer is not None and text == self._pem:
            return self._sealer
        self._pem = text
        send = self._authority.request if self._authority is not None else None
        return Sealer(chain=chain, sign=self._key.sign, timestamps=send)
