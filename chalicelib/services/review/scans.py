"""The uploaded scan of a document that was signed by hand: its upload, its inspection, and the decision it becomes.

A reader with a code and an assistant return documents in this way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.documents import Decision, Document, Identity, Signer, SigningMethod
from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.expiring_records import BY_HAND_LIFETIME
from chalicelib.domain.jobs import JobName
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import name_key
from chalicelib.domain.status import Action, is_decidable
from chalicelib.pdf import models
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.identity import identity_data
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.ports import EVIDENCE, Files, Inspector
from chalicelib.services.review import scan_previews
from chalicelib.services.review.signature_input import MAX_NAME, clean_text

MAX_SCAN_BYTES = models.MAX_BYTES
UPLOAD_LIFETIME = BY_HAND_LIFETIME


@dataclass(frozen=True, kw_only=True)
class ScanForm:
    """The form that returns a signed scan: the upload's key and the name of the person who signed.

    `sha256` (hex) is that of the file which the page with the form showed. It is empty for a page of an earlier
    release."""

    key: str
    signer_name: str
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Uploader:
    """The person who uploads a signed paper as a scan, and the time `now` of the upload.

    `authentication` (in words for the certificate page) and `identity` say how the person was authenticated."""

    authentication: str
    identity: Identity
    actor: Actor
    now: datetime


class Scans:
    """The way of a scan into the portal: the upload by the browser, the inspection, and the recorded decision."""

    def __init__(self, writer: DocumentWriter, files: Files, inspector: Inspector) -> None:
        self._writer = writer
        self._files = files
        self._inspector = inspector

    def upload_form(self, document: Document, path: str) -> tuple[str, Mapping[str, str]]:
        """Return the URL to which the browser posts the scan, and the form fields that precede the file.

        After the upload, the bucket redirects the browser to this `path` of the portal."""
        return self._files.upload_form(
            f"{scan_previews.scan_prefix(document.id)}{self._writer.ids.new('scn')}",
            max_bytes=MAX_SCAN_BYTES,
            seconds=int(UPLOAD_LIFETIME.total_seconds()),
            redirect=f"{self._writer.portal_url}{path}",
        )

    def has_upload(self, document_id: str, key: str) -> bool:
        """Return True if the bucket has an upload for this document under that key."""
        return scan_previews.has_upload(self._files, document_id, key)

    def take(
        self, document: Document, form: ScanForm, uploader: Uploader, check: Callable[[Document], None]
    ) -> Document:
        """Record the document as signed by hand, with the uploaded scan, and return the document.

        `check` raises an error if the uploader may not return the latest version of the document. A second upload of
        the same file changes nothing. Raises `Invalid` with the wrong field of the form, and `Conflict` after another
        decision."""
        check(document)
        signer = _signer(document, _read_signer_name(form.signer_name), uploader)
        practice, (key, sha256) = run_concurrently(
            lambda: self._writer.practice_of(document), lambda: self._inspect_and_store(document, form)
        )
        decision = Decision(
            action=Action.SIGN_BY_HAND, signer=signer, decided_at=uploader.now, scan_key=key, scan_sha256=sha256
        )

        def step(current: Document) -> Document:
            check(current)
            return self._record(current, decision, practice, uploader)

        return self._writer.apply_to_latest(document, step)

    def _inspect_and_store(self, document: Document, form: ScanForm) -> tuple[str, str]:
        """Inspect the scan, store it unless the document is already decided, and return its S3 key and SHA-256 (hex).

        Raises `Invalid` for a refused scan, such as a scan of the unsigned original, and for another file than the one
        that the form showed. The portal inspects and stores a copy of the upload, because the sender could still
        replace the upload."""
        scan_previews.check_upload(self._files, document.id, form.key)
        copy = f"uploads/by-hand/{self._writer.ids.new('scn')}"
        self._files.copy(form.key, copy)
        try:
            result = self._inspector.inspect(copy, "scan", original=document.original.key)
            if "refused" in result:
                raise scan_previews.refused_scan(str(result["refused"]["detail"]))
            if form.sha256 not in ("", result["sha256"]):
                raise scan_previews.refused_scan("The file was replaced after we showed it. Choose the file again.")
            key, sha256 = f"{EVIDENCE}scans/{document.id}/{result['sha256']}", str(result["sha256"])
            if is_decidable(document.status):
                self._files.copy(copy, key)
        finally:
            self._files.delete(copy)
        return key, sha256

    def _record(self, current: Document, decision: Decision, practice: Practice, uploader: Uploader) -> Document:
        """Commit the decision, and return the decided document. The same scan again changes nothing."""
        is_repeated = current.decision is not None and current.decision.scan_sha256 == decision.scan_sha256
        decided = None if is_repeated else current.decide(decision)
        if decided is None:
            return current
        signer = decision.signer
        data = {"signer": {"name": signer.name}, "scan_sha256": decision.scan_sha256, **identity_data(signer.identity)}
        recorder = self._writer.recorder(decided, practice, uploader.actor, uploader.now)
        recorder.event(DocumentEventType.DECISION_BY_HAND, data).job(JobName.SEAL)
        return self._writer.commit(self._writer.report_to_owner(recorder, decided))


def _signer(document: Document, name: str, uploader: Uploader) -> Signer:
    """Return the person who signed on paper, with the typed `name`, for the audit trail and the certificate page.

    The credential and NPI come from the document, and only if the name is that of the provider to whom the clinic sent
    it."""
    addressee = document.addressee
    is_addressee = name_key(name, "") == name_key(addressee.first_name, addressee.last_name)
    return Signer(
        name=name,
        credential=addressee.credential if is_addressee else None,
        npi=addressee.npi if is_addressee else None,
        method=SigningMethod.BY_HAND,
        authentication=uploader.authentication,
        provider_id=document.provider_id if is_addressee else None,
        identity=uploader.identity,
    )


def _read_signer_name(text: str) -> str:
    name = " ".join(clean_text(text).split())
    if not 0 < len(name) <= MAX_NAME:
        raise Invalid("Who signed it?", errors=[FieldError("signer_name", "Enter the name of the person who signed.")])
    return name
