"""Types for the fields of the API's responses (`TypedDict` classes), and the function that builds a response.

Pydantic generates the OpenAPI document from these types. This module does not import pydantic, because the import takes
60 ms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, TypeVar, cast

from chalicelib.domain.timestamps import to_text

R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class FixedSchema:
    """The annotation of a type with the JSON Schema for the OpenAPI document.

    Pydantic uses this schema in place of the schema that it would derive from the type."""

    schema: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, _core_schema: Any, _handler: Any) -> dict[str, Any]:
        return dict(self.schema)


Timestamp = Annotated[str, FixedSchema({"type": "string", "format": "date-time"})]
Day = Annotated[str, FixedSchema({"type": "string", "format": "date"})]
Url = Annotated[str, FixedSchema({"type": "string", "format": "uri"})]
JsonObject = Annotated[Mapping[str, Any], FixedSchema({"type": "object"})]


def to_response(kind: type[R], value: object, **others: Any) -> R:
    """Return a response body: a dict with the fields of the `TypedDict` class `kind`, in their order.

    The value of a field is that in `others`, or else the attribute of `value` with the field's name."""
    names = [name for name in kind.__annotations__ if name not in others]
    body = {name: to_plain(getattr(value, name)) for name in names} | others
    return cast(R, {name: body[name] for name in kind.__annotations__})


def to_plain(value: Any) -> Any:
    """Return a time or a day as text for JSON, such as `2026-11-22`, and any other value as it is."""
    if isinstance(value, datetime):
        return to_text(value)
    return value.isoformat() if isinstance(value, date) else value
