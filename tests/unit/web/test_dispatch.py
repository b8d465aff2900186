"""Test the steps that every HTTP request takes, on the app's routes and on a route that fails."""

import json
import re
from collections.abc import Iterator
from io import StringIO
from logging import StreamHandler
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from chalice.app import Chalice, Response
from chalice.test import Client, HTTPResponse
from pynamodb.exceptions import GetError

from app import app
from chalicelib.domain.errors import Forbidden, ForbiddenCode, NotFound, PortalError, TooManyRequests, Unavailable
from chalicelib.web import dispatch
from chalicelib.web.dispatch import register
from chalicelib.web.http.error_mapping import ERROR_TABLE
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from chalicelib.web.route import Access, Route
from tests.support.accounts import logged_in, portal_with
from tests.support.portal import Browser, Portal, header, set_cookies, text
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document

DOCUMENT = a_document()
FOREIGN = a_document(id="doc_foreign", provider_id=OTHER_PROVIDER.id)

EVERY_PAGE = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ("camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()"),
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture(autouse=True)
def portal() -> Portal:
    return portal_with(DOCUMENT, FOREIGN)


# Headers


def test_a_page_carries_every_security_header() -> None:
    response = Browser().get("/login")
    cookie = r"__Host-csrf=[^;]+; Path=/; Secure; HttpOnly; SameSite=Lax"
    headers = dict(response.headers)
    assert [bool(re.fullmatch(cookie, value)) for value in headers.pop("Set-Cookie")] == [True]
    expected = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY, **EVERY_PAGE}
    assert headers == expected


def test_the_policy_of_a_page_with_files_allows_their_origin_only(portal: Portal) -> None:
    policy = header(logged_in(portal).get("/documents"), "content-security-policy")
    assert "img-src 'self' https://files.test;" in policy
    assert "frame-src https://files.test;" in policy
    assert "script-src 'self';" in policy


def test_no_page_has_inline_scripts_or_styles(portal: Portal) -> None:
    browser = logged_in(portal)
    for path in (
        "/login",
        "/forgot-password",
        "/setup",
        f"/by-hand/{DOCUMENT.id}",
        "/documents",
        f"/documents/{DOCUMENT.id}",
    ):
        body = browser.get(path).body.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son[a-z]+=|javascript:", body), path


def test_error_responses_carry_the_security_headers(portal: Portal) -> None:
    page = logged_in(portal).get(f"/documents/{FOREIGN.id}")
    problem = Client(app).http.get("/v1/documents")
    for response in (page, problem):
        assert {name: header(response, name) for name in EVERY_PAGE} == EVERY_PAGE


def test_static_files_are_cached_for_a_year() -> None:
    name = re.search(r"/static/portal-[0-9a-f]{12}\.css", Browser().get("/login").body.decode())
    assert name is not None
    current = Browser().get(name[0])
    assert current.status_code == 200
    assert header(current, "cache-control") == "public, max-age=31536000, immutable"
    assert header(current, "content-type") == "text/css; charset=utf-8"
    assert set_cookies(current) == []
    older = Browser().get("/static/portal-000000000000.css")
    assert (older.body, header(older, "cache-control")) == (current.body, "no-cache")


@pytest.mark.parametrize(
    "name", ["portal.css", "nothing-000000000000.css", "__init__-000000000000.py", "..%2f..%2fapp-000000000000.css"]
)
def test_the_static_route_serves_static_files_only(name: str) -> None:
    assert Browser().get(f"/static/{name}").status_code == 404


# Origin of forms


def test_a_form_of_the_portal_is_accepted() -> None:
    assert Browser().post("/forgot-password", email="dr.rivera@example.com").status_code == 303


@pytest.mark.parametrize("csrf", [None, "", "another", "é"])
def test_a_form_without_the_token_of_the_cookie_is_refused(csrf: str | None) -> None:
    browser = Browser()
    browser.get("/login")
    fields = {"email": "x@example.com"} | ({} if csrf is None else {"csrf": csrf})
    refused = browser.post_raw("/forgot-password", fields)
    assert refused.status_code == 403
    assert "load the page again" in text(refused)


