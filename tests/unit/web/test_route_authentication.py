"""Test that every route has exactly the access rule (who may use it) in the table of this module."""

import json
import re

import pytest
from chalice.test import Client, HTTPResponse

from app import app
from chalicelib.web.route import Access
from chalicelib.web.routes import ROUTES
from tests.support.accounts import portal_with
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import a_document

EXPECTED_ACCESS = {
    ("GET", "/"): Access.ANYONE,
    ("POST", "/fax/telnyx"): Access.FAX_CARRIER,
    ("GET", "/login"): Access.ANYONE,
    ("GET", "/login/password"): Access.ANYONE,
    ("POST", "/login/password"): Access.ANYONE,
    ("POST", "/logout"): Access.ACCOUNT,
    ("POST", "/login/passkey"): Access.ANYONE,
    ("GET", "/login/second"): Access.ANYONE,
    ("POST", "/login/second"): Access.ANYONE,
    ("GET", "/account"): Access.ACCOUNT,
    ("GET", "/account/activity"): Access.ACCOUNT,
    ("POST", "/account/stay"): Access.ACCOUNT,
    ("POST", "/account/confirm"): Access.ACCOUNT,
    ("POST", "/account/passkeys"): Access.ACCOUNT,
    ("POST", "/account/passkeys/remove"): Access.ACCOUNT,
    ("GET", "/account/emails"): Access.OWN_ACCOUNT,
    ("POST", "/account/emails"): Access.OWN_ACCOUNT,
    ("POST", "/account/emails/code"): Access.OWN_ACCOUNT,
    ("POST", "/account/emails/remove"): Access.OWN_ACCOUNT,
    ("GET", "/account/authenticator"): Access.ACCOUNT,
    ("POST", "/account/authenticator"): Access.ACCOUNT,
    ("POST", "/account/authenticator/remove"): Access.ACCOUNT,
    ("POST", "/account/recovery-codes"): Access.ACCOUNT,
    ("GET", "/account/second-factor"): Access.ACCOUNT,
    ("POST", "/account/second-factor/later"): Access.ACCOUNT,
    ("POST", "/account/name"): Access.OWN_ACCOUNT,
    ("POST", "/account/fax"): Access.OWN_ACCOUNT,
    ("POST", "/account/reminders"): Access.OWN_ACCOUNT,
    ("POST", "/account/reminders/emails"): Access.OWN_ACCOUNT,
    ("POST", "/account/password"): Access.ACCOUNT,
    ("POST", "/account/log-out-everywhere"): Access.ACCOUNT,
    ("POST", "/account/assistants"): Access.OWN_ACCOUNT,
    ("POST", "/account/assistants/resend"): Access.OWN_ACCOUNT,
    ("POST", "/account/assistants/remove"): Access.OWN_ACCOUNT,
    ("GET", "/invitation/{token}"): Access.ANYONE,
    ("GET", "/invitation"): Access.ANYONE,
    ("POST", "/invitation"): Access.ANYONE,
    ("POST", "/invitation/accept"): Access.ACCOUNT,
    ("GET", "/assistant/documents"): Access.ASSISTANT,
    ("GET", "/assistant/documents/past"): Access.ASSISTANT,
    ("GET", "/assistant/documents/{document_id}"): Access.ASSISTED_DOCUMENT,
    ("POST", "/assistant/documents/{document_id}/ready"): Access.ASSISTED_DOCUMENT,
    ("GET", "/assistant/documents/{document_id}/uploaded"): Access.ASSISTED_DOCUMENT,
    ("POST", "/assistant/documents/{document_id}/signed"): Access.ASSISTED_DOCUMENT,
    ("GET", "/assistant/documents/{document_id}/original.pdf"): Access.ASSISTED_DOCUMENT,
    ("GET", "/assistant/documents/{document_id}/signed.pdf"): Access.ASSISTED_DOCUMENT,
    ("GET", "/forgot-password"): Access.ANYONE,
    ("POST", "/forgot-password"): Access.ANYONE,
    ("POST", "/documents/{document_id}/setup-link"): Access.ANYONE,
    ("GET", "/setup/{token}"): Access.ANYONE,
    ("GET", "/setup"): Access.ANYONE,
    ("POST", "/setup"): Access.ANYONE,
    ("GET", "/fax"): Access.ANYONE,
    ("POST", "/fax"): Access.ANYONE,
    ("POST", "/fax/add"): Access.PROVIDER,
    ("GET", "/fax/report"): Access.ANYONE,
    ("POST", "/fax/report"): Access.ANYONE,
    ("GET", "/fax/reported"): Access.ANYONE,
    ("GET", "/F/{name}"): Access.ANYONE,
    ("GET", "/reminders/stop/{token}"): Access.ANYONE,
    ("POST", "/reminders/stop/{token}"): Access.ANYONE,
    ("GET", "/by-hand/{document_id}"): Access.ANYONE,
    ("POST", "/by-hand/{document_id}/code"): Access.ANYONE,
    ("POST", "/by-hand/{document_id}"): Access.ANYONE,
    ("GET", "/by-hand/{document_id}/document"): Access.BY_HAND,
    ("GET", "/by-hand/{document_id}/original.pdf"): Access.BY_HAND,
    ("GET", "/by-hand/{document_id}/uploaded"): Access.BY_HAND,
    ("POST", "/by-hand/{document_id}/signed"): Access.BY_HAND,
    ("POST", "/by-hand/{document_id}/approve"): Access.BY_HAND,
    ("POST", "/by-hand/{document_id}/decline"): Access.BY_HAND,
    ("POST", "/by-hand/{document_id}/account"): Access.BY_HAND,
    ("POST", "/v1/events"): Access.PRACTICE_SIGNATURE,
    ("POST", "/v1/uploads"): Access.PRACTICE_KEY,
    ("GET", "/v1/documents"): Access.PRACTICE_KEY,
    ("GET", "/v1/documents/{document_id}"): Access.PRACTICE_KEY,
    ("GET", "/v1/documents/{document_id}/original.pdf"): Access.PRACTICE_KEY,
    ("GET", "/v1/documents/{document_id}/signed.pdf"): Access.PRACTICE_KEY,
    ("GET", "/v1/documents/{document_id}/events"): Access.PRACTICE_KEY,
    ("GET", "/v1/documents/{document_id}/proof"): Access.PRACTICE_KEY,
    ("GET", "/v1/documents/{document_id}/proof.pdf"): Access.PRACTICE_KEY,
    ("GET", "/v1/documents/{document_id}/accesses"): Access.PRACTICE_KEY,
    ("GET", "/v1/providers"): Access.PRACTICE_KEY,
    ("GET", "/v1/deliveries"): Access.PRACTICE_KEY,
    ("POST", "/v1/deliveries/{delivery_id}/retry"): Access.PRACTICE_KEY,
    ("GET", "/v1/faxes"): Access.PRACTICE_KEY,
    ("GET", "/v1/faxes/{fax_id}/pages/{number}"): Access.PRACTICE_KEY,
    ("GET", "/v1/faxes/{fax_id}/file.pdf"): Access.PRACTICE_KEY,
    ("POST", "/v1/faxes/{fax_id}/assign"): Access.PRACTICE_KEY,
    ("GET", "/v1/practice"): Access.PRACTICE_KEY,
    ("PUT", "/v1/practice"): Access.PRACTICE_KEY,
    ("PUT", "/v1/endpoint"): Access.PRACTICE_KEY,
    ("POST", "/v1/endpoint/test"): Access.PRACTICE_KEY,
    ("GET", "/v1/openapi.json"): Access.ANYONE,
    ("GET", "/documents"): Access.PROVIDER,
    ("GET", "/documents/past"): Access.PROVIDER,
    ("POST", "/documents/past"): Access.PROVIDER,
    ("GET", "/documents/marked"): Access.PROVIDER,
    ("POST", "/documents/marked"): Access.PROVIDER,
    ("GET", "/documents/{document_id}"): Access.DOCUMENT,
    ("GET", "/documents/{document_id}/text"): Access.DOCUMENT,
    ("POST", "/documents/{document_id}/approve"): Access.DOCUMENT,
    ("POST", "/documents/{document_id}/decline"): Access.DOCUMENT,
    ("POST", "/documents/{document_id}/signature"): Access.DOCUMENT,
    ("POST", "/documents/{document_id}/mark"): Access.DOCUMENT,
    ("POST", "/documents/{document_id}/unmark"): Access.DOCUMENT,
    ("POST", "/documents/{document_id}/forget-signature"): Access.DOCUMENT,
    ("GET", "/documents/{document_id}/hand-over"): Access.DOCUMENT,
    ("POST", "/documents/{document_id}/hand-over"): Access.DOCUMENT,
    ("GET", "/documents/{document_id}/handed-over"): Access.GIVER,
    ("POST", "/documents/{document_id}/take-back"): Access.GIVER,
    ("GET", "/documents/{document_id}/original.pdf"): Access.DOCUMENT,
    ("GET", "/documents/{document_id}/signed.pdf"): Access.DOCUMENT,
    ("GET", "/documents/{document_id}/certificate.pdf"): Access.DOCUMENT,
    ("GET", "/static/{name}"): Access.ANYONE,
    ("GET", "/problems/{code}"): Access.ANYONE,
    ("GET", "/{proxy+}"): Access.ANYONE,
    ("GET", "/verify"): Access.ANYONE,
    ("GET", "/verify/checked"): Access.ANYONE,
    ("GET", "/verify/certificates"): Access.ANYONE,
}

