"""The `seal` job, which makes the sealed PDF of a decided document, and the `timestamp` job.

The decision is stored before the job runs, so the job may fail and run again without limit. The PDF function, which has
no AWS rights, prepares the file and checks the sealed bytes (`release_maker.py`). The job stores the checked bytes, and
only then releases them (DESIGN section 3)."""

import hashlib
from base64 import b64encode
from dataclasses import replace

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.claim_keys import sealed_claim
from chalicelib.domain.documents import Decision, Document, Sealing, StoredPdf
from chalicelib.domain.status import Action
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.linked_files import source_link
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.pdf_jobs.faxed_copies import read_faxes
from chalicelib.services.pdf_jobs.release_maker import Release, ReleaseMaker, SealedFile, SealRefused, require_no_fault
from chalicelib.services.pdf_jobs.sealed_files import sealed_key
from chalicelib.services.pdf_jobs.sealer_cache import SealerCache
from chalicelib.services.pdf_requests import CheckedRelease, CheckTimestamp
from chalicelib.services.ports import Clock, Files, PdfFunction, StoredFileCorrupt
from chalicelib.services.transaction import Claim, Job


class SealJob:
    """Service that does the jobs `seal`, which makes the signed PDF of a decided document, and `timestamp`.

    A `timestamp` job adds a timestamp that the timestamp authority did not give at first. The seal is the portal's
    digital signature of the PDF."""

    def __init__(
        self, writer: DocumentWriter, *, files: Files, pdf: PdfFunction, clock: Clock, sealer_cache: SealerCache
    ) -> None:
        self._writer = writer
        self._store = writer.store
        self._files = files
        self._pdf = pdf
        self._clock = clock
        self._sealer_cache = sealer_cache

    def seal(self, job: Job) -> None:
        """Make and release the sealed PDF of a decided document. Do nothing if the document is already sealed.

        A copy on paper has no file, so it is not sealed either. Raises `StoredFileCorrupt`, and any error of the
        storage or of the key service."""
        document = self._store.document(job.document_id or "")
        if document is None or document.decision is None or document.sealing in (Sealing.NONE, Sealing.SEALED):
            return
        release = self._make_release(document, document.decision)
        certificate = release.certificate
        stored_certificate = self._store_pdf(document, certificate) if certificate is not None else None
        self._release(document.id, self._store_pdf(document, release.signed), stored_certificate)

    def add_timestamp(self, job: Job) -> None:
        """Add the timestamps that the sealed files still lack. Raises an error if the timestamp authority fails again.

        A timestamp changes the bytes, and so the hash, of a file. The EMR already has the hash of the file without the
        timestamp, so that file remains the signed PDF (or the certificate) of the document. The file with the timestamp
        is stored in addition."""
        document = self._store.document(job.document_id or "")
        if document is None or not document.timestamp_due:
            return
        signed = self._add_timestamp(document.id, document.signed)
        certificate = self._add_timestamp(document.id, document.certificate)
        self._record_timestamps(document.id, signed, certificate)

    def _add_timestamp(self, document_id: str, pdf: StoredPdf | None) -> StoredPdf | None:
        """Store a copy of the PDF with a timestamp, and return its data. Return None if the PDF needs no timestamp."""
        if pdf is None or not pdf.timestamp_due:
            return None
        before, now = self._read_verified(pdf.key, pdf.sha256), self._clock.now()
        sealer = self._sealer_cache.sealer(now)
        try:
            placeholder, message = sealer.make_timestamped(before, now)
            data = placeholder.insert(before, message)
            request = CheckTimestamp(
                sealed=source_link(self._files, pdf.key, pdf.sha256),
                start=placeholder.start,
                end=placeholder.end,
                message=b64encode(message).decode(),
                pins=tuple(sealer.pins),
            )
            sha256 = require_no_fault(self._pdf.run(request, CheckedRelease), data)
        except (ValueError, SealRefused) as error:
            raise StoredFileCorrupt(str(error)) from error
        key = self._put(document_id, data, sha256)
        return replace(pdf, key=key, sha256=sha256, level="B-T", timestamp_due=False)

    def _make_release(self, document: Document, decision: Decision) -> Release:
        now = self._clock.now()
        maker = ReleaseMaker(
            files=self._files,
            pdf=self._pdf,
            ids=self._writer.ids,
            sealer=self._sealer_cache.sealer(now),
            verify_url=f"{self._writer.portal_url}/verify",
            now=now,
        )
        faxes = read_faxes(self._store, document.practice_id, decision.copy) if decision.copy else ()
        return maker.make(document, decision, self._store.events(document.id), faxes)

    def _read_verified(self, key: str, sha256: str) -> bytes:
        data = self._files.get(key)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoredFileCorrupt("the stored file is not the one that was recorded")
        return data

    def _store_pdf(self, document: Document, file: SealedFile) -> StoredPdf:
        """Store the checked sealed PDF under the hash of its bytes, and return its data for the document's row."""
        key = self._put(document.id, file.data, file.sha256)
        due = self._sealer_cache.wants_timestamp and file.level == "B-B"
        return StoredPdf(key=key, sha256=file.sha256, pages=file.pages, level=file.level, timestamp_due=due)

    def _put(self, document_id: str, data: bytes, sha256: str) -> str:
        """Store the bytes of a PDF with this SHA-256 (hex), and return their S3 key."""
        key = sealed_key(document_id, sha256)
        self._files.put(key, data, "application/pdf")
        return key

    def _release(self, document_id: str, signed: StoredPdf, certificate: StoredPdf | None) -> None:
        """Mark the document as sealed, and store its audit event and an approval's webhook in one transaction."""

        def step() -> None:
            document = self._store.document(document_id)
            if document is None or document.decision is None or document.sealing is Sealing.SEALED:
                return
            recorder = self._recorder(replace(document, sealing=Sealing.SEALED, signed=signed, certificate=certificate))
            facts = {"sha256": signed.sha256, "pages": signed.pages, "level": signed.level}
            if certificate is not None:
                facts["certificate_sha256"] = certificate.sha256
            if document.decision.action is Action.DECLINE:
                recorder.event(DocumentEventType.SEALED, facts)
            else:
                recorder.event(DocumentEventType.APPROVED, facts, webhook=True)
            self._store.commit(replace(recorder.change(), claims=_claims(document_id, signed, certificate)))

        retry_on_conflict(step, retry_on=frozenset({"document"}))

    def _record_timestamps(self, document_id: str, signed: StoredPdf | None, certificate: StoredPdf | None) -> None:
        """Record the files with timestamps on the document, beside the files that the EMR already knows."""
        facts = {"level": "B-T"}
        if signed is not None:
            facts["sha256"] = signed.sha256
        if certificate is not None:
            facts["certificate_sha256"] = certificate.sha256

        def step() -> None:
            document = self._store.document(document_id)
            if document is None or not document.timestamp_due:
                return
            timestamped = replace(
                document,
                timestamped=signed or document.timestamped,
                timestamped_certificate=certificate or document.timestamped_certificate,
                signed=_without_timestamp_due(document.signed),
                certificate=_without_timestamp_due(document.certificate),
            )
            recorder = self._recorder(timestamped)
            recorder.event(DocumentEventType.TIMESTAMPED, facts)
            self._store.commit(replace(recorder.change(), claims=_claims(document_id, signed, certificate)))

        retry_on_conflict(step, retry_on=frozenset({"document"}))

    def _recorder(self, document: Document) -> Recorder:
        return self._writer.recorder(document, self._writer.practice_of(document), PORTAL, self._clock.now())


def _claims(document_id: str, *files: StoredPdf | None) -> tuple[Claim, ...]:
    """Return the claims (rows) that lead from the hash of each released file to the document, for `/verify`."""
    return tuple(Claim(key=sealed_claim(pdf.sha256), owner=document_id) for pdf in files if pdf is not None)


def _without_timestamp_due(pdf: StoredPdf | None) -> StoredPdf | None:
    return None if pdf is None else replace(pdf, timestamp_due=False)
