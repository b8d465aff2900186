"""Builders of the events with which API Gateway invokes the web function, for requests without a network."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bench.routing import match


def get(path: str, *, cookies: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the event with which API Gateway passes on a GET request."""
    return _event("GET", path, cookies or {}, None, "")


def post(path: str, form: Mapping[str, str], *, cookies: Mapping[str, str]) -> dict[str, Any]:
    """Return the event with which API Gateway passes on a POST request with the fields of a form."""
    return _event("POST", path, cookies, urlencode(form), "application/x-www-form-urlencoded")


def post_json(path: str, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the event with which API Gateway passes on a POST request with a JSON body and these further headers."""
    event = _event("POST", path, {}, body, "application/json")
    event["headers"].update(headers)
    event["multiValueHeaders"].update({name: [value] for name, value in headers.items()})
    return event


def _event(method: str, path: str, cookies: Mapping[str, str], body: str | None, content_type: str) -> dict[str, Any]:
    resource, values = match(path)
    headers = {"host": "portal.localhost", "accept": "text/html", "user-agent": "bench"}
    if cookies:
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    if content_type:
        headers["content-type"] = content_type
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": values or None,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": resource,
            "path": path,
            "requestId": "bench",
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": body,
        "isBase64Encoded": False,
    }
