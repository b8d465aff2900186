"""The records of the sample EMR (patients, documents, webhooks), in one SQLite file that survives a restart."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from examples.clinic.portal import Event
from examples.clinic.sample_plans.content import Patient

Json = Mapping[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS patients (
  external_id TEXT PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL,
  date_of_birth TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS documents (
  document_id TEXT PRIMARY KEY, external_id TEXT NOT NULL, patient_id TEXT NOT NULL, sent TEXT NOT NULL,
  resource TEXT NOT NULL, resource_at TEXT NOT NULL, first_seen_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS documents_of_patient ON documents (patient_id);
CREATE TABLE IF NOT EXISTS outbox (
  webhook_id TEXT PRIMARY KEY, event_type TEXT NOT NULL, external_id TEXT NOT NULL, body TEXT NOT NULL,
  created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS webhooks (
  webhook_id TEXT PRIMARY KEY, event_type TEXT NOT NULL, document_id TEXT NOT NULL, received_at TEXT NOT NULL,
  body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

FIRST_NUMBER = 1001

STATUS_ORDER: Mapping[str, int] = {"pending": 0, "approved": 1, "declined": 1, "recalled": 2, "returned": 2}

LONG_AGO = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class UnansweredEvent:
    """An event in the records that was sent to the portal, or should be, and that the portal has not answered yet."""

    event: Event
    event_type: str
    external_id: str
    created_at: datetime


@dataclass(frozen=True)
class ReceivedWebhook:
    """A webhook that this EMR has received from the portal: its type, its document and its time."""

    event_type: str
    document_id: str
    received_at: datetime


@dataclass(frozen=True)
class Document:
    """A document in the EMR's records.

    `sent` is the event data with which it was sent. `resource` is its latest JSON from the portal."""

    document_id: str
    external_id: str
    patient_id: str
    sent: Json
    resource: Json


class Store:
    """The EMR's records in the SQLite file. Every method is one transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with closing(sqlite3.connect(path)) as rows:
            rows.execute("PRAGMA journal_mode=WAL")
            rows.executescript(SCHEMA)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10, isolation_level=None)) as rows:
            rows.row_factory = sqlite3.Row
            # The lock is taken before the first read, so that two webhooks cannot both change one row.
            rows.execute("BEGIN IMMEDIATE")
            try:
                yield rows
            except BaseException:
                rows.execute("ROLLBACK")
                raise
            rows.execute("COMMIT")

    # Patients

    def save_patient(self, patient: Patient) -> None:
        """Store the patient in the records. A patient with the same number is replaced."""
        with self._transaction() as rows:
            rows.execute(
                "INSERT OR REPLACE INTO patients VALUES (?, ?, ?, ?)",
                (patient.external_id, patient.first_name, patient.last_name, patient.date_of_birth.isoformat()),
            )

    def patients(self) -> Sequence[Patient]:
        """Return all patients in the records, sorted by name."""
        with self._transaction() as rows:
            records = rows.execute("SELECT * FROM patients ORDER BY last_name, first_name").fetchall()
        return [_patient(row) for row in records]

    def patient(self, external_id: str) -> Patient | None:
        """Return the patient with this number, or None."""
        with self._transaction() as rows:
            row = rows.execute("SELECT * FROM patients WHERE external_id = ?", (external_id,)).fetchone()
        return _patient(row) if row else None

    # Documents

    def save_sent(self, document_id: str, sent: Json, resource: Json, *, now: datetime) -> None:
        """Store a document that was just sent: its event data, and its JSON from the portal (`resource`).

        If a webhook has already brought later JSON, this JSON stays."""
        with self._transaction() as rows:
            _insert(rows, document_id, sent, resource, at=LONG_AGO, now=now)
            rows.execute(
                "UPDATE documents SET sent = ?, patient_id = ? WHERE document_id = ?",
                (json.dumps(sent), sent["patient"]["external_id"], document_id),
            )

    def correct_sent(self, document_id: str, values: Mapping[str, str]) -> None:
        """Store corrected values of a sent document: `provider.email`, `provider.fax` and `delivery`."""
        with self._transaction() as rows:
            row = rows.execute("SELECT * FROM documents WHERE document_id = ?", (document_id,)).fetchone()
            sent = json.loads(row["sent"]) if row else {}
            email, fax = values["provider.email"], values["provider.fax"]
            sent["provider"] = {**sent.get("provider", {}), "email": email, "fax": fax}
            sent["delivery"] = values["delivery"] or sent.get("delivery", "")
            rows.execute("UPDATE documents SET sent = ? WHERE document_id = ?", (json.dumps(sent), document_id))

    def save_resource(self, resource: Json, *, at: str, now: datetime) -> None:
        """Store a document's JSON from the portal, as it was at the time `at` (RFC 3339).

        If the records already have a later state, nothing changes."""
        with self._transaction() as rows:
            _update(rows, resource, at=at, now=now)

    def documents(self, patient_id: str | None = None) -> Sequence[Document]:
        """Return the records of a patient's documents, newest first, or of all documents without a patient."""
        with self._transaction() as rows:
            records = rows.execute(
                "SELECT * FROM documents WHERE patient_id = :patient OR :patient IS NULL "
                "ORDER BY first_seen_at DESC, external_id DESC",
                {"patient": patient_id},
            ).fetchall()
        return [_document(row) for row in records]

    def document(self, document_id: str) -> Document | None:
        """Return the record of the document with this id of the portal, or None if there is none."""
        with self._transaction() as rows:
            row = rows.execute("SELECT * FROM documents WHERE document_id = ?", (document_id,)).fetchone()
        return _document(row) if row else None

    # Webhooks

    def save_webhook(self, webhook_id: str, event: Json, *, now: datetime) -> bool:
        """Store a webhook and the document's JSON in it. Return False if a webhook with this webhook-id is already
        stored."""
        resource: Json = event.get("data") or {}
        with self._transaction() as rows:
            added = rows.execute(
                "INSERT OR IGNORE INTO webhooks VALUES (?, ?, ?, ?, ?)",
                (webhook_id, event["type"], resource.get("id", ""), now.isoformat(), json.dumps(event)),
            ).rowcount
            if added and "id" in resource and "status" in resource:
                _update(rows, resource, at=event["timestamp"], now=now)
        return bool(added)

    def webhooks(self, limit: int) -> Sequence[ReceivedWebhook]:
        """Return the latest `limit` webhooks that the EMR has received, newest first."""
        with self._transaction() as rows:
            records = rows.execute(
                "SELECT * FROM webhooks ORDER BY received_at DESC, rowid DESC LIMIT ?", (limit,)
            ).fetchall()
        return [
            ReceivedWebhook(row["event_type"], row["document_id"], datetime.fromisoformat(row["received_at"]))
            for row in records
        ]

    # Outbox

    def save_unanswered(self, unanswered: UnansweredEvent) -> None:
        """Store an event before it is sent, so that it can be sent again until the portal answers."""
        with self._transaction() as rows:
            rows.execute(
                "INSERT INTO outbox VALUES (?, ?, ?, ?, ?)",
                (
                    unanswered.event.webhook_id,
                    unanswered.event_type,
                    unanswered.external_id,
                    unanswered.event.body,
                    unanswered.created_at.isoformat(),
                ),
            )

    def unanswered(self) -> Sequence[UnansweredEvent]:
        """Return the stored events that the portal has not answered, oldest first."""
        with self._transaction() as rows:
            records = rows.execute("SELECT * FROM outbox ORDER BY created_at").fetchall()
        return [_unanswered_event(row) for row in records]

    def delete_unanswered(self, webhook_id: str) -> None:
        """Delete a stored event, because the portal has answered it or staff have discarded it."""
        with self._transaction() as rows:
            rows.execute("DELETE FROM outbox WHERE webhook_id = ?", (webhook_id,))

    # Numbers and other facts

    def next_number(self) -> int:
        """Return the number that the send form proposes for the next document. `use_number` marks a number as used."""
        return int(self.fact("next_number") or FIRST_NUMBER)

    def use_number(self, number: int) -> None:
        """Mark the document number as used, so that the number is not proposed again."""
        if number >= self.next_number():
            self.save_fact("next_number", str(number + 1))

    def fact(self, name: str) -> str | None:
        """Return a small stored value, such as the practice's time zone, by its name, or None."""
        with self._transaction() as rows:
            row = rows.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row["value"]) if row else None

    def save_fact(self, name: str, value: str) -> None:
        """Store a small value, such as the practice's time zone, under a name."""
        with self._transaction() as rows:
            rows.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def _insert(rows: sqlite3.Connection, document_id: str, sent: Json, resource: Json, *, at: str, now: datetime) -> None:
    rows.execute(
        "INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            document_id,
            str(resource.get("external_id", "")),
            str(resource.get("patient_external_id", "")),
            json.dumps(sent),
            json.dumps(resource),
            at,
            now.isoformat(),
        ),
    )


