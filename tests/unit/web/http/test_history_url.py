"""The page by GET that stands in a browser's history for the answer to a post."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.domain.providers import Provider
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.routes import ROUTES
from tests.support.fakes import START

SHOWN = [each.path for each in ROUTES if "GET" in each.methods and not each.is_api]
POSTED = [each.path for each in ROUTES if "POST" in each.methods and not each.is_api]


def a_caller(path: str, method: str = "POST", provider: Provider | None = None) -> RequestContext:
    request: Any = SimpleNamespace(method=method)
    services: Any = None
    return RequestContext(
        services=services,
        request=request,
        path=path,
        now=START,
        address=None,
        device=None,
        csrf="",
        provider=provider,
    )


def is_a_page(address: str) -> bool:
    patterns = (re.sub(r"\{\w+\}", "[^/]+", each) for each in SHOWN if "+}" not in each)
    return any(re.fullmatch(each, address) for each in patterns)


@pytest.mark.parametrize("path", POSTED)
def test_whatever_is_posted_there_is_a_page_to_come_back_to(path: str) -> None:
    assert is_a_page(a_caller(path.format(document_id="doc_1")).history_url())


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/documents/doc_1/decline", "/documents/doc_1"),
        ("/documents/past", "/documents/past"),
        ("/by-hand/doc_1", "/by-hand/doc_1"),
        ("/account/passkeys/remove", "/account"),
        ("/account/authenticator", "/account/authenticator"),
        ("/login/second", "/login/second"),
        ("/setup", "/setup"),
        ("/logout", "/"),
    ],
)
def test_it_is_the_page_with_the_form(path: str, page: str) -> None:
    assert a_caller(path).history_url() == page
    assert a_caller(path).history_url("/another") == "/another"


def test_what_answers_a_get_stands_for_itself() -> None:
    assert a_caller("/login", "GET").history_url("/another") == ""
