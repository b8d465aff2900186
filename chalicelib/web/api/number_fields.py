"""The fields with phone and fax numbers in an EMR's event. Unusable numbers that the event does not need are left out.

The validation's context has `needed`, the names of the numbers without which the event cannot be carried out, and
`ignored`, a list to which the fields add the errors of the numbers that are left out."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from chalicelib.domain.documents import DeliveryChoice
from chalicelib.domain.errors import FieldError
from chalicelib.services import normalization as formats
from chalicelib.services.documents.provider_matching import BY_FAX
from chalicelib.services.ignored_numbers import AUTHOR_PHONE, PROVIDER_FAX, PROVIDER_PHONE
from chalicelib.web.api.request_fields import BlankToNone, normalize_fax_of_country

_Normalize = Callable[[str, ValidationInfo], str]


def _normalize_phone(value: str, _info: ValidationInfo) -> str:
    return formats.normalize_phone(value)


def _or_ignored(field: str, normalize: _Normalize) -> AfterValidator:
    """Return the Pydantic annotation of an optional number. `field` is the number's dotted name in the event."""

    def read(value: str | None, info: ValidationInfo) -> str | None:
        context = info.context or {}
        try:
            return None if value is None else normalize(value, info)
        except ValueError as error:
            if field in context["needed"]:
                raise
            context["ignored"].append(FieldError(field, str(error)))
            return None

    return AfterValidator(read)


def needed_numbers(data: object) -> frozenset[str]:
    """Return the names of the numbers without which an event with this unvalidated `data` cannot be carried out."""
    if not isinstance(data, dict):
        return frozenset()
    delivery, provider = data.get("delivery"), data.get("provider")
    has_email = isinstance(provider, dict) and bool(provider.get("email"))
    is_needed = delivery in BY_FAX or (delivery == DeliveryChoice.AUTO and not has_email)
    return frozenset({PROVIDER_FAX} if is_needed else ())


_Number = Annotated[str, Field(examples=["+15125550100"])]
ProviderFax = Annotated[_Number | None, BlankToNone, _or_ignored(PROVIDER_FAX, normalize_fax_of_country)]
ProviderPhone = Annotated[_Number | None, BlankToNone, _or_ignored(PROVIDER_PHONE, _normalize_phone)]
AuthorPhone = Annotated[_Number | None, BlankToNone, _or_ignored(AUTHOR_PHONE, _normalize_phone)]
