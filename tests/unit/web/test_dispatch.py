"""What every request goes through (`web/serving.py`), on real routes and on one that fails."""

import json
import re
from collections.abc import Iterator
from io import StringIO
from logging import StreamHandler
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalice.app import Chalice, Response
from chalice.test import Client, HTTPResponse
from pynamodb.exceptions import GetError

from app import app
from chalicelib.domain.errors import (
    Forbidden,
    ForbiddenCode,
    NotFound,
    PortalError,
    TooManyRequests,
    Unavailable,
)
from chalicelib.web import dispatch as serving
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
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()"
    ),
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
    assert [bool(re.fullmatch(cookie, each)) for each in headers.pop("Set-Cookie")] == [True]
    expected = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY, **EVERY_PAGE}
    assert headers == expected


def test_a_page_that_shows_files_names_their_origin_and_no_other(portal: Portal) -> None:
    policy = header(logged_in(portal).get("/documents"), "content-security-policy")
    assert "img-src 'self' https://files.test;" in policy
    assert "frame-src https://files.test;" in policy
    assert "script-src 'self';" in policy


def test_no_page_has_anything_inline(portal: Portal) -> None:
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


def test_refusals_carry_the_headers_too(portal: Portal) -> None:
    page = logged_in(portal).get(f"/documents/{FOREIGN.id}")
    problem = Client(app).http.get("/v1/documents")
    for response in (page, problem):
        assert {name: header(response, name) for name in EVERY_PAGE} == EVERY_PAGE


def test_static_files_are_kept_for_a_year_by_their_content() -> None:
    name = re.search(r"/static/portal-[0-9a-f]{12}\.css", Browser().get("/login").body.decode())
    assert name is not None
    found = Browser().get(name[0])
    assert found.status_code == 200
    assert header(found, "cache-control") == "public, max-age=31536000, immutable"
    assert header(found, "content-type") == "text/css; charset=utf-8"
    assert set_cookies(found) == []
    older = Browser().get("/static/portal-000000000000.css")
    assert (older.body, header(older, "cache-control")) == (found.body, "no-cache")


@pytest.mark.parametrize(
    "name",
    ["portal.css", "nothing-000000000000.css", "__init__-000000000000.py", "..%2f..%2fapp-000000000000.css"],
)
def test_nothing_but_static_files_is_served_there(name: str) -> None:
    assert Browser().get(f"/static/{name}").status_code == 404


# Where a form comes from


def test_a_form_of_ours_is_taken() -> None:
    assert Browser().post("/forgot-password", email="dr.rivera@example.com").status_code == 303


@pytest.mark.parametrize("csrf", [None, "", "another", "é"])
def test_a_form_without_the_cookies_token_is_refused(csrf: str | None) -> None:
    browser = Browser()
    browser.get("/login")
    fields = {"email": "x@example.com"} | ({} if csrf is None else {"csrf": csrf})
    refused = browser.post_raw("/forgot-password", fields)
    assert refused.status_code == 403
    assert "load the page again" in text(refused)


def test_an_empty_token_is_not_the_same_as_an_empty_cookie() -> None:
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
    """An app with one page and one answer that fail so."""

    def fail(_context: RequestContext) -> Response:
        raise error

    made = Chalice(app_name="failing")
    register(made, [Route(path, ("GET",), Access.ANYONE, fail) for path in ("/fails", "/v1/fails")])
    return Client(made)


def both(error: Exception) -> tuple[HTTPResponse, HTTPResponse]:
    client = failing_app(error)
    return client.http.get("/fails"), client.http.get("/v1/fails")


@pytest.mark.parametrize("kind", ERROR_TABLE)
def test_every_error_is_a_page_for_people_and_a_problem_for_software(kind: type[PortalError]) -> None:
    more: dict[type[PortalError], dict[str, Any]] = {
        TooManyRequests: {"retry_after": 9},
        Forbidden: {"code": ForbiddenCode.FORM_EXPIRED},
    }
    error = kind("What to do.", **more.get(kind, {}))
    page, problem = both(error)
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


