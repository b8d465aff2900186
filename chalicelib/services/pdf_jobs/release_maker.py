"""The sealed file of a decided document (a PDF with the portal's digital signature), made with the PDF function.

The PDF function has no AWS rights. It parses and draws: it prepares a file with a placeholder, and later checks the
sealed bytes. This module has the key and parses nothing: it hashes the prepared file, signs the hash, and inserts the
signed message into the placeholder. A file is only released to readers if the function has checked the very bytes with
the file's SHA-256."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args

from aws_lambda_powertools import Logger

from chalicelib.domain.audit import Event
from chalicelib.domain.carriers.received_faxes import ReceivedFax
from chalicelib.domain.documents import Decision, Document
from chalicelib.domain.status import Action
from chalicelib.pdf.models import Level, ProofSheet, SealSpec
from chalicelib.pdf.signing.certificate_chain import fingerprint
from chalicelib.pdf.signing.placeholder import Placeholder
from chalicelib.pdf.signing.sealer import Message, Sealer
from chalicelib.services.linked_files import source_link, upload_link
from chalicelib.services.pdf_jobs import seal_contents
from chalicelib.services.pdf_jobs.faxed_copies import faxed_sheets
from chalicelib.services.pdf_requests import (
    MAX_WORK_BYTES,
    WORK_PREFIX,
    Attempt,
    CheckedRelease,
    CheckRelease,
    PrepareCertificate,
    PreparedFile,
    PrepareDocument,
    PrepareProof,
    SourceLink,
    UploadLink,
)
from chalicelib.services.ports import Files, Ids, PdfFunction, StoredFileCorrupt

logger = Logger(service="portal", child=True)


@dataclass(frozen=True)
class SealedFile:
    """A PDF with the portal's digital signature (its seal) that passed all checks, so that it may be released."""

    data: bytes
    sha256: str
    pages: int
    level: Level


@dataclass(frozen=True)
class Release:
    """The sealed file of a document, and the certificate page if this page is a separate sealed file."""

    signed: SealedFile
    certificate: SealedFile | None = None


@dataclass(frozen=True)
class _Draft:
    """A file in the bucket that is prepared for its seal but not sealed yet, and the source with which it is compared.

    The source is the document's original or a scan. A separate certificate page has none. `shown` is false for a scan,
    which nobody sees before it is sealed. `unseen` are the numbers of the source's pages that could not be shown to the
    signer."""

    key: str
    prepared: PreparedFile
    source: SourceLink | None = None
    shown: bool = False
    unseen: tuple[int, ...] = ()


class SealRefused(Exception):
    """Error for a file that failed a check and must not be released. Another way to make the file may succeed."""


