"""The types of the fields in the JSON that an EMR sends, and the reading of a body into a Pydantic model.

- A value of a wrong type is refused and not converted.
- Unknown fields are ignored, so that an EMR may be newer than this installation.
- Every error names its field, such as `data.provider.npi`, and never quotes the value.

Pydantic is slow to import, so functions import this module and the models where they need them."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import ErrorDetails

from chalicelib.domain import npi
from chalicelib.domain.errors import FieldError, NotJson, invalid_fields
from chalicelib.services import normalization as formats

MAX_TEXTS, MAX_TEXT_NAME, MAX_OWN_TEXT = 20, 40, 200
"""The greatest number of an EMR's own texts about a document, and the most characters of a name and of a text.

They are short, because each page of a list reads the texts of all its documents."""

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)

M = TypeVar("M", bound=BaseModel)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,18}(Z|[+-][0-9]{2}:[0-9]{2})")


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _parse_day(value: Any) -> date:
    with suppress(ValueError):
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    raise ValueError("must be a day such as 2026-11-20")


def _check_day_range(value: date) -> date:
    if not FIRST_DAY <= value <= LAST_DAY:
        raise ValueError(f"must be a day from {FIRST_DAY} to {LAST_DAY}")
    return value


def _check_past(value: date | None, info: ValidationInfo) -> date | None:
    today: date = (info.context or {})["today"]
    # `today` is in UTC, and in some time zones it is tomorrow already.
    if value is not None and value > today + timedelta(days=1):
        raise ValueError("must not be in the future")
    return value


def _check_timestamp(value: str) -> str:
    with suppress(ValueError):
        if _MOMENT.fullmatch(value) and datetime.fromisoformat(value).tzinfo is not None:
            return value
    raise ValueError("must be a time with a zone such as 2026-11-22T19:00:00Z")


def normalize_fax_of_country(value: str, info: ValidationInfo) -> str:
    """Return a fax number in E.164. Raises `ValueError` outside of the countries in the validation's context."""
    return formats.normalize_fax(value, (info.context or {})["fax_countries"])


def _check_metadata(value: dict[str, str]) -> dict[str, str]:
    if len(value) > MAX_TEXTS:
        raise ValueError(f"must have at most {MAX_TEXTS} texts")
    if not all(1 <= len(name) <= MAX_TEXT_NAME for name in value):
        raise ValueError(f"must have names of 1 to {MAX_TEXT_NAME} characters")
    if any(len(text) > MAX_OWN_TEXT for text in value.values()):
        raise ValueError(f"must have texts of at most {MAX_OWN_TEXT} characters")
    return value


def _check_npi(value: str) -> str:
    if not npi.is_valid(value):
        raise ValueError("must be a valid NPI: ten digits with the right check digit")
    return value


_DAY_FORMAT: Mapping[str, Any] = {"type": "string", "format": "date", "examples": ["2026-11-20"]}
_DAY_SCHEMA = WithJsonSchema({**_DAY_FORMAT})
_EMAIL_FORMAT: Mapping[str, Any] = {"type": "string", "format": "email"}


def _or_blank(schema: Mapping[str, Any]) -> WithJsonSchema:
    """Return a Pydantic annotation that describes an optional field of a request in the OpenAPI document.

    `schema` is the JSON schema of the field's value. The description also allows null and blank text, with which an
    EMR says that there is no value."""
    return WithJsonSchema({"anyOf": [{**schema}, {"type": "string", "pattern": r"^\s*$"}, {"type": "null"}]})


Name = Annotated[str, Field(max_length=100), AfterValidator(formats.normalize_line)]
Credential = Annotated[str, Field(max_length=40), AfterValidator(formats.normalize_line)]
ExternalId = Annotated[str, Field(max_length=128), AfterValidator(formats.normalize_line)]
Timestamp = Annotated[str, AfterValidator(_check_timestamp), WithJsonSchema({"type": "string", "format": "date-time"})]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$"), AfterValidator(str.lower)]
RowId = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
Day = Annotated[date, BeforeValidator(_parse_day), AfterValidator(_check_day_range), _DAY_SCHEMA]
BirthDay = Annotated[date, BeforeValidator(_parse_day), _DAY_SCHEMA]
Email = Annotated[str, Field(json_schema_extra={**_EMAIL_FORMAT}), AfterValidator(formats.normalize_email)]
Phone = Annotated[str, Field(examples=["+15125550100"]), AfterValidator(formats.normalize_phone)]
Fax = Annotated[str, Field(examples=["+15125550100"]), AfterValidator(normalize_fax_of_country)]
Npi = Annotated[str, Field(examples=["1234567893"]), AfterValidator(_check_npi)]
BlankToNone = BeforeValidator(_blank_to_none)
_Text = Annotated[str, Field(max_length=2000), AfterValidator(formats.normalize_paragraphs)]
MaybeText = Annotated[_Text | None, BlankToNone]
Metadata = Annotated[
    dict[str, str],
    AfterValidator(_check_metadata),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAX_TEXTS,
            "propertyNames": {"minLength": 1, "maxLength": MAX_TEXT_NAME},
            "additionalProperties": {"type": "string", "maxLength": MAX_OWN_TEXT},
        }
    ),
]
"""An EMR's own texts by name (DESIGN section 4)."""

MaybeDay = Annotated[Day | None, BlankToNone, _or_blank(_DAY_FORMAT)]
PastDay = Annotated[MaybeDay, AfterValidator(_check_past)]
MaybeNpi = Annotated[Npi | None, BlankToNone]
MaybeEmail = Annotated[Email | None, BlankToNone, _or_blank(_EMAIL_FORMAT)]


class RequestModel(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True, frozen=True)


class PersonModel(RequestModel):
    """A person with a name. A name of one word may be in either field, and the other field is then empty."""

    first_name: Annotated[Name | None, BlankToNone]
    last_name: Annotated[Name | None, BlankToNone]

    @field_validator("last_name")
    @classmethod
    def _check_named(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("first_name", "") is None:
            raise ValueError("must not be empty, unless first_name has the whole name")
        return value

    def names(self) -> dict[str, str]:
        """Return the first and the last name. A name of one word is a last name, so that it is always compared."""
        if self.last_name is None:
            return {"first_name": "", "last_name": self.first_name or ""}
        return {"first_name": self.first_name or "", "last_name": self.last_name}


_MESSAGES: Mapping[str, str] = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "value_error": "{error}",
}


def read_model(model: type[M], body: bytes, context: Mapping[str, Any]) -> M:
    try:
        return model.model_validate_json(body, context=dict(context))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        raise NotJson(f"The body is not JSON in UTF-8: {details[0]['ctx']['error']}.")
    errors = tuple(FieldError(_path(detail), _message(detail)) for detail in details)
    raise invalid_fields(errors)


def _path(detail: ErrorDetails) -> str:
    return ".".join(str(part) for part in detail["loc"]) or "body"


def _message(detail: ErrorDetails) -> str:
    template = _MESSAGES.get(detail["type"])
    return template.format(**detail.get("ctx", {})) if template else detail["msg"]
