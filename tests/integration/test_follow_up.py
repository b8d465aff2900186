"""Test the follow-up of documents by the deployed function and its own role, on the tables of the local stack."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.services.transaction import Change
from tests.support.integration.emr_client import Emr
from tests.support.integration.local_workers import Works

EACH_MINUTE = {
    "version": "0",
    "id": "1",
    "account": "000000000000",
    "region": "us-east-1",
    "detail": {},
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-11-22T19:00:00Z",
    "resources": [],
}


def test_the_deployed_sweep_asks_the_clinic_to_call_about_a_document_of_twelve_days(works: Works, clinic: Emr) -> None:
    document_id = clinic.sends()
    let_days_pass(works, document_id, days=12)
    works.stack.invoke("FollowUp", EACH_MINUTE)
    assert clinic.document(document_id)["attention"]["reason"] == "please_call"
    assert clinic.worklist() == [document_id]


def let_days_pass(works: Works, document_id: str, *, days: int) -> None:
    """Move the start of a document's follow-up into the past, because the deployed functions use the real time."""
    document = works.services.store.document(document_id)
    assert document is not None
    assert document.follow_up is not None
    since = document.follow_up.since - timedelta(days=days)
    moved = replace(document.follow_up, since=since)
    changed = replace(document, version=document.version + 1, follow_up=moved, follow_up_at=since)
    works.services.store.commit(Change(at=works.clock.now(), documents=(changed,)))
