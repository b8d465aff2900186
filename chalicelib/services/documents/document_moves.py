"""The `move` job, which moves documents to the provider to whom they belong (DESIGN 2a).

A document can be in the wrong provider's list after the practice corrected an address (`document.resend`),
after a practice learned the email address of a person whom it only faxed before, after an account got one
more address, or after support separated two people. The job finds the provider of each such document by the
same rules as the intake. Until the job has run, the rule in `domain/visibility.py` hides the documents. The
documents of a closed account do not move."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.documents import Document
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.providers import Provider, is_separated
from chalicelib.domain.visibility import opens_to
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.provider_matching import match_again
from chalicelib.services.documents.recorder import PORTAL
from chalicelib.services.lookups import require_document
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Listing
from chalicelib.services.transaction import Change, Job, OutboxRow

PAGE = 25
_RETRY_ON = frozenset({"document", "provider", "claim"})
_NEXT_LIST = {Listing.PROVIDER_PENDING: Listing.PROVIDER_PAST}


def move_job(provider_id: str, *, practice_id: str | None = None) -> Job:
    """Return the job that moves documents from this provider's lists to the providers to whom they belong.

    With `practice_id`, the job moves the documents of this practice only."""
    return Job(
        queue=QueueName.DELIVERIES,
        name=JobName.MOVE,
        event_id=provider_id,
        provider_id=provider_id,
        practice_id=practice_id,
    )


def check_job(provider_id: str) -> Job:
    """Return the job that checks a provider's documents against the provider's email addresses.

    `VisibilityReport.check` does the job, and stores the results in the provider's row."""
    return Job(queue=QueueName.DELIVERIES, name=JobName.CHECK, event_id=provider_id, provider_id=provider_id)


class DocumentMoves:
    """The service that does the `move` jobs. A job that comes twice does no harm."""

    def __init__(self, writer: DocumentWriter, clock: Clock) -> None:
        self._writer = writer
        self._store = writer.store
        self._clock = clock

    def move(self, job: Job) -> None:
        """Move the documents on one page of the provider's lists if necessary, and queue the job for the next page."""
        provider_id, now = job.provider_id or "", self._clock.now()
        listing, after = _read_place(job.after)
        page = self._store.documents(listing, provider_id, limit=PAGE, after=after)
        for document in page.items:
            if job.practice_id in (None, document.practice_id):
                self._move(document.id, provider_id, now)
        place = _next_place(listing, page.next_after)
        if place is not None:
            row = OutboxRow(id=self._writer.ids.new("out"), created_at=now, jobs=(replace(job, after=place),))
            self._store.commit(Change(at=now, outbox=(row,)))

    def _move(self, document_id: str, provider_id: str, now: datetime) -> None:
        def step() -> None:
            document = require_document(self._store, document_id)
            provider = self._store.provider(provider_id)
            if document.provider_id == provider_id and provider is not None and _may_move(document, provider):
                self._commit_move(document, now)

        retry_on_conflict(step, retry_on=_RETRY_ON)

    def _commit_move(self, document: Document, now: datetime) -> None:
        match = match_again(self._store, self._writer.ids, document)
        if match.provider.id == document.provider_id:
            return
        moved = replace(document, provider_id=match.provider.id, granted=None)
        recorder = self._writer.recorder(moved, self._writer.practice_of(document), PORTAL, now)
        data = {"from": document.provider_id, "to": match.provider.id}
        change = recorder.event(DocumentEventType.MOVED, data).change()
        self._store.commit(replace(change, providers=match.changed_rows(), claims=match.claims))


def _may_move(document: Document, provider: Provider) -> bool:
    """Return True if the document may move from this provider's lists to another provider's.

    A document does not move if this provider's account can open it or is closed. `granted` means that the document was
    opened to one account by a fax's code. Such a document moves only if support has decided that its addressee is not
    this provider."""
    if provider.closed_at is not None or opens_to(provider, document):
        return False
    return document.granted is None or is_separated(provider, document.addressee)


def _read_place(after: str | None) -> tuple[Listing, str | None]:
    """Return the place at which a `move` job continues: one of the provider's lists, and the position in the list.

    `after` is the job's cursor, such as from `_next_place`. None starts with the list of pending documents."""
    if after is None:
        return Listing.PROVIDER_PENDING, None
    listing, _, position = after.partition(":")
    return Listing(listing), position or None


def _next_place(listing: Listing, next_after: str | None) -> str | None:
    """Return the job's cursor for the next page, in the same list or at the start of the next list.

    Return None after the last page of the last list."""
    if next_after is not None:
        return f"{listing}:{next_after}"
    following = _NEXT_LIST.get(listing)
    return f"{following}:" if following else None