@dataclass(frozen=True, kw_only=True)
class ReleaseMaker:
    """Maker of the sealed files of decided documents. `sealer` signs with the present certificate."""

    files: Files
    pdf: PdfFunction
    ids: Ids
    sealer: Sealer
    verify_url: str
    now: datetime

    def make(
        self, document: Document, decision: Decision, events: Sequence[Event], faxes: Sequence[ReceivedFax] = ()
    ) -> Release:
        """Make, seal and check the files of a decided document, and return the files. The caller stores the files.

        If a file with a seal added to the original fails the checks, the file is rebuilt. The last resort is a file
        made from pictures of the pages, and the only other one if the first attempt took too long. `faxes` are the
        faxes of which a confirmed copy consists. Raises `StoredFileCorrupt` if every attempt fails the checks."""
        request, faults, is_slow = self._first_request(document, decision, events, faxes), "", False
        for attempt in get_args(Attempt):
            if attempt == "rebuilt" and (is_slow or decision.action is Action.SIGN_BY_HAND):
                continue  # A paper copy is always rebuilt, and a second slow attempt would leave no time for pictures.
            key, target = self._new_draft(document.id)
            prepared = self.pdf.run(replace(request, attempt=attempt, target=target), PreparedFile)
            request = replace(request, searched=prepared.searched, found=prepared.found)
            is_slow = prepared.by_time
            try:
                return self._finish(document, request, key, prepared)
            except SealRefused as refusal:
                faults = str(refusal)
                logger.warning("sealed file refused", document_id=document.id, faults=faults, attempt=attempt)
            if not prepared.is_pdf:
                break
        raise StoredFileCorrupt(faults)

    def make_proof(self, document: Document, sheet: ProofSheet) -> SealedFile:
        """Make, seal and check the PDF that proves that a document reached its provider, and return the file.

        The caller stores the file. `sheet` has its contents. Raises `StoredFileCorrupt` if the file fails a check."""
        key, target = self._new_draft(document.id)
        reason = "Proof of transmission, compiled by the portal from the audit trail"
        seal = SealSpec(reason, document.id, self.now, self.sealer.reserved_bytes)
        prepared = self.pdf.run(PrepareProof(target, sheet, seal), PreparedFile)
        try:
            return self._seal(_Draft(key, prepared))
        except SealRefused as refusal:
            raise StoredFileCorrupt(str(refusal)) from refusal

    def _first_request(
        self, document: Document, decision: Decision, events: Sequence[Event], faxes: Sequence[ReceivedFax]
    ) -> PrepareDocument:
        approved, url = decision.action is Action.APPROVE, self.verify_url
        source = (
            source_link(self.files, decision.scan_key, decision.scan_sha256 or "")
            if decision.action is Action.SIGN_BY_HAND and decision.scan_key is not None
            else source_link(self.files, document.original.key, document.original.sha256)
        )
        certificate = seal_contents.certificate_facts(document, decision, events, verify_url=url, faxes=faxes)
        return PrepareDocument(
            decision=certificate.certificate_type,
            attempt="as_is",
            source=source,
            target=UploadLink("", {}),
            pages=document.original.pages,
            certificate=certificate,
            seal=seal_contents.seal_spec(document, decision, self.now, self.sealer.reserved_bytes, faxes),
            block=seal_contents.signature_block(document, decision) if approved else None,
            field=seal_contents.requested_field(document) if approved else None,
            faxes=tuple(source_link(self.files, fax.file_key, fax.sha256) for fax in faxes),
            sheets=faxed_sheets(decision.copy) if decision.copy else (),
        )

    def _new_draft(self, document_id: str) -> tuple[str, UploadLink]:
        """Return a new key for a prepared file, and the link with which the PDF function writes the file."""
        key = f"{WORK_PREFIX}seals/{document_id}/{self.ids.new('drf')}.pdf"
        return key, upload_link(self.files, key, content_type="application/pdf", max_bytes=MAX_WORK_BYTES)

    def _finish(self, document: Document, request: PrepareDocument, key: str, prepared: PreparedFile) -> Release:
        # A paper copy is not what the signer saw on a screen, so its pages are not compared with the source.
        shown = request.decision not in ("by_hand", "by_fax")
        signed = self._seal(_Draft(key, prepared, request.source, shown=shown, unseen=document.broken_pages))
        if not prepared.needs_certificate or request.block is None:
            return Release(signed)
        facts = replace(request.certificate, signed_sha256=signed.sha256)
        key, target = self._new_draft(document.id)
        separate = PrepareCertificate(target, facts, request.seal, request.block)
        return Release(signed, self._seal(_Draft(key, self.pdf.run(separate, PreparedFile))))

    def _seal(self, draft: _Draft) -> SealedFile:
        """Seal the prepared file, and return it after the PDF function's check. Raises `SealRefused` for a fault."""
        prepared = draft.prepared
        if prepared.fault:
            raise SealRefused(prepared.fault)
        data, placeholder = self.files.get(draft.key), Placeholder(prepared.start, prepared.end)
        try:
            message = self.sealer.make_message(data, placeholder, self.now)
            sealed = placeholder.insert(data, message.data)
        except ValueError as error:
            raise SealRefused(str(error)) from error
        request = self._check_request(draft, data, message)
        sha256 = require_no_fault(self.pdf.run(request, CheckedRelease), sealed)
        return SealedFile(sealed, sha256, prepared.pages, message.level)

    def _check_request(self, draft: _Draft, data: bytes, message: Message) -> CheckRelease:
        """Return the request to check the draft, whose bytes are `data`, with the seal's message inserted."""
        prepared = draft.prepared
        return CheckRelease(
            prepared=source_link(self.files, draft.key, _hash(data)),
            start=prepared.start,
            end=prepared.end,
            message=b64encode(message.data).decode(),
            pages=prepared.pages,
            level=message.level,
            certificate=fingerprint(self.sealer.chain.leaf),
            pins=tuple(self.sealer.pins),
            source=draft.source,
            shown=draft.shown,
            place=prepared.place,
            unseen=draft.unseen,
            lost=prepared.lost,
        )


def require_no_fault(checked: CheckedRelease, sealed: bytes) -> str:
    """Return the SHA-256 (hex) of the sealed bytes, if the PDF function checked exactly these and found no fault.

    Raises `SealRefused` otherwise."""
    if checked.fault:
        raise SealRefused(checked.fault)
    if checked.sha256 != _hash(sealed):
        raise SealRefused("other bytes were checked than those that were sealed")
    return checked.sha256


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
