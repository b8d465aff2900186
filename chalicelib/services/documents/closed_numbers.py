"""Fax numbers that are closed for a practice, because somebody who got its fax reported a wrong number.

One row for each practice and number says whether the number is closed. A practice opens its number again by an event
that confirms the number. Other practices are unaffected."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from chalicelib.domain.claim_keys import fax_number_claim
from chalicelib.domain.documents import Addressee, Document
from chalicelib.domain.errors import FieldError, Unprocessable, UnprocessableCode
from chalicelib.services.documents.provider_matching import BY_FAX
from chalicelib.services.documents.send_command import SendCommand
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Claim

_FIELD = "data.provider.fax"


class FaxNumberState(StrEnum):
    """The state of a fax number that somebody reported to a practice as wrong.

    `CONFIRMED`: the practice has confirmed the number since, so it is open again."""

    CLOSED = "closed"
    CONFIRMED = "confirmed"


def closing_claim(practice_id: str, number: str) -> Claim:
    """Return the row that closes a wrong fax number for a practice, for the caller to store."""
    key = fax_number_claim(practice_id, number)
    return Claim(key=key, owner=FaxNumberState.CLOSED, replaces=FaxNumberState.CONFIRMED)


def is_closed(store: Store, practice_id: str, number: str) -> bool:
    """Return True if the practice must not send faxes to this number, because it was reported as wrong."""
    key = fax_number_claim(practice_id, number)
    return store.claims([key]).get(key) == FaxNumberState.CLOSED


def number_keys(practice_id: str, addressee: Addressee) -> tuple[str, ...]:
    """Return the key of the row that says whether the addressee's fax number is closed, to be read for `open_number`.

    The result is empty for an addressee without a fax number."""
    return (fax_number_claim(practice_id, addressee.fax),) if addressee.fax else ()


def open_number(
    owners: Mapping[str, str], practice_id: str, message: SendCommand | Document, *, is_confirmed: bool
) -> tuple[Claim, ...]:
    """Return the row that opens the addressee's closed fax number again, for the caller to store.

    The result is empty if the number is not closed. `owners` has the stored rows of `number_keys`. `message` has the
    addressee and the way of delivery. `is_confirmed` means that the practice confirms the number. Raises
    `Unprocessable` with the field if a fax would go to a closed number that the practice has not confirmed."""
    closed = [key for key in number_keys(practice_id, message.addressee) if owners.get(key) == FaxNumberState.CLOSED]
    if closed and is_confirmed:
        return (Claim(key=closed[0], owner=FaxNumberState.CONFIRMED, replaces=FaxNumberState.CLOSED),)
    if closed and message.delivery in BY_FAX:
        raise Unprocessable(
            "The recipient of a fax reported that this fax number is wrong. Correct provider.fax. If the number is "
            "right, send provider.fax with provider.fax_confirmed: true.",
            code=UnprocessableCode.FAX_NUMBER_CLOSED,
            errors=(FieldError(_FIELD, "was reported as a wrong number: correct it, or send fax_confirmed: true"),),
        )
    return ()


def confirmation(opened: tuple[Claim, ...]) -> Mapping[str, Any]:
    """Return data for the audit event about a document: that the practice has opened a closed fax number again.

    `opened` is the result of `open_number`. If it is empty, the data is empty."""
    return {"fax_confirmed": True} if opened else {}
