"""The check behind `/verify`: anyone uploads a PDF and learns whether the portal sealed it and it is unchanged.

Only the `inspect` function opens the upload. The service gives that function the fingerprints of the published
certificates. A file is genuine only if its hash is the hash of a file that the portal released to readers. All versions
of the upload are erased after the inspection. If the inspection fails, the bucket's lifecycle deletes the upload."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.claim_keys import sealed_claim
from chalicelib.domain.errors import ConcurrentUpdate, Invalid, TooManyRequests
from chalicelib.domain.expiring_records import Secret, SecretKind
from chalicelib.domain.timestamps import from_text
from chalicelib.pdf.models import MAX_BYTES
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.pdf_jobs import seal_certificates
from chalicelib.services.pdf_jobs.sealed_files import sealed_key
from chalicelib.services.ports import Files, Ids, Inspector, Store
from chalicelib.services.throttling import Backoff, Quota, require_no_wait
from chalicelib.services.transaction import Change

MAX_UPLOAD_BYTES = MAX_BYTES
UPLOAD_LIFETIME = timedelta(minutes=15)

_PREFIX = "uploads/verify/"
_UNRELEASED = {"intact": "changed", "added": "changed"}
_KEY = re.compile(r"uploads/verify/[A-Za-z0-9_-]{1,80}")
_BACKOFF = Backoff(name="verify", free_attempts=30, max_wait=timedelta(minutes=1), lifetime=timedelta(hours=1))
_FORMS = Backoff(name="verify-form", free_attempts=60, max_wait=timedelta(minutes=15), lifetime=timedelta(hours=1))
_ALL_FORMS = Quota(kind=SecretKind.THROTTLE, limit=1_000, period=timedelta(hours=1))
"""The limit on upload forms for all clients together. An upload is stored for at most a day (25 MB), at our cost."""


@dataclass(frozen=True, kw_only=True)
class VerificationResult:
    """The result of a seal's check. `verdict` is a `Verdict` of `pdf/signing/verification.py`, or `unreadable`.

    `intact` means that the portal released the file. `added` means that the file begins with a released file, which
    `revision_url` offers for some minutes. The other fields come from the seal: the signer (`reason`), the
    document's id, and the time."""

    verdict: str
    revision_url: str = ""
    reason: str = ""
    document_id: str = ""
    sealed_at: datetime | None = None
    timestamped_at: datetime | None = None


