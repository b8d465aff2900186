"""The EMR's contract as OpenAPI 3.1. What comes in is described by the very models that check it."""

from collections.abc import Mapping
from typing import Any

from chalicelib.web.api import openapi_schemas as answers
from chalicelib.web.api.schemas import (
    EndpointSettings,
    PracticeSettings,
    RecalledEvent,
    ResendEvent,
    ReturnedEvent,
    SentEvent,
)

Json = Mapping[str, Any]

_INBOUND = (SentEvent, ResendEvent, RecalledEvent, ReturnedEvent)
_REF = "#/components/schemas/{model}"
_KEY: list[Json] = [{"apiKey": []}]
_SIGNED: list[Json] = [{"practice": [], "signature": []}]

WEBHOOKS: Mapping[str, str] = {
    "document.delivered": "A message about the document was delivered, as far as its carrier can tell.",
    "document.delivery_failed": "A message about the document could not be delivered. Correct the address.",
    "document.viewed": "The provider opened the document for the first time.",
    "document.approved": "The document was signed, and the signed PDF can be fetched.",
    "document.declined": "The provider declined, with a reason and perhaps a note.",
    "document.recalled": "The practice took the document back, or replaced it.",
}


def openapi(portal_url: str) -> Json:
    """The whole document, for an installation at that URL."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Provider Portal: the EMR's API",
            "version": "1",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": portal_url}],
        "paths": _paths(),
        "webhooks": _webhooks(),
        "components": {
            "schemas": {**_inbound_schemas(), **answers.SCHEMAS},
            "responses": answers.RESPONSES,
            "securitySchemes": _SECURITY,
        },
    }


_ABOUT = (
    "Events in both directions follow Standard Webhooks (https://www.standardwebhooks.com): sign "
    "`{webhook-id}.{webhook-timestamp}.{body}` with the practice's `whsec_` secret. The same webhook-id "
    "is answered the same and does nothing twice. Reading and settings take the practice's API key. "
    "Errors are application/problem+json (RFC 9457) and name the field."
)

_SECURITY: Json = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "The practice's API key, `pp_live_...`."},
    "practice": {"type": "apiKey", "in": "header", "name": "portal-practice"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "`v1,<base64 of HMAC-SHA256>`; several may stand there, separated by spaces.",
    },
}


def _paths() -> Json:
    return {
        "/v1/events": {"post": _receive_event()},
        "/v1/uploads": {"post": _operation("offerUpload", "Ask where to upload a PDF", "201", "Upload")},
        **_document_paths(),
        **_delivery_paths(),
        **_setting_paths(),
        "/v1/openapi.json": {"get": _openapi()},
    }


def _receive_event() -> Json:
    kinds = [_ref(model.__name__) for model in _INBOUND]
    return {
        **_operation("receiveEvent", "Send, send again, recall or close a document", "202", "Accepted"),
        "security": _SIGNED,
        "parameters": [_header("webhook-id", "string"), _header("webhook-timestamp", "string")],
        "requestBody": _body({"oneOf": kinds}),
        "responses": _responses("202", "Accepted", "400", "401", "404", "409", "413", "422"),
    }


def _document_paths() -> Json:
    one, root = [_path("document_id")], "/v1/documents"
    here = f"{root}/{{document_id}}"
    return {
        root: {"get": _list_documents()},
        here: {"get": _read("readDocument", "One document", "Document", one)},
        f"{here}/original.pdf": {"get": _file("readOriginal", "The PDF as it was sent", one, "404")},
        f"{here}/signed.pdf": {"get": _signed_file(one)},
        f"{here}/events": {"get": _read("readTrail", "The audit trail of a document", "Trail", one)},
    }


def _signed_file(one: list[Json]) -> Json:
    about = (
        "`timestamped`: the same under the same seal, with the timestamp that came late; its hash differs. "
        "`certificate`: that of a PDF that others had signed before, to which no page can be added; "
        "`timestamped-certificate`: the same with a timestamp that came late."
    )
    versions = ["announced", "timestamped", "certificate", "timestamped-certificate"]
    choice = {"enum": versions, "default": "announced"}
    query = {**_query("version", choice), "description": about}
    return _file("readSigned", "The signed PDF", [*one, query], "400", "404", "409")


def _list_documents() -> Json:
    query = [
        _query("report", {"enum": ["unsigned", "all"], "default": "unsigned"}),
        _query("format", {"enum": ["json", "csv"], "default": "json"}),
        *_PAGING,
    ]
    found = _operation("listDocuments", "The Unsigned report, or all documents", "200", "Documents")
    responses = dict(_responses("200", "Documents", "400", "401"))
    responses["200"] = {
        **responses["200"],
        "headers": {"Link": {"description": "Where CSV goes on.", "schema": {"type": "string"}}},
        "content": {**responses["200"]["content"], "text/csv": {"schema": {"type": "string"}}},
    }
    return {**found, "parameters": query, "responses": responses}


def _delivery_paths() -> Json:
    listed = _operation("listDeliveries", "Messages out, newest first", "200", "Deliveries")
    query = [_query("status", {"enum": ["all", "failed", "held"], "default": "all"}), *_PAGING]
    retry = _operation("retryDelivery", "Send a failed or held message again", "202", "Delivery")
    return {
        "/v1/deliveries": {
            "get": {
                **listed,
                "parameters": query,
                "responses": _responses("200", "Deliveries", "400", "401"),
            }
        },
        "/v1/deliveries/{delivery_id}/retry": {
            "post": {
                **retry,
                "parameters": [_path("delivery_id")],
                "responses": _responses("202", "Delivery", "401", "404", "409", "413"),
            }
        },
    }


def _setting_paths() -> Json:
    write = _operation("writePractice", "Change the settings that are named", "200", "Practice")
    endpoint = _operation("writeEndpoint", "Set where webhooks go", "200", "Endpoint")
    test = _operation("testEndpoint", "Ask for an endpoint.test webhook", "202", "Delivery")
    return {
        "/v1/practice": {
            "get": _read("readPractice", "The practice's settings", "Practice", []),
            "put": {**write, "requestBody": _body(_ref("PracticeSettings"))},
        },
        "/v1/endpoint": {"put": {**endpoint, "requestBody": _body(_ref("EndpointSettings"))}},
        "/v1/endpoint/test": {
            "post": {**test, "responses": _responses("202", "Delivery", "401", "409", "413")}
        },
    }


def _openapi() -> Json:
    ok = {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "operationId": "readOpenapi",
        "summary": "This document",
        "security": [],
        "responses": {"200": ok},
    }


def _webhooks() -> Json:
    found = {name: {"post": _webhook(name, about, _ref("DocumentEvent"))} for name, about in WEBHOOKS.items()}
    test = _webhook("endpoint.test", "Asked for by POST /v1/endpoint/test.", _ref("TestEvent"))
    return {**found, "endpoint.test": {"post": test}}


def _webhook(name: str, about: str, schema: Json) -> Json:
    headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "operationId": f"webhook.{name}",
        "summary": about,
        "parameters": [_header(each, "string") for each in headers],
        "requestBody": _body(schema),
        "responses": {
            "2XX": {"description": "Taken. Everything else but 410 is tried again."},
            "410": {"description": "The endpoint is gone: it is switched off until it is set again."},
        },
    }


def _inbound_schemas() -> Json:
    from pydantic.json_schema import models_json_schema

    models = [(model, "validation") for model in (*_INBOUND, PracticeSettings, EndpointSettings)]
    _, found = models_json_schema(models, ref_template=_REF)  # type: ignore[arg-type]  # - a list of pairs
    schemas: dict[str, Json] = found["$defs"]
    return schemas


# The parts that repeat


_PAGING: list[Json] = [
    {
        "name": "cursor",
        "in": "query",
        "description": "The next_cursor of an earlier answer.",
        "schema": {"type": "string"},
    },
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
    },
]


def _operation(name: str, summary: str, status: str, schema: str) -> Json:
    responses = _responses(status, schema, "400", "401", "413")
    return {"operationId": name, "summary": summary, "security": _KEY, "responses": responses}


def _read(name: str, summary: str, schema: str, parameters: list[Json]) -> Json:
    refusals = ("401", "404") if parameters else ("401",)
    responses = _responses("200", schema, *refusals)
    return {
        "operationId": name,
        "summary": summary,
        "security": _KEY,
        "parameters": parameters,
        "responses": responses,
    }


def _file(name: str, summary: str, parameters: list[Json], *refusals: str) -> Json:
    location = {
        "description": "A URL that lives for a minute.",
        "schema": {"type": "string", "format": "uri"},
    }
    found = {"description": "The file is there.", "headers": {"Location": location}}
    others = {each: answers.problem_ref(each) for each in ("401", *refusals, *answers.ALWAYS)}
    return {
        "operationId": name,
        "summary": summary,
        "security": _KEY,
        "parameters": parameters,
        "responses": {"303": found, **others},
    }


def _responses(status: str, schema: str, *refusals: str) -> Mapping[str, Any]:
    content = {"application/json": {"schema": _ref(schema)}}
    others = {each: answers.problem_ref(each) for each in (*refusals, *answers.ALWAYS)}
    return {status: {"description": answers.WORDS[status], "content": content}, **others}


def _ref(name: str) -> Json:
    return {"$ref": _REF.format(model=name)}


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _path(name: str) -> Json:
    schema = {"type": "string", "pattern": "^[a-z0-9_]{1,64}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": {"type": "string", **schema}}


def _header(name: str, kind: str) -> Json:
    return {"name": name, "in": "header", "required": True, "schema": {"type": kind}}
