"""Marks of documents that a provider has read completely and wants to sign later, several with one signature."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict
from chalicelib.domain.expiring_records import Secret, SecretKind, new_secret, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable
from chalicelib.domain.timestamps import epoch_seconds
from chalicelib.domain.visibility import opens_to
from chalicelib.services.concurrency import run_for_each
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change

MAX_MARKS = 20
"""The most documents that a provider signs with one signature, so that one request has the time to sign all."""

MARK_LIFETIME = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class ReadMark:
    """The proof that a provider has read every page of a document, stored until the provider signs.

    `pages_shown` has the times at which the browser showed pages, by the numbers of the pages from 1. `read_statement`
    is true if the provider stated to have read every page. `sha256` (of the original PDF) and `access` (the document's
    counter of corrections and recalls) say which version of the document the provider has read."""

    marked_at: datetime
    sha256: str
    access: int
    pages_shown: Mapping[int, datetime]
    read_statement: bool = False

    def is_about(self, document: Document) -> bool:
        """Return True if the document is still the version that the provider has read."""
        return (self.sha256, self.access) == (document.original.sha256, document.access)


def is_marked(document: Document, marks: Mapping[str, ReadMark]) -> bool:
    """Return True if the marks of an account (by the documents' ids) have one of this version of the document."""
    return document.id in marks and marks[document.id].is_about(document)


class ReadMarks:
    """Service that stores the marks of each provider in one row, which survives the end of the session.

    New credentials of the account end all marks, because the account may have another owner now."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, provider: Provider, now: datetime) -> Mapping[str, ReadMark]:
        """Return the provider's marks by the documents' ids, in one read. Some of the documents may have changed."""
        return _read_marks(self._row(provider), provider, now)

    def find_documents(self, provider: Provider, now: datetime) -> tuple[Document, ...]:
        """Return the marked documents that the provider can still sign, earliest due date first."""
        return self._find_documents(self.load(provider, now), provider)

    def add(self, provider: Provider, document: Document, mark: ReadMark) -> None:
        """Store the mark of a document. Raises `Conflict` if the provider has marked `MAX_MARKS` other documents."""
        now = mark.marked_at

        def step() -> None:
            row = self._row(provider)
            others = {id: old for id, old in _read_marks(row, provider, now).items() if id != document.id}
            if len(others) >= MAX_MARKS:
                kept = {found.id for found in self._find_documents(others, provider)}
                others = {id: old for id, old in others.items() if id in kept}
            if len(others) >= MAX_MARKS:
                raise Conflict(f"You have marked {MAX_MARKS} documents, which is the most. Sign them first.")
            self._write(row, provider, {**others, document.id: mark}, now)

        retry_on_conflict(step, retry_on=frozenset({"secret"}))

    def remove(self, provider: Provider, document_ids: Collection[str], now: datetime) -> None:
        """Remove the marks of these documents. Documents without a mark are ignored."""

        def step() -> None:
            row = self._row(provider)
            marks = _read_marks(row, provider, now)
            kept = {id: mark for id, mark in marks.items() if id not in document_ids}
            if kept != marks:
                self._write(row, provider, kept, now)

        retry_on_conflict(step, retry_on=frozenset({"secret"}))

    def _find_documents(self, marks: Mapping[str, ReadMark], provider: Provider) -> tuple[Document, ...]:
        found = run_for_each(self._store.document, list(marks))
        documents = [document for document in found if document and _can_sign(provider, document, marks)]
        return tuple(sorted(documents, key=lambda document: (document.due_on, document.sent_at, document.id)))

    def _row(self, provider: Provider) -> Secret | None:
        return self._store.secret(secret_key(SecretKind.READ_MARKS, provider.id))

    def _write(self, row: Secret | None, provider: Provider, marks: Mapping[str, ReadMark], now: datetime) -> None:
        fresh = new_secret(
            SecretKind.READ_MARKS,
            provider.id,
            now,
            MARK_LIFETIME,
            provider_id=provider.id,
            session_generation=provider.session_generation,
            draft=json.dumps({id: _to_json(mark) for id, mark in marks.items()}),
        )
        self._store.commit(Change(at=now, secrets=(replace(fresh, version=row.version + 1 if row else 1),)))


def _can_sign(provider: Provider, document: Document, marks: Mapping[str, ReadMark]) -> bool:
    return is_decidable(document.status) and opens_to(provider, document) and is_marked(document, marks)


def _read_marks(row: Secret | None, provider: Provider, now: datetime) -> dict[str, ReadMark]:
    """Return the marks in a row that have not expired, or none if the account has had new credentials since."""
    if row is None or row.draft is None or row.session_generation != provider.session_generation:
        return {}
    marks = {id: _from_json(fields) for id, fields in json.loads(row.draft).items()}
    return {id: mark for id, mark in marks.items() if now - mark.marked_at < MARK_LIFETIME}


def _to_json(mark: ReadMark) -> dict[str, Any]:
    """Return the mark for the row, with times in seconds since 1970."""
    pages = {page: epoch_seconds(at) for page, at in mark.pages_shown.items()}
    return {**asdict(mark), "marked_at": epoch_seconds(mark.marked_at), "pages_shown": pages}


def _from_json(fields: Mapping[str, Any]) -> ReadMark:
    pages = {int(page): datetime.fromtimestamp(at, UTC) for page, at in fields["pages_shown"].items()}
    marked_at = datetime.fromtimestamp(fields["marked_at"], UTC)
    known = {"sha256": fields["sha256"], "access": fields["access"], "read_statement": fields["read_statement"]}
    return ReadMark(**known, marked_at=marked_at, pages_shown=pages)
