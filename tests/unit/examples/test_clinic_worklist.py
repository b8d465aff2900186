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
        (
            {"status": "pending", "viewed_at": "2026-11-22T19:00:00Z", "deliveries": [line("failed")]},
            Step.PENDING,
        ),
        ({"status": "approved", "signed_pdf": None}, Step.SEALING),
        ({"status": "approved", "signed_pdf": {"url": "u", "sha256": "s"}}, Step.APPROVED),
        ({"status": "declined"}, Step.DECLINED),
        ({"status": "recalled"}, Step.RECALLED),
        ({"status": "returned"}, Step.FILED),
    ],
)
def test_what_to_do_next_follows_from_the_resource(resource: dict[str, Any], step: Step) -> None:
    assert state_of(resource).step is step


def test_a_resend_that_is_under_way_outweighs_the_failure_before_it() -> None:
    lines = [line("sending", at="2026-11-22T20:00:00Z"), line("failed", at="2026-11-22T19:00:00Z")]
    assert state_of({"status": "pending", "deliveries": lines}).step is Step.PENDING


def test_signed_by_hand_says_so() -> None:
    resource = {"status": "approved", "outcome": "by_hand", "signed_pdf": {"url": "u"}}
    assert state_of(resource).label == "Returned, signed by hand"


@pytest.mark.parametrize(
    ("told", "words"),
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
def test_a_message_to_the_provider_is_said_in_words(told: dict[str, str], words: str) -> None:
    assert delivery_text(told) == words
