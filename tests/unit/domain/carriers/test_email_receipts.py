import pytest

from chalicelib.domain.carriers.email_receipts import EFFECTS, Effect, ReceiptKind, effect_of
from chalicelib.domain.deliveries import Channel, DeliveryStatus

D, B, R, C = ReceiptKind.DELIVERED, ReceiptKind.BOUNCED, ReceiptKind.RETURNED, ReceiptKind.COMPLAINED
S = DeliveryStatus


@pytest.mark.parametrize(
    ("status", "effects"),
    [
        (S.SENT, {D: "delivered", B: "failed", R: "retry", C: "notify_staff"}),
        (S.DELIVERED, {D: "nothing", B: "failed", R: "nothing", C: "notify_staff"}),
        (S.QUEUED, {D: "delivered", B: "failed", R: "nothing", C: "notify_staff"}),
        (S.SENDING, {D: "delivered", B: "failed", R: "nothing", C: "notify_staff"}),
        *((status, dict.fromkeys((D, B, R, C), "nothing")) for status in (S.FAILED, S.CANCELLED, S.HELD)),
    ],
)
def test_a_receipt_changes_a_delivery_by_its_status(status: DeliveryStatus, effects: dict[ReceiptKind, str]) -> None:
    assert {kind: effect_of(kind, status, Channel.EMAIL).value for kind in ReceiptKind} == effects
    assert set(EFFECTS) == set(S)


def test_a_fax_that_a_gateway_accepted_is_only_taken() -> None:
    assert effect_of(D, S.SENT, Channel.FAX) is Effect.TAKEN
    assert effect_of(B, S.SENT, Channel.FAX) is Effect.FAILED
    assert effect_of(D, S.DELIVERED, Channel.FAX) is Effect.NOTHING
