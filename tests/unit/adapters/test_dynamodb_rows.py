"""Test the index attributes of a document's row, which put the document into the lists of providers and practices."""

from dataclasses import replace

import pytest

from chalicelib.adapters import dynamodb_rows as rows
from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.documents import Document, ReturnedMethod
from chalicelib.domain.status import Outcome
from tests.support.fakes import START
from tests.support.integration.store_values import decided
from tests.support.provider_fixtures import a_document

PENDING = a_document()
DUE_KEY = f"{PENDING.due_on}#2026-11-20T19:00:00.000Z#{PENDING.id}"
PROVIDER, WORKLIST = PENDING.provider_id, f"attention-{PENDING.practice_id}"
UNDATED = AttentionReason.SIGNED_UNDATED
SCAN = replace(decided(PENDING, START), outcome=Outcome.BY_HAND)
DECIDED_KEY = f"2026-11-22T19:00:00.000Z#{PENDING.id}"


def test_the_due_key_of_the_fixture_is_as_expected() -> None:
    assert rows.document_row(PENDING).due_key == DUE_KEY


@pytest.mark.parametrize(
    ("document", "pending", "past", "decided_key"),
    [
        (PENDING, PROVIDER, None, None),
        (replace(PENDING, attention=UNDATED), PROVIDER, WORKLIST, DUE_KEY),
        (SCAN, None, PROVIDER, DECIDED_KEY),
        (replace(SCAN, attention=UNDATED), WORKLIST, PROVIDER, DECIDED_KEY),
        (replace(PENDING.recall(None, START) or PENDING, attention=UNDATED), None, None, None),
        (
            replace(PENDING.mark_returned(ReturnedMethod.FAX, START) or PENDING, attention=UNDATED),
            None,
            PROVIDER,
            DECIDED_KEY,
        ),
    ],
    ids=["pending", "pending, to act on", "scan", "scan, to act on", "recalled", "returned"],
)
def test_a_document_to_act_on_is_in_the_worklist_and_still_in_the_list_of_its_provider(
    document: Document, pending: str | None, past: str | None, decided_key: str | None
) -> None:
    row = rows.document_row(document)
    assert (row.provider_pending, row.provider_past, row.decided_key) == (pending, past, decided_key)
    assert row.due_key == DUE_KEY
    assert row.practice_all == PENDING.practice_id
