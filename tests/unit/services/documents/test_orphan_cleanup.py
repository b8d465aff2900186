"""Test that the cleanup deletes original PDFs without a document, but none that has, or may still get, a document."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Conflict
from chalicelib.services.documents.orphan_cleanup import ORPHANED_AFTER, remove_orphans
from tests.support.emr_fixtures import PDF, Emr, sent
from tests.support.provider_fixtures import only_doing


class Killed(BaseException):
    """The simulated death of the process. It is no `Exception`, so no error handler catches it."""


def killed(*_: Any) -> None:
    raise Killed


def killed_before_storing(emr: Emr) -> None:
    """Send a document whose intake stores the original PDF, and then dies before it stores the document."""
    emr.store.before_commit = killed
    with pytest.raises(Killed):
        emr.send()
    assert len(emr.files.keys("evidence/originals/")) == 1


def swept(emr: Emr, after: timedelta = ORPHANED_AFTER + timedelta(minutes=1)) -> int:
    emr.clock.at += after
    return remove_orphans(emr.store, emr.files, emr.now)


def test_an_original_left_by_a_crash_is_removed_after_a_day() -> None:
    emr = Emr()
    killed_before_storing(emr)
    assert swept(emr, ORPHANED_AFTER - timedelta(minutes=1)) == 0
    assert len(emr.files.keys("evidence/originals/")) == 1
    assert swept(emr, timedelta(minutes=2)) == 1
    assert emr.files.keys() == []
    assert swept(emr) == 0


def test_a_slow_intake_keeps_its_original() -> None:
    """Cleanups run while a slow intake has stored the original PDF and not yet the document."""
    emr = Emr()

    def sweeps_go_by() -> None:
        for _ in range(23):
            assert swept(emr, timedelta(hours=1)) == 0

    emr.store.before_commit = sweeps_go_by
    document = emr.send()
    for _ in range(3):
        swept(emr)
    assert emr.files.keys() == [document.original.key]
    assert emr.files.get(document.original.key) == PDF


def test_an_intake_that_crashed_after_storing_keeps_its_original() -> None:
    emr = Emr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emr.files, "delete", killed)
        with pytest.raises(Killed):
            emr.send()
    (document,) = emr.documents()
    assert len(emr.files.keys("intake/")) == 1
    assert swept(emr) == 0
    assert emr.files.keys() == [document.original.key]


def test_the_same_pdf_of_another_document_is_not_removed() -> None:
    emr = Emr()
    killed_before_storing(emr)
    document = emr.send(sent(external_id="POC-2"))
    assert swept(emr) == 1
    assert emr.files.keys() == [document.original.key]


def test_a_sweep_that_crashes_is_repeated() -> None:
    emr = Emr()
    killed_before_storing(emr)
    remove, removed = emr.files.delete, list[str]()

    def remove_one(key: str) -> None:
        if removed:
            raise Killed
        removed.append(key)
        remove(key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emr.files, "delete", remove_one)
        with pytest.raises(Killed):
            swept(emr)
    swept(emr)
    assert emr.files.keys() == []


def test_the_original_of_the_slower_of_two_concurrent_attempts_is_removed() -> None:
    emr = Emr()
    emr.store.before_commit = only_doing(lambda: emr.intake.receive(emr.inbound("msg_1"), sent()))
    emr.intake.receive(emr.inbound("msg_1"), sent())
    (document,) = emr.documents()
    assert len(emr.files.keys("evidence/originals/")) == 2
    assert swept(emr) == 1
    assert emr.files.keys() == [document.original.key]


def test_an_intake_refused_at_its_end_leaves_nothing_after_a_day() -> None:
    emr = Emr()
    emr.store.before_commit = only_doing(lambda: emr.send(sent(title="Another")))
    with pytest.raises(Conflict):
        emr.send()
    (document,) = emr.documents()
    assert swept(emr) == 1
    assert emr.files.keys() == [document.original.key]


def test_a_key_of_another_form_removes_no_original() -> None:
    emr = Emr()
    document = emr.send()
    emr.files.put(f"intake/prc_1/../prc_1/{document.id}", PDF, "application/pdf")
    emr.files.put("intake/odd", PDF, "application/pdf")
    assert swept(emr) == 0
    assert emr.files.keys() == [document.original.key]


def test_an_original_that_an_earlier_release_left_in_the_first_bucket_is_removed() -> None:
    emr = Emr()
    document = emr.send()
    emr.files.put(f"originals/prc_1/{document.id}.pdf", PDF, "application/pdf")
    for key in ("intake/prc_1/doc_crashed", "originals/prc_1/doc_crashed.pdf"):
        emr.files.put(key, PDF, "application/pdf")
    assert swept(emr) == 1
    assert emr.files.keys() == [document.original.key, f"originals/prc_1/{document.id}.pdf"]
