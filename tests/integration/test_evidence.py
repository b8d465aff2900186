"""Test the evidence about documents: files that are written once, and audit trails that even an administrator cannot
change."""

import json
from typing import Any

import pytest

from chalicelib.adapters import json_codec as codec
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.ports import EVIDENCE, EvidenceExists
from chalicelib.services.transaction import Job
from infrastructure.local.warm_up import ONE_PAGE
from tests.support.integration.emr_client import Emr
from tests.support.integration.local_workers import Works

ANCHOR = Job(queue=QueueName.DOCUMENTS, name=JobName.ANCHOR, event_id="anchor")


def remove_last_event(works: Works, document_id: str) -> None:
    """Attack an audit trail with full access to the tables: remove the last event and every sign of it.

    The document's row is set back to the state before the event."""
    dynamodb, settings = works.stack.client("dynamodb"), works.services.settings
    *_, previous, last = works.services.store.events(document_id)
    key = {"document_id": {"S": document_id}, "sequence": {"N": str(last.sequence)}}
    dynamodb.delete_item(TableName=settings.table_events, Key=key)
    row = dynamodb.get_item(TableName=settings.table_documents, Key={"id": {"S": document_id}})["Item"]
    record: dict[str, Any] = json.loads(row["record"]["S"]) | {
        "sequence": previous.sequence,
        "head": previous.hash,
        "status": "pending",
        "recalled_at": None,
    }
    row["record"] = {"S": json.dumps(record)}
    dynamodb.put_item(TableName=settings.table_documents, Item=row)


def test_a_removed_event_contradicts_the_anchor(works: Works, clinic: Emr) -> None:
    """Remove the last event of an audit trail that was copied to the bucket with Object Lock (anchored).

    The API must report the trail as changed. The deployed functions write and read the copies, so the test also proves
    that their roles have these rights."""
    document_id = clinic.sends()
    clinic.recalls(document_id)
    before = clinic.trail(document_id)
    assert (before["intact"], before["anchor"]) == (True, None)
    records = {"Records": [{"messageId": "1", "body": codec.dump(ANCHOR)}]}
    assert works.stack.invoke("Documents", records) == {"batchItemFailures": []}
    anchored = clinic.trail(document_id)
    assert anchored["anchor"]["head"] == before["head"] == clinic.document(document_id)["trail"]["head"]
    assert (anchored["intact"], anchored["anchor"]["agrees"]) == (True, True)
    remove_last_event(works, document_id)
    forged = clinic.trail(document_id)
    assert [event["type"] for event in forged["events"]] == ["document.sent"]
    assert (forged["intact"], forged["anchor"]["agrees"]) == (False, False)


def test_an_original_is_never_replaced(works: Works, clinic: Emr) -> None:
    document_id = clinic.sends()
    key = f"{EVIDENCE}originals/{clinic.practice.id}/{document_id}.pdf"
    with pytest.raises(EvidenceExists):
        works.services.files.put(key, b"%PDF another plan", "application/pdf")
    assert clinic.original(document_id) == ONE_PAGE
