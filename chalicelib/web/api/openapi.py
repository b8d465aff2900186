"""The OpenAPI 3.1 document of the EMR's API, made from the routes, the schemas and a table of operations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from chalicelib.services.delivery.practice_deliveries import DeliveryResource
from chalicelib.services.documents.document_resource import DocumentResource
from chalicelib.services.documents.reports import Accesses, TrailResource
from chalicelib.services.documents.silent_providers import SilentProviders
from chalicelib.services.pagination import DEFAULT_LIMIT, MAX_LIMIT
from chalicelib.services.practices.practice_resource import EndpointResource, PracticeResource
from chalicelib.services.practices.request_authentication import MAX_BODY_MEGABYTES
from chalicelib.services.proof.proof_schema import ProofInPreparation, ProofResource
from chalicelib.services.returned_faxes.fax_resource import FaxResource
from chalicelib.web.api.event_schemas import EVENTS
from chalicelib.web.api.openapi_schemas import (
    Accepted,
    Deliveries,
    DocumentEvent,
    Documents,
    Faxes,
    Json,
    TestEvent,
    Upload,
    component_schemas,
    ref,
)
from chalicelib.web.api.query_parameters import DELIVERY_STATUS, FORMAT, PROVIDERS_REPORT, REPORT, VERSION, Choice
from chalicelib.web.api.settings_schemas import EndpointSettings, FaxAssignment, PracticeSettings
from chalicelib.web.http.error_mapping import Problem
from chalicelib.web.route import Access, Route
from chalicelib.web.routes import ROUTES

WEBHOOKS: Mapping[str, str] = {
    "document.delivered": "A message about the document was delivered, according to its carrier.",
    "document.delivery_failed": "A message about the document could not be delivered. Correct the address.",
    "document.viewed": "The provider opened the document for the first time.",
    "document.transmitted": "The document itself reached its addressee: opened, downloaded, or faxed in full.",
    "document.copy_received": "A copy of the document came back by fax. A person must say what is on it.",
    "document.certified": "The plan is certified, as `certified_by` says. Sent again if `certified_by` improves.",
    "document.needs_attention": "A person at the clinic should act, as `attention` says.",
    "document.approved": "The document was signed, and you can fetch the signed PDF.",
    "document.declined": "The provider declined with a reason and an optional note.",
    "document.recalled": "The practice withdrew or replaced the document.",
    "document.handed_over": "The provider handed the document over to a colleague, as `handed_over_to` says.",
    "document.taken_back": "The provider took the document back from the colleague.",
}
"""The types of webhooks that the portal sends about a document, with their occasion, for the OpenAPI document."""

_ABOUT = (
    "Events in both directions follow Standard Webhooks (https://www.standardwebhooks.com). Sign "
    "`{webhook-id}.{webhook-timestamp}.{body}` with the practice's `whsec_` secret. A repeated webhook-id "
    "gets the same response and has no further effect. Reading and settings take the practice's API key. "
    "Errors are application/problem+json (RFC 9457) and name the wrong field."
)

_TAGS: Mapping[str, str] = {
    "Events": "What your EMR says about a document: sent, resent, recalled, called, copy confirmed, returned.",
    "Documents": "Documents with their files, audit trails and proofs of transmission, and worklists.",
    "Faxes": "Faxes that came back, and their assignment to documents.",
    "Deliveries": "Messages that the portal sent or is to send.",
    "Practice": "The practice's settings and its endpoint for webhooks.",
    "API": "This description.",
}
"""The groups of operations, by which generators of clients sort them."""

_TAG_OF: Mapping[str, str] = {
    "events": "Events",
    "uploads": "Events",
    "documents": "Documents",
    "providers": "Documents",
    "faxes": "Faxes",
    "deliveries": "Deliveries",
    "practice": "Practice",
    "endpoint": "Practice",
    "openapi.json": "API",
}
"""The tag of an operation, by the part of its path after `/v1/`."""

_STATUSES: Mapping[int, str] = {
    200: "OK.",
    201: "Created.",
    202: "Accepted. The work continues after the response.",
    303: "The file is at `Location`.",
    400: "The request cannot be understood, or a field is wrong.",
    401: "The API key or the signature is missing or wrong.",
    404: "There is no such thing, or it belongs to another practice.",
    409: "The request contradicts something that has already happened.",
    413: f"The body is larger than {MAX_BODY_MEGABYTES} MB.",
    422: "The request is well formed but cannot be done, for example because the PDF cannot be signed.",
    429: "Too many requests in a short time. Wait a moment.",
    500: "An error of the portal. Trying again may help.",
    503: "Try again shortly.",
}
_ANY_REQUEST = (429, 500, 503)
_PROBLEMS = (400, 401, 404, 409, 413, 422, *_ANY_REQUEST)

_SECURITY: Mapping[Access, list[Json]] = {
    Access.PRACTICE_KEY: [{"apiKey": []}],
    Access.PRACTICE_SIGNATURE: [{"practice": [], "signature": []}],
    Access.ANYONE: [],
}
_SECURITY_SCHEMES: Json = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "The practice's API key, `pp_live_...`."},
    "practice": {"type": "apiKey", "in": "header", "name": "portal-practice"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "`v1,<base64 of HMAC-SHA256>`. Separate several signatures by spaces.",
    },
}
_TEXT: Json = {"type": "string"}
_ROW_ID: Json = {**_TEXT, "pattern": "^[a-z0-9_]{1,64}$"}


def _response_header(name: str, schema: Json, description: str) -> Json:
    return {name: {"description": description, "schema": schema}}


def _parameter(name: str, place: str, schema: Json = _TEXT, **more: Any) -> Json:
    return {"name": name, "in": place, "schema": schema, **more}


def _query(choice: Choice) -> Json:
    schema = {**_TEXT, "enum": choice.values, "default": choice.values[0]}
    return _parameter(choice.name, "query", schema, description=choice.description)


_SECONDS, _URI = {"type": "integer", "minimum": 0}, {**_TEXT, "format": "uri"}
_RETRY_AFTER = _response_header("Retry-After", _SECONDS, "Seconds to wait before you repeat the request.")
_LOCATION = _response_header("Location", _URI, "A URL that is valid for a minute.")
_NEXT_PAGE = _response_header("Link", _TEXT, "The URL of the next page of CSV.")
_EVENT_ID, _EVENT_TIME, _EVENT_SIGNATURE = (
    _parameter(f"webhook-{name}", "header", required=True) for name in ("id", "timestamp", "signature")
)
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
_PAGING: tuple[Json, ...] = (
    _parameter("cursor", "query", description="The next_cursor of an earlier response."),
    _parameter("limit", "query", _LIMIT),
)


@dataclass(frozen=True)
class _Operation:
    """What the OpenAPI document says about one operation of the API, beyond the route's path and access rule.

    `status` is the status of success, and `problems` are the statuses of errors. `response` is the class that describes
    the JSON body, or None for a redirect to a file. `body` are the classes that a request body may have. `pending`
    describes the JSON body of a `202`, if the result may not be ready yet."""

    summary: str
    response: type | None
    status: int = 200
    problems: tuple[int, ...] = (401,)
    parameters: tuple[Json, ...] = ()
    body: tuple[type[BaseModel], ...] = ()
    headers: Json = field(default_factory=dict)
    content: Json = field(default_factory=dict)
    pending: type | None = None


_WRITING = (400, 401, 413)
_OPERATIONS: Mapping[str, _Operation] = {
    "receive_event": _Operation(
        "Send, resend, recall or close a document, or report a call or a returned copy",
        Accepted,
        202,
        (400, 401, 404, 409, 413, 422),
        (_EVENT_ID, _EVENT_TIME),
        tuple(EVENTS.values()),
    ),
    "offer_upload": _Operation("Ask where to upload a PDF", Upload, 201, _WRITING),
    "list_documents": _Operation(
        "List unsigned documents, all documents, or those that need attention",
        Documents,
        200,
        (400, 401),
        (_query(REPORT), _query(FORMAT), *_PAGING),
        headers=_NEXT_PAGE,
        content={"text/csv": {"schema": _TEXT}},
    ),
    "read_document": _Operation("Read a document", DocumentResource, problems=(401, 404)),
    "read_original": _Operation("Fetch the PDF as it was sent", None, 303, (401, 404), headers=_LOCATION),
    "read_signed": _Operation(
        "Fetch the signed PDF", None, 303, (400, 401, 404, 409), (_query(VERSION),), headers=_LOCATION
    ),
    "read_trail": _Operation("Read the audit trail of a document", TrailResource, problems=(401, 404)),
    "read_proof": _Operation("Read the proof of transmission", ProofResource, problems=(401, 404)),
    "read_proof_pdf": _Operation(
        "Fetch the proof of transmission as a sealed PDF",
        None,
        303,
        (401, 404),
        headers=_LOCATION,
        pending=ProofInPreparation,
    ),
    "list_accesses": _Operation("List who read a document, newest first", Accesses, 200, (400, 401, 404), _PAGING),
    "list_providers": _Operation(
        "List the providers with whom documents wait, the longest wait first",
        SilentProviders,
        200,
        (400, 401),
        (_query(PROVIDERS_REPORT),),
    ),
    "list_deliveries": _Operation(
        "List sent messages, newest first", Deliveries, 200, (400, 401), (_query(DELIVERY_STATUS), *_PAGING)
    ),
    "retry_delivery": _Operation("Send a failed or held message again", DeliveryResource, 202, (401, 404, 409, 413)),
    "list_faxes": _Operation("List received faxes, newest first", Faxes, 200, (400, 401), _PAGING),
    "read_fax_page": _Operation("Fetch the picture of a page of a fax", None, 303, (401, 404), headers=_LOCATION),
    "read_fax_file": _Operation("Fetch the file of a received fax", None, 303, (401, 404), headers=_LOCATION),
    "assign_fax": _Operation(
        "Assign the pages of a received fax that match nothing to a document",
        FaxResource,
        200,
        (400, 401, 404, 409, 413),
        body=(FaxAssignment,),
    ),
    "read_practice": _Operation("Read the practice's settings", PracticeResource),
    "write_practice": _Operation(
        "Change some of the practice's settings", PracticeResource, 200, _WRITING, body=(PracticeSettings,)
    ),
    "write_endpoint": _Operation("Set the URL for webhooks", EndpointResource, 200, _WRITING, body=(EndpointSettings,)),
    "test_endpoint": _Operation("Ask for an endpoint.test webhook", DeliveryResource, 202, (401, 409, 413)),
}
"""The descriptions of the operations, by the names of their handler functions in `emr.py`."""


def openapi(portal_url: str) -> Json:
    """Return the OpenAPI document of the EMR's API, for the installation of the portal at this URL."""
    bodies = [model for operation in _OPERATIONS.values() for model in operation.body]
    kinds = [kind for operation in _OPERATIONS.values() for kind in (operation.response, operation.pending)]
    responses = dict.fromkeys(kind for kind in kinds if kind)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Provider Portal: the EMR's API",
            "version": "1",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": portal_url}],
        "tags": [{"name": name, "description": about} for name, about in _TAGS.items()],
        "paths": _paths(),
        "webhooks": {
            **{name: {"post": _webhook(name, about, DocumentEvent)} for name, about in WEBHOOKS.items()},
            "endpoint.test": {"post": _webhook("endpoint.test", "Requested by POST /v1/endpoint/test.", TestEvent)},
        },
        "components": {
            "schemas": component_schemas(bodies, (*responses, DocumentEvent, TestEvent, Problem)),
            "responses": {f"Problem{status}": _problem(status) for status in _PROBLEMS},
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def _paths() -> Json:
    paths: dict[str, dict[str, Json]] = {}
    for route in ROUTES:
        if route.path.startswith("/v1/"):
            for method in route.methods:
                paths.setdefault(route.path, {})[method.lower()] = _describe(route, method)
    return paths


def _describe(route: Route, method: str) -> Json:
    handler = str(route.handler).rpartition(":")[2]
    tag = _TAG_OF[route.path.split("/")[2]]
    common = {"operationId": _operation_id(handler), "tags": [tag], "security": _SECURITY[route.access]}
    if handler == "read_openapi":
        ok = {"description": "OpenAPI 3.1.", "content": _json({"type": "object"})}
        return {**common, "summary": "Read this document", "responses": {"200": ok}}
    operation = _OPERATIONS[handler]
    names = re.findall(r"\{(\w+)\}", route.path)
    in_path = [_parameter(name, "path", _ROW_ID, required=True) for name in names]
    parameters = [*in_path, *operation.parameters]
    return {
        **common,
        "summary": operation.summary,
        **({"parameters": parameters} if parameters or method == "GET" else {}),
        **({"requestBody": _body(*operation.body)} if operation.body else {}),
        "responses": _responses(operation),
    }


def _operation_id(handler: str) -> str:
    """Return the `operationId` in OpenAPI for a handler's name, such as `readTrail` for `read_trail`."""
    first, *others = handler.split("_")
    return first + "".join(word.capitalize() for word in others)


def _responses(operation: _Operation) -> Json:
    success: dict[str, Any] = {"description": _STATUSES[operation.status]}
    if operation.headers:
        success["headers"] = operation.headers
    if operation.response is not None:
        success["content"] = {**_json(ref(operation.response)), **operation.content}
    problems = (*operation.problems, *_ANY_REQUEST)
    return {
        **({"202": _pending(operation.pending)} if operation.pending else {}),
        str(operation.status): success,
        **{str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in problems},
    }


def _pending(response: type) -> Json:
    return {"description": _STATUSES[202], "headers": _RETRY_AFTER, "content": _json(ref(response))}


def _problem(status: int) -> Json:
    return {
        "description": _STATUSES[status],
        **({"headers": _RETRY_AFTER} if status in (429, 503) else {}),
        "content": {"application/problem+json": {"schema": ref(Problem)}},
    }


def _webhook(name: str, about: str, event: type) -> Json:
    return {
        "operationId": f"webhook.{name}",
        "summary": about,
        "parameters": [_EVENT_ID, _EVENT_TIME, _EVENT_SIGNATURE],
        "requestBody": _body(event),
        "responses": {
            "2XX": {"description": "Received. After any other status but 410 the portal tries again."},
            "410": {"description": "The endpoint is gone. The portal switches it off until it is set again."},
        },
    }


def _body(*models: type) -> Json:
    schema = ref(models[0]) if len(models) == 1 else {"oneOf": [ref(model) for model in models]}
    return {"required": True, "content": _json(schema)}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}
