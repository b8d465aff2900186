"""The deliveries: outgoing emails, faxes, webhooks and notices to staff, with their attempts and receipts."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Channel(StrEnum):
    EMAIL = "email"
    FAX = "fax"
    WEBHOOK = "webhook"
    NOTICE = "notice"


class DeliveryStatus(StrEnum):
    """The status of a delivery.

    `SENT`: the carrier (SES or a fax service) took the message. `DELIVERED`: the carrier reported its arrival, the
    receiver of a webhook accepted it, or SNS accepted the notice. `HELD`: the practice's webhook endpoint is off."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    HELD = "held"
    CANCELLED = "cancelled"


class MessageType(StrEnum):
    """The type of an email or fax about a document or an account. `FAX` is the fax of the document itself.

    `RESET` has a link for a forgotten password. `NEW_ADDRESS` has the link that moves an account to the address of
    the email. `DECIDED_ELSEWHERE` informs an account's owner about a decision on one of the account's documents that
    was made outside the account. `ADDRESS_CODE` has the code that proves one more email address of an account.
    `ADDRESS_TAKEN` informs an account's owner that somebody tried to add one of the account's addresses to another
    account. `REMINDER` is the day's one email to a mailbox about all documents that still wait there. `INVITATION` has
    the link with which an assistant accepts a provider's invitation. `ASSISTS` and `ASSISTS_NO_MORE` inform an
    assistant that the assistance has begun or ended for one provider."""

    READY = "ready"
    SETUP = "setup"
    RESET = "reset"
    NEW_ADDRESS = "new_address"
    CODE = "code"
    FAX = "fax"
    DECIDED_ELSEWHERE = "decided_elsewhere"
    ADDRESS_CODE = "address_code"
    ADDRESS_TAKEN = "address_taken"
    REMINDER = "reminder"
    INVITATION = "invitation"
    ASSISTS = "assists"
    ASSISTS_NO_MORE = "assists_no_more"


ACCOUNT_MESSAGES: frozenset[str] = frozenset({MessageType.SETUP, MessageType.RESET, MessageType.NEW_ADDRESS})
"""The emails with a link to an account. Such an email may go to an address that no practice has stated."""


class NoticeKind(StrEnum):
    DECLINED = "declined"
    HANDED_OVER = "handed_over"
    NEEDS_ATTENTION = "needs_attention"
    DELIVERY_FAILED = "delivery_failed"
    COMPLAINT = "complaint"
    FAX_WAITS = "fax_waits"
    SEALING_DELAYED = "sealing_delayed"
    WEBHOOK_FAILED = "webhook_failed"
    ENDPOINT_OFF = "endpoint_off"


class AttemptStatus(StrEnum):
    """The status of an entry in a delivery's list of attempts.

    `INTERRUPTED`: the worker ended before it recorded a result. `UNKNOWN`: the message may have been sent, so the
    carrier must be asked before another attempt. Other entries are not attempts: `CANCELLED`; `ASKED_AGAIN`, after
    which the retry schedule starts again; and the receipts `TAKEN` (a fax gateway accepted the fax) and `COMPLAINED`
    (the email was marked as junk)."""

    SENDING = "sending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    ASKED_AGAIN = "asked_again"
    TAKEN = "taken"
    COMPLAINED = "complained"


@dataclass(frozen=True, kw_only=True)
class ReceiptFacts:
    """The facts of a carrier's report on one attempt, for the proof of transmission.

    `sha256` is the hash (hex) of the report's raw bytes, which are not stored, because they may contain a link to the
    document. `pages_sent` includes the cover page of a fax. `pages_confirmed` is the number of pages that the receiving
    machine confirmed. None means that the carrier did not say so."""

    sha256: str | None = None
    pages_sent: int | None = None
    pages_confirmed: int | None = None


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt:
    """An entry in a delivery's list of attempts. `reason` is the fax carrier's code for a failure.

    `ended_at` is the time at which the portal recorded the result. `carrier_id` is the carrier's id of the message, and
    `receipt` the carrier's report. Attempts of earlier releases have none of the three."""

    at: datetime
    status: AttemptStatus
    detail: str
    reason: str | None = None
    ended_at: datetime | None = None
    carrier_id: str | None = None
    receipt: ReceiptFacts | None = None


