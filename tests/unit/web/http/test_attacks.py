"""Test attacks on the whole web function in memory, for example attempts to find out who has an account.

The tests of other attacks are beside the tests of the attacked feature: links and tabs in `test_accounts.py`, forged
tokens in `test_sessions.py`, redirects in `test_account_pages.py`."""

import re
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from chalice.test import Client, HTTPResponse

from app import app
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.npi import is_valid
from chalicelib.services.authentication.password_login import MAX_UNKNOWN_FAILURES
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.review.hand_codes import create_code, create_fax_code
from chalicelib.services.review.scan_previews import scan_prefix
from chalicelib.services.transaction import Change
from chalicelib.workers import run_delivery_job
from tests.support.accounts import PASSWORD, portal_with_account
from tests.support.fakes import START, FakeInspector, FakeMailer
from tests.support.portal import Browser, Portal, set_cookies, text
from tests.support.provider_fixtures import a_document
from tests.unit.web.api.test_emr import Emr

KNOWN, UNKNOWN = "dr.rivera@example.com", "dr.nobody@example.com"
TOKENS = ("__Host-session", "__Host-setup", "__Host-by-hand", "__Host-csrf")


@pytest.fixture
def portal() -> Portal:
    made = portal_with_account()
    made.mailer = FakeMailer()
    return made


def email_texts(portal: Portal) -> str:
    """Send all queued emails, and return the texts of all emails that the portal has sent."""
    portal.work()
    for job in portal.fake_store.jobs():
        if job.name == "deliver":
            run_delivery_job(job, portal)
    assert isinstance(portal.mailer, FakeMailer)
    sent = [message_from_bytes(data, policy=policy.default) for _, data in portal.mailer.sent]
    return "\n".join(str(part.get_content()) for message in sent for part in message.walk() if not part.is_multipart())


# The host of links


@pytest.mark.parametrize("name", ["host", "x-forwarded-host", "forwarded", "x-original-host", "origin"])
def test_no_header_changes_where_an_emailed_link_leads(portal: Portal, name: str) -> None:
    browser = portal.browser()
    browser.get("/login")
    sent = {name: "host=evil.test" if name == "forwarded" else "evil.test"}
    if name == "origin":
        assert browser.post("/forgot-password", {"email": KNOWN}, {name: "https://evil.test"}).status_code == 403
        return
    assert browser.post("/forgot-password", {"email": KNOWN}, sent).status_code == 303
    written = email_texts(portal)
    assert "https://portal.test/setup/" in written
    assert "evil.test" not in written


@pytest.mark.usefixtures("portal")
def test_no_header_changes_where_a_page_leads() -> None:
    sent = {"host": "evil.test", "x-forwarded-host": "evil.test", "x-forwarded-proto": "http"}
    for path in ("/", "/documents", "/login", f"/documents/{a_document().id}"):
        response = Browser().get(path, **sent)
        assert "evil.test" not in response.body.decode() + str(dict(response.headers))


# No hint at which addresses have accounts


def visible_parts(response: HTTPResponse, email: str) -> tuple[object, ...]:
    """Return everything in a response that could reveal something, so that a test can compare two responses.

    The typed email address and random values are left out."""
    body = response.body.decode().replace(email, "(typed)")
    body = re.sub(r"challenge&#34;: &#34;[A-Za-z0-9_-]+", "challenge", body)
    body = re.sub(r'name="csrf" value="[^"]+"', "token", body)
    cookies = [header.partition("=")[0] for header in set_cookies(response)]
    headers = {k: v for k, v in response.headers.items() if k.lower() != "set-cookie"}
    return response.status_code, body, headers, cookies


@pytest.mark.parametrize("path", ["/login/password", "/forgot-password"])
@pytest.mark.usefixtures("portal")
def test_a_known_and_an_unknown_address_get_the_same_bytes(path: str) -> None:
    answers = []
    for email in (KNOWN, UNKNOWN):
        browser = Browser({"__Host-csrf": "token"})
        answers.append(visible_parts(browser.post(path, {"email": email, "password": "wrong"}), email))
    assert answers[0] == answers[1]


@pytest.mark.usefixtures("portal")
def test_the_wait_after_failures_reveals_nothing() -> None:
    answers = []
    for email in (KNOWN, UNKNOWN):
        browser = Browser({"__Host-csrf": "token"})
        tries = [browser.post("/login/password", {"email": email, "password": "wrong"}) for _ in range(7)]
        answers.append([visible_parts(response, email) for response in tries])
    assert answers[0] == answers[1]


