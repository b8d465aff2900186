"""Test the API for EMRs with random requests, which the library schemathesis generates from the OpenAPI document.

No request may cause a status 500 or a response that the OpenAPI document does not describe."""

import base64
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from chalice.test import Client
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from app import app
from chalicelib import bootstrap
from chalicelib.domain.deliveries import Delivery, DeliveryStatus
from chalicelib.domain.documents import Sealing, StoredPdf
from chalicelib.services.transaction import Change
from chalicelib.web.api.openapi import openapi
from tests.support.fakes import START
from tests.support.phi.unit_outputs import asking_at_random
from tests.support.portal import Portal
from tests.support.provider_fixtures import a_received_fax
from tests.unit.web.api.test_emr import Emr

SIGN_ME = "sign-me"
"""A placeholder for the signature. The application below replaces it, because only it has the final bytes."""

CHECKED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
"""All checks but `positive_data_acceptance`. JSON Schema cannot express check digits and public hosts."""

CASES = [
    (mode, method, path)
    for path, item in openapi("https://portal.test")["paths"].items()
    for method, operation in item.items()
    for mode in GenerationMode
    # A request without parameters and body cannot be wrong.
    if mode is GenerationMode.POSITIVE or operation.get("parameters") or "requestBody" in operation
]


REPEATABLE = settings(
    max_examples=30, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)

FAX_ID = a_received_fax().id


class Application:
    """The web function in memory as a WSGI application, which schemathesis can call. It has one practice with keys."""

    def __init__(self) -> None:
        self.portal = Portal()
        bootstrap.install(self.portal)
        self.emr = Emr(self.portal)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        if headers.get("webhook-signature") == SIGN_ME:
            self._sign(headers, body)
        path = environ["REQUEST_URI"].partition("?")[0] + "?" + environ["QUERY_STRING"]
        with asking_at_random():
            response = Client(app).http.request(environ["REQUEST_METHOD"], path, headers=headers, body=body)
        start_response(f"{response.status_code} X", [(name, str(value)) for name, value in response.headers.items()])
        return [response.body]

    def _sign(self, headers: dict[str, str], body: bytes) -> None:
        now = self.portal.clock.now()
        message_id = headers.setdefault("webhook-id", "msg_1")
        headers["webhook-timestamp"] = str(int(now.timestamp()))
        signed = f"{message_id}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(self.emr.secret.removeprefix("whsec_"))
        digest = hmac.digest(key, signed, "sha256")
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"

    def sample_ids(self) -> Iterator[Mapping[str, str]]:
        """Yield values for the parameters in URL paths, of documents in every status and messages in every state.

        So random requests also reach existing objects."""
        closing: Sequence[tuple[str, Mapping[str, Any]] | None] = [
            None,
            ("document.recalled", {"reason": "Wrong plan"}),
            ("document.returned", {"method": "paper"}),
        ]
        for number, event in enumerate(closing):
            document_id = self.emr.send(external_id=f"POC-{number}")
            if event is not None:
                self.emr.event({"document_id": document_id, **event[1]}, event[0])
            message = self._message_of(document_id, failed=number == 1)
            yield {"document_id": document_id, "delivery_id": message, "fax_id": FAX_ID, "number": "1"}
        signed = StoredPdf(key="signed/doc/00.pdf", sha256="00", pages=4)
        document_id = self.emr.send(external_id="POC-signed")
        timed = replace(signed, key="signed/doc/11.pdf", sha256="11")
        self.emr.change(document_id, signed=signed, timestamped=timed, sealing=Sealing.SEALED)
        fax = a_received_fax(practice_id=self.emr.practice.id)
        self.portal.store.commit(Change(at=START, received_faxes=(fax,)))
        yield {"document_id": document_id, "delivery_id": "dlv_none", "fax_id": FAX_ID, "number": "1"}

    def _message_of(self, document_id: str, *, failed: bool) -> str:
        store = self.portal.fake_store
        rows = store.every(Delivery, "deliveries")
        delivery = next(row for row in rows if row.document_id == document_id)
        if failed:
            ended = replace(delivery, version=delivery.version + 1, status=DeliveryStatus.FAILED)
            store.commit(Change(at=START, deliveries=(ended,)))
        return delivery.id

    def credentials(self) -> dict[str, str]:
        """Return request headers with the practice's API key and id. A placeholder later becomes the body's
        signature."""
        return {
            "authorization": f"Bearer {self.emr.key}",
            "portal-practice": self.emr.practice.id,
            "webhook-signature": SIGN_ME,
        }


@pytest.fixture
def application() -> Application:
    made = Application()
    bootstrap.install(made.portal)
    return made


def operation_of(application: Application, method: str, path: str) -> Any:
    # The tests add keys and signatures. test_route_authentication.py tests requests without them.
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_wsgi("/v1/openapi.json", application, config=config)[path][method]


@pytest.mark.parametrize(("mode", "method", "path"), CASES)
def test_every_response_is_described(application: Application, mode: GenerationMode, method: str, path: str) -> None:
    @given(case=operation_of(application, method, path).as_strategy(generation_mode=mode))
    @REPEATABLE
    def check(case: Any) -> None:
        case.call_and_validate(headers=application.credentials(), checks=CHECKED)

    check()


@pytest.mark.parametrize(("method", "path"), [(method, path) for _, method, path in CASES if "{" in path])
def test_a_response_about_an_existing_row_is_described(application: Application, method: str, path: str) -> None:
    statuses = set()
    for ids in application.sample_ids():
        case = operation_of(application, method, path).Case(path_parameters=ids)
        statuses.add(case.call_and_validate(headers=application.credentials(), checks=CHECKED).status_code)
    assert statuses - {404}