def test_the_table_knows_every_error_of_the_domain() -> None:
    def below(kind: type[PortalError]) -> set[type[PortalError]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    unmapped = [
        kind for kind in below(PortalError) - {PortalError} if not set(kind.__mro__) & set(ERROR_TABLE)
    ]
    assert unmapped == []


def test_when_to_come_back_is_said() -> None:
    assert [header(each, "retry-after") for each in both(TooManyRequests("x", retry_after=9))] == ["9", "9"]
    assert [header(each, "retry-after") for each in both(Unavailable("x"))] == ["5", "5"]


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What is written to the log."""
    handler, caught = serving.logger.registered_handler, StringIO()
    assert isinstance(handler, StreamHandler)
    before = handler.setStream(caught)
    yield caught
    handler.setStream(before)


def test_our_own_mistake_is_logged_and_shown_without_its_words(log: StringIO) -> None:
    page, problem = both(ValueError("Ada Byron, born 1950-12-10"))
    assert (page.status_code, problem.status_code) == (500, 500)
    assert json.loads(problem.body)["code"] == "internal-error"
    logged = log.getvalue()
    assert "ValueError" in logged
    assert "test_dispatch.py" in logged
    assert "Ada" not in logged + text(page) + problem.body.decode()


def test_a_service_that_does_not_answer_asks_to_come_back_and_is_logged(log: StringIO) -> None:
    refused = ClientError({"Error": {"Code": "Throttling", "Message": "Ada Byron"}}, "Query")
    page, problem = both(GetError("x", cause=refused))
    assert (page.status_code, problem.status_code) == (503, 503)
    assert header(problem, "retry-after") == "5"
    assert "GetError" in log.getvalue()
    assert '"aws_code":"Throttling"' in log.getvalue()
    assert '"request_id":' in log.getvalue()
    assert "Ada" not in log.getvalue() + text(page) + problem.body.decode()


def test_one_line_is_logged_per_request_without_what_was_sent(portal: Portal, log: StringIO) -> None:
    browser = logged_in(portal)
    browser.get(f"/documents/{DOCUMENT.id}?next=secret", **{"user-agent": "a phone"})
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(each["message"], each["method"], each["route"], each["status"]) for each in lines] == [
        ("request", "GET", "/documents/{document_id}", 200)
    ]
    assert set(lines[0]) >= {"ms", "request_id"}
    assert (lines[0]["document"], lines[0]["practice"]) == (DOCUMENT.id, DOCUMENT.practice_id)
    sent = ("secret", "a phone", PROVIDER.id, "Rivera", "127.0.0.1")
    assert not [each for each in sent if each in json.dumps(lines)]


def test_the_log_says_why_one_was_refused_and_no_id_that_was_made_up(portal: Portal, log: StringIO) -> None:
    browser = logged_in(portal)
    browser.get(f"/documents/{FOREIGN.id}")
    browser.get("/documents/ada_byron_1950")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(each["status"], each["code"], each.get("document")) for each in lines] == [
        (404, "not-found", None),
        (404, "not-found", None),
    ]
    assert "ada_byron" not in log.getvalue()


def test_a_path_that_no_id_looks_like_is_not_found(portal: Portal) -> None:
    before = len(portal.fake_store.tables)
    for odd in ("doc%00", "doc%2f..", "<b>", "é", "x" * 201):
        assert Browser().get(f"/documents/{odd}").status_code == 404
    assert len(portal.fake_store.tables) == before


def test_a_caller_is_named_for_the_audit_trail(portal: Portal) -> None:
    seen: list[RequestContext] = []

    def look(context: RequestContext) -> Response:
        seen.append(context)
        raise NotFound("seen")

    made = Chalice(app_name="seen")
    register(made, [Route("/seen", ("GET",), Access.PROVIDER, look)])
    cookie = logged_in(portal).cookies[SESSION_COOKIE]
    sent = {"cookie": f"{SESSION_COOKIE}={cookie}", "user-agent": "Phone\t" + "x" * 500}
    Client(made).http.get("/seen", headers={**sent, "x-forwarded-for": "6.6.6.6"})
    actor = seen[0].actor
    assert (actor.name, actor.address) == ("provider:prv_1", "127.0.0.1")
    assert actor.device == "Phone" + "x" * 195
