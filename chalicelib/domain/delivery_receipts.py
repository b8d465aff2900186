"""Receipts of the mail carrier, and what each makes of a delivery in each status, odd edges included."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.deliveries import Channel, DeliveryStatus


class ReceiptKind(StrEnum):
    """`returned`: a transient bounce, so trying again may help. `complained`: marked as junk mail."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    RETURNED = "returned"
    COMPLAINED = "complained"


class Effect(StrEnum):
    """What a receipt does to the row: nothing, delivered, failed for good, try again, or tell staff.

    `TAKEN`: a fax gateway has it, which says nothing of the provider's machine (docs/decisions/010).
    """

    NOTHING = "nothing"
    DELIVERED = "delivered"
    FAILED = "failed"
    RETRY = "retry"
    NOTIFY_STAFF = "notify_staff"
    TAKEN = "taken"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One receipt for the message that the carrier knows as `carrier_id`; `detail` names no address.

    `lookups` counts how often its delivery was looked for in vain.
    """

    carrier_id: str
    kind: ReceiptKind
    at: datetime
    detail: str
    lookups: int = field(default=0, metadata={"stored_as": "looks"})


_D, _B, _R, _C = ReceiptKind.DELIVERED, ReceiptKind.BOUNCED, ReceiptKind.RETURNED, ReceiptKind.COMPLAINED
_IGNORED = {_D: Effect.NOTHING, _B: Effect.NOTHING, _R: Effect.NOTHING, _C: Effect.NOTHING}
_OF_AN_EARLIER_ATTEMPT = {
    _D: Effect.DELIVERED,
    _B: Effect.FAILED,
    _R: Effect.NOTHING,
    _C: Effect.NOTIFY_STAFF,
}

EFFECTS: Mapping[DeliveryStatus, Mapping[ReceiptKind, Effect]] = {
    DeliveryStatus.SENT: {_D: Effect.DELIVERED, _B: Effect.FAILED, _R: Effect.RETRY, _C: Effect.NOTIFY_STAFF},
    # A bounce after delivery happens: a server behind the first one refused it. It never arrived. What
    # bounces only for a while after delivery is an absence note.
    DeliveryStatus.DELIVERED: {
        _D: Effect.NOTHING,
        _B: Effect.FAILED,
        _R: Effect.NOTHING,
        _C: Effect.NOTIFY_STAFF,
    },
    # Receipts come in any order: the bounce stands, whatever is said of the delivery later.
    DeliveryStatus.FAILED: _IGNORED,
    # It waits for another attempt, or one is under way, and the receipt is of the attempt before.
    DeliveryStatus.QUEUED: _OF_AN_EARLIER_ATTEMPT,
    DeliveryStatus.SENDING: _OF_AN_EARLIER_ATTEMPT,
    # Corrected or recalled meanwhile: nobody waits for it.
    DeliveryStatus.CANCELLED: _IGNORED,
    DeliveryStatus.HELD: _IGNORED,
}


def effect_of(kind: ReceiptKind, status: DeliveryStatus, channel: Channel) -> Effect:
    """What this receipt does to a delivery of that channel in that status."""
    effect = EFFECTS[status][kind]
    return Effect.TAKEN if effect is Effect.DELIVERED and channel is Channel.FAX else effect