def _update(rows: sqlite3.Connection, resource: Json, *, at: str, now: datetime) -> None:
    _insert(rows, str(resource["id"]), {}, resource, at=at, now=now)
    row = rows.execute("SELECT * FROM documents WHERE document_id = ?", (resource["id"],)).fetchone()
    if _progress(resource, at) >= _progress(json.loads(row["resource"]), row["resource_at"]):
        rows.execute(
            "UPDATE documents SET resource = ?, resource_at = ? WHERE document_id = ?",
            (json.dumps(resource), at, resource["id"]),
        )


def _progress(resource: Json, at: str) -> tuple[int, bool, bool, datetime]:
    """Return a key by which two states of one document from the portal are compared: the later state has the larger
    key.

    Webhooks may arrive out of order, and clocks differ. But the status of a document only moves forward, so a state
    with less progress is older. `at` is the time of the state."""
    return (
        STATUS_ORDER.get(str(resource.get("status")), 0),
        bool(resource.get("signed_pdf")),
        bool(resource.get("viewed_at")),
        datetime.fromisoformat(at).astimezone(UTC),
    )


def _patient(row: sqlite3.Row) -> Patient:
    born = date.fromisoformat(row["date_of_birth"])
    return Patient(row["external_id"], row["first_name"], row["last_name"], born)


def _document(row: sqlite3.Row) -> Document:
    return Document(
        document_id=row["document_id"],
        external_id=row["external_id"],
        patient_id=row["patient_id"],
        sent=json.loads(row["sent"]),
        resource=json.loads(row["resource"]),
    )


def _unanswered_event(row: sqlite3.Row) -> UnansweredEvent:
    return UnansweredEvent(
        event=Event(row["webhook_id"], row["body"]),
        event_type=row["event_type"],
        external_id=row["external_id"],
        created_at=datetime.fromisoformat(row["created_at"]).astimezone(UTC),
    )