class SealVerification:
    """Service that verifies the seal of an uploaded PDF."""

    def __init__(
        self,
        *,
        store: Store,
        files: Files,
        inspector: Inspector,
        ids: Ids,
        portal_url: str,
        authorities: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._authorities = authorities
        self._files = files
        self._inspector = inspector
        self._ids = ids
        self._portal_url = portal_url

    def upload_form(self, *, address: str | None, now: datetime) -> tuple[str, Mapping[str, str]]:
        """Return the URL to which the browser posts the file, and the form fields to send before the file.

        Raises `TooManyRequests` if this client address, or all client addresses together, have asked for too many
        forms."""
        self._count_form(address or "unknown", now)
        return self._files.upload_form(
            _PREFIX + self._ids.new("chk"),
            max_bytes=MAX_UPLOAD_BYTES,
            seconds=int(UPLOAD_LIFETIME.total_seconds()),
            redirect=f"{self._portal_url}/verify/checked",
        )

    def published_certificates(self) -> str:
        """Return the PEM text of all published sealing certificates."""
        return seal_certificates.read_published(self._files).decode()

    def check(self, key: str, *, address: str | None, now: datetime) -> VerificationResult:
        """Verify the seal of the upload, then delete the upload. If the inspection fails for now, the upload remains.

        Raises `Invalid` if there is no such upload, and `TooManyRequests` if this client address checks too often."""
        source = address or "unknown"
        count, (versions, fingerprints) = run_concurrently(
            lambda: self._store.secret(_BACKOFF.key(source)), lambda: self._look_up(key)
        )
        require_no_wait(_BACKOFF.wait_left(count, now))
        if not versions:
            self._count(count, source, now)
            raise Invalid("There is no file to verify, or it was verified already. Choose the file again.")
        finding, _ = run_concurrently(
            lambda: self._inspector.inspect(key, "seal", certificates=fingerprints, authorities=self._authorities),
            lambda: self._count(count, source, now),
        )
        released, _ = run_concurrently(lambda: self._find_released(finding), lambda: self._files.erase(key, versions))
        return self._compare(finding, released)

    def _find_released(self, finding: Mapping[str, Any]) -> tuple[str, str] | None:
        """Return the hash and S3 key of the released file that equals the upload, or None if there is no released file.

        If no file equals the upload, the result is the longest released file with which the upload begins. `finding` is
        what the `inspect` function found in the upload. A row in the database leads from the hash of each released file
        to its document. Earlier releases stored no such row, so the document's id in the seal leads to their files."""
        hashes = [finding["sha256"], *reversed(finding["revisions"])] if "sha256" in finding else []
        sealed_id = (finding.get("seal") or {}).get("document_id", "")
        owners, document = run_concurrently(
            lambda: self._store.claims([sealed_claim(sha256) for sha256 in dict.fromkeys(hashes)]),
            lambda: self._store.document(sealed_id) if sealed_id else None,
        )
        owner = next((owner for sha256 in hashes if (owner := owners.get(sealed_claim(sha256)))), sealed_id)
        # Files from before Object Lock have other keys, which only the document's row names.
        if owner != sealed_id:
            document = self._store.document(owner)
        claimed = ((sha256, owners.get(sealed_claim(sha256))) for sha256 in hashes)
        released = {sha256: sealed_key(owner_id, sha256) for sha256, owner_id in claimed if owner_id}
        released |= {pdf.sha256: pdf.key for pdf in document.released_files} if document is not None else {}
        return next(((sha256, released[sha256]) for sha256 in hashes if sha256 in released), None)

    def _compare(self, finding: Mapping[str, Any], released: tuple[str, str] | None) -> VerificationResult:
        if released is None:
            return _result(finding, _UNRELEASED.get(finding.get("verdict", ""), ""))
        sha256, key = released
        if sha256 == finding["sha256"]:
            return _result(finding, "intact")
        url = self._files.url(key, seconds=int(UPLOAD_LIFETIME.total_seconds()), file_name="signed.pdf")
        return replace(_result(finding, "added"), revision_url=url)

    def _look_up(self, key: str) -> tuple[Sequence[str], Sequence[str]]:
        """Return the upload's versions (none if there is no upload), and the fingerprints of all certificates."""
        if not _KEY.fullmatch(key):
            return (), ()
        return run_concurrently(
            lambda: self._files.versions(key),
            lambda: seal_certificates.compute_fingerprints(seal_certificates.read_published(self._files)),
        )

    def _count_form(self, source: str, now: datetime) -> None:
        source_key, total_key = _FORMS.key(source), _FORMS.key("everybody")
        rows = self._store.secrets([source_key, total_key])
        require_no_wait(_FORMS.wait_left(rows.get(source_key), now))
        total = _ALL_FORMS.count_use(rows.get(total_key), total_key, now)
        if total is None:
            raise TooManyRequests("Too many files are being verified. Please try again later.", retry_after=900)
        with suppress(ConcurrentUpdate):
            change = Change(at=now, secrets=(_FORMS.add_attempt(rows.get(source_key), source, now), total))
            self._store.commit(change)

    def _count(self, count: Secret | None, source: str, now: datetime) -> None:
        # Two concurrent checks may count as one. The limit only slows an address down.
        with suppress(ConcurrentUpdate):
            self._store.commit(Change(at=now, secrets=(_BACKOFF.add_attempt(count, source, now),)))


def _result(finding: Mapping[str, Any], verdict: str) -> VerificationResult:
    seal = finding.get("seal") or {}
    return VerificationResult(
        verdict=verdict or finding.get("verdict", "unreadable"),
        reason=seal.get("reason", ""),
        document_id=seal.get("document_id", ""),
        sealed_at=_optional_time(seal.get("claimed_at")),
        timestamped_at=_optional_time(seal.get("timestamped_at")),
    )


def _optional_time(text: str | None) -> datetime | None:
    return from_text(text) if text else None
