"""The `seal` job: the signed PDF of a decided document, made from the original bytes and only then released.

The decision is durable long before; this may fail and run again for ever (DESIGN section 3). In order:
fetch and check the original, assemble (stamp, certificate), seal, verify the very bytes, store, release.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from chalicelib.domain.claim_keys import sealed_claim
from chalicelib.domain.documents import Decision, Document, Sealing, StoredPdf
from chalicelib.domain.status import Action
from chalicelib.domain.user_agents import in_words
from chalicelib.pdf.drawing.signature_block import format_signer
from chalicelib.pdf.models import (
    CertificateFacts,
    CertificateType,
    FieldFinder,
    SignatureBlock,
    SignatureField,
    TrailEntry,
)
from chalicelib.pdf.signing import sealed_document as signed_pdf
from chalicelib.pdf.signing.release_check import find_faults, find_timestamp_faults
from chalicelib.pdf.signing.seal import Sealer, SealFacts
from chalicelib.pdf.signing.sealed_document import Release
from chalicelib.services.documents.audit_trail import TrailLine, trail_lines
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.labels import DECLINE_REASONS, KINDS
from chalicelib.services.lookups import require_practice
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.pdf_jobs.sandboxed_placement import find_field_sandboxed
from chalicelib.services.ports import Clock, Files, Ids, Store
from chalicelib.services.transaction import Claim, Job
from chalicelib.settings import Settings

_OUTCOMES: Mapping[Action, CertificateType] = {
    Action.APPROVE: "signed",
    Action.DECLINE: "declined",
    Action.SIGN_BY_HAND: "by_hand",
}


_REASONS: Mapping[Action, str] = {
    Action.APPROVE: "Signed electronically by {who}",
    Action.DECLINE: "Declined by {who}",
    Action.SIGN_BY_HAND: "Signed by hand by {who}; received and sealed",
}


class SealerSource(Protocol):
    def sealer(self, now: datetime) -> Sealer: ...


class Parts(Protocol):
    @property
    def sealer_cache(self) -> SealerSource: ...
    @property
    def store(self) -> Store: ...
    @property
    def files(self) -> Files: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def settings(self) -> Settings: ...


class StoredFileCorrupt(Exception):
    """Bytes are not what they were recorded to be; never released, an engineer must look."""


def seal(job: Job, parts: Parts) -> None:
    """Makes and releases the signed PDF; does nothing when that is already done or nothing was decided."""
    document = parts.store.document(job.document_id or "")
    if document is None or document.decision is None or document.sealing is Sealing.SEALED:
        return
    release = _sealed(document, document.decision, parts)
    apart = _stored(document, release.certificate, parts) if release.certificate is not None else None
    _release(document.id, _stored(document, release, parts), apart, parts)


def add_timestamp(job: Job, parts: Parts) -> None:
    """Asks the authority again for the timestamps that sealed files lack; raises while it still fails.

    A file stays what it was under its seal, but its bytes and so its hash change. The one before has been
    announced with its hash, so it stays the document's signed PDF, or its certificate; this one is kept
    beside it.
    """
    document = parts.store.document(job.document_id or "")
    if document is None or not document.timestamp_due:
        return
    signed, certificate = (_timed(document.id, pdf, parts) for pdf in (document.signed, document.certificate))
    _record_timestamps(document.id, signed, certificate, parts)


def _timed(document_id: str, pdf: StoredPdf | None, parts: Parts) -> StoredPdf | None:
    """The same file with its timestamp, stored; None where it lacks none."""
    if pdf is None or not pdf.timestamp_due:
        return None
    before = _checked(parts.files.get(pdf.key), pdf.sha256)
    data = parts.sealer_cache.sealer(parts.clock.now()).add_timestamp(before)
    found = find_timestamp_faults(data, before)
    if found:
        raise StoredFileCorrupt("; ".join(found))
    sha256 = hashlib.sha256(data).hexdigest()
    key = f"signed/{document_id}/{sha256}.pdf"
    parts.files.put(key, data, "application/pdf")
    return replace(pdf, key=key, sha256=sha256, level="B-T", timestamp_due=False)


def _sealed(document: Document, decision: Decision, parts: Parts) -> Release:
    """The sealed file, verified; made anew of its pages where adding to the original did not hold."""
    sealer = parts.sealer_cache.sealer(parts.clock.now())
    source = _source(document, decision, parts.files)
    # One search, however often the file is made: it may take seconds.
    find = lru_cache(maxsize=1)(find_field_sandboxed)
    found: list[str] = []
    for rebuild in (False, True):
        release = _made(document, decision, source, sealer, parts, find, rebuild=rebuild)
        found = find_faults(release, source=source, certificate=sealer.chain.leaf)
        if not found:
            return release
    raise StoredFileCorrupt("; ".join(found))


def _made(
    document: Document,
    decision: Decision,
    source: bytes,
    sealer: Sealer,
    parts: Parts,
    find: FieldFinder,
    *,
    rebuild: bool,
) -> Release:
    certificate = _certificate(document, decision, parts)
    facts = _seal_facts(document, decision, parts.clock.now())
    if decision.action is Action.APPROVE:
        return signed_pdf.seal_signed(
            source,
            block=_block(document, decision),
            field=_field(document),
            certificate=certificate,
            sealer=sealer,
            facts=facts,
            rebuild=rebuild,
            find=find,
        )
    if decision.action is Action.DECLINE:
        return signed_pdf.seal_declined(
            source, certificate=certificate, sealer=sealer, facts=facts, rebuild=rebuild
        )
    return signed_pdf.seal_by_hand(source, certificate=certificate, sealer=sealer, facts=facts)


def _seal_facts(document: Document, decision: Decision, now: datetime) -> SealFacts:
    signer = decision.signer
    who = format_signer(signer.name, signer.credential or "", signer.npi)
    return SealFacts(_REASONS[decision.action].format(who=who), document.id, now)


def _source(document: Document, decision: Decision, files: Files) -> bytes:
    """What the file is made of: the scan that came back, else the original."""
    by_hand = decision.action is Action.SIGN_BY_HAND
    return _scan(decision, files) if by_hand else _original(document, files)


def _original(document: Document, files: Files) -> bytes:
    return _checked(files.get(document.original.key), document.original.sha256)


def _scan(decision: Decision, files: Files) -> bytes:
    return _checked(files.get(decision.scan_key or ""), decision.scan_sha256 or "")


def _checked(data: bytes, sha256: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StoredFileCorrupt("the stored file is not the one that was recorded")
    return data


def _stored(document: Document, release: Release, parts: Parts) -> StoredPdf:
    """Stores the very bytes that were verified, under their own hash."""
    data = release.sealed.data
    sha256 = hashlib.sha256(data).hexdigest()
    key = f"signed/{document.id}/{sha256}.pdf"
    parts.files.put(key, data, "application/pdf")
    wanted = parts.settings.timestamp_authority is not None
    level = release.sealed.level
    return StoredPdf(
        key=key, sha256=sha256, pages=release.pages, level=level, timestamp_due=wanted and level == "B-B"
    )


def _release(document_id: str, signed: StoredPdf, certificate: StoredPdf | None, parts: Parts) -> None:
    """One transaction: sealed, its event, and the webhook `document.approved` that was held back for it."""

    def step() -> None:
        document = parts.store.document(document_id)
        if document is None or document.decision is None or document.sealing is Sealing.SEALED:
            return
        recorder = Recorder(
            replace(document, sealing=Sealing.SEALED, signed=signed, certificate=certificate),
            practice=require_practice(parts.store, document.practice_id),
            now=parts.clock.now(),
            ids=parts.ids,
            portal_url=parts.settings.portal_url,
            actor=PORTAL,
        )
        facts = {"sha256": signed.sha256, "pages": signed.pages, "level": signed.level}
        if certificate is not None:
            facts["certificate_sha256"] = certificate.sha256
        if document.decision.action is Action.DECLINE:
            recorder.event("document.sealed", facts)
        else:
            recorder.event("document.approved", facts, webhook=True)
        claim = Claim(key=sealed_claim(signed.sha256), owner=document.id)
        parts.store.commit(replace(recorder.change(), claims=(claim,)))

    retry_on_conflict(step, retry_on=frozenset({"document"}))


def _record_timestamps(
    document_id: str, signed: StoredPdf | None, certificate: StoredPdf | None, parts: Parts
) -> None:
    """Beside what was announced, once."""
    facts = {"level": "B-T"}
    if signed is not None:
        facts["sha256"] = signed.sha256
    if certificate is not None:
        facts["certificate_sha256"] = certificate.sha256

    def step() -> None:
        document = parts.store.document(document_id)
        if document is None or not document.timestamp_due:
            return
        with_both = replace(
            document,
            timestamped=signed or document.timestamped,
            timestamped_certificate=certificate or document.timestamped_certificate,
            signed=_due_no_more(document.signed),
            certificate=_due_no_more(document.certificate),
        )
        recorder = Recorder(
            with_both,
            practice=require_practice(parts.store, document.practice_id),
            now=parts.clock.now(),
            ids=parts.ids,
            portal_url=parts.settings.portal_url,
            actor=PORTAL,
        )
        recorder.event("document.timestamped", facts)
        parts.store.commit(recorder.change())

    retry_on_conflict(step, retry_on=frozenset({"document"}))


def _due_no_more(announced: StoredPdf | None) -> StoredPdf | None:
    return None if announced is None else replace(announced, timestamp_due=False)


def _block(document: Document, decision: Decision) -> SignatureBlock:
    return SignatureBlock(
        signer_name=decision.signer.name,
        credential=decision.signer.credential or "",
        npi=decision.signer.npi,
        signed_at=decision.decided_at,
        time_zone=document.practice.time_zone,
        document_id=document.id,
        typed_name=decision.typed_name,
        strokes=decision.strokes or None,
        strokes_aspect=decision.strokes_aspect,
    )


def _field(document: Document) -> SignatureField | None:
    box = document.signature_field
    if box is None:
        return None
    return SignatureField(box.page, box.x, box.y, box.width, box.height)


def _certificate(document: Document, decision: Decision, parts: Parts) -> CertificateFacts:
    """What the certificate says. The trail ends where the decision stands, so a retry says the same."""
    events = parts.store.events(document.id)
    shown = [e for e in events if e.at <= decision.decided_at]
    return CertificateFacts(
        certificate_type=_OUTCOMES[decision.action],
        document_id=document.id,
        title=document.title,
        kind=KINDS[document.kind],
        original_sha256=document.original.sha256,
        practice_name=document.practice.name,
        signer_name=decision.signer.name,
        credential=decision.signer.credential or "",
        npi=decision.signer.npi,
        decided_at=decision.decided_at,
        time_zone=document.practice.time_zone,
        verify_url=f"{parts.settings.portal_url}/verify",
        authentication=decision.signer.authentication,
        consent_version=decision.consent_version,
        note=decision.note,
        decline_reason=DECLINE_REASONS[decision.decline_reason] if decision.decline_reason else None,
        pages_shown=", ".join(str(page) for page in decision.pages_shown) or None,
        read_statement=_read_statement(document, decision),
        chain_head=shown[-1].hash if shown else None,
        trail=tuple(_entry(line) for line in trail_lines(shown)),
        patient_name=document.patient.name,
        patient_born=document.patient.date_of_birth,
        external_id=document.external_id,
    )


def _read_statement(document: Document, decision: Decision) -> str | None:
    """What the signer ticked where not every page was seen shown, as it stood on the page."""
    if not decision.read_statement:
        return None
    pages = document.original.pages
    return f"Statement ticked: I have read {'the page' if pages == 1 else f'all {pages} pages'}."


def _entry(line: TrailLine) -> TrailEntry:
    """The device in words: the trail itself keeps what the browser said of itself."""
    device = in_words(line.device) if line.device else None
    return TrailEntry(at=line.at, what=line.what, ip=line.address, device=device)
