"""Test that password managers find the email address as the username in every form with a password.

Browsers save the text field before a password as the username, unless a field says `autocomplete="username"`."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from chalice.test import HTTPResponse

from chalicelib import bootstrap
from chalicelib.domain.claim_keys import addressee_claim
from chalicelib.domain.deliveries import Channel, Delivery, MessageType
from chalicelib.services.transaction import Change, Claim
from infrastructure.repository import ROOT
from tests.support.accounts import EMAIL, PASSWORD, portal_with_account
from tests.support.fake_store import FakeStore
from tests.support.fakes import START
from tests.support.portal import Browser, Portal
from tests.support.provider_fixtures import PRACTICE, PROVIDER, a_document

REVIEW = "/documents/doc_abcdef123456"
NEW_EMAIL = "luis.rivera@example.org"

Field = dict[str, str | None]


class Forms(HTMLParser):
    """Parser of a page's forms: a list of the attributes of the inputs of each form."""

    def __init__(self, page: HTTPResponse) -> None:
        super().__init__()
        self.found: list[list[Field]] = []
        self.feed(page.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self.found.append([])
        elif tag == "input" and self.found:
            self.found[-1].append(dict(attrs))

    def with_password(self) -> list[list[Field]]:
        return [form for form in self.found if any(field["type"] == "password" for field in form)]


def login() -> HTTPResponse:
    return portal_with_account().browser().log_in(EMAIL, "wrong")


def of_a_link(portal: Portal, token: str) -> HTTPResponse:
    browser = portal.browser()
    browser.get(f"/setup/{token}")
    return browser.get("/setup")


def setup() -> HTTPResponse:
    document = a_document()
    portal = Portal(FakeStore())
    bootstrap.install(portal)
    new = replace(PROVIDER, email=None, password_hash=None)
    claim = Claim(key=addressee_claim(EMAIL), owner=document.id)
    portal.store.commit(
        Change(at=START, practices=(PRACTICE,), providers=(new,), documents=(document,), claims=(claim,))
    )
    portal.browser().post(f"{REVIEW}/setup-link")
    return of_a_link(portal, portal.token(portal.mails()[-1]))


def reset() -> HTTPResponse:
    portal = portal_with_account()
    portal.browser().post(f"{REVIEW}/setup-link")
    return of_a_link(portal, portal.token(portal.mails()[-1]))


def move() -> HTTPResponse:
    portal = portal_with_account()
    email = Delivery(
        id="dlv_move",
        version=1,
        practice_id="portal",
        document_id=None,
        event_id="evt_move",
        channel=Channel.EMAIL,
        type=MessageType.NEW_ADDRESS,
        recipient=NEW_EMAIL,
        created_at=START,
        provider_id=PROVIDER.id,
    )
    owner = portal.store.provider(PROVIDER.id)
    assert owner is not None
    moving = replace(owner, version=owner.version + 1, move_link=email.id)
    portal.store.commit(Change(at=START, providers=(moving,)))
    return of_a_link(portal, portal.setup_links.create_token(email, START))


def logged_in(minutes: int) -> Browser:
    """Return a browser whose last login was this many minutes ago, and whose session is not idle."""
    portal = portal_with_account()
    browser = portal.browser()
    browser.log_in(EMAIL, PASSWORD)
    for _ in range(minutes):
        portal.time.pass_time(minutes=1)
        browser.get("/documents")
    return browser


PAGES: dict[str, tuple[Callable[[], HTTPResponse], str, list[str]]] = {
    "login": (login, EMAIL, ["current-password"]),
    "setup": (setup, EMAIL, ["new-password"]),
    "reset": (reset, EMAIL, ["new-password"]),
    "move": (move, NEW_EMAIL, ["new-password"]),
    "account": (lambda: logged_in(0).get("/account"), EMAIL, ["current-password", "new-password"]),
    "confirmation": (lambda: logged_in(15).get("/account"), EMAIL, ["current-password"]),
    "second factor": (lambda: logged_in(15).get("/account/second-factor"), EMAIL, ["current-password"]),
    "review": (lambda: logged_in(15).get(REVIEW), EMAIL, ["current-password"]),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_email_address_is_the_username_of_every_form_with_a_password(name: str) -> None:
    open_page, email, passwords = PAGES[name]
    forms = Forms(open_page()).with_password()
    assert forms
    for form in forms:
        marks = [str(field.get("autocomplete", "")) for field in form]
        (username,) = [field for field in form if "username" in str(field.get("autocomplete")).split()]
        assert (username["type"], username["value"]) == ("email", email)
        assert [mark for mark in marks if "password" in mark] == passwords
        first = marks.index(passwords[0])
        assert form[first - 1] is username, "the field before the password is what browsers fall back to"


@pytest.mark.parametrize("page", sorted((ROOT / "templates" / "pages").glob("*.html")), ids=lambda page: page.name)
def test_no_template_asks_for_a_password_without_the_username(page: Path) -> None:
    fields = re.findall(r"ui\.(username_field|password_field|field)\((.*)", page.read_text())
    before = ("", "")
    for name, rest in fields:
        if name == "password_field":
            names_user = before[0] in ("username_field", "password_field") or 'autocomplete="username' in before[1]
            assert names_user, f"{page.name}: put ui.username_field directly before the password"
        before = (name, rest)
