"""Test documents that replace (supersede) an older version of the same document."""

from dataclasses import replace

import pytest

from chalicelib.domain.audit import find_break
from chalicelib.domain.documents import ReturnedMethod
from chalicelib.domain.errors import Conflict, PortalError, Unprocessable
from chalicelib.domain.status import Status
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.incoming_pdf import PdfSource
from chalicelib.services.documents.lifecycle_events import RecallCommand, ReturnCommand
from tests.support.emr_fixtures import OTHER_PRACTICE, Emr, sent


def test_a_new_version_recalls_the_old_one_in_the_same_transaction() -> None:
    emr = Emr()
    old = emr.send()
    commits = emr.store.commits
    new = emr.send(sent(external_id="POC-1002", supersedes="POC-1001"))

    assert emr.store.commits == commits + 1
    recalled = emr.store.document(old.id)
    assert recalled is not None
    assert (recalled.status, recalled.superseded_by) == (Status.RECALLED, "POC-1002")
    assert recalled.access == old.access + 1
    assert new.supersedes == "POC-1001"
    assert [kind for kind, _ in emr.webhooks(old)] == ["document.recalled"]
    assert find_break(emr.store.events(old.id)) is None


def test_a_new_version_of_a_recalled_document_is_recorded_without_a_second_recall() -> None:
    emr = Emr()
    old = emr.send()
    emr.lifecycle.recall(emr.inbound(), RecallCommand(document=DocumentRef(document_id=old.id)))
    emr.send(sent(external_id="POC-1002", supersedes="POC-1001"))
    assert [event.type for event in emr.store.events(old.id)] == [
        "document.sent",
        "document.recalled",
        "document.superseded",
    ]
    assert [kind for kind, _ in emr.webhooks(old)] == ["document.recalled"]


def test_a_returned_version_cannot_be_replaced() -> None:
    emr = Emr()
    old = emr.send()
    emr.lifecycle.mark_returned(
        emr.inbound(), ReturnCommand(document=DocumentRef(document_id=old.id), method=ReturnedMethod.PAPER)
    )
    kept = emr.files.keys()
    with pytest.raises(Conflict) as refused:
        emr.send(sent(external_id="POC-1002", supersedes="POC-1001", content=PdfSource(data=b"%PDF-1.7 new")))
    assert refused.value.code == "document-returned"
    assert [error.field for error in refused.value.errors] == ["data.supersedes"]
    assert emr.files.keys() == kept
    assert len(emr.documents()) == 1


def test_a_version_of_another_practice_cannot_be_replaced() -> None:
    emr = Emr()
    emr.send(practice=OTHER_PRACTICE)
    with pytest.raises(PortalError) as refused:
        emr.send(sent(external_id="POC-1002", supersedes="POC-1001"))
    assert refused.value.code == "supersedes-not-found"


def test_a_document_of_another_patient_cannot_be_replaced() -> None:
    emr = Emr()
    old = emr.send()
    kept = emr.files.keys()
    someone_else = replace(sent().patient, external_id="PT-78")
    with pytest.raises(Unprocessable) as refused:
        emr.send(sent(external_id="POC-1002", supersedes="POC-1001", patient=someone_else))
    assert refused.value.code == "supersedes-other-patient"
    assert [error.field for error in refused.value.errors] == ["data.supersedes"]
    assert "PT-7" not in refused.value.detail
    assert emr.store.document(old.id) == old
    assert emr.files.keys() == kept
    assert len(emr.documents()) == 1


def test_a_second_replacement_of_the_same_version_is_refused_with_the_first() -> None:
    """If two documents could replace the same version, two versions of a plan would wait for a signature."""
    emr = Emr()
    emr.send()
    emr.send(sent(external_id="POC-1002", supersedes="POC-1001"))
    kept = emr.files.keys()
    with pytest.raises(Conflict) as refused:
        emr.send(sent(external_id="POC-1003", supersedes="POC-1001"))
    assert refused.value.code == "already-superseded"
    assert [error.field for error in refused.value.errors] == ["data.supersedes"]
    assert "POC-1002" in refused.value.detail
    assert emr.files.keys() == kept
    assert len(emr.documents()) == 2
    assert emr.send(sent(external_id="POC-1003", supersedes="POC-1002")).supersedes == "POC-1002"


def test_a_corrected_name_is_still_the_same_patient() -> None:
    emr = Emr()
    old = emr.send()
    married = replace(sent().patient, last_name="King")
    emr.send(sent(external_id="POC-1002", supersedes="POC-1001", patient=married))
    recalled = emr.store.document(old.id)
    assert recalled is not None
    assert recalled.status is Status.RECALLED
