"""The service for the proof that a plan reached its provider (proof of transmission), made on request."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from chalicelib.domain.deliveries import ACCOUNT_MESSAGES
from chalicelib.domain.documents import Document
from chalicelib.services.documents.anchors import read_anchors
from chalicelib.services.ports import Files, Store
from chalicelib.services.proof.proof_resource import Evidence, ProofResource, proof_resource

MAX_ACCESSES = 1_000
"""The number of the oldest entries of the access log that are searched for a download."""

_READERS = 8


class Proofs:
    def __init__(self, store: Store, files: Files) -> None:
        self._store = store
        self._files = files

    def compile(self, document: Document, now: datetime) -> ProofResource:
        """Return the proof that the document reached its provider, as JSON values. All rows are read at the same
        time."""
        with ThreadPoolExecutor(max_workers=_READERS) as pool:
            events = pool.submit(self._store.events, document.id)
            anchors = pool.submit(read_anchors, self._files, document.id)
            accesses = pool.submit(self._store.oldest_access_events, document.id, limit=MAX_ACCESSES)
            rows = pool.map(self._store.delivery, _message_ids(document))
            evidence = Evidence(
                document=document,
                deliveries=[row for row in rows if row is not None],
                events=events.result(),
                anchors=anchors.result(),
                accesses=accesses.result(),
            )
        return proof_resource(evidence, now)


def _message_ids(document: Document) -> Sequence[str]:
    """Return the ids of the messages (deliveries) that carried or announced the document, for the proof.

    Emails about an account are left out."""
    return [line.id for line in document.deliveries if line.type not in ACCOUNT_MESSAGES]