DOCUMENT = a_document()
RESTRICTED = [pair for pair, access in EXPECTED_ACCESS.items() if access is not Access.ANYONE]
FROM_PROGRAMS = ("/v1/", "/fax/telnyx")
POSTS = [pair for pair in EXPECTED_ACCESS if pair[0] == "POST" and not pair[1].startswith(FROM_PROGRAMS)]
PATIENT = re.compile(r"Ada|Byron|1950|Plan of Care|Rivera", re.IGNORECASE)


@pytest.fixture(autouse=True)
def portal() -> Portal:
    return portal_with(DOCUMENT)


def test_every_route_of_the_app_was_declared_with_an_access_rule() -> None:
    served = {(method, path) for path, methods in app.routes.items() for method in methods}
    declared = {(method, route.path) for route in ROUTES for method in route.methods}
    assert served == declared


def test_every_route_has_a_different_handler() -> None:
    handlers = [route.load() for route in ROUTES]
    assert len(set(handlers)) == len(ROUTES)


def test_every_access_rule_is_the_expected_one() -> None:
    declared = {(method, route.path): route.access for route in ROUTES for method in route.methods}
    assert declared == EXPECTED_ACCESS


@pytest.mark.parametrize(("method", "path"), RESTRICTED)
def test_a_stranger_gets_into_no_restricted_route(method: str, path: str) -> None:
    response = request_as_stranger(method, path)
    assert not PATIENT.search(text(response))
    if path == "/fax/telnyx":
        # The fakes have no fax carrier. `api/test_fax_carrier.py` tests the signature.
        assert response.status_code == 404
    elif path.startswith("/v1/"):
        assert (response.status_code, header(response, "content-type")) == (401, "application/problem+json")
        assert json.loads(response.body)["code"] == "unauthenticated"
    elif path == "/documents/{document_id}" and method == "GET":
        assert "You have a document to review" in text(response)
    else:
        assert response.status_code == 303
        wanted = re.fullmatch(r"/login(\?.*)?|/documents/[^/]+|/by-hand/[^/]+", header(response, "location"))
        assert wanted is not None


