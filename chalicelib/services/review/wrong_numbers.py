"""The report of a wrong fax number by somebody who got a fax for another person (*Not your patient? Report it*).

The code on the fax's cover proves that the reporter has the fax. A report closes the number for the practice that sent
the fax (`closed_numbers.py`), and asks the practice to act on every open document that it faxes to this number. The
reporter sees no document."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.account_events import AccountEventType
from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.certification.facts import AttentionReason, ClosedFax
from chalicelib.domain.certification.rules import close_fax, reopen_fax
from chalicelib.domain.deliveries import Channel, NoticeKind
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.providers import with_fax
from chalicelib.domain.status import is_decidable
from chalicelib.services.delivery_rows import report_to_owner
from chalicelib.services.documents.closed_numbers import FaxNumberState, closing_claim, is_confirmed_since, read_state
from chalicelib.services.documents.document_writer import DocumentWriter, record_transmission
from chalicelib.services.documents.identity import code_data
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.lookups import require_document
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Listing
from chalicelib.services.review.by_hand import CodeVisitor
from chalicelib.services.review.fax_documents import VISITORS, FaxDocuments
from chalicelib.services.review.hand_codes import CodeEntry
from chalicelib.services.transaction import Change, Job, OutboxRow, merge

PAGE = 25
_RETRY_ON = frozenset({"document", "claim", "secret", "provider"})
_CONFIRMED = FieldError(
    "code", "The clinic has checked this fax number since. If the fax isn't yours, call the clinic at its number."
)


class WrongNumbers:
    """The service behind the page on which the recipient of a fax reports a wrong number, and its background job."""

    def __init__(self, writer: DocumentWriter, fax_documents: FaxDocuments, clock: Clock) -> None:
        self._writer = writer
        self._store = writer.store
        self._fax_documents = fax_documents
        self._clock = clock

    def report(self, typed: str, visitor: CodeVisitor) -> str:
        """Close the fax number of the code's document for its practice, and return the document's id.

        If the document was also faxed to the provider's own number, the code does not tell the two apart. So this
        number is closed too, and removed from the account, whose owner gets an email. The code is deleted, because it
        would open the document again for a stranger once the practice has confirmed its own number.

        A second report about the same number changes nothing. Raises `Invalid` for a code from before the practice
        confirmed the number, because a recipient must not close the number over and over. Wrong codes raise the same
        errors as on the page `/fax`, and count against the same limits."""

        def step() -> str:
            document, entry = self._fax_documents.find(typed, VISITORS, visitor.now)
            state = read_state(self._store, document.practice_id, document.addressee.fax or "")
            is_closed = state == FaxNumberState.CLOSED
            is_confirmed = entry.code is not None and is_confirmed_since(state, entry.code.created_at)
            if not is_closed and not is_confirmed:
                self._close(document, entry, state, visitor)
            elif not self._close_own(document, entry, visitor) and is_confirmed:
                raise Invalid("The clinic has confirmed this fax number.", errors=[_CONFIRMED])
            return document.id

        return retry_on_conflict(step, retry_on=_RETRY_ON)

    def _close(self, document: Document, entry: CodeEntry, state: str | None, visitor: CodeVisitor) -> None:
        number = document.addressee.fax or ""
        closed = replace(document, closed_fax=ClosedFax(number=number))
        reported = close_fax(document, number) if is_decidable(document.status) else closed
        recorder = self._writer.recorder(reported, self._writer.practice_of(document), visitor.actor, visitor.now)
        facts = {"channel": Channel.FAX, **code_data(document, None)}
        recorder.event(DocumentEventType.WRONG_NUMBER_REPORTED, facts, private={"recipient": number})
        if is_decidable(document.status):
            recorder.attention(AttentionReason.WRONG_NUMBER).notice(NoticeKind.NEEDS_ATTENTION)
        change, claim = recorder.change(), closing_claim(document.practice_id, number, state)
        row = OutboxRow(id=self._writer.ids.new("out"), created_at=visitor.now, jobs=mark_jobs(document, number))
        closing = replace(change, claims=(claim,), outbox=(*change.outbox, row), dropped=_shared_codes(document, entry))
        self._store.commit(merge(closing, self._remove_own_number(document, number, visitor.now)))

    def _close_own(self, document: Document, entry: CodeEntry, visitor: CodeVisitor) -> bool:
        """Close only the provider's own fax numbers, to which the document was faxed, and ask the clinic to call.

        The number that the clinic stated is settled. Return False if there is nothing to close."""
        removal = self._remove_own_number(document, document.addressee.fax or "", visitor.now)
        if not removal.claims and not removal.providers:
            return False
        recorder = self._writer.recorder(document, self._writer.practice_of(document), visitor.actor, visitor.now)
        facts = {"channel": Channel.FAX, **code_data(document, None)}
        recorder.event(DocumentEventType.WRONG_NUMBER_REPORTED, facts)
        if is_decidable(document.status):
            recorder.attention(AttentionReason.PLEASE_CALL).notice(NoticeKind.NEEDS_ATTENTION)
        change = replace(recorder.change(), dropped=_shared_codes(document, entry))
        self._store.commit(merge(change, removal))
        return True

    def _remove_own_number(self, document: Document, number: str, now: datetime) -> Change:
        """Return the rows that close the provider's own fax numbers, to which the document was faxed as well.

        If the account still has one of them, or the reported number, it is removed from the account. The owner gets an
        email, and no fax of any clinic goes there any more."""
        practice_id = document.practice_id
        own = [other for other in document.follow_up.own_faxes if other != number] if document.follow_up else []
        states = {other: read_state(self._store, practice_id, other) for other in own}
        claims = tuple(
            closing_claim(practice_id, other, state)
            for other, state in states.items()
            if state != FaxNumberState.CLOSED
        )
        provider = self._store.provider(document.provider_id)
        if provider is None or provider.fax not in (number, *own):
            return Change(at=now, claims=claims)
        report = report_to_owner(self._writer.ids.new("evt"), provider, AccountEventType.FAX_REPORTED, now)
        return replace(
            report, claims=claims, providers=(replace(with_fax(provider, None), version=provider.version + 1),)
        )

    def mark(self, job: Job) -> None:
        """Do the job that follows a report of a wrong fax number, or the practice's confirmation of the number.

        While the number is closed, the practice's documents for the number are marked, and ask the clinic's staff to
        act. Otherwise the job restores what counted before the report. Each job does one page of the list. A job that
        comes twice does no harm."""
        target, now = self._read_target(job), self._clock.now()
        if target is None:
            return
        practice_id, number = target
        closed = read_state(self._store, practice_id, number) == FaxNumberState.CLOSED
        page = self._store.documents(Listing.PRACTICE_UNSIGNED, practice_id, limit=PAGE, after=job.after)
        for document in page.items:
            self._adjust(document.id, number, now, closed=closed)
        if page.next_after is not None:
            jobs = (replace(job, after=page.next_after),)
            row = OutboxRow(id=self._writer.ids.new("out"), created_at=now, jobs=jobs)
            self._store.commit(Change(at=now, outbox=(row,)))

    def _read_target(self, job: Job) -> tuple[str, str] | None:
        """Return the practice's id and the fax number of a job, or None if neither a fax nor a document has them."""
        if job.delivery_id is not None:
            fax = self._store.delivery(job.delivery_id)
            return (fax.practice_id, fax.recipient) if fax else None
        document = self._store.document(job.document_id or "none")
        number = document.named_by_clinic.fax if document else None
        return (document.practice_id, number) if document and number else None

    def _adjust(self, document_id: str, number: str, now: datetime, *, closed: bool) -> None:
        def step() -> None:
            document = require_document(self._store, document_id)
            if closed and _is_waiting_for(document, number):
                self._writer.commit(self._flag(document, number, now))
            elif not closed and document.closed_fax is not None and document.closed_fax.number == number:
                self._writer.commit(self._restore(document, now))

        retry_on_conflict(step, retry_on=_RETRY_ON)

    def _flag(self, document: Document, number: str, now: datetime) -> Recorder:
        practice = self._writer.practice_of(document)
        recorder = self._writer.recorder(close_fax(document, number), practice, PORTAL, now)
        return recorder.attention(AttentionReason.WRONG_NUMBER)

    def _restore(self, document: Document, now: datetime) -> Recorder:
        restored = reopen_fax(document)
        recorder = self._writer.recorder(restored, self._writer.practice_of(document), PORTAL, now)
        return record_transmission(recorder, document, restored)


def mark_jobs(document: Document, number: str) -> tuple[Job, ...]:
    """Return the job that marks the practice's other documents for a fax number that was reported as wrong.

    The job names the reported fax by its id, and the number is read from this fax."""
    faxes = [line for line in document.deliveries if line.channel == Channel.FAX and line.recipient == number]
    return tuple(
        Job(queue=QueueName.DELIVERIES, name=JobName.WRONG_NUMBER, event_id=fax.id, delivery_id=fax.id)
        for fax in faxes[-1:]
    )


def _shared_codes(document: Document, entry: CodeEntry) -> tuple[Secret, ...]:
    """Return the row of the code if the code was also faxed to a provider's own number, or else nothing."""
    is_shared = document.follow_up is not None and bool(document.follow_up.own_faxes)
    return (entry.code,) if is_shared and entry.code else ()


def _is_waiting_for(document: Document, number: str) -> bool:
    """Return True if the document must be marked after a fax number was reported as wrong.

    The document is pending, was faxed to this number, and is not marked yet."""
    is_faxed = any(line.channel == Channel.FAX and line.recipient == number for line in document.deliveries)
    is_current = document.named_by_clinic.fax == number
    return is_decidable(document.status) and is_faxed and is_current and document.closed_fax is None
