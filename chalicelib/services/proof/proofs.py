"""The service for the proof that a plan reached its provider (proof of transmission), made on request.

The sealed PDF is made by a job (`proof_job.py`) at the first request for it. A row leads from the proof's facts to the
PDF, so the same facts on the same day give the same PDF."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from chalicelib.domain.claim_keys import proof_claim
from chalicelib.domain.deliveries import ACCOUNT_MESSAGES
from chalicelib.domain.documents import Document
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.documents.anchors import read_anchors
from chalicelib.services.pdf_jobs.sealed_files import sealed_key
from chalicelib.services.ports import Files, Ids, Store
from chalicelib.services.proof.evidence import Evidence
from chalicelib.services.proof.proof_attempts import reminder_ids
from chalicelib.services.proof.proof_resource import proof_resource
from chalicelib.services.proof.proof_schema import ProofResource
from chalicelib.services.transaction import Change, Job, OutboxRow

MAX_ACCESSES = 1_000
"""The number of the oldest entries of the access log that are searched for a download."""

_READERS = 8


class Proofs:
    """Service that compiles the proof of a document's transmission, and finds or requests its sealed PDF."""

    def __init__(self, store: Store, files: Files, ids: Ids) -> None:
        self._store = store
        self._files = files
        self._ids = ids

    def compile(self, document: Document, now: datetime) -> ProofResource:
        """Return the proof that the document reached its provider, as JSON values. All rows are read at the same
        time."""
        with ThreadPoolExecutor(max_workers=_READERS) as pool:
            anchors = pool.submit(read_anchors, self._files, document.id)
            accesses = pool.submit(self._store.oldest_access_events, document.id, limit=MAX_ACCESSES)
            events = self._store.events(document.id)
            rows = pool.map(self._store.delivery, [*_message_ids(document), *reminder_ids(events)])
            evidence = Evidence(
                document=document,
                deliveries=[row for row in rows if row is not None],
                events=events,
                anchors=anchors.result(),
                accesses=accesses.result(),
            )
        return proof_resource(evidence, now)

    def find_or_request_pdf(self, document: Document, now: datetime) -> str | None:
        """Return the S3 key of the sealed PDF that proves that the document reached its provider, or None if there is
        none.

        If there is none, queue a job that makes the PDF. A job that is queued twice makes the PDF only once, except if
        two jobs run at the same time: then one of the two files is never released."""
        key = self.find_pdf(document, self.compile(document, now))
        if key is None:
            event_id = self._ids.new("prf")
            job = Job(queue=QueueName.DOCUMENTS, name=JobName.PROOF, event_id=event_id, document_id=document.id)
            self._store.commit(Change(at=now, outbox=(OutboxRow(id=event_id, created_at=now, jobs=(job,)),)))
        return key

    def find_pdf(self, document: Document, proof: ProofResource) -> str | None:
        """Return the S3 key of the sealed PDF with exactly the facts of this proof, or None if there is none."""
        claim = proof_claim(document.id, hash_facts(proof))
        sha256 = self._store.claims([claim]).get(claim)
        return sealed_key(document.id, sha256) if sha256 else None


def hash_facts(proof: ProofResource) -> str:
    """Return the SHA-256 (hex) of a proof's JSON. By this hash, the PDF with the same facts is found."""
    return hashlib.sha256(json.dumps(proof).encode()).hexdigest()


def _message_ids(document: Document) -> Sequence[str]:
    """Return the ids of the messages (deliveries) that carried or announced the document, for the proof.

    Emails about an account are left out."""
    return [line.id for line in document.deliveries if line.type not in ACCOUNT_MESSAGES]
