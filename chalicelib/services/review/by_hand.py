"""Signing by hand without an account: a code opens one document, and the reader uploads a signed scan (DESIGN 5.5).

An entered code starts a visit: for an hour, a token in the browser opens this document without another code."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.certification.facts import TransmissionChannel
from chalicelib.domain.deliveries import Channel, MessageType
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import FieldError, Gone, Invalid
from chalicelib.domain.expiring_records import BY_HAND_LIFETIME, Secret, SecretKind, new_secret, secret_key
from chalicelib.domain.status import is_readable
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.closed_numbers import check_fax_code
from chalicelib.services.documents.document_writer import DocumentWriter, needs_view
from chalicelib.services.documents.identity import code_data, identify_visitor
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.review import hand_codes
from chalicelib.services.review.hand_codes import CODES_PER_DAY, CODES_PER_HOUR, CodeEntry
from chalicelib.services.review.scans import ScanForm, Scans, Uploader
from chalicelib.services.throttling import network
from chalicelib.services.transaction import Change

_EMAILED_CODE = "code emailed to the address on file"
_FAXED_CODE = "code on the fax's cover page"
_RETRY_ON = frozenset({"document", "secret"})
_WRONG_CODE = FieldError(
    "code", "That code did not open the document. Check it and try again in a minute, or request a new one."
)


@dataclass(frozen=True, kw_only=True)
class CodeVisitor:
    """A person without an account who enters a code, with the time of the request."""

    actor: Actor
    now: datetime


class ByHand:
    """The actions of a person who opens one document with a code, and who has no account."""

    def __init__(self, writer: DocumentWriter, scans: Scans) -> None:
        self._writer = writer
        self._store = writer.store
        self._scans = scans

    # The code

    def ask_for_code(self, document_id: str, visitor: CodeVisitor) -> None:
        """Email a code to the document's address on file, within the limits per hour and per day.

        The caller gets no result, and so does not learn whether the document exists or has an address."""

        def step() -> None:
            hour_key = secret_key(SecretKind.CODE, f"asked:{document_id}")
            day_key = secret_key(SecretKind.CODE, f"asked-today:{document_id}")
            document, rows = run_concurrently(
                lambda: self._store.document(document_id), lambda: self._store.secrets([hour_key, day_key])
            )
            email = document.addressee.email if document else None
            if document is None or email is None or not is_readable(document.status):
                return
            hour = CODES_PER_HOUR.count_use(rows.get(hour_key), hour_key, visitor.now)
            day = CODES_PER_DAY.count_use(rows.get(day_key), day_key, visitor.now)
            if hour is not None and day is not None:
                self._email_code(document, email, (hour, day), visitor)

        retry_on_conflict(step, retry_on=_RETRY_ON)

    def enter_code(self, document_id: str, typed: str, visitor: CodeVisitor) -> str:
        """Return a token that opens the document for an hour. Every code that fails raises the same `Invalid`."""

        def step() -> str | None:
            source = network(visitor.actor.address)
            return self._try_code(hand_codes.read_code_entry(self._store, document_id, typed, source), visitor)

        token = retry_on_conflict(step, retry_on=_RETRY_ON)
        if token is None:
            raise Invalid("The code is wrong or has expired.", errors=[_WRONG_CODE])
        return token

    # The visit

    def find_visit(self, token: str, document_id: str, now: datetime) -> tuple[Secret, Document] | None:
        """Return the visit with this token (the hour after a code was entered), and the visit's document.

        Return None if the visit has ended or is for another document."""
        rows = self._store.visit(secret_key(SecretKind.BY_HAND, token), None, document_id)
        visit, document = rows.session, rows.document
        if visit is None or document is None or not _is_open_visit(visit, document, now):
            return None
        return visit, document

    def open(self, document: Document, visit: Secret, visitor: CodeVisitor) -> Document:
        """Return the document, and record its first view if its page images are ready.

        Raises `Gone` if the visit (the hour after a code was entered) has ended."""
        check_visit(document, visit, visitor.now)
        if not document.pages_ready or not needs_view(document):
            return document
        return self._record_view(document, visit, visitor)

    def record_download(self, document: Document, visit: Secret, visitor: CodeVisitor) -> Document:
        """Record the download of the PDF as the first view, if there was none. Raises `Gone` if the visit has ended."""
        check_visit(document, visit, visitor.now)
        return self._record_view(document, visit, visitor) if needs_view(document) else document

    def upload_form(self, document: Document) -> tuple[str, Mapping[str, str]]:
        """Return the URL to which the browser posts the scan, and the form fields that precede the file."""
        return self._scans.upload_form(document, f"/by-hand/{document.id}/uploaded")

    def take_scan(self, document: Document, form: ScanForm, visit: Secret, visitor: CodeVisitor) -> Document:
        """Record the document as signed by hand, with the uploaded scan, and return the document.

        A second upload of the same file changes nothing. Raises `Invalid` with the wrong field of the form, `Conflict`
        after another decision, and `Gone` if the visit (the hour after a code was entered) has ended."""
        uploader = Uploader(
            authentication=describe_code(visit),
            identity=identify_visitor(document, visit.email),
            actor=visitor.actor,
            now=visitor.now,
        )
        return self._scans.take(document, form, uploader, lambda current: check_visit(current, visit, visitor.now))

    def _record_view(self, document: Document, visit: Secret, visitor: CodeVisitor) -> Document:
        practice, now = self._writer.practice_of(document), visitor.now
        via = TransmissionChannel.EMAILED_CODE if visit.email else TransmissionChannel.FAX_CODE
        return self._writer.record_first_view(
            document, practice, visitor.actor, now, lambda latest: check_visit(latest, visit, now), via=via
        )

    def _email_code(self, document: Document, email: str, quotas: tuple[Secret, ...], visitor: CodeVisitor) -> None:
        practice = self._writer.practice_of(document)
        recorder = self._writer.recorder(document, practice, visitor.actor, visitor.now)
        recorder.event(DocumentEventType.CODE_REQUESTED, code_data(document, email)).message(
            Channel.EMAIL, MessageType.CODE, email, shown=False
        )
        self._store.commit(replace(recorder.change(), secrets=quotas))

    def _try_code(self, entry: CodeEntry, visitor: CodeVisitor) -> str | None:
        if entry.document is None or not is_readable(entry.document.status):
            return None
        if entry.is_blocked(visitor.now):
            return None
        if not entry.is_right(visitor.now):
            if rows := entry.count_wrong(entry.document, visitor.now):
                self._store.commit(Change(at=visitor.now, secrets=rows))
            return None
        return self.start_visit(entry.document, entry, visitor)

    def start_visit(self, document: Document, entry: CodeEntry, visitor: CodeVisitor) -> str:
        """Store a visit, in which the entered code opens the document for an hour, and return the visit's token.

        An emailed code is used up by the visit. A fax code stays valid, because its reader has only the paper. Raises
        `Invalid` for a fax code whose fax number was reported as wrong."""
        token = self._writer.ids.token()
        code = entry.code
        spent = (code,) if code is not None and code.kind is SecretKind.CODE else ()
        if not spent:
            check_fax_code(self._store, document)
        facts = {"document_id": document.id, "email": code.email if code else None, "access": document.access}
        visit = new_secret(SecretKind.BY_HAND, token, visitor.now, BY_HAND_LIFETIME, **facts)
        reset = [replace(entry.wrong, version=entry.wrong.version + 1, tries=0)] if entry.wrong else []
        practice = self._writer.practice_of(document)
        recorder = self._writer.recorder(document, practice, visitor.actor, visitor.now)
        channel = Channel.EMAIL if spent else Channel.FAX
        event = {"channel": channel.value, **code_data(document, visit.email)}
        change = recorder.event(DocumentEventType.CODE_ACCEPTED, event).change()
        self._store.commit(replace(change, secrets=(visit, *reset), spent=spent))
        return token


def _is_open_visit(visit: Secret, document: Document, now: datetime) -> bool:
    """Return True if the visit (the hour after a code was entered) still opens the document.

    A correction of the document's address and a recall end a visit early. A report of the fax number as wrong ends a
    visit with a code from a fax."""
    if visit.email is None and document.closed_fax is not None:
        return False
    same = visit.kind is SecretKind.BY_HAND and visit.document_id == document.id
    return same and visit.is_live(now) and visit.access == document.access and is_readable(document.status)


def check_visit(document: Document, visit: Secret, now: datetime) -> None:
    """Raise `Gone` unless the visit (the hour after a code was entered) still opens the document."""
    if not _is_open_visit(visit, document, now):
        raise Gone("This page has timed out. Request a new code to open the document again.")


def describe_code(visit: Secret) -> str:
    """Return which code started the visit, and when it was entered, in words for the certificate page."""
    code = _EMAILED_CODE if visit.email else _FAXED_CODE
    return f"{code}, entered {visit.created_at:%Y-%m-%d %H:%M:%S} UTC"
