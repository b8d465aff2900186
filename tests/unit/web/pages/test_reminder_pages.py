"""Test the part of the account page on which a provider chooses when and how reminders come."""

import re
from typing import Any

import pytest

from chalicelib.services.stopped_reminders import is_stopped
from tests.support.accounts import EMAIL, portal_with_account, stored_provider
from tests.support.portal import Browser, Portal, header, text

FORM: dict[str, Any] = {"hour": "8", "time_zone": "America/Denver", "day_0": "yes", "day_4": "yes", "channel": "email"}


@pytest.fixture(autouse=True)
def portal() -> Portal:
    return portal_with_account(practices=("prc_1",))


def chosen(page: str) -> list[str]:
    """Return the values that are chosen in the form: of the two lists, of the days and of the channel."""
    part = page.partition('id="reminders"')[2].partition("</form>")[0]
    return re.findall(r'<option value="([^"]*)" selected', part) + re.findall(r'id="(\w+-?\w*)"[^>]* checked', part)


def test_before_a_choice_the_page_shows_what_holds(browser: Browser) -> None:
    page = browser.get("/account").body.decode()
    days = [f"day_{day}" for day in range(5)]
    assert chosen(page) == ["", "America/Chicago", *days, "channel-both"]
    assert "Reminder emails are on" in page


def test_the_choices_are_stored_and_shown_and_the_activity_has_them(portal: Portal, browser: Browser) -> None:
    done = browser.post("/account/reminders", **FORM)
    assert header(done, "location") == "/account?done=reminders"
    page = browser.get("/account?done=reminders")
    assert "Your next reminders will come at the times you chose." in text(page)
    assert chosen(page.body.decode()) == ["8", "America/Denver", "day_0", "day_4", "channel-email"]
    assert "Reminders changed" in text(browser.get("/account/activity"))
    assert [mail.type for mail in portal.mails()] == ["reminders_changed"]


def test_a_refused_form_keeps_what_was_typed(portal: Portal, browser: Browser) -> None:
    page = browser.post("/account/reminders", hour="8", time_zone="America/Denver", channel="email")
    assert page.status_code == 400
    assert "Choose at least one day." in text(page)
    assert chosen(page.body.decode()) == ["8", "America/Denver", "channel-email"]
    assert stored_provider(portal).reminders is None


@pytest.mark.parametrize(
    ("choices", "shown"),
    [
        ({}, "Afternoon (1 to 5 PM), Central time, on working days."),
        (FORM, "8 to 9 AM, Mountain time, on Monday, Friday. By email only."),
    ],
)
def test_without_a_recent_login_the_page_shows_the_choices_and_changes_nothing(
    portal: Portal, browser: Browser, choices: dict[str, Any], shown: str
) -> None:
    if choices:
        browser.post("/account/reminders", **choices)
    before = stored_provider(portal).reminders
    for _ in range(15):
        portal.time.pass_time(minutes=1)
        browser.get("/documents")
    page = browser.get("/account")
    assert shown in text(page)
    assert "/account/reminders" not in page.body.decode()
    other = {**FORM, "hour": "16"}
    answers = (browser.post("/account/reminders", **other), browser.post("/account/reminders/emails", email=EMAIL))
    assert [header(answer, "location") for answer in answers] == ["/account"] * 2
    assert stored_provider(portal).reminders == before
    assert not is_stopped(portal.store, EMAIL)


def test_reminder_emails_are_stopped_and_started_again(portal: Portal, browser: Browser) -> None:
    done = browser.post("/account/reminders/emails", email=EMAIL)
    assert header(done, "location") == "/account?done=reminders-stopped"
    assert is_stopped(portal.store, EMAIL)
    page = browser.get("/account?done=reminders-stopped")
    assert "Reminder emails stopped. We've notified the clinics" in text(page)
    assert "No reminder emails" in text(page)
    assert f"Reminder emails stopped: {EMAIL}" in text(browser.get("/account/activity"))
    again = browser.post("/account/reminders/emails", email=EMAIL, change="start")
    assert header(again, "location") == "/account?done=reminders-started"
    assert not is_stopped(portal.store, EMAIL)


def test_a_stop_that_another_page_has_made_is_explained(portal: Portal, browser: Browser) -> None:
    browser.post("/account/reminders/emails", email=EMAIL)
    page = browser.post("/account/reminders/emails", email=EMAIL)
    assert page.status_code == 404
    assert "Your reminders have already changed." in text(page)
    assert is_stopped(portal.store, EMAIL)


# The provider's own fax number

NUMBER = "+15125550148"


def test_a_fax_number_is_stored_after_the_owner_has_seen_it(portal: Portal, browser: Browser) -> None:
    page = browser.post("/account/fax", own_fax="512.555.0148")
    assert page.status_code == 200
    assert "Check every digit. Pages about your patients will be faxed there." in text(page)
    assert "(512) 555-0148" in text(page)
    assert f'name="confirmed" value="{NUMBER}"' in page.body.decode()
    assert page.body.decode().index("Is this your fax number?") < page.body.decode().index("Your account</h1>")
    assert stored_provider(portal).fax is None
    done = browser.post("/account/fax", confirmed=NUMBER)
    assert header(done, "location") == "/account?done=fax"
    assert stored_provider(portal).fax == NUMBER
    account = browser.get("/account?done=fax")
    assert "Reminders by fax will go there." in text(account)
    assert "(512) 555-0148" in text(account)
    assert 'id="channel-fax"' in account.body.decode()
    assert [mail.type for mail in portal.mails()] == ["fax_changed"]
    activity = text(browser.get("/account/activity"))
    assert "Fax number for reminders changed" in activity
    assert "0148" not in activity


def test_a_fax_number_is_removed(portal: Portal, browser: Browser) -> None:
    assert 'id="channel-fax"' not in browser.get("/account").body.decode()
    browser.post("/account/fax", confirmed=NUMBER)
    done = browser.post("/account/fax", change="remove")
    assert header(done, "location") == "/account?done=fax-removed"
    assert stored_provider(portal).fax is None


@pytest.mark.parametrize("field", ["own_fax", "confirmed"])
def test_a_refused_fax_number_is_kept_in_its_field(portal: Portal, browser: Browser, field: str) -> None:
    typed: dict[str, Any] = {field: "555-0148"}
    page = browser.post("/account/fax", **typed)
    assert page.status_code == 400
    assert "Enter a fax number with its area code, such as (512) 555-0148." in text(page)
    assert ('value="555-0148"' in page.body.decode()) is (field == "own_fax")
    assert stored_provider(portal).fax is None


def test_a_fax_number_needs_a_recent_login(portal: Portal, browser: Browser) -> None:
    for _ in range(15):
        portal.time.pass_time(minutes=1)
        browser.get("/documents")
    assert "Reminders by fax go to the number that each clinic has." in text(browser.get("/account"))
    forms: list[dict[str, Any]] = [{"own_fax": NUMBER}, {"confirmed": NUMBER}, {"change": "remove"}]
    for form in forms:
        assert header(browser.post("/account/fax", **form), "location") == "/account"
    assert stored_provider(portal).fax is None
