"""`/verify`: anyone uploads a PDF and learns whether it was sealed here, and whether it is intact.

The upload is opened by the `inspect` function alone, which is told the published certificates, and erased
with all its versions as soon as that has answered; without an answer, or posted again while it was being
read, it goes with the other uploads, by the bucket's lifecycle. Nothing is looked up: all that is told
stands in the file, under its seal.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import ConcurrentUpdate, Invalid
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.timestamps import from_text
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.pdf_jobs import seal_certificates as certificates
from chalicelib.services.ports import Files, Ids, Inspector, Store
from chalicelib.services.throttling import Backoff, require_no_wait
from chalicelib.services.transaction import Change

MAX_BYTES = 25 * 1024 * 1024
UPLOAD_LIFETIME = timedelta(minutes=15)

_PREFIX = "uploads/verify/"
_KEY = re.compile(r"uploads/verify/[A-Za-z0-9_-]{1,80}")
_BACKOFF = Backoff(
    name="verify", free_attempts=30, max_wait=timedelta(minutes=1), lifetime=timedelta(hours=1)
)


@dataclass(frozen=True, kw_only=True)
class VerificationResult:
    """What was found: `verdict` is one of `pdf/verify.py`; the rest says who, when and which document."""

    verdict: str
    reason: str = ""
    document_id: str = ""
    sealed_at: datetime | None = None
    timestamped_at: datetime | None = None


class SealVerification:
    def __init__(
        self, *, store: Store, files: Files, inspector: Inspector, ids: Ids, portal_url: str
    ) -> None:
        self._store = store
        self._files = files
        self._inspector = inspector
        self._ids = ids
        self._portal_url = portal_url

    def upload_form(self) -> tuple[str, Mapping[str, str]]:
        """Where the browser posts the file: the URL, and the fields before the file."""
        return self._files.upload_form(
            _PREFIX + self._ids.new("chk"),
            max_bytes=MAX_BYTES,
            seconds=int(UPLOAD_LIFETIME.total_seconds()),
            redirect=f"{self._portal_url}/verify/checked",
        )

    def check(self, key: str, *, address: str | None, now: datetime) -> VerificationResult:
        """What holds of the upload, which is gone afterwards; not where it is to be tried again in a moment.

        `Invalid` where there is none (any more), `TooManyRequests` for an address that keeps on asking.
        """
        source = address or "unknown"
        count, (versions, ours) = run_concurrently(
            lambda: self._store.secret(_BACKOFF.key(source)), lambda: self._looked_up(key)
        )
        require_no_wait(_BACKOFF.wait_left(count, now))
        if not versions:
            self._count(count, source, now)
            raise Invalid("There is no file to check, or it has been checked already. Choose it again.")
        answer, _ = run_concurrently(
            lambda: self._inspector.inspect(key, "seal", certificates=ours),
            lambda: self._count(count, source, now),
        )
        self._files.erase(key, versions)
        return _checked(answer)

    def _looked_up(self, key: str) -> tuple[Sequence[str], Sequence[str]]:
        """The versions of the upload, if it is there, and the fingerprints of our certificates."""
        if not _KEY.fullmatch(key):
            return (), ()
        return run_concurrently(
            lambda: self._files.versions(key),
            lambda: certificates.fingerprints(certificates.published(self._files)),
        )

    def _count(self, count: Secret | None, source: str, now: datetime) -> None:
        # Two at once count as one: this slows down, it does not guard.
        with suppress(ConcurrentUpdate):
            self._store.commit(Change(at=now, secrets=(_BACKOFF.add_attempt(count, source, now),)))


def _checked(answer: Mapping[str, Any]) -> VerificationResult:
    if "refused" in answer:
        return VerificationResult(verdict="unreadable")
    seal = answer["seal"] or {}
    return VerificationResult(
        verdict=answer["verdict"],
        reason=seal.get("reason", ""),
        document_id=seal.get("document_id", ""),
        sealed_at=_moment(seal.get("claimed_at")),
        timestamped_at=_moment(seal.get("timestamped_at")),
    )


def _moment(text: str | None) -> datetime | None:
    return from_text(text) if text else None
