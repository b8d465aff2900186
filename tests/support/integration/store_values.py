"""Sample rows for the tests of the database, with ids that no other test uses."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.audit import Event, make_event
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.documents import Decision, Document, Signer, SigningMethod
from chalicelib.domain.expiring_records import Secret, SecretKind
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Action
from chalicelib.services.transaction import Job, OutboxRow, RequestRecord
from tests.support.fakes import START
from tests.support.provider_fixtures import PROVIDER, a_document


@dataclass(frozen=True)
class World:
    """Sample values to store, such as a document and a delivery, for one test of the database.

    Their ids contain `tag`, which is unique to the test, because the tests share the tables."""

    tag: str

    def id(self, prefix: str, number: int = 1) -> str:
        return f"{prefix}_{self.tag}_{number}"

    @property
    def practice_id(self) -> str:
        return self.id("prc")

    @property
    def provider_id(self) -> str:
        return self.id("prv")

    def document(self, number: int = 1, **changes: Any) -> Document:
        facts: dict[str, Any] = {
            "id": self.id("doc", number),
            "practice_id": self.practice_id,
            "provider_id": self.provider_id,
            **changes,
        }
        return a_document(**facts)

    def provider(self) -> Provider:
        return replace(PROVIDER, id=self.provider_id)

    def delivery(self, number: int = 1, **changes: Any) -> Delivery:
        delivery = Delivery(
            id=self.id("dlv", number),
            version=1,
            practice_id=self.practice_id,
            document_id=self.id("doc"),
            event_id=self.id("evt"),
            channel=Channel.EMAIL,
            type="ready",
            recipient="a@b.example",
            created_at=START + timedelta(seconds=number),
            next_attempt_at=None,
        )
        return replace(delivery, **changes)

    def secret(self, number: int = 1, **changes: Any) -> Secret:
        secret = Secret(
            key=self.id("key", number),
            version=1,
            kind=SecretKind.SETUP,
            created_at=START,
            expires_at=START + timedelta(minutes=90),
            provider_id=self.provider_id,
        )
        return replace(secret, **changes)

    def event(self, document: Document, kind: str = "document.sent") -> Event:
        return make_event(
            event_id=self.id("evt"),
            document_id=document.id,
            previous_sequence=document.sequence,
            previous_hash=document.head,
            type=kind,
            at=START,
            actor="portal",
            data={"é": [1]},
            private={"address": "192.0.2.1"},
            salt="salt",
        )

    def request(self, **changes: Any) -> RequestRecord:
        record = RequestRecord(
            practice_id=self.practice_id,
            webhook_id="msg_1",
            body_sha256="00",
            status_code=202,
            response={"document_id": self.id("doc"), "status": "pending"},
            created_at=START,
            expires_at=START + timedelta(days=30),
        )
        return replace(record, **changes)

    def outbox(self, number: int = 1, **changes: Any) -> OutboxRow:
        job = Job(queue=QueueName.DOCUMENTS, name=JobName.PREPARE, event_id=self.id("evt"), document_id=self.id("doc"))
        return replace(OutboxRow(id=self.id("out", number), created_at=START, jobs=(job,)), **changes)


def decided(document: Document, at: datetime) -> Document:
    """Return the next version of the document, approved at the time `at`, whose signed PDF is not made yet."""
    signer = Signer(name="Luis Rivera", credential="MD", npi=None, method=SigningMethod.ELECTRONIC, authentication="x")
    decision = Decision(action=Action.APPROVE, signer=signer, decided_at=at, strokes=(((0.0, 0.5), (1, 1)),))
    changed = document.decide(decision)
    assert changed is not None
    return replace(changed, version=document.version + 1)
