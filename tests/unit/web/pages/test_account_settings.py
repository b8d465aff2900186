"""Test the account page: authenticator app, recovery codes, password, and logout everywhere."""

import re
from dataclasses import replace

import pyotp
import pytest

from chalicelib.services.authentication.passkey_challenges import is_valid_challenge, make_challenge
from chalicelib.services.signed_tokens import from_base64url
from chalicelib.services.transaction import Change
from tests.support.accounts import EMAIL, PASSWORD, app_with, portal_with_account, stored_provider
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import PROVIDER


@pytest.fixture(autouse=True)
def portal() -> Portal:
    return portal_with_account()


def add_app(portal: Portal, browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    """Add an authenticator app to the account, and return the app and the recovery codes that the page shows."""
    app = app_with(browser.get("/account/authenticator").body.decode())
    codes = browser.post("/account/authenticator", code=app.at(portal.time.now()))
    assert codes.status_code == 200
    return app, re.findall(r"<code>([A-Z2-7-]+)</code>", codes.body.decode())


def with_pending_login(portal: Portal) -> Browser:
    browser = portal.browser()
    answer = browser.log_in(EMAIL, PASSWORD)
    assert header(answer, "location") == "/login/second?next=/documents"
    assert "__Host-session" not in browser.cookies
    return browser


# The authenticator app


def test_login_asks_for_the_app_code_after_the_password(portal: Portal, browser: Browser) -> None:
    app, _ = add_app(portal, browser)
    portal.time.pass_time(seconds=30)
    other = with_pending_login(portal)
    assert other.post("/login/second", code="000000").status_code == 401
    answer = other.post("/login/second", code=app.at(portal.time.now()), next="/documents/past")
    assert header(answer, "location") == "/documents/past"
    assert other.get("/documents").status_code == 200


def test_a_code_is_accepted_once(portal: Portal, browser: Browser) -> None:
    app, _ = add_app(portal, browser)
    portal.time.pass_time(seconds=30)
    code = app.at(portal.time.now())
    assert with_pending_login(portal).post("/login/second", code=code).status_code == 303
    assert with_pending_login(portal).post("/login/second", code=code).status_code == 401


def test_the_code_that_turned_the_app_on_is_used_up(portal: Portal, browser: Browser) -> None:
    app, _ = add_app(portal, browser)
    assert with_pending_login(portal).post("/login/second", code=app.at(portal.time.now())).status_code == 401


@pytest.mark.parametrize(("seconds", "status"), [(-30, 303), (30, 303), (-60, 401), (60, 401)])
def test_a_code_may_be_one_step_early_or_late(portal: Portal, browser: Browser, seconds: int, status: int) -> None:
    app, _ = add_app(portal, browser)
    portal.time.pass_time(minutes=5)
    code = app.at(portal.time.now().timestamp() + seconds)
    assert with_pending_login(portal).post("/login/second", code=code).status_code == status


def test_two_tabs_with_the_same_code_open_one_session(portal: Portal, browser: Browser) -> None:
    app, _ = add_app(portal, browser)
    portal.time.pass_time(minutes=1)
    code, first, second = app.at(portal.time.now()), with_pending_login(portal), with_pending_login(portal)
    answers = {first.post("/login/second", code=code).status_code for first in (first, second)}
    assert answers == {303, 401}


def test_guesses_of_codes_are_slowed_down_and_the_right_code_still_works(portal: Portal, browser: Browser) -> None:
    app, _ = add_app(portal, browser)
    portal.time.pass_time(minutes=1)
    other = with_pending_login(portal)
    answers = [other.post("/login/second", code=f"{n:06d}").status_code for n in range(20)]
    assert answers.count(401) <= 6
    assert answers[-1] == 429
    portal.time.pass_time(minutes=1)
    assert other.post("/login/second", code=app.at(portal.time.now())).status_code == 303


def test_a_pending_login_expires_after_five_minutes(portal: Portal, browser: Browser) -> None:
    app, _ = add_app(portal, browser)
    other = with_pending_login(portal)
    portal.time.pass_time(minutes=5)
    assert other.post("/login/second", code=app.at(portal.time.now())).status_code == 410


def test_a_pending_login_opens_nothing(portal: Portal, browser: Browser) -> None:
    add_app(portal, browser)
    half = with_pending_login(portal)
    token = half.cookies["__Host-half"]
    for name in ("__Host-session", "__Host-by-hand", "__Host-setup"):
        assert Browser({name: token}).get("/documents").status_code == 303
    assert half.get("/documents").status_code == 303


def test_a_new_password_does_not_replace_the_second_factor(portal: Portal, browser: Browser) -> None:
    add_app(portal, browser)
    other = portal.browser()
    other.post("/forgot-password", email=EMAIL)
    portal.work()
    reset = next(delivery for delivery in portal.mails() if delivery.type == "reset")
    other.get(f"/setup/{portal.token(reset)}")
    assert other.post("/setup", password="copper lantern river").status_code == 303
    answer = other.log_in(EMAIL, "copper lantern river")
    assert header(answer, "location").startswith("/login/second")


# Recovery codes


def test_a_recovery_code_works_once(portal: Portal, browser: Browser) -> None:
    _, codes = add_app(portal, browser)
    assert (len(codes), len(codes[0])) == (10, 29)
    assert with_pending_login(portal).post("/login/second", code=f" {codes[3].lower()} ").status_code == 303
    assert with_pending_login(portal).post("/login/second", code=codes[3]).status_code == 401
    assert len(stored_provider(portal).recovery) == 9


def test_recovery_codes_are_stored_as_hashes_and_shown_once(portal: Portal, browser: Browser) -> None:
    _, codes = add_app(portal, browser)
    record = portal.fake_store.tables["providers"][PROVIDER.id].record
    assert not [code for code in codes if code in record or code.replace("-", "") in record]
    assert codes[0] not in browser.get("/account").body.decode()


def test_new_recovery_codes_invalidate_the_old_ones(portal: Portal, browser: Browser) -> None:
    _, codes = add_app(portal, browser)
    fresh = re.findall(r"<code>([A-Z2-7-]+)</code>", browser.post("/account/recovery-codes").body.decode())
    assert with_pending_login(portal).post("/login/second", code=codes[0]).status_code == 401
    assert with_pending_login(portal).post("/login/second", code=fresh[0]).status_code == 303


def test_there_are_no_recovery_codes_without_a_second_factor(portal: Portal, browser: Browser) -> None:
    """Codes made without a second factor would get valid when one is added later, and nobody would remember them."""
    answer = browser.post("/account/recovery-codes")
    assert answer.status_code == 404
    assert stored_provider(portal).recovery == ()


# Effects of a change


def test_a_change_ends_the_other_sessions_and_is_emailed_to_the_owner(portal: Portal, browser: Browser) -> None:
    other = portal.browser()
    other.log_in(EMAIL, PASSWORD)
    add_app(portal, browser)
    assert other.get("/documents").status_code == 303
    assert browser.get("/documents").status_code == 200
    browser.post("/account/authenticator/remove")
    assert [delivery.type for delivery in portal.mails()] == ["authenticator_added", "authenticator_removed"]
    assert stored_provider(portal).recovery == ()
    assert portal.browser().log_in(EMAIL, PASSWORD).status_code == 303


@pytest.mark.parametrize(
    "path",
    [
        "/account/passkeys",
        "/account/passkeys/remove",
        "/account/authenticator",
        "/account/authenticator/remove",
        "/account/recovery-codes",
        "/account/password",
        "/account/emails",
        "/account/emails/code",
        "/account/emails/remove",
    ],
)
def test_no_change_is_made_long_after_a_login(portal: Portal, browser: Browser, path: str) -> None:
    for _ in range(15):
        portal.time.pass_time(minutes=1)
        browser.get("/documents")
    before = stored_provider(portal)
    fields = {"password": PASSWORD, "new_password": "copper lantern river"}
    assert header(browser.post(path, fields), "location") == "/account"
    assert stored_provider(portal) == before
    assert "Confirm it's you" in text(browser.get("/account"))
    assert browser.post("/account/confirm", password="wrong").status_code == 400
    assert browser.post("/account/confirm", password=PASSWORD).status_code == 303
    assert "Confirm it's you" not in text(browser.get("/account"))


# The password


def test_the_owner_changes_the_password_with_the_current_one(portal: Portal, browser: Browser) -> None:
    new = "copper lantern river"
    wrong = browser.post("/account/password", password="wrong", new_password=new)
    assert wrong.status_code == 400
    assert "Incorrect current password." in text(wrong)
    answer = browser.post("/account/password", password=PASSWORD, new_password=new)
    assert header(answer, "location") == "/account?done=password"
    assert portal.browser().log_in(EMAIL, PASSWORD).status_code == 401
    assert portal.browser().log_in(EMAIL, new).status_code == 303
    assert [delivery.type for delivery in portal.mails()] == ["password_changed"]


def test_eight_characters_are_enough_only_with_a_second_factor(portal: Portal, browser: Browser) -> None:
    short = {"password": PASSWORD, "new_password": "vxqtrakm"}
    assert browser.post("/account/password", short).status_code == 400
    add_app(portal, browser)
    assert browser.post("/account/password", {**short, "new_password": "vxqtrak"}).status_code == 400
    assert browser.post("/account/password", short).status_code == 303
    refused = browser.post("/account/authenticator/remove")
    assert refused.status_code == 400
    assert "Change the password first." in text(refused)
    long = {"password": "vxqtrakm", "new_password": PASSWORD}
    assert browser.post("/account/password", long).status_code == 303
    assert browser.post("/account/authenticator/remove").status_code == 303


@pytest.mark.parametrize("password", ["Hill Country Therapy 7", "1234567893-1234567893", "luis rivera rivera"])
def test_a_new_password_similar_to_the_owner_or_a_practice_is_refused_with_the_reason(
    portal: Portal, browser: Browser, password: str
) -> None:
    known = replace(stored_provider(portal), version=stored_provider(portal).version + 1, practices=("prc_1",))
    portal.store.commit(Change(at=START, providers=(known,)))
    answer = browser.post("/account/password", password=PASSWORD, new_password=password)
    assert answer.status_code == 400
    assert "too similar to your name, email address, NPI or clinic" in text(answer)


def test_logging_out_everywhere_ends_every_session(portal: Portal, browser: Browser) -> None:
    other = portal.browser()
    other.log_in(EMAIL, PASSWORD)
    assert browser.post("/account/log-out-everywhere").status_code == 303
    for visitor in (browser, other):
        assert visitor.get("/documents").status_code == 303


def test_a_new_password_makes_all_other_browsers_unknown(portal: Portal, browser: Browser) -> None:
    other = portal.browser()
    other.log_in(EMAIL, PASSWORD)
    browser.post("/account/password", password=PASSWORD, new_password="copper lantern river")
    changed = portal.store.provider(PROVIDER.id)
    known = [portal.known_devices.read(visitor.cookies["__Host-device"]) for visitor in (browser, other)]
    assert [device is not None and device.is_known_to(changed) for device in known] == [True, False]


# A lost device


def test_support_removes_a_lost_second_factor_and_the_owner_gets_an_email(portal: Portal, browser: Browser) -> None:
    add_app(portal, browser)
    answer = portal.admin_actions.run({"action": "reset_second_factor", "email": "Dr.Rivera@example.com"})
    assert answer == {"id": PROVIDER.id}
    assert not stored_provider(portal).has_second_factor
    assert browser.get("/documents").status_code == 303
    assert portal.browser().log_in(EMAIL, PASSWORD).status_code == 303
    assert [delivery.type for delivery in portal.mails()] == ["authenticator_added", "second_factor_reset"]


def test_a_short_password_is_invalidated_with_the_second_factor(portal: Portal, browser: Browser) -> None:
    add_app(portal, browser)
    browser.post("/account/password", password=PASSWORD, new_password="vxqtrakm")
    portal.admin_actions.run({"action": "reset_second_factor", "email": EMAIL})
    assert portal.browser().log_in(EMAIL, "vxqtrakm").status_code == 401
    assert not stored_provider(portal).short_password


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com", "", "nonsense"])
def test_support_gets_an_error_if_there_is_no_second_factor(portal: Portal, email: str) -> None:
    before = portal.fake_store.commits
    answer = portal.admin_actions.run({"action": "reset_second_factor", "email": email})
    assert [error["field"] for error in answer["error"]["errors"]] == ["email"]
    assert portal.fake_store.commits == before


# Invalid passkey responses


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", "nonsense", '{"id": 1, "response": {"clientDataJSON": "AAAA"}}', "{" * 20000]
)
def test_an_invalid_passkey_response_opens_nothing(portal: Portal, browser: Browser, answer: str) -> None:
    assert portal.browser().post("/login/passkey", passkey=answer).status_code == 401
    assert browser.post("/account/passkeys", passkey=answer).status_code == 400


def test_a_challenge_is_valid_for_one_person_and_ten_minutes() -> None:
    key = b"a key"
    challenge = from_base64url(make_challenge(key, "prv_1", "nonce", START))
    assert is_valid_challenge([key], challenge, "prv_1", START)
    assert is_valid_challenge([key], challenge, "prv_1", START.replace(minute=9, second=59))
    assert not is_valid_challenge([key], challenge, "prv_1", START.replace(minute=10))
    assert not is_valid_challenge([key], challenge, "prv_2", START)
    assert not is_valid_challenge([key], challenge, "", START)
    assert not is_valid_challenge([b"another key"], challenge, "prv_1", START)
    assert not is_valid_challenge([key], challenge[:-1], "prv_1", START)
    assert not is_valid_challenge([key], b"", "prv_1", START)


# The owner's name


def test_the_owner_corrects_the_name_and_the_activity_shows_both(portal: Portal, browser: Browser) -> None:
    saved = replace(stored_provider(portal), version=stored_provider(portal).version + 1, saved_signature="{}")
    portal.store.commit(Change(at=START, providers=(saved,)))
    done = browser.post("/account/name", first_name=" Luis ", last_name="Rivera-Kim")
    assert header(done, "location") == "/account?done=name"
    assert "Luis Rivera-Kim" in text(browser.get("/account?done=name"))
    assert "Name corrected: Luis Rivera is now Luis Rivera-Kim" in text(browser.get("/account/activity"))
    corrected = stored_provider(portal)
    assert (corrected.former_names, corrected.name_self_stated) == ((("Luis", "Rivera"),), True)
    assert corrected.saved_signature is None
    assert [mail.type for mail in portal.mails()] == ["name_changed"]


@pytest.mark.parametrize(("first_name", "last_name"), [("", "Suharto"), ("Suharto", "")])
def test_a_name_of_one_word_is_a_last_name(portal: Portal, browser: Browser, first_name: str, last_name: str) -> None:
    browser.post("/account/name", first_name=first_name, last_name=last_name)
    assert (stored_provider(portal).first_name, stored_provider(portal).last_name) == ("", "Suharto")


@pytest.mark.parametrize(
    ("first_name", "last_name", "message"),
    [
        ("", " ", "Enter your name."),
        ("Luis", "Rivera", "This is already the name in your account."),
        ("Lu\u200bis", "Rivera", "Type the name again: it has hidden characters."),
        ("Luis", "x" * 101, "A name has at most 100 characters."),
    ],
)
def test_a_wrong_name_is_refused(
    portal: Portal, browser: Browser, first_name: str, last_name: str, message: str
) -> None:
    page = browser.post("/account/name", first_name=first_name, last_name=last_name)
    assert page.status_code in (400, 422)
    assert message in text(page)
    assert f'name="last_name" type="text" value="{last_name}"' in page.body.decode(), "what was typed is kept"
    assert stored_provider(portal).name == "Luis Rivera"


def test_a_name_of_100_characters_is_accepted(portal: Portal, browser: Browser) -> None:
    browser.post("/account/name", first_name="Luis", last_name="x" * 100)
    assert stored_provider(portal).last_name == "x" * 100


def test_a_name_is_corrected_only_after_a_recent_login(portal: Portal, browser: Browser) -> None:
    for _ in range(15):
        portal.time.pass_time(minutes=1)
        browser.get("/documents")
    assert header(browser.post("/account/name", first_name="Luis", last_name="Kim"), "location") == "/account"
    assert stored_provider(portal).name == "Luis Rivera"
