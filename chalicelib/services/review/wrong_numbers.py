"""The report of a wrong fax number by somebody who got a fax for another person (*Not your patient? Report it*).

The code on the fax's cover proves that the reporter has the fax. A report closes the number for the practice that sent
the fax (`closed_numbers.py`), and asks the practice to act on every open document that it faxes to this number. The
reporter sees no document."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.certification.rules import drop_fax_transmission
from chalicelib.domain.deliveries import Channel, NoticeKind
from chalicelib.domain.documents import Document
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import is_decidable
from chalicelib.services.documents.closed_numbers import closing_claim, is_closed
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.identity import code_recipient
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.lookups import require_document
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Listing
from chalicelib.services.review.by_hand import CodeVisitor
from chalicelib.services.review.fax_documents import VISITORS, FaxDocuments
from chalicelib.services.transaction import Change, Job, OutboxRow

PAGE = 25
_RETRY_ON = frozenset({"document", "claim", "secret"})


class WrongNumbers:
    """The service behind the page on which the recipient of a fax reports a wrong number, and its background job."""

    def __init__(self, writer: DocumentWriter, fax_documents: FaxDocuments, clock: Clock) -> None:
        self._writer = writer
        self._store = writer.store
        self._fax_documents = fax_documents
        self._clock = clock

    def report(self, typed: str, visitor: CodeVisitor) -> str:
        """Close the fax number of the code's document for its practice, and return the document's id.

        A second report about the same number changes nothing. Wrong codes raise the same errors as on the page `/fax`,
        and count against the same limits."""

        def step() -> str:
            document, _ = self._fax_documents.find(typed, VISITORS, visitor.now)
            number = document.addressee.fax or ""
            if not is_closed(self._store, document.practice_id, number):
                self._close(document, number, visitor)
            return document.id

        return retry_on_conflict(step, retry_on=_RETRY_ON)

    def _close(self, document: Document, number: str, visitor: CodeVisitor) -> None:
        reported = drop_fax_transmission(document) if is_decidable(document.status) else document
        recorder = self._writer.recorder(reported, self._writer.practice_of(document), visitor.actor, visitor.now)
        facts = {"channel": Channel.FAX, "sent_to": code_recipient(document, None), "supplied_by": "practice"}
        recorder.event(DocumentEventType.WRONG_NUMBER_REPORTED, facts, private={"recipient": number})
        recorder.attention(AttentionReason.WRONG_NUMBER).notice(NoticeKind.NEEDS_ATTENTION)
        change, claim = recorder.change(), closing_claim(document.practice_id, number)
        row = OutboxRow(id=self._writer.ids.new("out"), created_at=visitor.now, jobs=mark_jobs(document, number))
        self._store.commit(replace(change, claims=(claim,), outbox=(*change.outbox, row)))

    def mark(self, job: Job) -> None:
        """Do the job that follows a report of a wrong fax number: mark the practice's documents for this number.

        The marked documents ask the clinic's staff to act. Each job does one page of the list. A job that comes twice
        does no harm."""
        fax, now = self._store.delivery(job.delivery_id or ""), self._clock.now()
        if fax is None or not is_closed(self._store, fax.practice_id, fax.recipient):
            return
        page = self._store.documents(Listing.PRACTICE_UNSIGNED, fax.practice_id, limit=PAGE, after=job.after)
        for document in page.items:
            self._mark(document.id, fax.recipient, now)
        if page.next_after is not None:
            jobs = (replace(job, after=page.next_after),)
            row = OutboxRow(id=self._writer.ids.new("out"), created_at=now, jobs=jobs)
            self._store.commit(Change(at=now, outbox=(row,)))

    def _mark(self, document_id: str, number: str, now: datetime) -> None:
        def step() -> None:
            document = require_document(self._store, document_id)
            if _is_waiting_for(document, number):
                self._writer.commit(self._flag(document, now))

        retry_on_conflict(step, retry_on=_RETRY_ON)

    def _flag(self, document: Document, now: datetime) -> Recorder:
        practice = self._writer.practice_of(document)
        recorder = self._writer.recorder(drop_fax_transmission(document), practice, PORTAL, now)
        return recorder.attention(AttentionReason.WRONG_NUMBER)


def mark_jobs(document: Document, number: str) -> tuple[Job, ...]:
    """Return the job that marks the practice's other documents for a fax number that was reported as wrong.

    The job names the reported fax by its id, and the number is read from this fax."""
    faxes = [line for line in document.deliveries if line.channel == Channel.FAX and line.recipient == number]
    return tuple(
        Job(queue=QueueName.DELIVERIES, name=JobName.WRONG_NUMBER, event_id=fax.id, delivery_id=fax.id)
        for fax in faxes[-1:]
    )


def _is_waiting_for(document: Document, number: str) -> bool:
    """Return True if the document must be marked after a fax number was reported as wrong.

    The document is pending, was faxed to this number, and does not ask the practice to act yet."""
    is_faxed = any(line.channel == Channel.FAX and line.recipient == number for line in document.deliveries)
    is_flagged = document.attention is AttentionReason.WRONG_NUMBER
    is_current = document.addressee.fax == number
    return is_decidable(document.status) and is_faxed and is_current and not is_flagged
