"""The component schemas of the OpenAPI document, generated from the classes that the code uses.

Pydantic models check incoming data (`schemas`). `TypedDict` classes are the bodies of responses, and they are
declared beside the code that builds each body."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonRef, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema
from typing_extensions import TypedDict

from chalicelib.domain.status import Status
from chalicelib.services.delivery.practice_deliveries import DeliveryResource
from chalicelib.services.documents.document_resource import DocumentResource
from chalicelib.services.json_schema import FixedSchema, Timestamp, Url
from chalicelib.services.returned_faxes.fax_resource import FaxResource

Json = Mapping[str, Any]

_REF = "#/components/schemas/{model}"


class EventWarning(TypedDict):
    """A fact that a person at the clinic should check. The portal has accepted the event.

    - `other-person-at-address`: the same practice has addressed another person at this email address before.
    - `provider-fax-ignored`, `provider-phone-ignored` and `author-phone-ignored`: the number can't be used, and this
      delivery doesn't need it. It was left out.
    - `order-undated`, `order-without-discipline`, `order-npi-missing`, `order-npi-differs` and
      `start-date-missing`: the transmission of the plan cannot replace the signature for Medicare.
    - `credential-cannot-certify`: under Medicare, a chiropractor or dentist may not certify a plan.
    - `verbal-certification-does-not-count`: the call was recorded, but it certifies nothing.
    - `font-missing`: text of the PDF is in a font that isn't in the PDF, and may be missing on the provider's screen.
      `detail` is a sentence for staff, with the pages.
    - `npi-not-in-registry`, `npi-deactivated`, `npi-other-name`, `npi-not-practitioner` and `fax-of-others`: the public
      NPI registry contradicts the addressee. `detail` is a sentence for staff, with the public name in question."""

    code: str
    detail: NotRequired[str]


class Accepted(TypedDict):
    """The document that an event created or changed, and its status after the event.

    `warnings` is present only if there is something to check."""

    document_id: str
    status: Status
    warnings: NotRequired[list[EventWarning]]


class Upload(TypedDict):
    """A form for one upload: POST `fields` and the file to `url` as multipart/form-data."""

    upload_id: str
    url: Url
    fields: dict[str, str]
    expires_at: Timestamp
    max_bytes: int


class Documents(TypedDict):
    """One page of a list of documents."""

    documents: list[DocumentResource]
    next_cursor: str | None


class Deliveries(TypedDict):
    """One page of a list of messages."""

    deliveries: list[DeliveryResource]
    next_cursor: str | None


class Faxes(TypedDict):
    """One page of a list of received faxes."""

    faxes: list[FaxResource]
    next_cursor: str | None


class DocumentEvent(TypedDict):
    """A webhook about a document."""

    type: str
    timestamp: Timestamp
    data: DocumentResource


class TestData(TypedDict):
    """The data of the webhook `endpoint.test`: the practice whose webhook endpoint is tested."""

    practice_id: str


class TestEvent(TypedDict):
    """The webhook that `POST /v1/endpoint/test` asks for."""

    type: Annotated[Literal["endpoint.test"], FixedSchema({"const": "endpoint.test"})]
    timestamp: Timestamp
    data: TestData


class _RequestSchemas(GenerateJsonSchema):
    """A generator of JSON schemas without defaults, so that a generated client sends only the fields that were set.

    A client that fills in a default would change a setting that nobody meant to change."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


class _ResponseSchemas(GenerateJsonSchema):
    """A generator of JSON schemas that writes a nullable field as `type: [..., null]`.

    The generator also removes the suffix `Resource` from the names of schemas."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if "$ref" in inner:
            target = self.get_schema_from_definitions(JsonRef(inner["$ref"])) or {}
            if "enum" not in target:
                return {"oneOf": [inner, {"type": "null"}]}
            inner = {"type": target["type"], "enum": [*target["enum"], None]}
        return {**inner, "type": [inner["type"], "null"]}

    def field_title_should_be_set(self, _schema: object) -> bool:
        return False

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(name).removesuffix("Resource")


def component_schemas(bodies: Iterable[type[BaseModel]], responses: Iterable[Any]) -> dict[str, Json]:
    """Return the JSON schemas of the given request bodies and responses, and of the classes in them, by name."""
    incoming: list[Any] = [(model, "validation") for model in bodies]
    _, inbound = models_json_schema(incoming, ref_template=_REF, schema_generator=_RequestSchemas)
    outgoing: list[Any] = [(model.__name__, "validation", TypeAdapter(model)) for model in responses]
    _, outbound = TypeAdapter.json_schemas(outgoing, ref_template=_REF, schema_generator=_ResponseSchemas)
    named = {name: {**schema, "title": name} for name, schema in outbound["$defs"].items()}
    return {**inbound["$defs"], **named}


def ref(model: type) -> Json:
    """Return a `$ref` with which the OpenAPI document refers to the schema of a class."""
    return {"$ref": _REF.format(model=model.__name__.removesuffix("Resource"))}
