"""What the EMR's API answers, as JSON Schema: the components of the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.deliveries import Channel, DeliveryStatus
from chalicelib.domain.documents import DeclineReason, Kind, Sealing
from chalicelib.domain.status import Outcome, Status

Json = Mapping[str, Any]

WORDS: Mapping[str, str] = {
    "200": "As asked for.",
    "201": "Made.",
    "202": "Taken; the work goes on by itself.",
    "400": "The request cannot be understood, or a field is wrong.",
    "401": "Who is asking could not be established.",
    "404": "No such thing, or not this practice's.",
    "409": "It contradicts what has already happened.",
    "413": "The body is larger than 6 MB.",
    "422": "Well-formed, but it cannot be done: a PDF that cannot be signed, say.",
    "429": "Too many requests at once; wait a moment.",
    "500": "Our own mistake. Trying again may help.",
    "503": "Try again shortly.",
}

ALWAYS = ("429", "500", "503")
"""What any request may be answered."""

_TEXT: Json = {"type": "string"}
_MAYBE: Json = {"type": ["string", "null"]}
_MOMENT: Json = {"type": "string", "format": "date-time"}
_MAYBE_MOMENT: Json = {"type": ["string", "null"], "format": "date-time"}
_DAY: Json = {"type": "string", "format": "date"}


def problem_ref(status: str) -> Json:
    """The response of that status."""
    return {"$ref": f"#/components/responses/Problem{status}"}


def _object(properties: Json, *, optional: tuple[str, ...] = ()) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def _enum(values: Any, *, maybe: bool = False) -> Json:
    names: list[str | None] = [each.value for each in values]
    return (
        {"type": ["string", "null"], "enum": [*names, None]} if maybe else {"type": "string", "enum": names}
    )


def _list(name: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


def _maybe(schema: Json) -> Json:
    return {"oneOf": [schema, {"type": "null"}]}


_SIGNER = _object({"name": _TEXT, "credential": _MAYBE, "npi": _MAYBE, "method": _TEXT})
_LEVEL: Json = {"enum": ["B-B", "B-T", None], "description": "PAdES; `B-T` with a timestamp of an authority."}
_FILE: Json = {"url": {"type": "string", "format": "uri"}, "sha256": _TEXT, "level": _LEVEL}
_SIGNED_PDF = _object(
    {
        **_FILE,
        "timestamped": _object(_FILE),
        "certificate": _object({**_FILE, "timestamped": _object(_FILE)}, optional=("timestamped",)),
    },
    optional=("timestamped", "certificate"),
)
_DELIVERY_STATUS = _enum(DeliveryStatus)

_DOCUMENT = _object(
    {
        "id": _TEXT,
        "practice_id": _TEXT,
        "external_id": _TEXT,
        "patient_external_id": _TEXT,
        "kind": _enum(Kind),
        "title": _TEXT,
        "status": _enum(Status),
        "outcome": _enum(Outcome, maybe=True),
        "note": _MAYBE,
        "decline_reason": _enum(DeclineReason, maybe=True),
        "sent_at": _MOMENT,
        "viewed_at": _MAYBE_MOMENT,
        "transmitted_at": _MAYBE_MOMENT,
        "decided_at": _MAYBE_MOMENT,
        "due_on": _DAY,
        "signer": _maybe(_SIGNER),
        "sealing": _enum(Sealing),
        "signed_pdf": _maybe(_SIGNED_PDF),
        "supersedes": _MAYBE,
        "superseded_by": _MAYBE,
        "returned_at": _MAYBE_MOMENT,
        "returned_method": _MAYBE,
        "recalled_reason": _MAYBE,
        "deliveries": _list("DeliveryLine"),
    }
)

_DELIVERY = _object(
    {
        "id": _TEXT,
        "channel": _enum(Channel),
        "type": _TEXT,
        "recipient": _TEXT,
        "status": _DELIVERY_STATUS,
        "document_id": _MAYBE,
        "webhook_id": _MAYBE,
        "created_at": _MOMENT,
        "next_attempt_at": _MAYBE_MOMENT,
        "attempts": {
            "type": "array",
            "items": _object({"at": _MOMENT, "status": _TEXT, "detail": _TEXT}),
        },
    }
)

_EVENT = _object(
    {
        "id": _TEXT,
        "sequence": {"type": "integer"},
        "type": _TEXT,
        "what": _TEXT,
        "at": _MOMENT,
        "actor": _TEXT,
        "data": {"type": "object"},
        "private": {"type": "object"},
        "body": _TEXT,
        "previous": _TEXT,
        "hash": _TEXT,
    }
)

_PRACTICE = _object(
    {
        "id": _TEXT,
        "name": _TEXT,
        "phone": _MAYBE,
        "fax": _MAYBE,
        "reply_to": _MAYBE,
        "time_zone": _TEXT,
        "electronic_signature": {"type": "boolean"},
        "endpoint": _maybe({"$ref": "#/components/schemas/Endpoint"}),
    }
)

_UPLOAD = _object(
    {
        "upload_id": _TEXT,
        "url": {"type": "string", "format": "uri"},
        "fields": {"type": "object", "additionalProperties": _TEXT},
        "expires_at": _MOMENT,
        "max_bytes": {"type": "integer"},
    }
)

_PROBLEM = _object(
    {
        "type": {"type": "string", "format": "uri-reference"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": _TEXT,
        "errors": {"type": "array", "items": _object({"field": _TEXT, "message": _TEXT})},
    },
    optional=("errors",),
)

SCHEMAS: Json = {
    "Accepted": _object({"document_id": _TEXT, "status": _enum(Status)}),
    "Document": _DOCUMENT,
    "Documents": _object({"documents": _list("Document"), "next_cursor": _MAYBE}),
    "Delivery": _DELIVERY,
    "DeliveryLine": _object(
        {
            "id": _TEXT,
            "channel": _enum(Channel),
            "type": _TEXT,
            "recipient": _TEXT,
            "status": _DELIVERY_STATUS,
            "at": _MOMENT,
        }
    ),
    "Deliveries": _object({"deliveries": _list("Delivery"), "next_cursor": _MAYBE}),
    "Trail": _object({"events": _list("TrailEvent"), "intact": {"type": "boolean"}, "head": _TEXT}),
    "TrailEvent": _EVENT,
    "Practice": _PRACTICE,
    "Endpoint": _object({"url": _TEXT, "disabled_at": _MAYBE_MOMENT, "disabled_reason": _MAYBE}),
    "Upload": _UPLOAD,
    "DocumentEvent": _object(
        {"type": _TEXT, "timestamp": _MOMENT, "data": {"$ref": "#/components/schemas/Document"}}
    ),
    "TestEvent": _object(
        {"type": {"const": "endpoint.test"}, "timestamp": _MOMENT, "data": _object({"practice_id": _TEXT})}
    ),
    "Problem": _PROBLEM,
}

_REFUSALS = ("400", "401", "404", "409", "413", "422", *ALWAYS)

_RETRY_AFTER: Json = {
    "Retry-After": {
        "description": "After so many seconds the same may be sent again.",
        "schema": {"type": "integer", "minimum": 0},
    }
}

RESPONSES: Json = {
    f"Problem{status}": {
        "description": WORDS[status],
        **({"headers": _RETRY_AFTER} if status in ("429", "503") else {}),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in _REFUSALS
}
