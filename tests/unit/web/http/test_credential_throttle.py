"""Test that wrong passwords and codes make their sender wait, and that all wrong credentials count for an alarm."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pyotp
import pytest

from chalicelib.domain.second_factors import Authenticator
from chalicelib.services.authentication.password_login import MAX_KNOWN_FAILURES, MAX_UNKNOWN_FAILURES
from chalicelib.services.authentication.second_factor import CODE_ATTEMPTS
from chalicelib.web.http.credential_throttle import METRIC
from chalicelib.web.routes import ROUTES
from tests.support.accounts import EMAIL, PASSWORD, give_account, portal_with
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import PROVIDER, a_document

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FREE = 30
BY_HAND, TYPED = f"/by-hand/{a_document().id}", {"code": "ABCDEFGH"}
WRONG: Mapping[str, Mapping[str, str]] = {
    "/login/passkey": {"passkey": "{}"},
    "/login/second": {"code": "000000"},
    "/setup": {"password": "violet tractor onion"},
    BY_HAND: TYPED,
}
BEYOND_GUESSING = sorted(set(WRONG) - {BY_HAND})
"""Forms whose credential nobody can guess: a passkey, a link, or the token of a pending login."""


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Portal:
    monkeypatch.setattr("chalicelib.web.http.request_parsing.read_address", lambda _: "198.51.100.7")
    return portal_with(a_document())


def with_app(portal: Portal, password: str = PASSWORD) -> pyotp.TOTP:
    owner = replace(PROVIDER, authenticator=Authenticator(secret=SECRET, since=START))
    give_account(portal, owner, password)
    return pyotp.TOTP(SECRET)


def statuses(path: str, fields: Mapping[str, str], times: int) -> list[int]:
    browser = Browser({"__Host-csrf": "token"})
    return [browser.post(path, fields).status_code for _ in range(times)]


@pytest.mark.usefixtures("portal")
def test_every_form_with_a_credential_declares_its_failure_statuses() -> None:
    guarded = {route.path for route in ROUTES if route.failure_statuses}
    assert guarded == {
        "/login/password",
        "/login/passkey",
        "/login/second",
        "/setup",
        "/account/confirm",
        "/account/emails/code",
        "/by-hand/{document_id}",
        "/fax",
        "/fax/add",
        "/fax/report",
        "/invitation",
        "/invitation/accept",
    }


@pytest.mark.usefixtures("portal")
def test_one_source_that_guesses_codes_of_documents_is_slowed_down() -> None:
    answers = statuses(BY_HAND, TYPED, FREE + 1)
    assert 429 not in answers[:FREE]
    assert answers[FREE] == 429


def test_one_source_that_guesses_codes_of_accounts_is_slowed_down(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "chalicelib.services.authentication.password_login.is_password", lambda password, _: password == PASSWORD
    )
    app = with_app(portal)
    for _ in range(FREE):
        portal.time.pass_time(minutes=2)
        assert with_pending_login(portal).post("/login/second", code="000000").status_code == 401
    portal.time.pass_time(minutes=1)
    second = with_pending_login(portal)
    statuses(BY_HAND, TYPED, 1)
    assert second.post("/login/second", code=app.at(portal.time.now())).status_code == 429


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("passkey", ["", "[" * 16_000, "[]", "null", "0", '{"response": {}}'])
def test_an_invalid_passkey_response_counts_as_wrong(passkey: str) -> None:
    assert statuses("/login/passkey", {"passkey": passkey}, 1) == [401]


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("path", BEYOND_GUESSING)
def test_wrong_links_and_passkeys_do_not_make_others_at_the_address_wait(path: str) -> None:
    assert 429 not in statuses(path, WRONG[path], FREE + 5)
    assert statuses(BY_HAND, TYPED, 1) == [422]


@pytest.mark.parametrize("path", BEYOND_GUESSING)
def test_links_and_passkeys_do_not_wait_for_others_at_the_address(portal: Portal, path: str) -> None:
    with_app(portal)
    statuses(BY_HAND, TYPED, FREE + 1)
    assert statuses(BY_HAND, TYPED, 1) == [429]
    fields = {"passkey": "{}"} if path == "/login/second" else WRONG[path]
    assert statuses(path, fields, 1)[0] in (401, 410)


def test_a_slowed_down_source_may_try_again_later(portal: Portal) -> None:
    statuses(BY_HAND, TYPED, FREE + 1)
    portal.time.pass_time(seconds=1)
    assert statuses(BY_HAND, TYPED, 1) == [422]


@pytest.mark.usefixtures("portal")
def test_an_extra_passkey_field_does_not_avoid_the_wait() -> None:
    statuses(BY_HAND, TYPED, FREE + 1)
    assert statuses(BY_HAND, {**TYPED, "passkey": "{}"}, 1) == [429]


def test_failures_of_all_kinds_count_together(portal: Portal) -> None:
    login = {"email": EMAIL, "password": "wrong"}
    for number in range(FREE // 2):
        statuses("/login/password", {**login, "email": f"dr.{number}@example.com"}, 1)
        statuses(BY_HAND, TYPED, 1)
    assert statuses(BY_HAND, TYPED, 1) == [429]
    assert statuses("/login/password", login, 1) == [429]
    portal.time.pass_time(hours=1)
    assert statuses("/login/password", login, 1) == [401]


def test_a_known_browser_does_not_wait_for_others_at_the_address(portal: Portal) -> None:
    app = with_app(portal)
    known = portal.browser()
    known.cookies["__Host-device"] = portal.known_devices.issue(PROVIDER.id, PROVIDER.session_generation)
    for _ in range(2):
        statuses("/login/passkey", WRONG["/login/passkey"], FREE + 1)
    assert known.log_in(EMAIL, PASSWORD).status_code == 303
    assert known.post("/login/second", code=app.at(START)).status_code == 303


# Codes of the second step


def with_pending_login(portal: Portal) -> Browser:
    browser = portal.browser()
    browser.log_in(EMAIL, PASSWORD)
    return browser


def guess_codes(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Send more than a hundred wrong codes at the second step of a login, each from a new address.

    Two minutes pass before each code. Return the HTTP statuses of the responses."""
    number, answers = [0], []
    for number[0] in range(MAX_UNKNOWN_FAILURES + 5):
        monkeypatch.setattr("chalicelib.web.http.request_parsing.read_address", lambda _: f"2001:db8::{number[0]}")
        portal.time.pass_time(minutes=2)
        answers.append(with_pending_login(portal).post("/login/second", code="000000").status_code)
    return answers


