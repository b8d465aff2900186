"""The whole way of one PDF through the portal, in one process and without AWS: intake, page images, seal, checks.

The code is that of production, from the inspection of an incoming file to the check before a release. The files are in
memory, and the sealing key exists only during the run."""

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from bench.corpus.comparison import find_changed_page
from bench.corpus.programs import has_syntax_errors, is_seal_valid
from bench.corpus.results import FileResult, Outcome
from chalicelib.domain.documents import Decision, Document
from chalicelib.domain.errors import Unprocessable
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import Action, Status
from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.signing.certificate_chain import fingerprint
from chalicelib.pdf.signing.sealer import Sealer
from chalicelib.services.documents.incoming_pdf import IncomingPdf, PdfSource, sha256
from chalicelib.services.pdf_function import inspection
from chalicelib.services.pdf_jobs.page_preparation import PagePreparation
from chalicelib.services.pdf_jobs.release_maker import Release, ReleaseMaker
from chalicelib.services.pdf_requests import PreparedFile, PrepareDocument
from chalicelib.services.ports import StoredFileCorrupt
from chalicelib.services.transaction import Job
from tests.support.fakes import FakeClock, FakeFiles, FakeIds
from tests.support.pdf.fake_pdf import FakePdf
from tests.support.provider_fixtures import SIGNER, a_document, a_store

T = TypeVar("T")


class CheckFailed(Exception):
    """Error for a file that ends with this outcome, with the reason and the page (0 for the whole file)."""

    def __init__(self, outcome: Outcome, reason: str, page: int = 0) -> None:
        super().__init__(reason)
        self.outcome, self.reason, self.page = outcome, reason, page


@dataclass
class RecordingPdf(FakePdf):
    """The PDF function in this process. It notes how the file of the document was last prepared."""

    way: str = ""
    place: SignatureBox | None = None

    def run(self, request: object, result: type[T]) -> T:
        made = super().run(request, result)
        if isinstance(request, PrepareDocument) and isinstance(made, PreparedFile):
            self.way, self.place = request.attempt, made.place
        return made


@dataclass
class MemoryInspector:
    """The `inspect` function in this process, for files in memory (an `Inspector` of `services/ports.py`)."""

    files: FakeFiles

    def inspect(self, key: str, kind: str, **_options: object) -> dict[str, object]:
        return inspection.inspect(self.files.get(key), kind)


class FileCheck:
    """The check of one file: its steps in the order of production. `sealer` signs with a key of this run."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._files = FakeFiles()
        self._pdf = RecordingPdf(self._files)
        self._clock = FakeClock(datetime.now(UTC))

    def run(self, file: str, data: bytes) -> FileResult:
        """Do all steps, and return what happened. An error that no step expects is an outcome too."""
        result = FileResult(file=file, sha256=sha256(data), outcome=Outcome.SEALED)
        try:
            document = self.accept(data)
            result = replace(result, pages=document.original.pages)
            document = self.show(document)
            result = replace(result, unseen=document.broken_pages)
            sealed = self.seal(document).signed.data
            result = replace(result, way=self._pdf.way, block=self._pdf.place is not None)
            self.verify(data, sealed)
            self.compare(data, sealed, document)
        except CheckFailed as failed:
            return replace(result, outcome=failed.outcome, reason=failed.reason, page=failed.page)
        except Exception as error:  # noqa: BLE001 - a result too, and the run goes on
            return replace(result, outcome=Outcome.CRASHED, reason=type(error).__name__)
        return result

    def accept(self, data: bytes) -> Document:
        """Inspect and store the file as intake does, and return its document. Raises `CheckFailed` for a refusal."""
        document = a_document(status=Status.APPROVED, pages_ready=None)
        incoming = IncomingPdf(
            practice_id=document.practice_id,
            document_id=document.id,
            source=PdfSource(data=data),
            validate=lambda _: None,
            files=self._files,
            inspector=MemoryInspector(self._files),
        )
        try:
            return replace(document, original=incoming.inspect_and_store().pdf)
        except Unprocessable as refusal:
            raise CheckFailed(Outcome.REFUSED, f"{refusal.code}: {refusal.detail}") from refusal

    def show(self, document: Document) -> Document:
        """Make the page images, and return the document with the pages that cannot be shown."""
        store = a_store(document)
        pages = PagePreparation(store=store, files=self._files, pdf=self._pdf, clock=self._clock)
        pages.prepare(Job(queue=QueueName.DOCUMENTS, name=JobName.PREPARE, event_id="", document_id=document.id))
        return store.document(document.id) or document

    def seal(self, document: Document) -> Release:
        """Place the signature, assemble and seal the file, and do the checks that come before its release."""
        now = self._clock.now()
        decision = Decision(action=Action.APPROVE, signer=SIGNER, decided_at=now, typed_name=SIGNER.name)
        maker = ReleaseMaker(
            files=self._files,
            pdf=self._pdf,
            ids=FakeIds(),
            sealer=self._sealer,
            verify_url="https://portal.example.com/verify",
            now=now,
        )
        try:
            return maker.make(replace(document, decision=decision), decision, ())
        except StoredFileCorrupt as error:
            raise CheckFailed(Outcome.NOT_SEALED, str(error)) from error

    def verify(self, source: bytes, sealed: bytes) -> None:
        """Verify the seal as `/verify` does, and with other programs. Raises `CheckFailed` for a seal that fails."""
        trusted = [fingerprint(self._sealer.chain.leaf)]
        verdict = inspection.inspect(sealed, "seal", certificates=trusted).get("verdict", "refused")
        if verdict != "intact":
            raise CheckFailed(Outcome.NOT_VALID, f"the portal's verifier says {verdict}")
        with tempfile.TemporaryDirectory() as folder:
            before, after = Path(folder) / "before.pdf", Path(folder) / "after.pdf"
            before.write_bytes(source)
            after.write_bytes(sealed)
            if not is_seal_valid(after):
                raise CheckFailed(Outcome.NOT_VALID, "pdfsig does not find the seal valid")
            if has_syntax_errors(after) and not has_syntax_errors(before):
                raise CheckFailed(Outcome.NOT_VALID, "qpdf finds errors that the original does not have")

    def compare(self, source: bytes, sealed: bytes, document: Document) -> None:
        """Compare each page before and after. Raises `CheckFailed` for a change outside the signature block."""
        changed = find_changed_page(source, sealed, self._pdf.place, document.original.pages)
        if changed is not None:
            page, renderer = changed
            raise CheckFailed(Outcome.CHANGED, f"{renderer} draws the page differently", page)
