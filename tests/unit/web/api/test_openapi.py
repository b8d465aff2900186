"""Test that the OpenAPI document describes every route, resource and webhook."""

import json
import re
from collections.abc import Iterator
from typing import Any

import app
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.services.delivery.practice_deliveries import delivery_resource
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.web.api.openapi import openapi
from chalicelib.web.route import Access
from chalicelib.web.routes import ROUTES
from tests.support.emr_fixtures import Emr

DOCUMENT = openapi("https://portal.test")
METHODS = ("get", "put", "post", "delete")
"""The keys of an OpenAPI path that are operations."""


def list_described() -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item if method in METHODS}


def find_references(value: Any) -> Iterator[str]:
    yield from re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(value))


def test_every_route_of_the_api_is_described_and_no_other() -> None:
    assert app.app.routes
    served = {(method, route.path) for route in ROUTES if route.path.startswith("/v1/") for method in route.methods}
    assert list_described() == served


def test_every_operation_has_the_security_of_its_route() -> None:
    expected: dict[Access, list[Any]] = {
        Access.PRACTICE_KEY: [{"apiKey": []}],
        Access.PRACTICE_SIGNATURE: [{"practice": [], "signature": []}],
        Access.ANYONE: [],
    }
    for route in ROUTES:
        if route.path.startswith("/v1/"):
            for method in route.methods:
                operation = DOCUMENT["paths"][route.path][method.lower()]
                assert operation["security"] == expected[route.access], route.path


def test_every_reference_has_a_target() -> None:
    for reference in find_references(DOCUMENT):
        place: Any = DOCUMENT
        for part in reference.split("/"):
            place = place[part]
        assert place


def test_every_path_parameter_is_declared() -> None:
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            declared = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path)), path


def test_every_operation_id_is_different() -> None:
    names = [operation["operationId"] for item in DOCUMENT["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))


def test_the_document_resource_is_described_field_by_field() -> None:
    emr = Emr()
    resource = document_resource(emr.send(), "https://portal.test", emr.now)
    schema = DOCUMENT["components"]["schemas"]["Document"]
    assert set(schema["properties"]) == set(resource)
    line = DOCUMENT["components"]["schemas"]["DeliveryLine"]
    assert set(line["properties"]) == set(resource["deliveries"][0])


def test_a_delivery_is_described_field_by_field() -> None:
    emr = Emr()
    emr.send()
    delivery = emr.store.every(Delivery, "deliveries")[0]
    assert delivery.channel is Channel.EMAIL
    schema = DOCUMENT["components"]["schemas"]["Delivery"]
    assert set(schema["properties"]) == set(delivery_resource(delivery))


def test_every_webhook_of_the_contract_is_described() -> None:
    assert set(DOCUMENT["webhooks"]) == {
        "document.delivered",
        "document.delivery_failed",
        "document.viewed",
        "document.transmitted",
        "document.certified",
        "document.copy_received",
        "document.needs_attention",
        "document.approved",
        "document.declined",
        "document.recalled",
        "document.handed_over",
        "document.taken_back",
        "endpoint.test",
    }


def test_no_field_of_a_request_has_a_default_that_a_generated_client_would_send() -> None:
    def has_default(value: Any) -> bool:
        if isinstance(value, dict):
            return "default" in value or any(has_default(part) for part in value.values())
        return isinstance(value, list) and any(has_default(part) for part in value)

    schemas = DOCUMENT["components"]["schemas"]
    assert not [name for name, schema in schemas.items() if has_default(schema)]


def test_every_operation_has_one_tag_that_the_document_explains() -> None:
    explained = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}
    used = [operation["tags"] for item in DOCUMENT["paths"].values() for operation in item.values()]
    assert all(len(tags) == 1 for tags in used)
    assert {tag for tags in used for tag in tags} == explained