@dataclass(frozen=True, kw_only=True)
class FaxCall:
    """One telephone call of the fax carrier to a fax number. It sends the faxes of one or more deliveries.

    `mark` is the text that the carrier repeats in its reports. It names the delivery that started the call
    (`fax_mark`). `deliveries` are the ids of the deliveries, that delivery first. `pages` includes the cover page."""

    mark: str
    deliveries: tuple[str, ...]
    pages: int


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message to one recipient by one channel, caused by one event.

    `type` is a `MessageType` or an `AccountEventType` for an email or fax, a `NoticeKind` for a notice, and
    the type of the event for a webhook. `body` and `message_id` (the `webhook-id`) of a webhook never change.
    `body` of an email about an account's address is that address.
    `lease_until` is the time until which a running attempt reserves the delivery. `next_attempt_at` is set if
    another attempt is due. `access` is the document's counter of corrections and recalls at the creation of the
    delivery. If the counter has risen since, an email or fax is outdated.
    `leads_to` is the document to which the login after a reset link leads. The email is not about this document.
    `never_repeats` is true if the carrier cannot recognize a repeated message, so an attempt without a result is
    looked up and never repeated blindly. `unsent` is true as long as the running attempt of such a delivery has surely
    not reached the carrier. `call` is the telephone call of the last attempt by fax.
    `documents` are the ids of the documents for which a reminder is due.
    `follows_up` is true for a fax by which the follow-up reminds the provider, so that the fax leaves only at the times
    that the provider chose.
    `joint` are the ids of the deliveries whose documents the last attempt announced in one email, this one included. It
    is empty if the email announced one document."""

    id: str
    version: int
    practice_id: str
    document_id: str | None
    event_id: str
    channel: Channel
    type: str
    recipient: str
    created_at: datetime
    status: DeliveryStatus = DeliveryStatus.QUEUED
    body: str | None = None
    message_id: str | None = None
    provider_id: str | None = None
    access: int = 1
    attempts: tuple[DeliveryAttempt, ...] = ()
    next_attempt_at: datetime | None = None
    lease_until: datetime | None = None
    carrier_id: str | None = None
    leads_to: str | None = None
    never_repeats: bool = False
    documents: tuple[str, ...] = ()
    unsent: bool = False
    call: FaxCall | None = None
    joint: tuple[str, ...] = ()
    follows_up: bool = False


WEBHOOK_RETRY_AFTER: tuple[timedelta, ...] = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
    timedelta(hours=24),
    timedelta(hours=24),
)
"""The waits between attempts of a webhook (DESIGN section 4, contract), before jitter."""

MESSAGE_RETRY_AFTER: tuple[timedelta, ...] = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
"""The waits between attempts of an email, a fax or a notice, shorter in total because a person waits for them."""


@dataclass(frozen=True, kw_only=True)
class ChannelRules:
    """The rules of a delivery channel: its retry schedule, and whether its messages go to the document's provider."""

    retry_after: tuple[timedelta, ...]
    reaches_provider: bool


CHANNELS: Mapping[Channel, ChannelRules] = {
    Channel.EMAIL: ChannelRules(retry_after=MESSAGE_RETRY_AFTER, reaches_provider=True),
    Channel.FAX: ChannelRules(retry_after=MESSAGE_RETRY_AFTER, reaches_provider=True),
    Channel.WEBHOOK: ChannelRules(retry_after=WEBHOOK_RETRY_AFTER, reaches_provider=False),
    Channel.NOTICE: ChannelRules(retry_after=MESSAGE_RETRY_AFTER, reaches_provider=False),
}
"""The table of delivery channels. A new channel takes four edits: a member of `Channel`, a row of this
table, a class with a `send` method in `services/delivery`, and that class in `bootstrap.Services.senders`."""


def delivery_id(event_id: str, channel: Channel, message_type: str, recipient: str) -> str:
    """Return the id of a delivery, a hash of the arguments, so that a repeated job writes the same row."""
    text = f"{event_id}\n{channel}\n{message_type}\n{recipient}"
    return "dlv_" + hashlib.sha256(text.encode()).hexdigest()[:32]


def next_wait(failures: int, *, jitter: float, schedule: Sequence[timedelta] = WEBHOOK_RETRY_AFTER) -> timedelta | None:
    """Return the wait before the attempt after `failures` failed ones (1 or more), or None if the schedule has ended.

    `jitter` (0 to 1) adds up to 10% of the wait, so that many deliveries do not return at the same moment."""
    if failures > len(schedule):
        return None
    return schedule[failures - 1] * (1 + jitter / 10)