def seconds(browser: Browser, email: str) -> float:
    started = time.process_time()
    browser.post("/login/password", {"email": email, "password": "wrong"})
    return time.process_time() - started


@pytest.mark.real_passwords
def test_a_known_and_an_unknown_address_take_the_same_time(portal: Portal) -> None:
    """The slow password hash (argon2) is computed even for an unknown address, so the time reveals no account."""
    browser, taken = Browser({"__Host-csrf": "token"}), {KNOWN: list[float](), UNKNOWN: list[float]()}
    for _ in range(15):
        portal.time.pass_time(hours=25)
        for email, times in taken.items():
            times.append(seconds(browser, email))
    known, unknown = statistics.median(taken[KNOWN]), statistics.median(taken[UNKNOWN])
    assert min(known, unknown) > 0.5 * max(known, unknown)


# Tokens of another kind


def test_a_token_opens_only_its_own_kind(portal: Portal) -> None:
    document = a_document()
    browser = portal.browser()
    browser.log_in(KNOWN, PASSWORD)
    browser.post("/forgot-password", email=KNOWN)
    portal.work()
    reset = portal.token(portal.mails()[-1])
    mail = replace(portal.mails()[-1], id="dlv_code", document_id=document.id, recipient=KNOWN)
    codes = [
        create_code(portal.store, document, mail, START, portal.ids),
        create_fax_code(portal.store, document, mail, START, portal.ids),
    ]
    tried = [reset, *codes, browser.cookies["__Host-session"], browser.cookies["__Host-csrf"]]
    for value in tried:
        for name in TOKENS:
            if (name, value) in (("__Host-session", tried[-2]), ("__Host-setup", reset)):
                continue
            stranger = Browser({name: value})
            assert stranger.get("/documents").status_code == 303
            assert stranger.get(f"/by-hand/{document.id}/document").status_code == 303
            assert stranger.get("/setup").status_code == 410
            assert (
                Client(app).http.get("/v1/documents", headers={"authorization": f"Bearer {value}"}).status_code == 401
            )


# Guessing


