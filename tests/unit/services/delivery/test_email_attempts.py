"""Test the attempts to send an email: those that are cancelled, retried, refused or disturbed by another change."""

from dataclasses import replace

import pytest

from chalicelib.domain.carriers.email_receipts import Receipt, ReceiptKind
from chalicelib.domain.deliveries import MESSAGE_RETRY_AFTER, Channel, DeliveryStatus, MessageType
from chalicelib.domain.documents import ReturnedMethod
from chalicelib.domain.errors import Unprocessable
from tests.support.fakes import START, FakeMailer
from tests.support.worlds.delivery_world import World


@pytest.fixture
def world() -> World:
    return World()


# Emails that are no longer wanted


def test_a_recalled_document_is_not_announced(world: World) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    recalled = world.document.recall(None, START)
    assert recalled is not None
    world.change_document(status=recalled.status, access=recalled.access)
    row = world.deliver(row_id)
    assert row.status is DeliveryStatus.CANCELLED
    assert [(attempt.status, attempt.detail) for attempt in row.attempts] == [
        ("cancelled", "The document was recalled or corrected meanwhile.")
    ]
    assert world.mailer.sent == []
    assert [line.status for line in world.document.deliveries] == ["cancelled"]


def test_only_the_corrected_address_gets_the_email(world: World) -> None:
    old = world.message(Channel.EMAIL, MessageType.READY, "typo@example.com")
    world.change_document(access=2)
    new = world.message(Channel.EMAIL, MessageType.READY)
    world.deliver(old)
    world.deliver(new)
    assert [to for to, _ in world.mailer.sent] == ["dr.rivera@example.com"]


def test_a_signed_document_is_not_announced(world: World) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    closed = world.document.mark_returned(ReturnedMethod.PAPER, START)
    assert closed is not None
    world.change_document(status=closed.status)
    assert world.deliver(row_id).status is DeliveryStatus.CANCELLED


# Failures


def test_an_email_that_ses_does_not_accept_is_retried_and_then_fails(world: World) -> None:
    world.mailer.failing = True
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    waits = 0
    while world.when_due(row_id).status is DeliveryStatus.QUEUED:
        waits += 1
    assert waits == len(MESSAGE_RETRY_AFTER)
    assert [event.type for event in world.events()][1:] == ["document.delivery_failed"]
    assert world.webhooks() == ["document.delivery_failed"]
    assert world.notices() == ["delivery_failed"]
    assert [line.status for line in world.document.deliveries] == ["failed"]


def test_a_failed_setup_email_sends_no_webhook(world: World) -> None:
    world.mailer.failing = True
    row_id = world.message(Channel.EMAIL, MessageType.SETUP)
    while world.when_due(row_id).status is DeliveryStatus.QUEUED:
        pass
    assert world.webhooks() == []
    assert world.document.deliveries == ()


def test_an_address_that_ses_refuses_is_tried_once(world: World) -> None:
    class Refuses(FakeMailer):
        def send(self, **_: object) -> str:
            raise Unprocessable("The email service refused the message: InvalidParameterValue.")

    world.mailer = Refuses()
    row = world.deliver(world.message(Channel.EMAIL, MessageType.READY))
    assert (row.status, len(row.attempts)) == (DeliveryStatus.FAILED, 1)


def test_a_concurrent_view_of_the_document_is_not_lost(world: World) -> None:
    """The provider opens the document after the worker has read its row, and before the worker writes the row."""
    row_id = world.message(Channel.EMAIL, MessageType.READY)

    def at_claim() -> None:
        world.store.before_commit = lambda: world.change_document(viewed_at=START)

    world.store.before_commit = at_claim
    assert world.deliver(row_id).status is DeliveryStatus.SENT
    assert world.document.viewed_at == START
    assert [line.status for line in world.document.deliveries] == ["sent"]


def test_an_attempt_with_a_retry_does_not_change_the_document(world: World) -> None:
    world.mailer.failing = True
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    before = world.document.version
    world.deliver(row_id)
    assert world.document.version == before


def test_a_receipt_during_the_next_attempt_is_not_lost(world: World) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    world.deliver(row_id)
    back = Receipt(carrier_id="ses-0001", kind=ReceiptKind.RETURNED, at=START, detail="For now.")
    world.ses_feedback.apply(back)

    class HearsFromTheFirst(FakeMailer):
        def send(self, *, to: str, message: bytes) -> str:
            world.ses_feedback.apply(replace(back, kind=ReceiptKind.DELIVERED))
            super().send(to=to, message=message)
            return "ses-0002"

    world.mailer = HearsFromTheFirst()
    assert world.when_due(row_id).status is DeliveryStatus.DELIVERED
    assert [line.status for line in world.document.deliveries] == ["delivered"]
