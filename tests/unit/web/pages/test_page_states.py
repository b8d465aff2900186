"""Test the response of every route to every kind of caller, as a table. A route without a row fails the test.

A cell is a status or the target of a redirect: `login`, `land` (the landing page of the document), `code` (the
code form), `on` (the requested page), `out` (logged out), `over` (the page of a document that was handed over),
`back` (the document that was taken back) or `done` (the decided or closed document). `-` means that the cell does
not exist, because only the portal's own forms carry a token. The `giver` has handed the document over to the
`colleague`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from urllib.parse import urlencode

import pytest
from chalice.test import Client, HTTPResponse
from standardwebhooks import Webhook

from app import app
from chalicelib import bootstrap
from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.documents import Document, StoredPdf
from chalicelib.domain.expiring_records import BY_HAND_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.pdf_jobs.page_images import text_key
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.review.scan_previews import scan_prefix
from chalicelib.services.transaction import Change
from chalicelib.web.http.request_parsing import BY_HAND_COOKIE, SESSION_COOKIE, make_form_token
from chalicelib.web.http.static_assets import asset_url
from chalicelib.web.route import Access
from chalicelib.web.routes import ROUTES
from tests.support.assistants import ASSISTANT, OTHER_ASSISTANT, assist
from tests.support.fakes import START, FakeInspector
from tests.support.portal import Portal, header, text
from tests.support.provider_fixtures import (
    OTHER_PROVIDER,
    PRACTICE,
    PROVIDER,
    a_delivery,
    a_document,
    a_received_fax,
    a_store,
    handed_over,
)

WHO = (
    "anonymous",
    "provider",
    "other_provider",
    "assistant",
    "other_assistant",
    "expired",
    "practice",
    "other_practice",
    "visitor",
    "other_visitor",
    "giver",
    "colleague",
    "no_token",
)
CELLS = """
GET  /                                                login on    on    on    on    on    login login login login on    on    -
GET  /F/{name}                                        on    on    on    on    on    on    on    on    on    on    on    on    -
GET  /account                                         login 200   200   200   200   login login login login login 200   200   -
GET  /account/activity                                login 200   200   200   200   login login login login login 200   200   -
GET  /account/authenticator                           login 200   200   200   200   login login login login login 200   200   -
GET  /account/emails                                  login on    on    404   404   login login login login login on    on    -
GET  /account/second-factor                           login 200   200   200   200   login login login login login 200   200   -
GET  /by-hand/{document_id}                           200   land  200   200   200   200   200   200   200   200   200   land  -
GET  /by-hand/{document_id}/document                  code  code  code  code  code  code  code  code  200   code  code  code  -
GET  /by-hand/{document_id}/original.pdf              code  code  code  code  code  code  code  code  on    code  code  code  -
GET  /by-hand/{document_id}/uploaded                  code  code  code  code  code  code  code  code  200   code  code  code  -
GET  /documents                                       login 200   200   on    on    login login login login login 200   200   -
GET  /documents/marked                                login 200   200   404   404   login login login login login 200   200   -
GET  /documents/past                                  login 200   200   404   404   login login login login login 200   200   -
GET  /documents/{document_id}                         land  200   404   404   404   land  land  land  land  land  over  200   -
GET  /documents/{document_id}/certificate.pdf         land  404   404   404   404   land  land  land  land  land  over  404   -
GET  /documents/{document_id}/hand-over               land  200   404   404   404   land  land  land  land  land  over  200   -
GET  /documents/{document_id}/handed-over             land  404   404   404   404   land  land  land  land  land  200   404   -
GET  /documents/{document_id}/original.pdf            land  on    404   404   404   land  land  land  land  land  over  on    -
GET  /documents/{document_id}/signed.pdf              land  on    404   404   404   land  land  land  land  land  over  on    -
GET  /documents/{document_id}/text                    land  200   404   404   404   land  land  land  land  land  over  200   -
GET  /fax                                             200   200   200   200   200   200   200   200   200   200   200   200   -
GET  /fax/report                                      200   200   200   200   200   200   200   200   200   200   200   200   -
GET  /fax/reported                                    200   200   200   200   200   200   200   200   200   200   200   200   -
GET  /forgot-password                                 200   200   200   200   200   200   200   200   200   200   200   200   -
GET  /login                                           200   on    on    on    on    200   200   200   200   200   on    on    -
GET  /login/second                                    410   410   410   410   410   410   410   410   410   410   410   410   -
GET  /login/password                                  login login login login login login login login login login login login -
GET  /problems/{code}                                 200   200   200   200   200   200   200   200   200   200   200   200   -
GET  /reminders/stop/{token}                          410   410   410   410   410   410   410   410   410   410   410   410   -
GET  /setup                                           410   410   410   410   410   410   410   410   410   410   410   410   -
GET  /setup/{token}                                   on    on    on    on    on    on    on    on    on    on    on    on    -
GET  /static/{name}                                   200   200   200   200   200   200   200   200   200   200   200   200   -
GET  /verify                                          200   200   200   200   200   200   200   200   200   200   200   200   -
GET  /verify/certificates                             404   404   404   404   404   404   404   404   404   404   404   404   -
GET  /verify/checked                                  422   422   422   422   422   422   422   422   422   422   422   422   -
GET  /v1/providers                                    401   401   401   401   401   401   200   200   401   401   401   401   -
GET  /v1/deliveries                                   401   401   401   401   401   401   200   200   401   401   401   401   -
GET  /v1/faxes                                        401   401   401   401   401   401   200   200   401   401   401   401   -
GET  /v1/faxes/{fax_id}/file.pdf                      401   401   401   401   401   401   on    404   401   401   401   401   -
GET  /v1/faxes/{fax_id}/pages/{number}                401   401   401   401   401   401   on    404   401   401   401   401   -
GET  /v1/documents                                    401   401   401   401   401   401   200   200   401   401   401   401   -
GET  /v1/documents/{document_id}                      401   401   401   401   401   401   200   404   401   401   401   401   -
GET  /v1/documents/{document_id}/events               401   401   401   401   401   401   200   404   401   401   401   401   -
GET  /v1/documents/{document_id}/accesses             401   401   401   401   401   401   200   404   401   401   401   401   -
GET  /v1/documents/{document_id}/original.pdf         401   401   401   401   401   401   on    404   401   401   401   401   -
GET  /v1/documents/{document_id}/proof                401   401   401   401   401   401   200   404   401   401   401   401   -
GET  /v1/documents/{document_id}/proof.pdf            401   401   401   401   401   401   202   404   401   401   401   401   -
GET  /v1/documents/{document_id}/signed.pdf           401   401   401   401   401   401   on    404   401   401   401   401   -
GET  /v1/openapi.json                                 200   200   200   200   200   200   200   200   200   200   200   200   -
GET  /v1/practice                                     401   401   401   401   401   401   200   200   401   401   401   401   -
GET  /{proxy+}                                        404   404   404   404   404   404   404   404   404   404   404   404   -
GET  /assistant/documents                             login 404   404   200   200   login login login login login 404   404   -
GET  /assistant/documents/past                        login 404   404   200   200   login login login login login 404   404   -
GET  /assistant/documents/{document_id}               login 404   404   200   404   login login login login login 404   404   -
GET  /assistant/documents/{document_id}/original.pdf  login 404   404   on    404   login login login login login 404   404   -
GET  /assistant/documents/{document_id}/uploaded      login 404   404   200   404   login login login login login 404   404   -
GET  /assistant/documents/{document_id}/signed.pdf    login 404   404   on    404   login login login login login 404   404   -
GET  /invitation                                      410   410   410   410   410   410   410   410   410   410   410   410   -
GET  /invitation/{token}                              on    on    on    on    on    on    on    on    on    on    on    on    -
POST /account/authenticator                           login 400   400   400   400   login login login login login 400   400   403
POST /account/authenticator/remove                    login 404   404   404   404   login login login login login 404   404   403
POST /account/confirm                                 login on    on    on    on    login login login login login on    on    403
POST /account/emails                                  login 400   400   404   404   login login login login login 400   400   403
POST /account/emails/code                             login 400   400   404   404   login login login login login 400   400   403
POST /account/emails/remove                           login 404   404   404   404   login login login login login 404   404   403
POST /account/log-out-everywhere                      login out   out   out   out   login login login login login out   out   403
POST /account/passkeys                                login 400   400   400   400   login login login login login 400   400   403
POST /account/passkeys/remove                         login 404   404   404   404   login login login login login 404   404   403
POST /account/name                                    login 400   400   404   404   login login login login login 400   400   403
POST /account/fax                                     login 400   400   404   404   login login login login login 400   400   403
POST /account/reminders                               login 400   400   404   404   login login login login login 400   400   403
POST /account/reminders/emails                        login 404   404   404   404   login login login login login 404   404   403
POST /account/password                                login 400   400   400   400   login login login login login 400   400   403
POST /account/second-factor/later                     login on    on    on    on    login login login login login on    on    403
POST /account/recovery-codes                          login 404   404   404   404   login login login login login 404   404   403
POST /account/stay                                    login 200   200   200   200   login login login login login 200   200   403
POST /by-hand/{document_id}                           422   422   422   422   422   422   422   422   422   422   422   422   403
POST /by-hand/{document_id}/code                      code  code  code  code  code  code  code  code  code  code  code  code  403
POST /by-hand/{document_id}/account                   code  code  code  code  code  code  code  code  on    code  code  code  403
POST /by-hand/{document_id}/approve                   code  code  code  code  code  code  code  code  done  code  code  code  403
POST /by-hand/{document_id}/decline                   code  code  code  code  code  code  code  code  done  code  code  code  403
POST /by-hand/{document_id}/signed                    code  code  code  code  code  code  code  code  done  code  code  code  403
POST /documents/marked                                login 200   422   404   404   login login login login login 200   422   403
POST /documents/past                                  login 200   200   404   404   login login login login login 200   200   403
POST /documents/{document_id}/approve                 land  done  404   404   404   land  land  land  land  land  over  422   403
POST /documents/{document_id}/decline                 land  done  404   404   404   land  land  land  land  land  over  done  403
POST /documents/{document_id}/forget-signature        land  200   404   404   404   land  land  land  land  land  over  200   403
POST /documents/{document_id}/hand-over               land  over  404   404   404   land  land  land  land  land  over  over  403
POST /documents/{document_id}/mark                    land  on    404   404   404   land  land  land  land  land  over  on    403
POST /documents/{document_id}/unmark                  land  on    404   404   404   land  land  land  land  land  over  on    403
POST /documents/{document_id}/setup-link              land  land  land  land  land  land  land  land  land  land  land  land  403
POST /documents/{document_id}/signature               land  200   404   404   404   land  land  land  land  land  over  200   403
POST /documents/{document_id}/take-back               land  404   404   404   404   land  land  land  land  land  back  404   403
POST /fax                                             422   422   422   422   422   422   422   422   422   422   422   422   403
POST /fax/add                                         login 422   422   404   404   login login login login login 422   422   403
POST /fax/report                                      422   422   422   422   422   422   422   422   422   422   422   422   403
POST /fax/telnyx                                      404   404   404   404   404   404   404   404   404   404   404   404   404
POST /forgot-password                                 on    on    on    on    on    on    on    on    on    on    on    on    403
POST /login/password                                  401   401   401   401   401   401   401   401   401   401   401   401   403
POST /login/passkey                                   401   401   401   401   401   401   401   401   401   401   401   401   403
POST /login/second                                    410   410   410   410   410   410   410   410   410   410   410   410   403
POST /logout                                          login out   out   out   out   login login login login login out   out   403
POST /reminders/stop/{token}                          410   410   410   410   410   410   410   410   410   410   410   410   403
POST /setup                                           410   410   410   410   410   410   410   410   410   410   410   410   403
POST /v1/deliveries/{delivery_id}/retry               401   401   401   401   401   401   202   404   401   401   401   401   -
POST /v1/faxes/{fax_id}/assign                        401   401   401   401   401   401   200   404   401   401   401   401   -
POST /v1/endpoint/test                                401   401   401   401   401   401   202   202   401   401   401   401   -
POST /v1/events                                       401   401   401   401   401   401   done  404   401   401   401   401   -
POST /v1/uploads                                      401   401   401   401   401   401   201   201   401   401   401   401   -
POST /assistant/documents/{document_id}/ready         login 404   404   on    404   login login login login login 404   404   403
POST /assistant/documents/{document_id}/signed        login 404   404   done  404   login login login login login 404   404   403
POST /account/assistants                              login 400   400   404   404   login login login login login 400   400   403
POST /account/assistants/resend                       login 404   404   404   404   login login login login login 404   404   403
POST /account/assistants/remove                       login 404   404   404   404   login login login login login 404   404   403
POST /invitation                                      410   410   410   410   410   410   410   410   410   410   410   410   403
POST /invitation/accept                               login 410   410   410   410   login login login login login 410   410   403
PUT  /v1/endpoint                                     401   401   401   401   401   401   200   200   401   401   401   401   -
PUT  /v1/practice                                     401   401   401   401   401   401   200   200   401   401   401   401   -
"""  # noqa: E501 - one row for each route
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}
DENIED = {"login", "land", "code", "401", "403", "404"}
PATIENT = re.compile(r"Ada|Byron|1950|PT-77|Plan of Care|Rivera|originals/", re.IGNORECASE)

FORMS: Mapping[str, Mapping[str, str]] = {
    "/login/password": {"email": "dr.rivera@example.com", "password": "wrong"},
    "/forgot-password": {"email": "nobody@example.com"},
    "/documents/past": {"q": "nobody"},
    "/documents/{document_id}/approve": {
        "typed_name": "Luis Rivera",
        "read_statement": "yes",
        "consent": CONSENT_VERSION,
    },
    "/documents/{document_id}/decline": {"reason": "not_my_patient"},
    "/documents/{document_id}/hand-over": {
        "first_name": "Ana",
        "last_name": "Silva",
        "credential": "DO",
        "email": "ana@example.com",
    },
    "/documents/{document_id}/mark": {"read_statement": "yes"},
    "/documents/marked": {"documents": a_document().id, "typed_name": "Luis Rivera", "consent": CONSENT_VERSION},
    "/by-hand/{document_id}": {"code": "000000"},
    "/by-hand/{document_id}/approve": {
        "signer_name": "Luis Rivera",
        "credential": "MD",
        "npi": "1234567893",
        "typed_name": "Luis Rivera",
        "read_statement": "yes",
        "confirmed": "yes",
        "consent": CONSENT_VERSION,
    },
    "/by-hand/{document_id}/decline": {"reason": "not_my_patient", "decliner": "Luis Rivera"},
    "/fax": {"code": "000000"},
    "/fax/add": {"code": "000000"},
    "/fax/report": {"code": "000000"},
    "/assistant/documents/{document_id}/ready": {"remark": "Page 2 is new."},
    "/assistant/documents/{document_id}/signed": {
        "key": f"{scan_prefix(a_document().id)}scan",
        "signer_name": "Luis Rivera",
    },
    "/by-hand/{document_id}/signed": {"key": f"{scan_prefix(a_document().id)}scan", "signer_name": "Luis Rivera"},
}
BODIES: Mapping[str, Mapping[str, object]] = {
    "/v1/events": {
        "type": "document.returned",
        "timestamp": "2026-11-22T19:00:00Z",
        "data": {"document_id": a_document().id, "method": "fax"},
    },
    "/v1/faxes/{fax_id}/assign": {"document_id": a_document().id},
    "/v1/practice": {"time_zone": "America/Chicago"},
    "/v1/endpoint": {"url": "https://emr.example.com/hooks"},
}
TAKEN_BACK = handed_over(a_document()).access + 1
"""The counter `access` of the sample document after it was handed over and taken back."""

SIGNED = a_document(
    status=Status.APPROVED, outcome=Outcome.APPROVED, signed=StoredPdf(key="signed/doc/ab.pdf", sha256="ab", pages=4)
)
ICON = asset_url("icon.svg").rpartition("/")[2]
FAX = a_received_fax()
FAILED = a_delivery(SIGNED, type="ready", status=DeliveryStatus.FAILED)
"""The fax, the document and the message of `PRACTICE` and `PROVIDER`. Other practices and providers have none."""


@dataclass
class Asked:
    """A request to make for one cell of this module's table, which lists the response to each kind of caller.

    It has the route, the kind of caller, and the headers and cookies to send."""

    portal: Portal
    method: str
    path: str
    who: str
    headers: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Store what this kind of caller needs, such as a session, and set the request's headers."""
        getattr(self, f"_as_{self.who}")()

    def answer(self) -> HTTPResponse:
        body = self.body
        values = {
            "document_id": SIGNED.id,
            "delivery_id": FAILED.id,
            "token": "token",
            "fax_id": FAX.id,
            "number": "1",
            "name": ICON,
            "code": "not-found",
            "proxy+": "nothing",
        }
        path = self.path.format(**values) + self._query
        return Client(app).http.request(self.method, path, headers=self.headers, body=body)

    @property
    def _query(self) -> str:
        key = f"{scan_prefix(SIGNED.id)}scan"
        return f"?key={key}" if self.path.endswith("/uploaded") else ""

    @cached_property
    def body(self) -> bytes:
        if self.method not in ("POST", "PUT"):
            return b""
        if self.path.startswith("/v1/"):
            self.headers["content-type"] = "application/json"
            return json.dumps(BODIES.get(self.path, {})).encode()
        self.headers["content-type"] = "application/x-www-form-urlencoded"
        token = {} if self.who == "no_token" else {"csrf": make_form_token("token", "pad")}
        self._cookie("__Host-csrf", "token")
        return urlencode({**token, **FORMS.get(self.path, {})}).encode()

    def _as_anonymous(self) -> None:
        pass

    def _as_provider(self) -> None:
        self._session(PROVIDER)

    def _as_other_provider(self) -> None:
        self._session(OTHER_PROVIDER)

    def _as_assistant(self) -> None:
        self._session(ASSISTANT)

    def _as_other_assistant(self) -> None:
        self._session(OTHER_ASSISTANT)

    def _as_giver(self) -> None:
        self._session(PROVIDER)

    def _as_colleague(self) -> None:
        self._session(OTHER_PROVIDER)

    def _as_expired(self) -> None:
        self._session(PROVIDER)
        self.portal.time.pass_time(minutes=15)

    def _as_no_token(self) -> None:
        """Prepare a caller whose cookies are valid, but whose form lacks the token against forged forms (CSRF)."""
        self._session(PROVIDER)
        self._visit(SIGNED.id)

    def _as_practice(self) -> None:
        self._software("prc_1")

    def _as_other_practice(self) -> None:
        self._software("prc_2")

    def _as_visitor(self) -> None:
        self._visit(SIGNED.id)

    def _as_other_visitor(self) -> None:
        self._visit("doc_other")

    def _session(self, provider: Provider) -> None:
        row, cookie = self.portal.sessions.start(provider, self.portal.time.now())
        self.portal.store.commit(Change(at=START, secrets=(row,)))
        self._cookie(SESSION_COOKIE, cookie)

    def _visit(self, document_id: str) -> None:
        visit = Secret(
            key=secret_key(SecretKind.BY_HAND, "visit"),
            version=1,
            kind=SecretKind.BY_HAND,
            created_at=START,
            expires_at=START + BY_HAND_LIFETIME,
            document_id=document_id,
        )
        self.portal.store.commit(Change(at=START, secrets=(visit,)))
        self._cookie(BY_HAND_COOKIE, "visit")

    def _software(self, practice_id: str) -> None:
        """Prepare an EMR as the caller: headers with the practice's API key and its signature of the body."""
        key = self.portal.practices.rotate_key(practice_id, START)
        secret = self.portal.practices.rotate_secret(practice_id, START)
        body = self.body.decode()
        self.headers |= {
            "authorization": f"Bearer {key}",
            "portal-practice": practice_id,
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(START.timestamp())),
            "webhook-signature": Webhook(secret).sign("msg_1", START, body),
        }

    def _cookie(self, name: str, value: str) -> None:
        before = self.headers.get("cookie")
        self.headers["cookie"] = f"{before}; {name}={value}" if before else f"{name}={value}"