@pytest.mark.parametrize("addresses", [1, 100])
def test_of_a_thousand_guesses_in_a_minute_at_most_a_hundred_are_checked_and_the_owner_gets_in(
    portal: Portal, addresses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    owners = portal.browser()
    owners.log_in(KNOWN, PASSWORD)

    def guess(password: str, _kept: str | None) -> bool:
        looked_at.append(password)
        return False

    monkeypatch.setattr("chalicelib.services.authentication.password_login.is_password", guess)
    browser, number = Browser({"__Host-csrf": "token"}), [0]
    monkeypatch.setattr(
        "chalicelib.web.http.request_parsing.read_address", lambda _: f"198.51.100.{number[0] % addresses}"
    )
    for number[0] in range(1000):
        portal.time.at = START + timedelta(milliseconds=60 * number[0])
        browser.post("/login/password", {"email": KNOWN, "password": f"guess {number[0]}"})
    assert len(looked_at) <= (12 if addresses == 1 else MAX_UNKNOWN_FAILURES)
    monkeypatch.undo()
    portal.time.pass_time(minutes=1)
    assert owners.log_in(KNOWN, PASSWORD).status_code == 303
    assert portal.browser().log_in(KNOWN, PASSWORD).status_code == 303


def test_a_new_password_unlocks_an_account_that_guesses_have_locked(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, number = Browser({"__Host-csrf": "token"}), [0]
    with monkeypatch.context() as patched:
        patched.setattr("chalicelib.services.authentication.password_login.is_password", lambda _password, _kept: False)
        patched.setattr("chalicelib.web.http.request_parsing.read_address", lambda _: f"2001:db8::{number[0]}")
        for number[0] in range(MAX_UNKNOWN_FAILURES + 1):
            browser.post("/login/password", {"email": KNOWN, "password": f"guess {number[0]}"})
    refused = portal.browser().log_in(KNOWN, PASSWORD)
    assert refused.status_code == 429
    assert "choose a new password" in text(refused)
    browser.post("/forgot-password", email=KNOWN)
    portal.work()
    owner = portal.browser()
    owner.get(f"/setup/{portal.token(portal.mails()[-1])}")
    assert owner.post("/setup", password="copper lantern river").status_code == 303
    assert portal.browser().log_in(KNOWN, "copper lantern river").status_code == 303


# A shared inbox


OFFICE = "office@example.com"
NPIS = [str(number) for number in range(1000000000, 1000000060) if is_valid(str(number))]
PEOPLE: Mapping[str, Mapping[str, str]] = {
    "Luis Rivera": {"credential": "MD", "npi": NPIS[0]},
    "Jane Okafor": {"credential": "DO", "npi": NPIS[1]},
    "Ann Lee": {"credential": "NP", "npi": NPIS[2]},
    "Sam Poe": {},
}


@pytest.fixture
def documents(portal: Portal) -> dict[str, str]:
    """Send one document for each of several people who share one email address. Return the document ids by name."""
    emr = Emr(portal)
    portal.switches.set_electronic_signature(emr.practice.id, on=True)
    sent = {}
    for name, facts in PEOPLE.items():
        first, last = name.split()
        provider = {"first_name": first, "last_name": last, "email": OFFICE, **facts}
        sent[name] = emr.send(external_id=f"POC-{last}", provider=provider)
    for document_id in sent.values():
        document = stored(portal, document_id)
        ready = replace(document, version=document.version + 1, pages_ready=document.original.pages)
        portal.store.commit(Change(at=START, documents=(ready,)))
    return sent


def stored(portal: Portal, document_id: str) -> Document:
    document = portal.store.document(document_id)
    assert document is not None
    return document


def setup_email(portal: Portal, document_id: str) -> Delivery:
    deliveries = portal.fake_store.every(Delivery, "deliveries")
    return next(delivery for delivery in deliveries if delivery.type == "setup" and delivery.document_id == document_id)


def set_up(portal: Portal, document_id: str) -> HTTPResponse:
    browser = portal.browser()
    token = portal.setup_links.create_token(setup_email(portal, document_id), START)
    browser.get(f"/setup/{token}")
    return browser.post("/setup", credential="MD", confirmed="yes", password=PASSWORD)


@pytest.mark.parametrize("first", PEOPLE)
def test_at_a_shared_address_a_person_can_sign_only_their_own_document(
    portal: Portal, documents: dict[str, str], first: str
) -> None:
    assert set_up(portal, documents[first]).status_code == 303
    for name, document_id in documents.items():
        if name != first:
            assert set_up(portal, document_id).status_code == 400
    browser = portal.browser()
    browser.log_in(OFFICE, PASSWORD)
    for document_id in documents.values():
        for typed in PEOPLE:
            browser.post(
                f"/documents/{document_id}/approve", typed_name=typed, pages_shown="1,2,3", consent=CONSENT_VERSION
            )
    for name, document_id in documents.items():
        decision = stored(portal, document_id).decision
        assert (decision is not None) is (name == first)
        if decision is not None:
            assert (decision.signer.name, decision.signer.npi) == (name, PEOPLE[name].get("npi"))


@pytest.mark.parametrize("way", ["email", "fax"])
@pytest.mark.parametrize("who", ["Sam Poe", "A Stranger"])
def test_by_hand_no_visitor_gets_the_npi_of_the_addressee(
    portal: Portal, documents: dict[str, str], way: str, who: str
) -> None:
    """A visitor opens the document by its code, and may be an assistant or the recipient of a misdialed fax.

    A signature under the visitor's name must not get the NPI of the provider to whom the document is addressed."""
    document_id = documents["Jane Okafor"]
    portal.inspector = FakeInspector({"sha256": "5ca4", "media_type": "image/png", "pages": 1})
    key = f"{scan_prefix(document_id)}scan"
    portal.files.put(key, b"a scan", "image/png")
    mail = setup_email(portal, document_id)
    make = create_code if way == "email" else create_fax_code
    code = make(portal.store, stored(portal, document_id), mail, START, portal.ids)
    browser = portal.browser()
    assert browser.post(f"/by-hand/{document_id}", code=code).status_code == 303
    assert browser.post(f"/by-hand/{document_id}/signed", key=key, signer_name=who).status_code == 303
    decision = stored(portal, document_id).decision
    assert decision is not None
    assert (decision.signer.name, decision.signer.npi, decision.signer.credential) == (who, None, None)


def test_a_fax_creates_no_account(portal: Portal, documents: dict[str, str]) -> None:
    document_id = documents["Jane Okafor"]
    code = create_fax_code(
        portal.store, stored(portal, document_id), setup_email(portal, document_id), START, portal.ids
    )
    browser = portal.browser()
    browser.post(f"/by-hand/{document_id}", code=code)
    assert browser.get("/setup").status_code == 410
    assert "log in" in text(browser.get(f"/documents/{document_id}")).lower()
    browser.get(f"/setup/{code}")
    assert browser.get("/setup").status_code == 410
