"""The `seal` job: the signed PDF of a decided document, made from the original bytes and only then released.

The decision is durable long before; this may fail and run again for ever (DESIGN section 3). In order:
fetch and check the original, assemble (stamp, certificate), verify the very bytes, store, release.
The cryptographic seal stands between assembling and verifying.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from chalicelib.domain.documents import Decision, Document, Sealing, StoredPdf
from chalicelib.domain.status import Action
from chalicelib.pdf import assemble
from chalicelib.pdf.facts import CertificateFacts, Outcome, SignatureBlock, SignatureField, TrailEntry
from chalicelib.pdf.inspect import reopen
from chalicelib.services import trail
from chalicelib.services.changes import Claim, Job
from chalicelib.services.ports import Clock, Files, Ids, Store
from chalicelib.services.recording import PORTAL, Recorder, until_it_holds
from chalicelib.services.words import DECLINE_REASONS, KINDS
from chalicelib.settings import Settings

_OUTCOMES: Mapping[Action, Outcome] = {
    Action.APPROVE: "signed",
    Action.DECLINE: "declined",
    Action.SIGN_BY_HAND: "by_hand",
}


class Parts(Protocol):
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


class Damaged(Exception):
    """Bytes are not what they were recorded to be; never released, an engineer must look."""


def seal(job: Job, parts: Parts) -> None:
    """Makes and releases the signed PDF; does nothing when that is already done or nothing was decided."""
    document = parts.store.document(job.document_id or "")
    if document is None or document.decision is None or document.sealing is Sealing.SEALED:
        return
    data = _assembled(document, document.decision, parts)
    signed = _stored(document, data, parts.files)
    _release(document.id, signed, parts)


def _assembled(document: Document, decision: Decision, parts: Parts) -> bytes:
    facts = _certificate(document, decision, parts)
    make: Mapping[Action, Callable[[], bytes]] = {
        Action.APPROVE: lambda: assemble.assemble_signed(
            _original(document, parts.files), block=_block(document, decision),
            field=_field(document), certificate=facts,
        ),
        Action.DECLINE: lambda: assemble.assemble_declined(_original(document, parts.files), facts),
        Action.SIGN_BY_HAND: lambda: assemble.assemble_by_hand(_scan(decision, parts.files), facts),
    }  # fmt: skip
    return make[decision.action]()


def _original(document: Document, files: Files) -> bytes:
    return _checked(files.get(document.original.key), document.original.sha256)


def _scan(decision: Decision, files: Files) -> bytes:
    return _checked(files.get(decision.scan_key or ""), decision.scan_sha256 or "")


def _checked(data: bytes, sha256: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Damaged("the stored file is not the one that was recorded")
    return data


def _stored(document: Document, data: bytes, files: Files) -> StoredPdf:
    """Verifies the very bytes that will be released, then stores them under their own hash."""
    pages = reopen(data)
    by_hand = document.decision is not None and document.decision.action is Action.SIGN_BY_HAND
    if not by_hand and pages <= document.original.pages:
        raise Damaged("the assembled file lacks pages")
    sha256 = hashlib.sha256(data).hexdigest()
    key = f"signed/{document.id}/{sha256}.pdf"
    files.put(key, data, "application/pdf")
    return StoredPdf(key=key, sha256=sha256, pages=pages)


def _release(document_id: str, signed: StoredPdf, parts: Parts) -> None:
    """One transaction: sealed, its event, and the webhook `document.approved` that was held back for it."""

    def step() -> None:
        document = parts.store.document(document_id)
        if document is None or document.decision is None or document.sealing is Sealing.SEALED:
            return
        practice = parts.store.practice(document.practice_id)
        if practice is None:
            raise LookupError("a document of a practice that does not exist")
        recorder = Recorder(
            replace(document, sealing=Sealing.SEALED, signed=signed), practice=practice,
            now=parts.clock.now(), ids=parts.ids, portal_url=parts.settings.portal_url, actor=PORTAL,
        )  # fmt: skip
        facts = {"sha256": signed.sha256, "pages": signed.pages}
        if document.decision.action is Action.DECLINE:
            recorder.event("document.sealed", facts)
        else:
            recorder.event("document.approved", facts, webhook=True)
        claim = Claim(key=f"sealed#{signed.sha256}", owner=document.id)
        parts.store.commit(replace(recorder.change(), claims=(claim,)))

    until_it_holds(step, retry_on=frozenset({"document"}))


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
        outcome=_OUTCOMES[decision.action],
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
        chain_head=shown[-1].hash if shown else None,
        trail=tuple(_entry(line) for line in trail.lines(shown)),
    )


def _entry(line: trail.Line) -> TrailEntry:
    return TrailEntry(at=line.at, what=line.what, ip=line.address, device=line.device)