def test_an_empty_token_does_not_match_an_empty_cookie() -> None:
    assert Browser({"__Host-csrf": ""}).post_raw("/forgot-password", {"csrf": ""}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://portal.test"}, 303),
        ({"origin": "null"}, 303),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, 303),
        ({"origin": "https://evil.test"}, 403),
        ({"origin": "https://portal.test.evil.test"}, 403),
        ({"origin": "http://portal.test"}, 403),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_a_form_from_another_site_is_refused(headers: dict[str, str], status: int) -> None:
    assert Browser().post("/forgot-password", headers=headers, email="x@example.com").status_code == status


def test_a_body_that_is_not_a_form_is_refused() -> None:
    browser = Browser()
    browser.get("/login")
    json_body = browser.post_raw("/login/password", {}, {"content-type": "application/json"})
    assert json_body.status_code == 400
    assert browser.post("/login/password", email="x" * (1024 * 1024)).status_code == 413
    many = {f"field{number}": "" for number in range(300)}
    assert browser.post("/login/password", many).status_code == 400


# Errors and the log


def failing_app(error: Exception) -> Client:
    """Return a client of an app with two routes, one page and one of the API, that raise `error`."""

    def fail(_context: RequestContext) -> Response:
        raise error

    failing = Chalice(app_name="failing")
    register(failing, [Route(("GET",), path, Access.ANYONE, fail) for path in ("/fails", "/v1/fails")])
    return Client(failing)


def request_both(error: Exception) -> tuple[HTTPResponse, HTTPResponse]:
    client = failing_app(error)
    return client.http.get("/fails"), client.http.get("/v1/fails")


@pytest.mark.parametrize("kind", ERROR_TABLE)
def test_every_error_is_a_page_and_a_problem(kind: type[PortalError]) -> None:
    more: dict[type[PortalError], dict[str, Any]] = {
        TooManyRequests: {"retry_after": 9},
        Forbidden: {"code": ForbiddenCode.FORM_EXPIRED},
    }
    error = kind("What to do.", **more.get(kind, {}))
    page, problem = request_both(error)
    shown = ERROR_TABLE[kind]
    assert (page.status_code, problem.status_code) == (shown.status, shown.status)
    assert header(page, "content-type") == "text/html; charset=utf-8"
    assert shown.heading in text(page)
    assert "What to do." in text(page)
    assert header(problem, "content-type") == "application/problem+json"
    assert json.loads(problem.body) == {
        "type": f"https://portal.test/problems/{error.code}",
        "title": shown.title,
        "status": shown.status,
        "detail": "What to do.",
        "code": error.code,
    }


def test_the_table_has_a_row_for_every_error_of_the_domain() -> None:
    def subclasses(kind: type[PortalError]) -> set[type[PortalError]]:
        return {kind}.union(*(subclasses(subclass) for subclass in kind.__subclasses__()))

    unmapped = [kind for kind in subclasses(PortalError) - {PortalError} if not set(kind.__mro__) & set(ERROR_TABLE)]
    assert unmapped == []


def test_retry_after_is_sent() -> None:
    for error, seconds in ((TooManyRequests("x", retry_after=9), "9"), (Unavailable("x"), "5")):
        assert [header(response, "retry-after") for response in request_both(error)] == [seconds, seconds]


@pytest.fixture
def log() -> Iterator[StringIO]:
    """Yield the text that the portal logs during the test, as a stream."""
    handler, caught = dispatch.logger.registered_handler, StringIO()
    assert isinstance(handler, StreamHandler)
    before = handler.setStream(caught)
    yield caught
    handler.setStream(before)


