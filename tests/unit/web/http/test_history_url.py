"""Test which path a page tells the browser to show in its history in place of the path of a posted form.

A reload then does not post the form again."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.routes import PAGES_WITH_FORM, ROUTES
from tests.support.fakes import START

GET_PATHS = [route.path for route in ROUTES if "GET" in route.methods and not route.is_api]
POST_PATHS = [route.path for route in ROUTES if "POST" in route.methods and not route.is_api]


def a_context(path: str, method: str = "POST", pattern: str = "") -> RequestContext:
    request: Any = SimpleNamespace(method=method)
    services: Any = None
    return RequestContext(
        services=services,
        request=request,
        path=path,
        has_page=(pattern or path) in PAGES_WITH_FORM,
        now=START,
        address=None,
        device=None,
        csrf="",
    )


def is_a_page(address: str) -> bool:
    patterns = (re.sub(r"\{\w+\}", "[^/]+", path) for path in GET_PATHS if "+}" not in path)
    return any(re.fullmatch(pattern, address) for pattern in patterns)


@pytest.mark.parametrize("path", POST_PATHS)
def test_every_post_leads_to_a_page(path: str) -> None:
    assert is_a_page(a_context(path.format(document_id="doc_1", token="t"), pattern=path).history_url())


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/documents/doc_1/decline", "/documents/doc_1"),
        ("/assistant/documents/doc_1/ready", "/assistant/documents/doc_1"),
        ("/documents/past", "/documents/past"),
        ("/by-hand/doc_1", "/by-hand/doc_1"),
        ("/account/passkeys/remove", "/account"),
        ("/account/authenticator", "/account/authenticator"),
        ("/login/second", "/login/second"),
        ("/setup", "/setup"),
        ("/account/emails", "/account/emails"),
        ("/account/emails/remove", "/account"),
        ("/account/authenticator/remove", "/account"),
        ("/fax/add", "/fax"),
        ("/fax/report", "/fax/report"),
        ("/reminders/stop/{token}", "/reminders/stop/{token}"),
        ("/logout", "/"),
    ],
)
def test_a_post_leads_to_the_page_with_its_form(path: str, page: str) -> None:
    assert a_context(path).history_url() == page
    assert a_context(path).history_url("/another") == "/another"


def test_a_get_has_no_other_history_url() -> None:
    assert a_context("/login", "GET").history_url("/another") == ""
