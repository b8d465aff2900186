"""Signing by hand without an account: the code, reading, and the signed scan that comes back (DESIGN 5.5).

A code row belongs to a document. Guesses are bounded without ever shutting anybody out: a mailed code dies
of a few wrong tries and only so many are mailed; for the longer ones of faxes a growing delay is enough.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import Channel, Delivery, MessageType
from chalicelib.domain.documents import Decision, Document, Signer, SigningMethod
from chalicelib.domain.errors import FieldError, Gone, Invalid
from chalicelib.domain.expiring_records import BY_HAND_LIFETIME, CODE_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.jobs import JobName
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import name_key
from chalicelib.domain.status import Action, is_decidable, is_readable
from chalicelib.pdf import models
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.document_writer import DocumentWriter, needs_view
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Files, Ids, Inspector, Store
from chalicelib.services.review.signature_input import MAX_NAME, clean_text
from chalicelib.services.throttling import Backoff, Quota
from chalicelib.services.transaction import Change

FAX_CODE_LIFETIME = timedelta(days=30)
FAX_CODE_LENGTH = 8
FAX_ALPHABET = "ACDEFGHJKMNPQRTUVWXY34679"
"""What a poor fax still tells apart: no B and 8, I, L and 1, O and 0, S and 5, Z and 2."""

TRIES_PER_CODE = 5
FAX_GUESSES = Backoff(
    name="fax-code", free_attempts=10, max_wait=timedelta(seconds=30), lifetime=timedelta(hours=1)
)
"""Per document: some 90,000 guesses in the life of a code, of 150,000,000,000 codes."""

CODES = Quota(kind=SecretKind.CODE, limit=5, period=timedelta(hours=1), min_interval=timedelta(minutes=1))
CODES_OF_A_DAY = Quota(kind=SecretKind.CODE, limit=20, period=timedelta(hours=24))

MAX_SCAN_BYTES = models.MAX_BYTES
UPLOAD_LIFETIME = BY_HAND_LIFETIME

_BY_MAIL = "code mailed to the address on file"
_BY_FAX = "code on the fax's cover page"
_NAME_PART = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WRITTEN_BY_RACES = frozenset({"document", "secret"})
_WRONG_CODE = FieldError(
    "code",
    "That code did not open the document. Check it and try again in a minute, or ask for a new one.",
)


@dataclass(frozen=True, kw_only=True)
class CodeVisitor:
    """Somebody without an account, and when: known only by the code they entered."""

    actor: Actor
    now: datetime


@dataclass(frozen=True, kw_only=True)
class _CodeEntry:
    """What decides whether a code opens a document; a row that does not exist is None.

    `wrong` counts the wrong codes of a fax's kind.
    """

    document: Document | None
    code: Secret | None
    wrong: Secret | None


@dataclass(frozen=True, kw_only=True)
class ScanForm:
    """A signed scan that was uploaded: its key below `uploads/scans/`, and the name under the signature."""

    key: str
    signer_name: str


@dataclass(frozen=True)
class _StoredScan:
    """A scan among the scans: its key there, and the SHA-256 (hex) of its bytes."""

    key: str
    sha256: str


class ByHand:
    def __init__(self, writer: DocumentWriter, files: Files, inspector: Inspector) -> None:
        self._writer = writer
        self._files = files
        self._inspector = inspector

    # The code

    def ask_for_code(self, document_id: str, by: CodeVisitor) -> None:
        """Has a code mailed to the address on file. Tells nobody whether there was one to mail to."""

        def step() -> None:
            hour, day = _asked_key(document_id), _asked_today_key(document_id)
            document, found = run_concurrently(
                lambda: self._store.document(document_id), lambda: self._store.secrets([hour, day])
            )
            email = document.addressee.email if document else None
            if document is None or email is None or not is_readable(document.status):
                return
            counted = CODES.count_use(found.get(hour), hour, by.now)
            today = CODES_OF_A_DAY.count_use(found.get(day), day, by.now)
            if counted is not None and today is not None:
                self._mail_code(document, email, (counted, today), by)

        retry_on_conflict(step, retry_on=_WRITTEN_BY_RACES)

    def enter_code(self, document_id: str, typed: str, by: CodeVisitor) -> str:
        """The token of a visit, for the right code; `Invalid`, always the same, for anything else."""
        token = retry_on_conflict(lambda: self._try_code(document_id, typed, by), retry_on=_WRITTEN_BY_RACES)
        if token is None:
            raise Invalid("The code is not right, or no longer good.", errors=[_WRONG_CODE])
        return token

    # The visit

    def open(self, document: Document, visit: Secret, by: CodeVisitor) -> Document:
        """The document, its first view recorded once the pages can be seen."""
        _check_visit(document, visit, by.now)
        if not document.pages_ready or not needs_view(document):
            return document
        return self._viewed(document, visit, by)

    def record_download(self, document: Document, visit: Secret, by: CodeVisitor) -> Document:
        """The visitor fetches the PDF: a view too."""
        _check_visit(document, visit, by.now)
        return self._viewed(document, visit, by) if needs_view(document) else document

    def upload_form(self, document: Document) -> tuple[str, Mapping[str, str]]:
        """Where the browser posts the scan: the URL, and the fields before the file."""
        return self._files.upload_form(
            f"{scan_prefix(document.id)}{self._writer.ids.new('scn')}",
            max_bytes=MAX_SCAN_BYTES,
            seconds=int(UPLOAD_LIFETIME.total_seconds()),
            redirect=f"{self._writer.portal_url}/by-hand/{document.id}/uploaded",
        )

    def has_upload(self, document_id: str, key: str) -> bool:
        """Whether the bucket holds an upload for this document under that key."""
        return _is_key(document_id, key) and self._files.exists(key)

    def take_scan(self, document: Document, scan: ScanForm, visit: Secret, by: CodeVisitor) -> Document:
        """Records the document as signed by hand, with this scan.

        The same file again changes nothing. Raises `Invalid` with the field to mend, `Conflict` when the
        document was decided otherwise, `Gone` when the visit no longer opens it.
        """
        _check_visit(document, visit, by.now)
        name = _signer_name(scan.signer_name)
        _check_key(document.id, scan.key)
        practice, stored = run_concurrently(
            lambda: self._writer.practice_of(document), lambda: self._inspected(document, scan.key)
        )
        decision = _decision(document, name, visit, by, key=stored.key, sha256=stored.sha256)
        return self._writer.apply_to_latest(
            document, lambda current: self._decide(current, decision, practice, visit, by)
        )

    def _inspected(self, document: Document, uploaded: str) -> _StoredScan:
        """The scan in its place, named after its bytes; after the decision it is only looked at.

        Inspected and kept is a copy of our own, since its sender could still replace the upload.
        """
        with self._held_for_inspection(uploaded) as key:
            answer = self._inspector.inspect(key, "scan")
            if "refused" in answer:
                raise Invalid("We cannot use this file.", errors=[_refused(answer)])
            stored = _StoredScan(f"scans/{document.id}/{answer['sha256']}", answer["sha256"])
            if is_decidable(document.status):
                self._files.copy(key, stored.key)
        return stored

    @contextmanager
    def _held_for_inspection(self, uploaded: str) -> Iterator[str]:
        if not self._files.exists(uploaded):
            raise _no_file()
        key = f"uploads/by-hand/{self._writer.ids.new('scn')}"
        self._files.copy(uploaded, key)
        try:
            yield key
        finally:
            self._files.delete(key)

    def _decide(
        self, current: Document, decision: Decision, practice: Practice, visit: Secret, by: CodeVisitor
    ) -> Document:
        _check_visit(current, visit, by.now)
        if current.decision is not None and current.decision.scan_sha256 == decision.scan_sha256:
            return current
        decided = current.decide(decision)
        if decided is None:
            return current
        facts = {"signer": {"name": decision.signer.name}, "scan_sha256": decision.scan_sha256}
        recorder = self._writer.recorder(decided, practice, by.actor, by.now)
        change = recorder.event(DocumentEventType.DECISION_BY_HAND, facts).job(JobName.SEAL).change()
        self._store.commit(change)
        return change.documents[0]

    def _viewed(self, document: Document, visit: Secret, by: CodeVisitor) -> Document:
        def may_view(current: Document) -> None:
            _check_visit(current, visit, by.now)

        practice = self._writer.practice_of(document)
        return self._writer.record_first_view(document, practice, by.actor, by.now, may_view)

    def _mail_code(self, document: Document, email: str, asked: tuple[Secret, ...], by: CodeVisitor) -> None:
        practice = self._writer.practice_of(document)
        recorder = self._writer.recorder(document, practice, by.actor, by.now)
        recorder.event(DocumentEventType.CODE_REQUESTED).message(
            Channel.EMAIL, MessageType.CODE, email, shown=False
        )
        self._store.commit(replace(recorder.change(), secrets=asked))

    def _try_code(self, document_id: str, typed: str, by: CodeVisitor) -> str | None:
        code = plain_code(typed)
        entry = self._read_entry(document_id, code)
        if entry.document is None or not is_readable(entry.document.status):
            return None
        if _is_faxed(code) and FAX_GUESSES.wait_left(entry.wrong, by.now) > timedelta():
            return None
        if not _opens(entry, code, by.now):
            self._count_wrong(entry.document, entry, code, by.now)
            return None
        return self._let_in(entry.document, entry, by)

    def _read_entry(self, document_id: str, code: str) -> _CodeEntry:
        document, (entered, wrong) = run_concurrently(
            lambda: self._store.document(document_id),
            lambda: run_concurrently(
                lambda: self._store.secret(_code_key(document_id, code)),
                lambda: self._store.secret(FAX_GUESSES.key(document_id)) if _is_faxed(code) else None,
            ),
        )
        return _CodeEntry(document=document, code=entered, wrong=wrong)

    def _count_wrong(self, document: Document, entry: _CodeEntry, code: str, now: datetime) -> None:
        if _is_faxed(code):
            counted = FAX_GUESSES.add_attempt(entry.wrong, document.id, now)
        elif entry.code is not None and _is_good(entry.code, document, now):
            counted = replace(entry.code, version=entry.code.version + 1, tries=entry.code.tries + 1)
        else:
            return
        self._store.commit(Change(at=now, secrets=(counted,)))

    def _let_in(self, document: Document, entry: _CodeEntry, by: CodeVisitor) -> str:
        """A mailed code is spent with it; a faxed one stays good: its paper is all that person has."""
        token = self._writer.ids.token()
        mailed = entry.code is not None and entry.code.kind is SecretKind.CODE
        visit = _visit(document, token, by.now, email=entry.code.email if entry.code else None)
        forgotten = [replace(entry.wrong, version=entry.wrong.version + 1, tries=0)] if entry.wrong else []
        recorder = self._writer.recorder(document, self._writer.practice_of(document), by.actor, by.now)
        change = recorder.event(
            DocumentEventType.CODE_ACCEPTED, {"channel": "email" if mailed else "fax"}
        ).change()
        spent = (entry.code,) if entry.code is not None and mailed else ()
        self._store.commit(replace(change, secrets=(visit, *forgotten), spent=spent))
        return token

    @property
    def _store(self) -> Store:
        return self._writer.store


# For the deliveries, at the moment of sending


def create_code(store: Store, document: Document, delivery: Delivery, now: datetime, ids: Ids) -> str:
    """Six digits for the mail being sent, good for `CODE_LIFETIME`; any code mailed before is dead."""
    code = ids.code()
    key = _code_key(document.id, code)

    def step() -> None:
        before = store.secret(key)
        row = Secret(
            key=key,
            version=before.version + 1 if before else 1,
            kind=SecretKind.CODE,
            created_at=now,
            expires_at=now + CODE_LIFETIME,
            document_id=document.id,
            email=delivery.recipient,
            link=_digest(document.id, code),
            access=delivery.access,
        )
        store.commit(Change(at=now, secrets=(row,)))

    retry_on_conflict(step, retry_on=frozenset({"secret"}))
    return code


def create_fax_code(store: Store, document: Document, delivery: Delivery, now: datetime, ids: Ids) -> str:
    """A code for the cover page being faxed, as `ABCD-EFGH`, good for `FAX_CODE_LIFETIME`.

    Codes of earlier covers stay good until the document's address is corrected: a fax that was taken to
    have failed may lie on the desk.
    """
    number = int.from_bytes(hashlib.sha256(ids.token().encode()).digest(), "big")
    code = ""
    for _ in range(FAX_CODE_LENGTH):
        number, place = divmod(number, len(FAX_ALPHABET))
        code += FAX_ALPHABET[place]
    row = Secret(
        key=_code_key(document.id, code),
        version=1,
        kind=SecretKind.FAX_CODE,
        created_at=now,
        expires_at=now + FAX_CODE_LIFETIME,
        document_id=document.id,
        link=_digest(document.id, code),
        access=delivery.access,
    )
    store.commit(Change(at=now, secrets=(row,)))
    return f"{code[:4]}-{code[4:]}"


# Rules


def scan_prefix(document_id: str) -> str:
    """Where the scans of a document are uploaded to, before they are looked at."""
    return f"uploads/scans/{document_id}/"


def plain_code(typed: str) -> str:
    """A code as it is compared: capitals and digits only, so that blanks and dashes may be typed."""
    return "".join(c for c in typed.upper() if c.isascii() and c.isalnum())[:20]


def _is_faxed(code: str) -> bool:
    """Whether it has the form of the codes on faxes."""
    return len(code) == FAX_CODE_LENGTH


def _code_key(document_id: str, code: str) -> str:
    """A mailed code has one row per document, so that the newest wins; a faxed one its own."""
    if _is_faxed(code):
        return secret_key(SecretKind.FAX_CODE, f"{document_id}:{code}")
    return secret_key(SecretKind.CODE, f"newest:{document_id}")


def _asked_key(document_id: str) -> str:
    return secret_key(SecretKind.CODE, f"asked:{document_id}")


def _asked_today_key(document_id: str) -> str:
    return secret_key(SecretKind.CODE, f"asked-today:{document_id}")


def _digest(document_id: str, code: str) -> str:
    return secret_key(SecretKind.CODE, f"{document_id}:{code}")


def _opens(entry: _CodeEntry, code: str, now: datetime) -> bool:
    secret, document = entry.code, entry.document
    if secret is None or document is None or secret.link is None:
        return False
    return _is_good(secret, document, now) and hmac.compare_digest(secret.link, _digest(document.id, code))


def _is_good(code: Secret, document: Document, now: datetime) -> bool:
    return code.is_live(now) and code.tries < TRIES_PER_CODE and code.access == document.access


def _visit(document: Document, token: str, now: datetime, *, email: str | None) -> Secret:
    return Secret(
        key=secret_key(SecretKind.BY_HAND, token),
        version=1,
        kind=SecretKind.BY_HAND,
        created_at=now,
        expires_at=now + BY_HAND_LIFETIME,
        document_id=document.id,
        email=email,
        access=document.access,
    )


def opens(visit: Secret, document: Document, now: datetime) -> bool:
    """Whether a visit by a code is one to this document, which no correction and no recall has ended."""
    same = visit.kind is SecretKind.BY_HAND and visit.document_id == document.id
    return same and visit.is_live(now) and visit.access == document.access and is_readable(document.status)


def _check_visit(document: Document, visit: Secret, now: datetime) -> None:
    if not opens(visit, document, now):
        raise Gone("This page has timed out. Ask for a new code to open the document again.")


def _check_key(document_id: str, key: str) -> None:
    if not _is_key(document_id, key):
        raise _no_file()


def _is_key(document_id: str, key: str) -> bool:
    prefix = scan_prefix(document_id)
    return key.startswith(prefix) and _NAME_PART.fullmatch(key.removeprefix(prefix)) is not None


def _no_file() -> Invalid:
    return Invalid("We did not receive a file.", errors=[FieldError("scan", "Choose the file again.")])


def _signer_name(text: str) -> str:
    name = clean_text(text)
    if not 0 < len(name) <= MAX_NAME:
        raise Invalid(
            "Who signed it?", errors=[FieldError("signer_name", "Enter the name of the person who signed.")]
        )
    return name


def _refused(answer: Mapping[str, Any]) -> FieldError:
    return FieldError("scan", str(answer["refused"]["detail"]))


def _decision(
    document: Document, name: str, visit: Secret, by: CodeVisitor, *, key: str, sha256: str
) -> Decision:
    return Decision(
        action=Action.SIGN_BY_HAND,
        signer=_signer(document, name, visit),
        decided_at=by.now,
        scan_key=key,
        scan_sha256=sha256,
    )


def _signer(document: Document, name: str, visit: Secret) -> Signer:
    """The person on the paper; credential and NPI only where it is the one the clinic named."""
    who = document.addressee
    same = name_key(name, "") == name_key(who.first_name, who.last_name)
    return Signer(
        name=name,
        credential=who.credential if same else None,
        npi=who.npi if same else None,
        method=SigningMethod.BY_HAND,
        authentication=_BY_MAIL if visit.email else _BY_FAX,
        provider_id=document.provider_id if same else None,
    )