def document_for(path: str, who: str = "provider") -> Document:
    """Return a document in the state that a route needs: signed for the signed PDF, viewed for the text, else pending.

    For some callers (`who`), `PROVIDER` has handed it over to `OTHER_PROVIDER`."""
    viewed_at = START if path.endswith(("/approve", "/mark")) else None
    document = SIGNED if path.endswith(("signed.pdf", "/text")) else a_document(viewed_at=viewed_at)
    return replace(handed_over(document), viewed_at=viewed_at) if who in ("giver", "colleague") else document


@pytest.fixture
def portal() -> Portal:
    portal = Portal(a_store())
    portal.switches.set_sign_without_account(PRACTICE.id, on=True)
    portal.store.commit(
        Change(
            at=START,
            practices=(replace(PRACTICE, id="prc_2", name="Other"),),
            deliveries=(FAILED,),
            received_faxes=(FAX,),
        )
    )
    assist(portal, ASSISTANT, PROVIDER)
    assist(portal, OTHER_ASSISTANT, OTHER_PROVIDER)
    portal.inspector = FakeInspector({"sha256": "5ca4", "media_type": "image/png", "pages": 1})
    portal.files.put(f"{scan_prefix(SIGNED.id)}scan", b"a scan", "image/png")
    portal.files.put(text_key(SIGNED.id), b'["Plan of Care for Ada Byron", "", ""]', "application/json")
    bootstrap.install(portal)
    return portal


