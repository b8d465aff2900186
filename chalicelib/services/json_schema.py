"""Types for the fields of the API's responses.

A response is a `TypedDict`, from which pydantic generates the OpenAPI document. This module does not import
pydantic, which takes 60 ms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True, eq=False)
class FixedSchema:
    """The JSON Schema of an annotated type, used instead of the schema that pydantic would generate."""

    schema: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, _core_schema: Any, _handler: Any) -> dict[str, Any]:
        return dict(self.schema)


Timestamp = Annotated[str, FixedSchema({"type": "string", "format": "date-time"})]
Day = Annotated[str, FixedSchema({"type": "string", "format": "date"})]
Url = Annotated[str, FixedSchema({"type": "string", "format": "uri"})]
JsonObject = Annotated[Mapping[str, Any], FixedSchema({"type": "object"})]