@pytest.mark.parametrize(("method", "path"), RESTRICTED)
def test_no_restricted_route_writes_for_a_stranger(portal: Portal, method: str, path: str) -> None:
    before = portal.fake_store.commits
    request_as_stranger(method, path)
    assert portal.fake_store.commits == before


@pytest.mark.parametrize(("method", "path"), POSTS)
def test_no_form_is_accepted_without_a_csrf_token(portal: Portal, method: str, path: str) -> None:
    before = portal.fake_store.commits
    response = Browser().post_raw(fill_path(path), {"csrf": "guessed"})
    assert method == "POST"
    assert response.status_code == 403
    assert portal.fake_store.commits == before


def request_as_stranger(method: str, path: str) -> HTTPResponse:
    if path.startswith("/v1/"):
        sent = {"content-type": "application/json"}
        return Client(app).http.request(method, fill_path(path), headers=sent, body=b"{}")
    return Browser().get(fill_path(path)) if method == "GET" else Browser().post(fill_path(path))


def fill_path(path: str) -> str:
    values = {
        "document_id": DOCUMENT.id,
        "delivery_id": "dlv_1",
        "token": "token",
        "proxy+": "nothing",
        "fax_id": "fax_1",
    }
    return path.format(**values, name="portal.css", code="xfa", number="1")