def table() -> dict[tuple[str, str], dict[str, str]]:
    """Return the table in this module's source: for each method and path, a dict from a kind of caller to its cell."""
    lines = [line.split() for line in CELLS.strip().splitlines()]
    return {(line[0], line[1]): dict(zip(WHO, line[2:], strict=True)) for line in lines}


EXPECTED = table()
DECLARED = sorted((method, route.path) for route in ROUTES for method in route.methods)
OPEN = {route.path for route in ROUTES if route.access is Access.ANYONE}


def place(response: HTTPResponse) -> str:
    """Return the word for the page to which a response redirects, as in this module's table, such as `login` or
    `land`."""
    path, _, query = header(response, "location").partition("?")
    if query == "reason=logged-out":
        return "out"
    names = {
        "/login": "login",
        f"/documents/{SIGNED.id}": "land",
        f"/documents/{SIGNED.id}/handed-over": "over",
        f"/by-hand/{SIGNED.id}": "code",
    }
    return names.get(path, "on")


def shown(response: HTTPResponse, document: Document | None) -> str:
    """Return a response in the words of this module's table of expected responses.

    The word is its status, `done`, or the word for the target of a redirect."""
    if document != document_for("") and document is not None and document.decided_at and not document.signed:
        return "done"
    if document is not None and document.access == TAKEN_BACK and not document.handed_over:
        return "back"
    if "You have a document to review" in text(response):
        return "land"
    return place(response) if response.status_code == 303 else str(response.status_code)


def test_the_table_has_exactly_the_routes_of_the_portal() -> None:
    assert sorted(EXPECTED) == DECLARED


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(("method", "path"), DECLARED)
def test_every_caller_gets_the_response_of_the_table(portal: Portal, method: str, path: str, who: str) -> None:
    expected = EXPECTED[method, path][who]
    if expected == "-":
        assert who == "no_token"
        assert path.startswith("/v1/") or method == "GET"
        return
    portal.store.commit(Change(at=START, documents=(document_for(path, who),)))
    asked = Asked(portal, method, path, who)
    asked.prepare()
    before = portal.fake_store.commits
    response = asked.answer()
    assert shown(response, portal.store.document(SIGNED.id)) == expected
    if expected in DENIED and path not in OPEN:
        assert not PATIENT.search(text(response))
        assert portal.fake_store.commits == before


@pytest.mark.parametrize("path", sorted(app.routes))
def test_other_methods_are_refused(portal: Portal, path: str) -> None:
    before = portal.fake_store.commits
    for method in METHODS - set(app.routes[path]):
        asked = Asked(portal, method, path, "anonymous")
        assert asked.answer().status_code in (403, 405)
    assert portal.fake_store.commits == before