def test_an_unexpected_error_is_logged_and_shown_without_its_message(log: StringIO) -> None:
    page, problem = request_both(ValueError("Ada Byron, born 1950-12-10"))
    assert (page.status_code, problem.status_code) == (500, 500)
    assert json.loads(problem.body)["code"] == "internal-error"
    logged = log.getvalue()
    assert "ValueError" in logged
    assert "test_dispatch.py" in logged
    assert "Ada" not in logged + text(page) + problem.body.decode()


def test_a_failed_dependency_is_a_logged_503_with_retry_after(log: StringIO) -> None:
    refused = ClientError({"Error": {"Code": "Throttling", "Message": "Ada Byron"}}, "Query")
    page, problem = request_both(GetError("x", cause=refused))
    assert (page.status_code, problem.status_code) == (503, 503)
    assert header(problem, "retry-after") == "5"
    assert "GetError" in log.getvalue()
    assert '"aws_code":"Throttling"' in log.getvalue()
    assert '"request_id":' in log.getvalue()
    assert "Ada" not in log.getvalue() + text(page) + problem.body.decode()


@pytest.mark.parametrize(
    "cause", [ReadTimeoutError(endpoint_url="https://dynamodb"), EndpointConnectionError(endpoint_url="x"), None]
)
def test_a_database_that_does_not_respond_is_a_503_too(log: StringIO, cause: Exception | None) -> None:
    page, problem = request_both(GetError("x", cause=cause))
    assert (page.status_code, problem.status_code) == (503, 503)
    assert json.loads(problem.body)["code"] == "unavailable"
    assert '"kind":"GetError"' in log.getvalue()


def test_one_line_is_logged_per_request_without_its_content(portal: Portal, log: StringIO) -> None:
    browser = logged_in(portal)
    browser.get(f"/documents/{DOCUMENT.id}?next=secret", **{"user-agent": "a phone"})
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["message"], line["method"], line["route"], line["status"]) for line in lines] == [
        ("request", "GET", "/documents/{document_id}", 200)
    ]
    assert set(lines[0]) >= {"ms", "request_id"}
    assert (lines[0]["document"], lines[0]["practice"]) == (DOCUMENT.id, DOCUMENT.practice_id)
    sent = ("secret", "a phone", PROVIDER.id, "Rivera", "127.0.0.1")
    assert not [value for value in sent if value in json.dumps(lines)]


def test_the_log_has_the_code_of_a_refusal_and_no_invented_id(portal: Portal, log: StringIO) -> None:
    browser = logged_in(portal)
    browser.get(f"/documents/{FOREIGN.id}")
    browser.get("/documents/jo_doe_1900")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["status"], line["code"], line.get("document")) for line in lines] == [
        (404, "not-found", None),
        (404, "not-found", None),
    ]
    assert "jo_doe" not in log.getvalue()


def test_a_path_that_cannot_be_an_id_is_not_found(portal: Portal) -> None:
    before = len(portal.fake_store.tables)
    for odd in ("doc%00", "doc%2f..", "<b>", "é", "x" * 201):
        assert Browser().get(f"/documents/{odd}").status_code == 404
    assert len(portal.fake_store.tables) == before


def test_the_context_names_the_actor_for_the_audit_trail(portal: Portal) -> None:
    seen: list[RequestContext] = []

    def look(context: RequestContext) -> Response:
        seen.append(context)
        raise NotFound("seen")

    made = Chalice(app_name="seen")
    register(made, [Route(("GET",), "/seen", Access.PROVIDER, look)])
    cookie = logged_in(portal).cookies[SESSION_COOKIE]
    sent = {"cookie": f"{SESSION_COOKIE}={cookie}", "user-agent": "Phone\t" + "x" * 500}
    Client(made).http.get("/seen", headers={**sent, "x-forwarded-for": "6.6.6.6"})
    actor = seen[0].actor
    assert (actor.name, actor.address) == ("provider:prv_1", "127.0.0.1")
    assert actor.device == "Phone" + "x" * 195
