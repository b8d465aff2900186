"""Fax numbers that are closed for a practice, because somebody who got its fax reported a wrong number.

One row for each practice and number says whether the number is closed. A practice opens its number again by an event
that confirms the number. Other practices are unaffected."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.domain.claim_keys import fax_number_claim
from chalicelib.domain.documents import Addressee, Document
from chalicelib.domain.errors import FieldError, Invalid, Unprocessable, UnprocessableCode
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.documents.provider_matching import BY_FAX
from chalicelib.services.documents.send_command import SendCommand
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Claim, Job, OutboxRow

_FIELD = "data.provider.fax"
_CLOSED_CODE = FieldError(
    "code",
    "Somebody reported that this fax reached a wrong number, so its code opens nothing now. "
    "Call the clinic at the number on the fax.",
)


class FaxNumberState(StrEnum):
    """The state of a fax number that somebody reported to a practice as wrong.

    `CONFIRMED`: the practice has confirmed the number since, so it is open again. The time of the confirmation follows
    this word in the stored state."""

    CLOSED = "closed"
    CONFIRMED = "confirmed"


def read_state(store: Store, practice_id: str, number: str) -> str | None:
    """Return the stored text on whether a practice may fax to a number, or None if nobody ever reported the number.

    The text is `closed` after a report of a wrong number. Once the practice has confirmed the number, the text is
    `confirmed` and the time of the confirmation, such as `confirmed 2026-11-24T15:02:11+00:00`."""
    key = fax_number_claim(practice_id, number)
    return store.claims([key]).get(key)


def closing_claim(practice_id: str, number: str, state: str | None = None) -> Claim:
    """Return the row that closes a wrong fax number for a practice, for the caller to store.

    `state` is the number's stored state, which the row replaces."""
    return Claim(key=fax_number_claim(practice_id, number), owner=FaxNumberState.CLOSED, replaces=state)


def is_closed(store: Store, practice_id: str, number: str) -> bool:
    """Return True if the practice must not send faxes to this number, because it was reported as wrong."""
    return read_state(store, practice_id, number) == FaxNumberState.CLOSED


def is_confirmed_since(state: str | None, moment: datetime) -> bool:
    """Return True if the practice has confirmed the fax number after this moment. `state` is the stored state.

    The rows of earlier releases have no time of the confirmation, so the result for them is False."""
    name, _, confirmed_at = (state or "").partition(" ")
    return name == FaxNumberState.CONFIRMED and bool(confirmed_at) and moment < datetime.fromisoformat(confirmed_at)


def check_fax_code(store: Store, document: Document) -> None:
    """Raise `Invalid` if a code from a fax must not open the document, because its fax number was reported as wrong."""
    if is_closed(store, document.practice_id, document.addressee.fax or ""):
        raise Invalid("This fax number was reported as wrong.", errors=[_CLOSED_CODE])


def number_keys(practice_id: str, addressee: Addressee) -> tuple[str, ...]:
    """Return the key of the row that says whether the addressee's fax number is closed, to be read for `open_number`.

    The result is empty for an addressee without a fax number."""
    return (fax_number_claim(practice_id, addressee.fax),) if addressee.fax else ()


def open_number(
    owners: Mapping[str, str], practice_id: str, message: SendCommand | Document, *, confirmed_at: datetime | None
) -> tuple[Claim, ...]:
    """Return the row that opens the addressee's closed fax number again, for the caller to store.

    The result is empty if the number is not closed. `owners` has the stored rows of `number_keys`. `message` has the
    addressee and the way of delivery. `confirmed_at` is the time if the practice confirms the number now. Raises
    `Unprocessable` with the field if a fax would go to a closed number that the practice has not confirmed."""
    closed = _closed_keys(owners, practice_id, message.addressee)
    if closed and confirmed_at is not None:
        owner = f"{FaxNumberState.CONFIRMED} {confirmed_at.isoformat()}"
        return (Claim(key=closed[0], owner=owner, replaces=FaxNumberState.CLOSED),)
    if closed and message.delivery in BY_FAX:
        raise Unprocessable(
            "The recipient of a fax reported that this fax number is wrong. Correct provider.fax. If the number is "
            "right, send provider.fax with provider.fax_confirmed: true.",
            code=UnprocessableCode.FAX_NUMBER_CLOSED,
            errors=(FieldError(_FIELD, "was reported as a wrong number: correct it, or send fax_confirmed: true"),),
        )
    return ()


def is_closed_row(owners: Mapping[str, str], practice_id: str, addressee: Addressee) -> bool:
    """Return True if the addressee's fax number is closed. `owners` has the stored rows of `number_keys`."""
    return bool(_closed_keys(owners, practice_id, addressee))


def _closed_keys(owners: Mapping[str, str], practice_id: str, addressee: Addressee) -> list[str]:
    return [key for key in number_keys(practice_id, addressee) if owners.get(key) == FaxNumberState.CLOSED]


def confirmation(opened: tuple[Claim, ...]) -> Mapping[str, Any]:
    """Return data for the audit event about a document: that the practice has opened a closed fax number again.

    `opened` is the result of `open_number`. If it is empty, the data is empty."""
    return {"fax_confirmed": True} if opened else {}


def reopening_rows(ids: Ids, opened: tuple[Claim, ...], document: Document, now: datetime) -> tuple[OutboxRow, ...]:
    """Return the outbox row with the job that restores what the practice had transmitted to a confirmed fax number.

    `opened` is the result of `open_number` for the document. If it is empty, the result is empty."""
    if not opened:
        return ()
    job = Job(queue=QueueName.DELIVERIES, name=JobName.WRONG_NUMBER, event_id=document.id, document_id=document.id)
    return (OutboxRow(id=ids.new("out"), created_at=now, jobs=(job,)),)
