"""The end of reminders by email to an address: its reader stops them, or a reminder bounces.

The reader stops them by the link in a reminder, or on the account page. Both store the same row. The clinics then learn
that their documents are not reminded of by email any more. The reader can start reminders again in both places. Opening
the link changes nothing, because email scanners open links. Only the forms behind the link stop and start
reminders."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.deliveries import Delivery, NoticeKind
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Gone
from chalicelib.domain.expiring_records import Secret, SecretKind, new_secret, secret_key
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.lookups import require_document
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock
from chalicelib.services.reminders.reminder_contents import find_listed, find_listed_at
from chalicelib.services.stopped_reminders import is_stopped, stop_change
from chalicelib.services.transaction import Change, Job, OutboxRow

LINK_LIFETIME = timedelta(days=60)
"""The lifetime of the link that stops reminders. Every reminder has a new link."""


class ReminderStops:
    """Service that stops reminders by email to an address, and tells the clinics by background jobs."""

    def __init__(self, writer: DocumentWriter, clock: Clock) -> None:
        self._writer = writer
        self._store = writer.store
        self._clock = clock

    def create_token(self, reminder: Delivery, now: datetime) -> str:
        """Store a new link that stops reminders to the mailbox of this reminder, and return the link's token."""
        token = self._writer.ids.token()
        link = new_secret(
            SecretKind.STOP_REMINDERS, token, now, LINK_LIFETIME, email=reminder.recipient, link=reminder.id
        )
        self._store.commit(Change(at=now, secrets=(link,)))
        return token

    def find_email(self, token: str, now: datetime) -> str:
        """Return the email address to which the link stops reminders. Raises `Gone` for an unknown or expired link."""
        return self._require_link(token, now).email or ""

    def stop(self, token: str, now: datetime) -> None:
        """Stop reminders by email to the link's mailbox, and queue the job that tells the clinics.

        A second call changes nothing. Raises `Gone` for an unknown or expired link."""
        self._set_stopped(token, now, stops=True)

    def start_again(self, token: str, now: datetime) -> None:
        """Start reminders by email to the link's mailbox again, and queue the job that records it on the documents.

        A second call changes nothing. Raises `Gone` for an unknown or expired link."""
        self._set_stopped(token, now, stops=False)

    def _set_stopped(self, token: str, now: datetime, *, stops: bool) -> None:
        link = self._require_link(token, now)
        email = link.email or ""

        def step() -> None:
            if is_stopped(self._store, email) is not stops:
                outbox = (self._clinics_row(link, now),)
                self._store.commit(replace(stop_change(email, now, stops=stops), outbox=outbox))

        retry_on_conflict(step, retry_on=frozenset({"claim"}))

    def tell_clinics(self, job: Job) -> None:
        """Do the job that follows a stop or a new start of reminders: record it on every document that waits there.

        The job names the reminder whose link was used, or else the account and its email address. After a stop, staff
        are asked to act. The job looks at the present state of the mailbox, so a job that comes twice, or late, does no
        harm. It looks again at its end, because the reader may have changed the state, and the job of that change may
        run beside this one."""
        now = self._clock.now()
        if job.provider_id is not None and job.email is not None:
            email, documents = job.email, find_listed_at(self._store, job.email, job.provider_id, now)
        else:
            reminder = self._require_reminder(job)
            email, documents = reminder.recipient, find_listed(self._store, reminder, now)
        stops = is_stopped(self._store, email)
        self._change_waiting(documents, now, stops=stops, record=record_stop if stops else _record_start)
        if is_stopped(self._store, email) is not stops:
            self.tell_clinics(job)

    def report_bounce(self, job: Job) -> None:
        """Do the job that follows a reminder that could not be delivered: report it for every document that waits.

        A job that comes twice does no harm."""
        reminder, now = self._require_reminder(job), self._clock.now()
        documents = find_listed(self._store, reminder, now)
        self._change_waiting(documents, now, stops=True, record=lambda recorder: _record_bounce(recorder, reminder))

    def _change_waiting(
        self, documents: Sequence[Document], now: datetime, *, stops: bool, record: Callable[[Recorder], object]
    ) -> None:
        """Store on every document that waits at an address whether reminders reach its reader.

        `stops` is true if no reminder reaches the reader any more. `record` adds to the recorder of a document what its
        clinic learns. A document that already has this state does not change."""

        def change(document_id: str) -> None:
            document = require_document(self._store, document_id)
            if document.follow_up is None or document.follow_up.is_stopped is stops:
                return
            changed = replace(document, follow_up=replace(document.follow_up, is_stopped=stops))
            if changed.attention is AttentionReason.REMINDERS_STOPPED:
                changed = replace(changed, attention=None)
            recorder = self._writer.recorder(changed, self._writer.practice_of(document), PORTAL, now)
            record(recorder)
            self._writer.commit(recorder)

        for document in documents:
            retry_on_conflict(partial(change, document.id), retry_on=frozenset({"document"}))

    def _clinics_row(self, link: Secret, now: datetime) -> OutboxRow:
        job = Job(queue=QueueName.DELIVERIES, name=JobName.REMINDERS_STOPPED, event_id=link.key, delivery_id=link.link)
        return OutboxRow(id=self._writer.ids.new("out"), created_at=now, jobs=(job,))

    def _require_reminder(self, job: Job) -> Delivery:
        reminder = self._store.delivery(job.delivery_id or "")
        if reminder is None:
            raise LookupError("a job for a reminder that does not exist")
        return reminder

    def _require_link(self, token: str, now: datetime) -> Secret:
        link = self._store.secret(secret_key(SecretKind.STOP_REMINDERS, token))
        if link is None or not link.is_live(now):
            raise Gone("This link has expired. Every reminder has a new link.")
        return link


def _record_start(recorder: Recorder) -> None:
    recorder.event(DocumentEventType.REMINDERS_RESUMED)


def record_stop(recorder: Recorder) -> None:
    """Record on a document that the reader of its mailbox has stopped reminders, and ask staff to act.

    Staff are not asked if the document already has a reason to act."""
    recorder.event(DocumentEventType.REMINDERS_STOPPED)
    if recorder.document.attention is None:
        recorder.attention(AttentionReason.REMINDERS_STOPPED).notice(NoticeKind.NEEDS_ATTENTION)


def _record_bounce(recorder: Recorder, reminder: Delivery) -> None:
    facts = {"delivery": reminder.id, "channel": reminder.channel, "carrier_id": reminder.carrier_id}
    recorder.event(
        DocumentEventType.DELIVERY_FAILED, facts, private={"recipient": reminder.recipient}, webhook=True
    ).notice(NoticeKind.DELIVERY_FAILED)
    if recorder.document.attention is None:
        recorder.attention(AttentionReason.PLEASE_CALL)