def test_at_most_a_hundred_codes_in_a_row_are_checked_and_the_owner_still_gets_in(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "chalicelib.services.authentication.password_login.is_password", lambda password, _: password == PASSWORD
    )
    app = with_app(portal)
    known = portal.known_devices.issue(PROVIDER.id, PROVIDER.session_generation)
    answers = guess_codes(portal, monkeypatch)
    assert answers.count(401) == MAX_UNKNOWN_FAILURES
    refused = with_pending_login(portal).post("/login/second", code=app.at(portal.time.now()))
    assert refused.status_code == 429
    assert "choose a new password" in text(refused)
    owner = Browser({"__Host-device": known})
    owner.log_in(EMAIL, PASSWORD)
    assert owner.post("/login/second", code=app.at(portal.time.now())).status_code == 303
    portal.time.pass_time(minutes=1)
    assert with_pending_login(portal).post("/login/second", code=app.at(portal.time.now())).status_code == 303


def test_a_new_password_unlocks_the_second_step(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "chalicelib.services.authentication.password_login.is_password", lambda password, _: bool(password)
    )
    app = with_app(portal)
    guess_codes(portal, monkeypatch)
    browser = portal.browser()
    browser.post("/forgot-password", email=EMAIL)
    portal.work()
    browser.get(f"/setup/{portal.token(portal.mails()[-1])}")
    assert browser.post("/setup", password="copper lantern river").status_code == 303
    assert with_pending_login(portal).post("/login/second", code=app.at(portal.time.now())).status_code == 303


def test_a_known_browser_that_guesses_codes_counts_as_unknown_until_a_new_password(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "chalicelib.services.authentication.password_login.is_password", lambda password, _: bool(password)
    )
    app = with_app(portal)
    answers = []
    for _ in range(MAX_KNOWN_FAILURES + MAX_UNKNOWN_FAILURES + 5):
        portal.time.pass_time(minutes=16)
        known = Browser({"__Host-device": portal.known_devices.issue(PROVIDER.id, PROVIDER.session_generation)})
        known.log_in(EMAIL, PASSWORD)
        answers.append(known.post("/login/second", code="000000").status_code)
    assert answers.count(401) == MAX_KNOWN_FAILURES + MAX_UNKNOWN_FAILURES
    assert answers[-1] == 429
    known.post("/forgot-password", email=EMAIL)
    portal.work()
    known.get(f"/setup/{portal.token(portal.mails()[-1])}")
    assert known.post("/setup", password="copper lantern river").status_code == 303
    known.log_in(EMAIL, PASSWORD)
    assert known.post("/login/second", code=app.at(portal.time.now())).status_code == 303


