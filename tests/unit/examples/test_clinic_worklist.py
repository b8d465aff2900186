from typing import Any

import pytest

from chalicelib.domain.certification import facts
from chalicelib.domain.certification.rules import CertificationWarning
from chalicelib.domain.registry.rules import RegistryWarning
from chalicelib.services.documents.idempotent_events import OTHER_PERSON
from chalicelib.services.documents.incoming_pdf import FONT_MISSING
from chalicelib.services.ignored_numbers import WARNINGS as NUMBER_WARNINGS
from examples.clinic import worklist
from examples.clinic.worklist import MESSAGE_LABELS, Step, billing_of, delivery_text, state_of


def line(status: str, channel: str = "email", at: str = "2026-11-22T19:00:00Z") -> dict[str, str]:
    return {"channel": channel, "status": status, "type": "ready", "recipient": "a@b.example", "at": at}


@pytest.mark.parametrize(
    ("resource", "step"),
    [
        ({"status": "pending", "deliveries": []}, Step.PENDING),
        ({"status": "pending", "deliveries": [line("delivered")]}, Step.PENDING),
        ({"status": "pending", "deliveries": [line("failed")]}, Step.NOT_DELIVERED),
        ({"status": "pending", "deliveries": [line("failed"), line("sent", "fax")]}, Step.PENDING),
        ({"status": "pending", "deliveries": [line("failed", "webhook")]}, Step.PENDING),
        ({"status": "pending", "deliveries": [line("failed"), line("cancelled")]}, Step.NOT_DELIVERED),
        ({"status": "pending", "viewed_at": "2026-11-22T19:00:00Z", "deliveries": [line("failed")]}, Step.PENDING),
        ({"status": "approved", "signed_pdf": None}, Step.SEALING),
        ({"status": "approved", "signed_pdf": {"url": "u", "sha256": "s"}}, Step.APPROVED),
        ({"status": "approved", "outcome": "by_hand", "sealing": "none"}, Step.APPROVED),
        ({"status": "approved", "outcome": "by_hand", "sealing": "in_progress"}, Step.SEALING),
        ({"status": "approved", "outcome": "by_hand", "sealing": "sealed", "kind": "plan_of_care"}, Step.CHECK_SCAN),
        (
            {"status": "approved", "outcome": "by_hand", "kind": "recertification", "certified_by": "verbal_pending"},
            Step.CHECK_SCAN,
        ),
        (
            {"status": "approved", "outcome": "by_hand", "kind": "plan_of_care", "certified_by": "signature"},
            Step.APPROVED,
        ),
        ({"status": "declined"}, Step.DECLINED),
        ({"status": "recalled"}, Step.RECALLED),
        ({"status": "returned"}, Step.FILED),
    ],
)
def test_the_next_step_follows_from_the_resource(resource: dict[str, Any], step: Step) -> None:
    assert state_of(resource).step is step


def test_a_resend_replaces_an_earlier_failure() -> None:
    lines = [line("sending", at="2026-11-22T20:00:00Z"), line("failed", at="2026-11-22T19:00:00Z")]
    assert state_of({"status": "pending", "deliveries": lines}).step is Step.PENDING


def test_no_code_is_called_one_time_because_a_fax_code_works_repeatedly() -> None:
    assert not any("one-time" in label.lower() for label in MESSAGE_LABELS.values())


def test_a_document_signed_by_hand_has_its_own_label() -> None:
    resource = {"status": "approved", "outcome": "by_hand", "signed_pdf": {"url": "u"}}
    assert state_of(resource).label == "Returned, signed by hand"


@pytest.mark.parametrize(
    ("line_of_resource", "text"),
    [
        (
            {"channel": "fax", "type": "fax", "recipient": "+15125550100", "status": "sent"},
            "Fax to +15125550100: The document, sent",
        ),
        (
            {"channel": "email", "type": "setup", "recipient": "a@b.example", "status": "failed"},
            "Email to a@b.example: Set up your password, failed",
        ),
    ],
)
def test_a_message_to_the_provider_reads_as_one_line(line_of_resource: dict[str, str], text: str) -> None:
    assert delivery_text(line_of_resource) == text


@pytest.mark.parametrize(
    ("resource", "label", "words"),
    [
        ({"certified_by": "signature", "certified_on": "2026-11-24"}, "Safe to bill", "by signature"),
        ({"certified_by": "order_and_transmission"}, "Safe to bill", "order is on file"),
        ({"certified_by": "verbal_pending"}, "Safe to bill for 14 days", "within 14 days"),
        ({"status": "pending", "certified_by": None}, "Not safe to bill", "has not signed"),
        ({"status": "declined", "outcome": "declined"}, "Not safe to bill", "declined"),
        ({"status": "returned", "outcome": "by_hand"}, "Not safe to bill", "Nobody has confirmed"),
    ],
)
def test_a_plan_is_safe_to_bill_for_the_reason_that_the_portal_states(
    resource: dict[str, Any], label: str, words: str
) -> None:
    billing = billing_of({"kind": "plan_of_care", **resource})
    assert billing is not None
    assert (billing.label, billing.day) == (label, resource.get("certified_on"))
    assert words in billing.reason


@pytest.mark.parametrize("resource", [{"kind": "order"}, {"kind": "plan_of_care", "status": "recalled"}, {}])
def test_nothing_is_said_about_billing_where_no_plan_is_open(resource: dict[str, Any]) -> None:
    assert billing_of(resource) is None


def test_every_word_of_the_portal_has_a_text_for_staff() -> None:
    for words, texts in (
        (facts.AttentionReason, worklist.ATTENTION),
        (facts.CallResult, worklist.CALL_RESULTS),
        (facts.CopySeen, worklist.COPY_FINDINGS),
        (facts.PayerKind, worklist.PAYERS),
        (
            [OTHER_PERSON, FONT_MISSING, *NUMBER_WARNINGS.values(), *CertificationWarning, *RegistryWarning],
            worklist.WARNINGS,
        ),
    ):
        assert sorted(words) == sorted(texts)
