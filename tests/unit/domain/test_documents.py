from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.documents import (
    Decision,
    DeclineReason,
    DeliveryLine,
    ReturnedMethod,
    Sealing,
    Signer,
    SigningMethod,
    StoredPdf,
)
from chalicelib.domain.errors import Conflict
from chalicelib.domain.status import Action, Outcome, Status
from tests.support.provider_fixtures import a_document

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
PDF = StoredPdf(key="k", sha256="00", pages=2)


def decision(**changed: Any) -> Decision:
    signer = Signer(
        name="Ana", credential="MD", npi=None, method=SigningMethod.ELECTRONIC, authentication="", provider_id="prv_1"
    )
    return replace(Decision(action=Action.APPROVE, signer=signer, decided_at=NOW, note="As is."), **changed)


def test_a_decision_sets_status_outcome_decision_and_starts_the_sealing() -> None:
    decided = a_document().decide(decision())
    assert decided is not None
    assert (decided.status, decided.outcome, decided.sealing) == (
        Status.APPROVED,
        Outcome.APPROVED,
        Sealing.IN_PROGRESS,
    )
    assert decided.decision == decision()
    assert decided.decided_at == NOW


@pytest.mark.parametrize(
    "changed",
    [
        {"signer": replace(decision().signer, provider_id="prv_2")},
        {"note": "Other."},
        {"decline_reason": DeclineReason.OTHER},
    ],
)
def test_only_the_same_decision_of_the_same_person_repeats_a_decision(changed: dict[str, Any]) -> None:
    assert decision(**changed).repeats(decision()) is False
    assert decision(decided_at=NOW + timedelta(seconds=1)).repeats(decision()) is True
    assert decision().repeats(None) is False
    decided = a_document().decide(decision())
    assert decided is not None
    assert decided.decide(decision()) is None
    with pytest.raises(Conflict):
        decided.decide(decision(**changed))


def test_a_recall_ends_the_links_and_keeps_its_reason_and_time() -> None:
    recalled = a_document().recall("Wrong patient.", NOW)
    assert recalled is not None
    assert (recalled.status, recalled.recalled_reason, recalled.recalled_at) == (Status.RECALLED, "Wrong patient.", NOW)
    assert recalled.access == a_document().access + 1
    assert recalled.recall("Again.", NOW) is None


def test_a_recall_of_a_declined_document_keeps_the_outcome() -> None:
    declined = a_document().decide(decision(action=Action.DECLINE))
    assert declined is not None
    recalled = declined.recall(None, NOW)
    assert recalled is not None
    assert recalled.outcome is Outcome.DECLINED


def test_a_returned_document_keeps_how_and_when_it_came_back() -> None:
    returned = a_document().mark_returned(ReturnedMethod.PAPER, NOW)
    assert returned is not None
    assert (returned.status, returned.outcome) == (Status.RETURNED, Outcome.BY_HAND)
    assert (returned.returned_method, returned.returned_at, returned.decided_at) == (ReturnedMethod.PAPER, NOW, NOW)
    assert returned.mark_returned(ReturnedMethod.FAX, NOW) is None


@pytest.mark.parametrize(
    ("signed", "certificate", "due"),
    [
        (None, None, False),
        (PDF, None, False),
        (PDF, PDF, False),
        (replace(PDF, timestamp_due=True), None, True),
        (PDF, replace(PDF, timestamp_due=True), True),
    ],
)
def test_a_timestamp_is_due_while_a_seal_lacks_it(
    *, signed: StoredPdf | None, certificate: StoredPdf | None, due: bool
) -> None:
    assert replace(a_document(), signed=signed, certificate=certificate).timestamp_due is due


def test_the_released_files_are_all_sealed_files() -> None:
    names = ("signed", "timestamped", "certificate", "timestamped_certificate")
    files = {name: replace(PDF, key=name) for name in names}
    assert [pdf.key for pdf in replace(a_document(), **files).released_files] == [*names]  # type: ignore[arg-type]  # - the fields of the table
    assert a_document().released_files == ()


def test_a_newer_line_of_a_delivery_replaces_the_older_one() -> None:
    def line(id: str, status: str) -> DeliveryLine:
        return DeliveryLine(id=id, channel="email", type="ready", recipient="a@b.org", status=status, at=NOW)

    document = a_document()
    for one in (line("dlv_1", "queued"), line("dlv_2", "queued"), line("dlv_1", "sent")):
        document = document.with_delivery(one)
    assert [(one.id, one.status) for one in document.deliveries] == [("dlv_2", "queued"), ("dlv_1", "sent")]
