import json
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.adapters.messaging import LambdaInspector
from chalicelib.domain.errors import Unavailable


def inspector(body: Any, **answer: Any) -> LambdaInspector:
    """An inspector whose function answers this."""
    payload = BytesIO(json.dumps(body).encode())
    functions = SimpleNamespace(invoke=lambda **_: {"Payload": payload, **answer})
    clients: Any = SimpleNamespace(functions=functions)
    return LambdaInspector(clients, "inspect", lambda key: f"https://files.test/{key}?signed")


def test_what_the_function_says_is_passed_on() -> None:
    assert inspector({"pages": 3}).inspect("uploads/x", "pdf") == {"pages": 3}


@pytest.mark.parametrize("kind", ["Runtime.ExitError", "Sandbox.Timedout", "MemoryError", "RecursionError"])
def test_a_file_that_breaks_its_reader_is_refused(kind: str) -> None:
    body = {"errorType": kind, "errorMessage": "x"}
    refused = inspector(body, FunctionError="Unhandled").inspect("uploads/x", "pdf")["refused"]
    assert refused["code"] == "damaged"


@pytest.mark.parametrize("kind", ["ClientError", "EndpointConnectionError", "ReadTimeoutError"])
def test_what_aws_refused_says_nothing_of_the_file(kind: str) -> None:
    body = {"errorType": kind, "errorMessage": "x"}
    with pytest.raises(Unavailable):
        inspector(body, FunctionError="Unhandled").inspect("uploads/x", "pdf")


def test_an_upload_that_cannot_be_fetched_says_nothing_of_the_file() -> None:
    with pytest.raises(Unavailable):
        inspector({"unavailable": True}).inspect("uploads/x", "pdf")


def test_the_function_is_given_a_link_and_no_key() -> None:
    asked: list[dict[str, Any]] = []

    def invoke(**given: Any) -> dict[str, Any]:
        asked.append(json.loads(given["Payload"]))
        return {"Payload": BytesIO(b"{}")}

    clients: Any = SimpleNamespace(functions=SimpleNamespace(invoke=invoke))
    LambdaInspector(clients, "inspect", lambda key: f"signed {key}").inspect("uploads/x", "scan")
    assert asked == [{"url": "signed uploads/x", "kind": "scan", "certificates": []}]