def test_the_right_code_clears_the_failures_of_unknown_and_known_browsers(portal: Portal) -> None:
    app = with_app(portal)
    known = Browser({"__Host-device": portal.known_devices.issue(PROVIDER.id, PROVIDER.session_generation)})
    for visitor in (portal.browser(), known):
        visitor.log_in(EMAIL, PASSWORD)
        assert visitor.post("/login/second", code="000000").status_code == 401
    keys = [CODE_ATTEMPTS.key(PROVIDER.id), CODE_ATTEMPTS.key(f"known {PROVIDER.id}")]
    assert len(portal.store.secrets(keys)) == len(keys)
    assert known.post("/login/second", code=app.at(portal.time.now())).status_code == 303
    assert portal.store.secrets(keys) == {}


def test_many_device_cookies_of_one_account_are_one_source(portal: Portal) -> None:
    answers = []
    for _ in range(FREE + 1):
        device = portal.known_devices.issue(PROVIDER.id, PROVIDER.session_generation)
        browser = Browser({"__Host-csrf": "token", "__Host-device": device})
        answers.append(browser.post(BY_HAND, TYPED).status_code)
    assert answers == [422] * FREE + [429]


def test_guesses_do_not_lock_out_a_provider_who_has_just_set_a_new_password(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_app(portal)
    owner = portal.browser()
    owner.post("/forgot-password", email=EMAIL)
    portal.work()
    owner.get(f"/setup/{portal.token(portal.mails()[-1])}")
    owner.post("/setup", password="copper lantern river")
    with monkeypatch.context() as patched:
        patched.setattr("chalicelib.services.authentication.password_login.is_password", lambda _password, _kept: False)
        for number in range(MAX_UNKNOWN_FAILURES + 1):
            source = f"2001:db8::{number}"
            patched.setattr("chalicelib.web.http.request_parsing.read_address", lambda _, source=source: source)
            portal.browser().log_in(EMAIL, "wrong")
    assert portal.browser().log_in(EMAIL, "copper lantern river").status_code == 429
    assert header(owner.log_in(EMAIL, "copper lantern river"), "Location").startswith("/login/second")


# The alarm


def counted(printed: str) -> int:
    """Return how often the printed log counts a refused credential for the alarm."""
    lines = [json.loads(line) for line in printed.splitlines() if METRIC in line]
    for line in lines:
        (declared,) = line["_aws"]["CloudWatchMetrics"]
        assert (declared["Namespace"], declared["Dimensions"]) == ("unused", [["service"]])
        assert set(line) == {"_aws", "service", METRIC}
    return len(lines)


@pytest.mark.usefixtures("portal")
def test_password_spraying_is_counted_for_the_alarm_without_naming_accounts(capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(FREE + 5):
        form = {"email": f"dr.{number}@example.com", "password": "Summer2026"}
        statuses("/login/password", form, 1)
    printed = capfd.readouterr().out
    assert counted(printed) == FREE + 5
    assert "@example.com" not in printed
    assert "Summer2026" not in printed


@pytest.mark.usefixtures("portal")
def test_a_refused_credential_is_logged_with_its_source_but_without_the_account(
    caplog: pytest.LogCaptureFixture,
) -> None:
    statuses("/login/password", {"email": EMAIL, "password": "Summer2026"}, 1)
    statuses(f"/by-hand/{a_document().id}", {"code": "ABCDEFGH"}, 1)
    logged = [vars(record) for record in caplog.records if record.msg == "refused credential"]
    assert [(record["route"], record["address"]) for record in logged] == [
        ("/login/password", "198.51.100.7"),
        ("/by-hand/{document_id}", "198.51.100.7"),
    ]
    for private in (EMAIL, "Summer2026", "ABCDEFGH", a_document().id):
        assert private not in str(logged)


@pytest.mark.parametrize("path", WRONG)
@pytest.mark.usefixtures("portal")
def test_every_wrong_credential_is_counted(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    statuses(path, WRONG[path], 2)
    assert counted(capfd.readouterr().out) == 2


def test_a_successful_login_counts_nothing(
    portal: Portal, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with_app(portal)
    with_pending_login(portal)
    assert counted(capfd.readouterr().out) == 0
    assert "refused credential" not in caplog.text
