"""Addresses at which there is nothing."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from app import app
from tests.support.accounts import portal_with
from tests.support.portal import Browser, Portal, header, text

AS_BROWSERS_ASK = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(autouse=True)
def portal() -> Portal:
    return portal_with()


def answer(path: str, accept: str) -> Mapping[str, Any]:
    """As API Gateway asks: the stand-in of Chalice's tests knows no path of several parts."""
    event = {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "body": None,
        "isBase64Encoded": False,
        "multiValueHeaders": {"Accept": [accept]},
        "headers": {"Accept": accept},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "requestContext": {
            "httpMethod": "GET",
            "resourcePath": "/{proxy+}",
            "identity": {"sourceIp": "192.0.2.1"},
        },
    }
    context: Any = SimpleNamespace(aws_request_id="r1")
    found: Mapping[str, Any] = app(event, context)
    return found


@pytest.mark.parametrize("path", ["/nothing", "/Login", "/account/nope", "/documents/a/b", "/v2"])
def test_a_browser_gets_a_page_with_the_way_back(path: str) -> None:
    found = answer(path, AS_BROWSERS_ASK)
    assert found["statusCode"] == 404
    assert found["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert "This page does not exist." in found["body"]
    assert 'href="/"' in found["body"]


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/v1", AS_BROWSERS_ASK),
        ("/v1/a/b", AS_BROWSERS_ASK),
        ("/nothing", "*/*"),
        ("/a/b", "application/json"),
    ],
)
def test_software_gets_a_problem(path: str, accept: str) -> None:
    found = answer(path, accept)
    assert found["statusCode"] == 404
    assert found["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(found["body"])["code"] == "not-found"


def test_the_page_repeats_nothing_of_the_address() -> None:
    response = Browser().get("/xyzzy", accept=AS_BROWSERS_ASK)
    assert response.status_code == 404
    assert "xyzzy" not in response.body.decode()
    assert "This page does not exist." in text(response)
    assert header(response, "cache-control") == "no-store"
