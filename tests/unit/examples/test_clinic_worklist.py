from typing import Any

import pytest

from examples.clinic.worklist import Step, delivery_text, state_of


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
