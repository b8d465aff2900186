"""The way to change one document. A change is retried on the latest version if another request was faster."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.certification.facts import TransmissionChannel
from chalicelib.domain.certification.rules import transmit
from chalicelib.domain.documents import Document
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable
from chalicelib.domain.visibility import opens_to
from chalicelib.services.documents.recorder import Actor, Recorder
from chalicelib.services.lookups import require_document, require_practice
from chalicelib.services.optimistic_retry import retry_on_latest
from chalicelib.services.ports import Ids, Store


class DocumentWriter:
    """The writer of changes to documents. Every service that changes documents uses it."""

    def __init__(self, *, store: Store, ids: Ids, portal_url: str) -> None:
        self.store = store
        self.ids = ids
        self.portal_url = portal_url

    def practice_of(self, document: Document) -> Practice:
        """Return the practice that sent the document. Raises `NotFound` if there is none."""
        return require_practice(self.store, document.practice_id)

    def recorder(self, document: Document, practice: Practice, actor: Actor, now: datetime) -> Recorder:
        """Return a recorder, which collects the events that `actor` causes at the time `now`. Nothing is stored yet."""
        return Recorder(document, practice=practice, now=now, ids=self.ids, portal_url=self.portal_url, actor=actor)

    def report_to_owner(self, recorder: Recorder, document: Document) -> Recorder:
        """Add to the recorder an email that informs an account's owner of the decision in the recorder's last event.

        It is added only if the owner's account lists the document. Call this method for every decision that somebody
        made outside the account's session. The recorder collects the rows of one transaction."""
        owner = self.store.provider(document.provider_id)
        is_listed = owner is not None and opens_to(owner, document)
        return recorder.report_to_owner(owner.proven_emails[0]) if owner and is_listed else recorder

    def commit(self, recorder: Recorder, *, providers: tuple[Provider, ...] = ()) -> Document:
        """Store everything that the recorder has collected, in one transaction, and return the changed document.

        `providers` are further rows for the transaction. Raises `ConcurrentUpdate` if another request was faster, or
        `Unavailable`."""
        change = replace(recorder.change(), providers=providers)
        self.store.commit(change)
        return change.documents[0]

    def apply_to_latest(self, document: Document, step: Callable[[Document], Document]) -> Document:
        """Return the result of `step`: a function that checks the document, commits a change, and returns the document.

        `step` gets the document as the caller read it, and after each conflict the latest version."""
        return retry_on_latest(
            step,
            initial=document,
            read=lambda: require_document(self.store, document.id),
            retry_on=frozenset({"document", "provider"}),
        )

    def record_first_view(
        self,
        document: Document,
        practice: Practice,
        actor: Actor,
        now: datetime,
        check_access: Callable[[Document], None],
        *,
        via: TransmissionChannel,
    ) -> Document:
        """Record that `actor` opened the document, if nobody has opened it before, and return the document.

        `check_access` raises an error if the viewer may no longer see the latest version of the document. The first
        view is also recorded as the transmission of the plan to its addressee by the channel `via`, unless a fax came
        first or the addressee handed the document to another person."""

        def step(current: Document) -> Document:
            check_access(current)
            if not needs_view(current):
                return current
            viewed = transmit(replace(current, viewed_at=now), via, now)
            recorder = self.recorder(viewed, practice, actor, now).event(DocumentEventType.VIEWED, webhook=True)
            return self.commit(record_transmission(recorder, current, viewed))

        return self.apply_to_latest(document, step)


def record_transmission(recorder: Recorder, before: Document, after: Document) -> Recorder:
    """Return the recorder (a collector of audit events), with an event if a change transmitted the plan to its
    addressee.

    `before` and `after` are the document before and after the change. If the transmission certified the plan, another
    event is added."""
    if after.transmitted_at == before.transmitted_at:
        return recorder
    return recorder.event(DocumentEventType.TRANSMITTED, {"via": after.transmitted_via}, webhook=True).certification(
        before
    )


def needs_view(document: Document) -> bool:
    """Return True if opening the document now would be its first view, which must be recorded."""
    return document.viewed_at is None and is_decidable(document.status)
