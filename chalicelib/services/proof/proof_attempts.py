"""Part 4 of the proof that a plan reached its provider: every attempt (message or call), and what its carrier
reported."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from typing_extensions import TypedDict

from chalicelib.domain.audit import DocumentEventType, Event
from chalicelib.domain.deliveries import AttemptStatus, Channel, Delivery, DeliveryAttempt, DeliveryStatus
from chalicelib.domain.documents import Document
from chalicelib.domain.timestamps import from_text, to_text
from chalicelib.services.json_schema import Timestamp, to_plain

GATEWAY = "Email-to-fax gateway"
"""The name of the carrier of faxes that go through an email-to-fax gateway, for people."""

_NO_ATTEMPTS = frozenset({AttemptStatus.ASKED_AGAIN, AttemptStatus.CANCELLED})


class Carries(StrEnum):
    """What a message or call to the provider carried. A notice is an email that only says that a document is
    waiting."""

    DOCUMENT = "document"
    NOTICE = "notice"
    CALL = "call"


class ProofResult(StrEnum):
    """The result of an attempt, as far as it is known.

    `ACCEPTED`: the carrier took the message. `DELIVERED`: the mail server of the address took the email. `CONFIRMED`:
    the receiving machine confirmed all pages of the fax. `ACCEPTED_BY_GATEWAY`: an email-to-fax gateway took the fax,
    which is no transmission. `NOTED`: the clinic's staff noted a call. `UNKNOWN`: no result was recorded."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    CONFIRMED = "confirmed"
    ACCEPTED_BY_GATEWAY = "accepted_by_gateway"
    REPORTED_AS_JUNK = "reported_as_junk"
    FAILED = "failed"
    SENDING = "sending"
    UNKNOWN = "unknown"
    NOTED = "noted"


class ProofAttempt(TypedDict):
    """One attempt to reach the provider: an email, a fax, or a call that staff noted.

    `carries` is `document`, `notice` (an email that says that a document is waiting) or `call`. `pages_sent` counts all
    pages of the call, with the cover and with other documents for the same number. `result_code` is the carrier's code
    for a failure, or the result of a call. `receipt_sha256` is the hash of the carrier's raw report. A null field was
    not recorded."""

    channel: str
    carries: Carries
    to: str | None
    started_at: Timestamp
    ended_at: Timestamp | None
    carrier: str | None
    carrier_id: str | None
    pages_sent: int | None
    pages_confirmed: int | None
    result: ProofResult
    result_code: str | None
    detail: str
    receipt_sha256: str | None


_RESULTS = {
    AttemptStatus.SENDING: ProofResult.SENDING,
    AttemptStatus.SUCCEEDED: ProofResult.ACCEPTED,
    AttemptStatus.FAILED: ProofResult.FAILED,
    AttemptStatus.INTERRUPTED: ProofResult.UNKNOWN,
    AttemptStatus.UNKNOWN: ProofResult.UNKNOWN,
    AttemptStatus.TAKEN: ProofResult.ACCEPTED_BY_GATEWAY,
    AttemptStatus.COMPLAINED: ProofResult.REPORTED_AS_JUNK,
}
_ARRIVED = {Channel.EMAIL: ProofResult.DELIVERED, Channel.FAX: ProofResult.CONFIRMED}


def list_attempts(document: Document, deliveries: Sequence[Delivery], events: Sequence[Event]) -> list[ProofAttempt]:
    """Return all attempts to reach the provider, for the proof: every attempt of a message, and every noted call.

    They are sorted by their start. A reminder may go to an address that only the account's owner stated. The practice
    must not learn this address, so it is left out."""
    known = {document.addressee.email, *(line.recipient for line in document.deliveries)}
    attempts = [attempt for delivery in deliveries for attempt in _attempts_of(delivery)]
    for attempt in attempts:
        attempt["to"] = attempt["to"] if attempt["to"] in known else None
    return sorted([*attempts, *_calls(events)], key=lambda attempt: attempt["started_at"])


def reminder_ids(events: Iterable[Event]) -> Sequence[str]:
    """Return the ids of the deliveries of all reminder emails that listed the document, from its audit trail.

    A reminder is one email about everything that waits at a mailbox, so the document's list of messages lacks it."""
    found = (event.data.get("reminder") for event in events if event.type == DocumentEventType.REMINDED)
    return list(dict.fromkeys(reminder for reminder in found if reminder))


def _attempts_of(delivery: Delivery) -> Iterator[ProofAttempt]:
    arrival = _find_arrival(delivery)
    for attempt in delivery.attempts:
        if attempt.status not in _NO_ATTEMPTS:
            result = _ARRIVED[delivery.channel] if attempt is arrival else _RESULTS[attempt.status]
            yield _describe(delivery, attempt, result)


def _find_arrival(delivery: Delivery) -> DeliveryAttempt | None:
    """Return the attempt by which a message arrived, or None if no carrier has reported its arrival."""
    if delivery.status is not DeliveryStatus.DELIVERED:
        return None
    succeeded = (attempt for attempt in reversed(delivery.attempts) if attempt.status is AttemptStatus.SUCCEEDED)
    return next(succeeded, None)


def _describe(delivery: Delivery, attempt: DeliveryAttempt, result: ProofResult) -> ProofAttempt:
    receipt, is_fax = attempt.receipt, delivery.channel is Channel.FAX
    return ProofAttempt(
        channel=delivery.channel,
        carries=Carries.DOCUMENT if is_fax else Carries.NOTICE,
        to=delivery.recipient,
        started_at=to_text(attempt.at),
        ended_at=to_plain(attempt.ended_at),
        carrier=_carrier_of(delivery),
        carrier_id=attempt.carrier_id,
        pages_sent=receipt.pages_sent if receipt else None,
        pages_confirmed=receipt.pages_confirmed if receipt else None,
        result=result,
        result_code=attempt.reason,
        detail=attempt.detail,
        receipt_sha256=receipt.sha256 if receipt else None,
    )


def _carrier_of(delivery: Delivery) -> str:
    """Return the name of the service that carried an email or fax, such as `Amazon SES`, for people.

    Only the fax carrier can't recognize a repeated message. All other faxes go through the email-to-fax gateway."""
    if delivery.channel is Channel.FAX:
        return "Telnyx" if delivery.never_repeats else GATEWAY
    return "Amazon SES"


def _calls(events: Iterable[Event]) -> Iterator[ProofAttempt]:
    """Yield the calls to the provider that the clinic's staff noted, as attempts. They come from the audit trail."""
    for event in events:
        if event.type == DocumentEventType.CALLED:
            yield _describe_call(event)


def _describe_call(event: Event) -> ProofAttempt:
    facts, by, note = event.data, event.private.get("by"), event.private.get("note")
    noted = f"Noted by {by}, for the clinic" if by else "Noted by the clinic"
    return ProofAttempt(
        channel="phone",
        carries=Carries.CALL,
        to=None,
        started_at=to_text(from_text(facts["at"])),
        ended_at=None,
        carrier=None,
        carrier_id=None,
        pages_sent=None,
        pages_confirmed=None,
        result=ProofResult.NOTED,
        result_code=facts["result"],
        detail=f"{noted}: {note}" if note else f"{noted}.",
        receipt_sha256=None,
    )
