"""Phone and fax numbers that an EMR's event has but that cannot be used.

An EMR sends what is in its address book. A number that the delivery does not need never causes a refusal: it is left
out, and the response has a warning."""

from collections.abc import Mapping, Sequence

from chalicelib.domain.documents import DeliveryChoice
from chalicelib.domain.errors import FieldError, invalid_fields

PROVIDER_FAX = "data.provider.fax"
PROVIDER_PHONE = "data.provider.phone"
AUTHOR_PHONE = "data.author.phone"

WARNINGS: Mapping[str, str] = {
    PROVIDER_FAX: "provider-fax-ignored",
    PROVIDER_PHONE: "provider-phone-ignored",
    AUTHOR_PHONE: "author-phone-ignored",
}
"""The codes of the warnings by the fields of the numbers that were left out."""


def ignored_warnings(ignored: Sequence[FieldError]) -> tuple[str, ...]:
    return tuple(WARNINGS[error.field] for error in ignored)


def check_not_needed(ignored: Sequence[FieldError], delivery: DeliveryChoice) -> None:
    """Raise `Invalid` if the delivery needs a fax number that was left out because it cannot be used."""
    errors = [error for error in ignored if error.field == PROVIDER_FAX and delivery is not DeliveryChoice.EMAIL]
    if errors:
        raise invalid_fields(errors)
