import json
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.adapters.lambda_functions import LambdaInspector, LambdaPdf
from chalicelib.adapters.ses_mailer import SesMailer
from chalicelib.adapters.sns_notifier import SnsNotifier
from chalicelib.domain.errors import Unavailable
from chalicelib.services.pdf_requests import MeasuredLogo, MeasureLogo
from chalicelib.services.ports import StoredFileCorrupt


def inspector(body: Any, **answer: Any) -> LambdaInspector:
    """Return a client of the Lambda function `inspect` for tests. The fake function always returns `body`."""
    payload = BytesIO(json.dumps(body).encode())
    functions = SimpleNamespace(invoke=lambda **_: {"Payload": payload, **answer})
    clients: Any = SimpleNamespace(functions=functions)
    return LambdaInspector(clients, "inspect", lambda key: f"https://files.test/{key}?signed")


def test_the_result_of_the_function_is_returned() -> None:
    assert inspector({"pages": 3}).inspect("uploads/x", "pdf") == {"pages": 3}


@pytest.mark.parametrize("kind", ["Runtime.ExitError", "Sandbox.Timedout", "MemoryError", "RecursionError"])
def test_a_file_that_crashes_the_function_is_refused(kind: str) -> None:
    body = {"errorType": kind, "errorMessage": "x"}
    refused = inspector(body, FunctionError="Unhandled").inspect("uploads/x", "pdf")["refused"]
    assert refused["code"] == "damaged"


@pytest.mark.parametrize("kind", ["ClientError", "EndpointConnectionError", "ReadTimeoutError"])
def test_an_error_of_aws_does_not_refuse_the_file(kind: str) -> None:
    body = {"errorType": kind, "errorMessage": "x"}
    with pytest.raises(Unavailable):
        inspector(body, FunctionError="Unhandled").inspect("uploads/x", "pdf")


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="https://lambda.test"),
        ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke"),
    ],
)
def test_a_failed_inspection_gives_a_plain_message(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def invoke(**_: Any) -> None:
        raise error

    clients: Any = SimpleNamespace(functions=SimpleNamespace(invoke=invoke))
    with pytest.raises(Unavailable) as raised:
        LambdaInspector(clients, "inspect", lambda key: key).inspect("uploads/x", "pdf")
    assert raised.value.detail == (
        "The file could not be checked right now. Nothing was lost. Please send it again in a moment."
    )
    causes = [record.__dict__["cause"] for record in caplog.records]
    assert causes in (["ReadTimeoutError"], ["TooManyRequestsException"])


def test_a_carrier_without_a_response_gives_a_message_without_internal_names() -> None:
    def silent(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://carrier.test")

    clients: Any = SimpleNamespace(ses=SimpleNamespace(send_raw_email=silent), sns=SimpleNamespace(publish=silent))
    mailer, notifier = SesMailer(clients, "no-reply@portal.test"), SnsNotifier(clients, "topic")
    with pytest.raises(Unavailable, match=r"^The email service did not respond\.$"):
        mailer.send(to="dr.rivera@example.com", message=b"")
    with pytest.raises(Unavailable, match=r"^The notice topic did not respond\.$"):
        notifier.publish(practice_id="prc_1", kind="declined", subject="", text="")


def test_an_upload_that_cannot_be_fetched_is_not_refused() -> None:
    with pytest.raises(Unavailable):
        inspector({"unavailable": True}).inspect("uploads/x", "pdf")


def test_the_function_gets_a_presigned_url_and_no_key() -> None:
    asked: list[dict[str, Any]] = []

    def invoke(**given: Any) -> dict[str, Any]:
        asked.append(json.loads(given["Payload"]))
        return {"Payload": BytesIO(b"{}")}

    clients: Any = SimpleNamespace(functions=SimpleNamespace(invoke=invoke))
    inspector = LambdaInspector(clients, "inspect", lambda key: f"signed {key}")
    inspector.inspect("uploads/x", "pdf")
    inspector.inspect("uploads/x", "scan", original="documents/o")
    assert asked == [
        {"url": "signed uploads/x", "kind": "pdf", "certificates": [], "authorities": []},
        {
            "url": "signed uploads/x",
            "kind": "scan",
            "certificates": [],
            "authorities": [],
            "original_url": "signed documents/o",
        },
    ]


# The function `pdf`


REQUEST = MeasureLogo("iVBORw0K", 1000)


def measured(body: Any, **answer: Any) -> MeasuredLogo:
    """Call a fake Lambda function, which returns `body`, to measure a logo. Return the client's result."""
    payload = BytesIO(json.dumps(body).encode())
    client = SimpleNamespace(invoke=lambda **_: {"Payload": payload, **answer})
    return LambdaPdf(client, "pdf").run(REQUEST, MeasuredLogo)


def test_a_result_is_read_from_its_json() -> None:
    result = {"result": '{"media_type": "image/png", "width": 480, "height": 120}'}
    assert measured(result) == MeasuredLogo("image/png", 480, 120)


@pytest.mark.parametrize("kind", ["Runtime.ExitError", "Sandbox.Timedout", "ClientError"])
def test_a_function_that_ends_without_a_result_is_called_again_later(kind: str) -> None:
    with pytest.raises(Unavailable):
        measured({"errorType": kind, "errorMessage": "x"}, FunctionError="Unhandled")


def test_a_link_that_does_not_work_is_tried_again_later() -> None:
    with pytest.raises(Unavailable):
        measured({"unavailable": True})


def test_a_source_with_other_bytes_is_an_error_that_an_engineer_sees() -> None:
    with pytest.raises(StoredFileCorrupt):
        measured({"corrupt": True})


def test_a_request_names_its_work_and_carries_its_facts_as_json() -> None:
    asked: list[dict[str, Any]] = []

    def invoke(**given: Any) -> dict[str, Any]:
        asked.append(given)
        return {"Payload": BytesIO(b'{"result": "{}"}')}

    LambdaPdf(SimpleNamespace(invoke=invoke), "portal-pdf").run(REQUEST, MeasuredLogo)
    assert asked[0]["FunctionName"] == "portal-pdf"
    payload = json.loads(asked[0]["Payload"])
    assert payload["work"] == "MeasureLogo"
    assert json.loads(payload["request"]) == {"picture": "iVBORw0K", "max_side": 1000}
