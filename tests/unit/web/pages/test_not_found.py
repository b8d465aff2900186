"""Test the responses to unknown paths: a page for browsers, JSON for software."""

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
    """Send a GET request as an event of API Gateway, and return the function's response.

    Chalice's test client cannot find the route for an unknown path with several parts."""
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
        "requestContext": {"httpMethod": "GET", "resourcePath": "/{proxy+}", "identity": {"sourceIp": "192.0.2.1"}},
    }
    context: Any = SimpleNamespace(aws_request_id="r1")
    response: Mapping[str, Any] = app(event, context)
    return response


@pytest.mark.parametrize("path", ["/nothing", "/Login", "/account/nope", "/documents/a/b", "/v2"])
def test_a_browser_gets_a_page_with_a_link_back(path: str) -> None:
    response = answer(path, AS_BROWSERS_ASK)
    assert response["statusCode"] == 404
    assert response["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert "This page does not exist." in response["body"]
    assert 'href="/"' in response["body"]


@pytest.mark.parametrize(
    ("path", "accept"),
    [("/v1", AS_BROWSERS_ASK), ("/v1/a/b", AS_BROWSERS_ASK), ("/nothing", "*/*"), ("/a/b", "application/json")],
)
def test_software_gets_a_problem(path: str, accept: str) -> None:
    response = answer(path, accept)
    assert response["statusCode"] == 404
    assert response["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(response["body"])["code"] == "not-found"


def test_the_page_does_not_repeat_the_path() -> None:
    response = Browser().get("/xyzzy", accept=AS_BROWSERS_ASK)
    assert response.status_code == 404
    assert "xyzzy" not in response.body.decode()
    assert "This page does not exist." in text(response)
    assert header(response, "cache-control") == "no-store"
