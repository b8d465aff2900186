"""The receipts of the email carrier (Amazon SES), and their effects on deliveries.

A receipt is the carrier's later report on a sent email. Its effect depends on its kind and on the delivery's status."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.deliveries import Channel, DeliveryStatus


class ReceiptKind(StrEnum):
    """The kind of an email receipt. `RETURNED`: a transient bounce. `COMPLAINED`: the email was marked as junk."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    RETURNED = "returned"
    COMPLAINED = "complained"


class Effect(StrEnum):
    """The effect of an email receipt (the carrier's report on a sent email) on the email's delivery.

    `RETRY`: the attempt failed, and another one follows if the retry schedule allows it. `FAILED` is final, and
    `NOTHING` means that the receipt is ignored. `TAKEN`: an email-to-fax gateway accepted the fax, which does not prove
    that the fax reached the provider's machine (docs/decisions/010)."""

    NOTHING = "nothing"
    DELIVERED = "delivered"
    FAILED = "failed"
    RETRY = "retry"
    NOTIFY_STAFF = "notify_staff"
    TAKEN = "taken"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A report of the email carrier (Amazon SES) on the email that has the id `carrier_id` at the carrier.

    `detail` is a sentence without email addresses. `sha256` is the hash (hex) of the report's raw bytes. `lookups` is
    the number of searches that found no delivery with this `carrier_id`, because a receipt can come before the id is
    stored."""

    carrier_id: str
    kind: ReceiptKind
    at: datetime
    detail: str
    lookups: int = field(default=0, metadata={"stored_as": "looks"})
    sha256: str | None = None


_D, _B, _R, _C = ReceiptKind.DELIVERED, ReceiptKind.BOUNCED, ReceiptKind.RETURNED, ReceiptKind.COMPLAINED
_IGNORED = {_D: Effect.NOTHING, _B: Effect.NOTHING, _R: Effect.NOTHING, _C: Effect.NOTHING}
_EARLIER_ATTEMPT = {_D: Effect.DELIVERED, _B: Effect.FAILED, _R: Effect.NOTHING, _C: Effect.NOTIFY_STAFF}

EFFECTS: Mapping[DeliveryStatus, Mapping[ReceiptKind, Effect]] = {
    DeliveryStatus.SENT: {_D: Effect.DELIVERED, _B: Effect.FAILED, _R: Effect.RETRY, _C: Effect.NOTIFY_STAFF},
    # A bounce can follow a delivery: a second server refused the email, so it never arrived. A transient
    # bounce after a delivery is an absence note.
    DeliveryStatus.DELIVERED: {_D: Effect.NOTHING, _B: Effect.FAILED, _R: Effect.NOTHING, _C: Effect.NOTIFY_STAFF},
    # Receipts come in any order, and a bounce is final.
    DeliveryStatus.FAILED: _IGNORED,
    # Another attempt waits or runs, so the receipt belongs to the attempt before.
    DeliveryStatus.QUEUED: _EARLIER_ATTEMPT,
    DeliveryStatus.SENDING: _EARLIER_ATTEMPT,
    # The document was corrected or recalled meanwhile, so nobody needs this message.
    DeliveryStatus.CANCELLED: _IGNORED,
    DeliveryStatus.HELD: _IGNORED,
}


def effect_of(kind: ReceiptKind, status: DeliveryStatus, channel: Channel) -> Effect:
    effect = EFFECTS[status][kind]
    return Effect.TAKEN if effect is Effect.DELIVERED and channel is Channel.FAX else effect
