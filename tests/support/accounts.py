"""Helpers for the tests of pages: they install a portal in memory, and give a provider an account and a session."""

import re
from dataclasses import replace
from typing import Any

import pyotp

from chalicelib import bootstrap
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.documents import Document
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.new_logins import NewLogins
from chalicelib.services.accounts.setup_links import SetupLinks
from chalicelib.services.authentication.passkeys import Passkeys
from chalicelib.services.authentication.passwords import hash_password
from chalicelib.services.authentication.sessions import Sessions
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change, Claim
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from tests.support.fakes import START, FakeKeys
from tests.support.portal import Browser, Portal
from tests.support.provider_fixtures import PROVIDER, a_document, a_store

EMAIL, PASSWORD = "dr.rivera@example.com", "violet tractor onion"
PORTAL_URL = "https://portal.test"


def give_account(portal: Portal, provider: Provider, password: str = PASSWORD) -> None:
    """Give the provider an account with their email address and this password, as a used setup link does."""
    owner = replace(provider, version=provider.version + 1, password_hash=hash_password(password))
    claim = Claim(key=email_claim(owner.email or ""), owner=owner.id)
    portal.store.commit(Change(at=START, providers=(owner,), claims=(claim,)))


def portal_with_account(**changes: Any) -> Portal:
    """Install a portal in memory for the app, with one document whose provider has an account, and return the portal.

    `changes` replace fields of the provider."""
    portal = Portal(a_store(a_document()))
    give_account(portal, replace(PROVIDER, **changes))
    bootstrap.install(portal)
    return portal


def portal_with(*documents: Document) -> Portal:
    """Install a portal in memory for the app, so that its pages show these documents, and return the portal."""
    portal = Portal(a_store(*documents))
    bootstrap.install(portal)
    return portal


def stored_provider(portal: Portal) -> Provider:
    """Return the sample provider as the portal has stored it."""
    provider = portal.store.provider(PROVIDER.id)
    assert provider is not None
    return provider


def logged_in(portal: Portal, provider: Provider = PROVIDER) -> Browser:
    """Return a browser of the provider that is logged in, without the steps of a login.

    The session starts at the portal's current time."""
    row, cookie = portal.sessions.start(provider, portal.time.now())
    portal.store.commit(Change(at=portal.time.now(), secrets=(row,)))
    return Browser({SESSION_COOKIE: cookie})


def app_with(page: str) -> pyotp.TOTP:
    """Return an authenticator app that computes the codes for a key, as the provider's phone would.

    `page` is the HTML of the page for setting up an app, which shows the key."""
    match = re.search(r'class="key">((?:[A-Z2-7]{4} ?)+)<', page)
    assert match
    return pyotp.TOTP(match[1].replace(" ", ""))


def make_new_logins(store: Store, ids: Ids) -> NewLogins:
    """Return the service by which a person chooses a password or passkey with an emailed link, on fakes in memory."""
    keys = FakeKeys()
    sessions = Sessions(store, keys, ids, issuer=PORTAL_URL)
    passkeys = Passkeys(store, keys, sessions, portal_url=PORTAL_URL)
    return NewLogins(store, ids, SetupLinks(store, ids), sessions, passkeys)
