"""The `seal` job, which makes the sealed PDF of a decided document, and the `timestamp` job.

The decision is stored before the job runs, so the job may fail and run again without limit. The job reads
and verifies the source file, adds the signature block and the certificate page, seals the result, verifies
the sealed bytes, stores them, and only then releases them (DESIGN section 3)."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from aws_lambda_powertools import Logger

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.claim_keys import sealed_claim
from chalicelib.domain.documents import Decision, Document, Sealing, StoredPdf
from chalicelib.domain.status import Action
from chalicelib.pdf.assembly.pictures import draw_as_pictures
from chalicelib.pdf.models import FieldFinder, SignatureBlock, SignatureBox
from chalicelib.pdf.signing.release_check import find_faults, find_timestamp_faults
from chalicelib.pdf.signing.seal import Sealer
from chalicelib.pdf.signing.sealed_document import Release, seal_by_hand, seal_declined, seal_signed
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.pdf_jobs import seal_contents
from chalicelib.services.pdf_jobs.sandboxed_placement import find_field_sandboxed
from chalicelib.services.pdf_jobs.sandboxed_rendering import find_picture_fault
from chalicelib.services.pdf_jobs.sealer_cache import SealerCache
from chalicelib.services.ports import EVIDENCE, Clock, Files
from chalicelib.services.transaction import Claim, Job

logger = Logger(service="portal", child=True)


class StoredFileCorrupt(Exception):
    """Error for a stored file whose bytes have changed, or for a sealed file with a fault.

    Such a file is never released. An engineer must look at the cause."""


class SealJob:
    """Service behind the `seal` and `timestamp` jobs. `wants_timestamp` asks for seals of level B-T."""

    def __init__(
        self, writer: DocumentWriter, *, files: Files, clock: Clock, sealer_cache: SealerCache, wants_timestamp: bool
    ) -> None:
        self._writer = writer
        self._store = writer.store
        self._files = files
        self._clock = clock
        self._sealer_cache = sealer_cache
        self._wants_timestamp = wants_timestamp

    def seal(self, job: Job) -> None:
        """Make and release the sealed PDF of a decided document. Do nothing if the document is already sealed.

        Raises `StoredFileCorrupt`, and any error of the storage or of the key service."""
        document = self._store.document(job.document_id or "")
        if document is None or document.decision is None or document.sealing is Sealing.SEALED:
            return
        release = self._make_release(document, document.decision)
        certificate = release.certificate
        stored_certificate = self._store_pdf(document, certificate) if certificate is not None else None
        self._release(document.id, self._store_pdf(document, release), stored_certificate)

    def add_timestamp(self, job: Job) -> None:
        """Add the timestamps that the sealed files still lack. Raises if the authority fails again.

        A timestamp changes the bytes, and so the hash, of a file. The EMR already has the hash of the file
        without the timestamp, so that file remains the signed PDF (or the certificate) of the document. The
        file with the timestamp is stored in addition."""
        document = self._store.document(job.document_id or "")
        if document is None or not document.timestamp_due:
            return
        signed = self._add_timestamp(document.id, document.signed)
        certificate = self._add_timestamp(document.id, document.certificate)
        self._record_timestamps(document.id, signed, certificate)

    def _add_timestamp(self, document_id: str, pdf: StoredPdf | None) -> StoredPdf | None:
        """Store a copy of the PDF with a timestamp. Return None if the PDF needs no timestamp."""
        if pdf is None or not pdf.timestamp_due:
            return None
        before = self._read_verified(pdf.key, pdf.sha256)
        sealer = self._sealer()
        data = sealer.add_timestamp(before, self._clock.now())
        faults = find_timestamp_faults(data, before, sealer.pins)
        if faults:
            raise StoredFileCorrupt("; ".join(faults))
        key, sha256 = self._put(document_id, data)
        return replace(pdf, key=key, sha256=sha256, level="B-T", timestamp_due=False)

    def _make_release(self, document: Document, decision: Decision) -> Release:
        """Return the verified sealed file.

        If a seal added to the original fails the checks, the file is rebuilt. The last resort is a file made from
        pictures of the pages."""
        sealer = self._sealer()
        source = self._read_source(document, decision)
        # A scan is shown to nobody before it is sealed.
        shown = None if decision.action is Action.SIGN_BY_HAND else source
        find, faults = _search_once(), [""]
        for data, rebuild in _attempts(source):
            release = self._seal_file(document, decision, data, sealer, find, rebuild=rebuild)
            faults = find_faults(release, source=source, certificate=sealer.chain.leaf, pins=sealer.pins) or [
                find_picture_fault(shown, release.sealed.data, release.place, document.broken_pages)
            ]
            if not any(faults):
                return release
            logger.warning("sealed file refused", document_id=document.id, faults=faults, rebuild=rebuild)
        raise StoredFileCorrupt("; ".join(faults))

    def _seal_file(
        self, document: Document, decision: Decision, source: bytes, sealer: Sealer, find: FieldFinder, *, rebuild: bool
    ) -> Release:
        certificate = seal_contents.certificate_facts(
            document, decision, self._store.events(document.id), verify_url=f"{self._writer.portal_url}/verify"
        )
        facts = seal_contents.seal_facts(document, decision, self._clock.now())
        if decision.action is Action.DECLINE:
            return seal_declined(source, certificate=certificate, sealer=sealer, facts=facts, rebuild=rebuild)
        if decision.action is Action.SIGN_BY_HAND:
            return seal_by_hand(source, certificate=certificate, sealer=sealer, facts=facts)
        return seal_signed(
            source,
            block=seal_contents.signature_block(document, decision),
            field=seal_contents.requested_field(document),
            certificate=certificate,
            sealer=sealer,
            facts=facts,
            rebuild=rebuild,
            find=find,
        )

    def _read_source(self, document: Document, decision: Decision) -> bytes:
        """Return the bytes to seal: the scan of a document signed by hand, or else the original."""
        if decision.action is Action.SIGN_BY_HAND:
            return self._read_verified(decision.scan_key or "", decision.scan_sha256 or "")
        return self._read_verified(document.original.key, document.original.sha256)

    def _read_verified(self, key: str, sha256: str) -> bytes:
        data = self._files.get(key)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoredFileCorrupt("the stored file is not the one that was recorded")
        return data

    def _store_pdf(self, document: Document, release: Release) -> StoredPdf:
        """Store the verified sealed PDF in the bucket, under the hash of its bytes."""
        key, sha256 = self._put(document.id, release.sealed.data)
        level = release.sealed.level
        due = self._wants_timestamp and level == "B-B"
        return StoredPdf(key=key, sha256=sha256, pages=release.pages, level=level, timestamp_due=due)

    def _put(self, document_id: str, data: bytes) -> tuple[str, str]:
        """Store the bytes of a PDF, and return their S3 key and SHA-256 (hex)."""
        sha256 = hashlib.sha256(data).hexdigest()
        key = f"{EVIDENCE}signed/{document_id}/{sha256}.pdf"
        self._files.put(key, data, "application/pdf")
        return key, sha256

    def _release(self, document_id: str, signed: StoredPdf, certificate: StoredPdf | None) -> None:
        """Mark the document as sealed, in one transaction with its audit event and the webhook `document.approved`."""

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

    def _sealer(self) -> Sealer:
        return self._sealer_cache.sealer(self._clock.now())


def _attempts(source: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield the PDFs to seal in order of preference, each with whether to rebuild it.

    The first is the source file as it is, and the last is made from pictures of the source file's pages."""
    yield source, False
    if b"%PDF-" in source[:1024]:
        yield source, True
        yield draw_as_pictures(source), False


def _search_once() -> FieldFinder:
    """Return a function that searches for the signature box and repeats its first result.

    The search may take seconds."""
    places: list[SignatureBox | None] = []

    def find(data: bytes, units: tuple[float, ...], block: SignatureBlock) -> SignatureBox | None:
        if not places:
            places.append(find_field_sandboxed(data, units, block))
        return places[0]

    return find


def _claims(document_id: str, *files: StoredPdf | None) -> tuple[Claim, ...]:
    """Return the claims on the hashes of a released file. `/verify` finds the file's document by them."""
    return tuple(Claim(key=sealed_claim(pdf.sha256), owner=document_id) for pdf in files if pdf is not None)


def _without_timestamp_due(pdf: StoredPdf | None) -> StoredPdf | None:
    return None if pdf is None else replace(pdf, timestamp_due=False)
