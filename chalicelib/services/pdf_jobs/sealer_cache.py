"""The cache of the sealer, which signs PDFs with the sealing key. Its certificate is read every few minutes."""

from collections.abc import Collection
from datetime import datetime, timedelta

from chalicelib.pdf.signing.certificate_chain import read_pem, verify_chain
from chalicelib.pdf.signing.sealer import Sealer
from chalicelib.pdf.signing.timestamp_tokens import TimestampSource
from chalicelib.services.pdf_jobs.seal_certificates import CURRENT_KEY
from chalicelib.services.ports import Files, SealKey, TimestampAuthority

CACHE_LIFETIME = timedelta(minutes=5)
"""The time after which the function reads the certificate again."""


class SealerCache:
    """Cache of the sealer, which signs PDFs. A new certificate is used only if it belongs to the sealing key."""

    def __init__(
        self, files: Files, key: SealKey, authority: TimestampAuthority | None, pins: Collection[str] = ()
    ) -> None:
        self._files = files
        self._key = key
        self._timestamps = TimestampSource(authority.request, pins) if authority is not None else None
        self._pem = b""
        self._sealer: Sealer | None = None
        self._read_at: datetime | None = None

    @property
    def wants_timestamp(self) -> bool:
        """True if the portal has a timestamp authority, so that its seals should have the authority's timestamp (level
        B-T)."""
        return self._timestamps is not None

    def sealer(self, now: datetime) -> Sealer:
        """Return the current sealer. Raises `ChainRefused` if no valid certificate belongs to the sealing key."""
        if self._sealer is None or self._read_at is None or now - self._read_at >= CACHE_LIFETIME:
            self._sealer = self._read(now)
            self._read_at = now
        return self._sealer

    def _read(self, now: datetime) -> Sealer:
        text = self._files.get(CURRENT_KEY)
        chain = verify_chain(read_pem(text), self._key.public_key(), now)
        if self._sealer is not None and text == self._pem:
            return self._sealer
        self._pem = text
        return Sealer(chain=chain, sign=self._key.sign, timestamps=self._timestamps)
