"""Types for the fields of the API's responses.

A response is a `TypedDict`, and mypy checks the code that builds the response against the `TypedDict`. The
OpenAPI document is generated from the same class with pydantic. Pydantic takes 60 ms to import, so only the
OpenAPI document and the models of incoming data import pydantic, and this module does not.
"""

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
