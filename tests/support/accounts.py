"""Portals that are installed, and providers who log in, for the tests of pages."""

import re
from dataclasses import replace
from typing import Any

import pyotp

from chalicelib import bootstrap
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.documents import Document
from chalicelib.domain.providers import Provider
from chalicelib.services.authentication.passwords import hash_password
from chalicelib.services.transaction import Change, Claim
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from tests.support.fakes import START
from tests.support.portal import Browser, Portal
from tests.support.provider_fixtures import PROVIDER, a_document, a_store

EMAIL, PASSWORD = "dr.rivera@example.com", "violet tractor onion"


def give_account(portal: Portal, provider: Provider, password: str = PASSWORD) -> None:
    """From now on the provider logs in with their address and this password."""
    owner = replace(provider, version=provider.version + 1, password_hash=hash_password(password))
    claim = Claim(key=email_claim(owner.email or ""), owner=owner.id)
    portal.store.commit(Change(at=START, providers=(owner,), claims=(claim,)))


def portal_with_account(**changes: Any) -> Portal:
    """The portal of a test, installed: one document, and an account for the provider it is for."""
    made = Portal(a_store(a_document()))
    give_account(made, replace(PROVIDER, **changes))
    bootstrap.install(made)
    return made


def portal_with(*documents: Document) -> Portal:
    """The portal of a test, installed."""
    made = Portal(a_store(*documents))
    bootstrap.install(made)
    return made


def logged_in(portal: Portal) -> Browser:
    """A browser with a session that began just now."""
    row, cookie = portal.sessions.start(PROVIDER, portal.time.now())
    portal.store.commit(Change(at=portal.time.now(), secrets=(row,)))
    return Browser({SESSION_COOKIE: cookie})


def app_with(page: str) -> pyotp.TOTP:
    """An authenticator app into which the key of that page has been typed."""
    found = re.search(r'class="key">((?:[A-Z2-7]{4} ?)+)<', page)
    assert found
    return pyotp.TOTP(found[1].replace(" ", ""))
