"""Test what a report on a copy does that came back by fax: a dated signature seals the pages of the fax."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.carriers.document_copies import ConfirmedCopy, CopyPage, CopySheet, ReturnedCopy
from chalicelib.domain.certification.facts import CopySeen
from chalicelib.domain.documents import Document, Sealing
from chalicelib.domain.errors import Invalid
from chalicelib.domain.jobs import JobName
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import Emr
from tests.support.fakes import START
from tests.support.worlds.plans import confirm, data, latest, plan, types

FIRST = ReturnedCopy(fax_id="fax_1", received_at=START, pages=(CopyPage(number=2, page=1),))
SECOND = replace(FIRST, fax_id="fax_2", received_at=START + timedelta(hours=1), pages=(CopyPage(number=1, page=1),))


def faxed_plan(emr: Emr, *copies: ReturnedCopy, **changes: Any) -> Document:
    """Send a plan of one page, store these copies of it that came back by fax, and return the document."""
    sent = plan(emr)
    original = replace(sent.original, pages=1)
    after = replace(sent, version=sent.version + 1, copies=copies, original=original, **changes)
    emr.store.commit(Change(at=emr.now, documents=(after,)))
    return after


def seal_jobs(emr: Emr) -> int:
    return sum(job.name is JobName.SEAL for job in emr.store.jobs())


def test_a_confirmed_fax_is_sealed() -> None:
    emr = Emr()
    document = faxed_plan(emr, FIRST)
    assert confirm(emr, CopySeen.SIGNED_AND_DATED, by="Sam Lee")["status"] == "approved"
    after = latest(emr)
    assert (after.status, after.outcome, after.sealing) == (Status.APPROVED, Outcome.BY_HAND, Sealing.IN_PROGRESS)
    assert after.decision is not None
    sheets = (CopySheet(page=1, fax_id="fax_1", number=2),)
    assert after.decision.copy == ConfirmedCopy(sheets=sheets, confirmed_by="Sam Lee")
    assert seal_jobs(emr) == 1
    assert "document.approved" not in types(emr, document)


def test_the_same_report_again_seals_nothing_again() -> None:
    emr = Emr()
    faxed_plan(emr, FIRST)
    for _ in range(2):
        confirm(emr, CopySeen.SIGNED_AND_DATED)
    assert seal_jobs(emr) == 1


def test_the_report_names_the_fax_and_the_reader_in_the_trail() -> None:
    emr = Emr()
    document = faxed_plan(emr, FIRST, SECOND)
    confirm(emr, CopySeen.SIGNED_AND_DATED, by="Sam Lee", fax_id="fax_1")
    number = types(emr, document).index("document.copy_confirmed")
    assert data(emr, document, number) == {"seen": "signed_and_dated", "signed_on": "2026-11-22", "fax": "fax_1"}
    private = emr.store.events(document.id)[number].private
    assert private == {**private, "by": "Sam Lee"}


def test_a_report_without_a_name_stores_none() -> None:
    emr = Emr()
    document = faxed_plan(emr, FIRST)
    confirm(emr, CopySeen.SIGNED_AND_DATED)
    number = types(emr, document).index("document.copy_confirmed")
    assert not {"by", "note"} & emr.store.events(document.id)[number].private.keys()
    assert "fax" not in data(emr, document, number)


@pytest.mark.parametrize(("fax_id", "taken"), [(None, "fax_2"), ("fax_1", "fax_1"), ("fax_2", "fax_2")])
def test_the_named_fax_or_else_the_newest_one_is_sealed(fax_id: str | None, taken: str) -> None:
    emr = Emr()
    faxed_plan(emr, FIRST, SECOND)
    confirm(emr, CopySeen.SIGNED_AND_DATED, fax_id=fax_id)
    decision = latest(emr).decision
    assert decision is not None
    assert decision.copy is not None
    assert decision.copy.fax_ids == (taken,)


def long_faxes(last: int) -> list[ReturnedCopy]:
    """Return two faxes: 40 sheets without a readable number, and `last` sheets with page 1."""
    loose = tuple(CopyPage(number=number, page=None) for number in range(1, 41))
    return [replace(FIRST, pages=loose), replace(SECOND, pages=(CopyPage(number=1, page=1),) * last)]


def test_a_report_must_name_a_fax_if_all_faxes_have_too_many_pages() -> None:
    emr = Emr()
    faxed_plan(emr, *long_faxes(2))
    with pytest.raises(Invalid) as refused:
        confirm(emr, CopySeen.SIGNED_AND_DATED)
    assert [error.field for error in refused.value.errors] == ["data.fax_id"]
    assert latest(emr).status is Status.PENDING
    assert confirm(emr, CopySeen.SIGNED_AND_DATED, fax_id="fax_1")["status"] == "approved"


def test_forty_sheets_more_than_the_document_are_sealed() -> None:
    emr = Emr()
    faxed_plan(emr, *long_faxes(1))
    confirm(emr, CopySeen.SIGNED_AND_DATED)
    decision = latest(emr).decision
    assert decision is not None
    assert decision.copy is not None
    assert len(decision.copy.sheets) == 41


@pytest.mark.parametrize("seen", list(CopySeen))
def test_a_fax_that_brought_no_copy_of_the_document_is_refused(seen: CopySeen) -> None:
    emr = Emr()
    faxed_plan(emr, FIRST)
    with pytest.raises(Invalid) as refused:
        confirm(emr, seen, fax_id="fax_9")
    assert [error.field for error in refused.value.errors] == ["data.fax_id"]
    assert "`copies`" in refused.value.errors[0].message
    assert latest(emr).status is Status.PENDING


def test_a_copy_that_came_on_paper_is_not_sealed() -> None:
    emr = Emr()
    faxed_plan(emr)
    confirm(emr, CopySeen.SIGNED_AND_DATED)
    after = latest(emr)
    assert after.decision is not None
    assert (after.sealing, after.decision.copy, seal_jobs(emr)) == (Sealing.NONE, None, 0)


@pytest.mark.parametrize("seen", [CopySeen.DECLINED, CopySeen.SIGNED_UNDATED, CopySeen.NOT_READABLE])
def test_a_fax_without_a_dated_signature_is_not_sealed(seen: CopySeen) -> None:
    emr = Emr()
    faxed_plan(emr, FIRST)
    confirm(emr, seen, fax_id="fax_1")
    after = latest(emr)
    assert (after.sealing, seal_jobs(emr)) == (Sealing.NONE, 0)
    assert after.decision is None or after.decision.copy is None
