"""Test the end of a session: a warning comes in time, a key press extends the session, and no text is lost."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from chalicelib.domain.expiring_records import Secret
from chalicelib.services.transaction import Change
from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.people import PASSWORD
from tests.support.browser.states.scene import ID, NOTE, REVIEW, Scene, with_password
from tests.support.browser.visitor import PHONE
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER


@pytest.fixture
def scene(memory: MemoryPortal, new_context: NewContext) -> Scene:
    """Return a portal in memory with a review page, in a browser whose clock the test controls."""
    scene = Scene(memory, new_context(**PHONE).new_page())
    scene.page.clock.install()
    with_password(scene)
    scene.put()
    scene.log_in()
    scene.open(REVIEW)
    return scene


def pass_time(scene: Scene, minutes: int) -> None:
    """Let minutes pass: move the clocks of the browser and of the portal forward."""
    scene.memory.portal.time.pass_time(minutes=minutes)
    scene.page.clock.fast_forward(minutes * 60_000)


def expect_warning(page: Page) -> None:
    expect(page.get_by_role("alertdialog", name="Are you still there?")).to_be_visible()


def expect_no_warning(page: Page) -> None:
    expect(page.get_by_role("alertdialog")).to_have_count(0)


def test_a_key_extends_the_session_two_minutes_before_its_end(scene: Scene) -> None:
    page = scene.page
    page.locator("#note").fill(NOTE)
    pass_time(scene, 12)
    expect_no_warning(page)
    pass_time(scene, 1)
    expect_warning(page)
    expect(page.get_by_role("alertdialog")).to_contain_text("2 minutes")
    expect(page.get_by_role("button", name="Stay logged in")).to_be_focused()
    page.keyboard.press("Enter")
    expect_no_warning(page)
    expect(page.locator("#note")).to_be_focused()
    pass_time(scene, 12)
    expect_no_warning(page)
    pass_time(scene, 1)
    expect(page.get_by_role("button", name="Stay logged in")).to_be_enabled()
    page.keyboard.press("Enter")
    expect_no_warning(page)
    scene.open("/documents")
    expect(page.get_by_role("button", name="Log out", exact=True)).to_be_visible()


def test_escape_extends_the_session_too(scene: Scene) -> None:
    pass_time(scene, 13)
    expect_warning(scene.page)
    scene.page.keyboard.press("Escape")
    expect_no_warning(scene.page)
    pass_time(scene, 10)
    scene.open("/documents")
    expect(scene.page.get_by_role("button", name="Log out", exact=True)).to_be_visible()


def test_screen_readers_announce_the_last_minute_and_20_seconds(scene: Scene) -> None:
    pass_time(scene, 13)
    expect_warning(scene.page)
    status = scene.page.get_by_role("status").filter(has_text="left.")
    scene.page.clock.run_for(60_000)
    expect(status).to_contain_text("60 seconds left.")
    scene.page.clock.run_for(40_000)
    expect(status).to_contain_text("20 seconds left.")


def test_after_the_end_login_returns_to_the_page_with_the_note(scene: Scene) -> None:
    page = scene.page
    page.locator("#note").fill(NOTE)
    pass_time(scene, 13)
    expect_warning(page)
    scene.memory.portal.time.pass_time(minutes=2)
    page.clock.run_for(121_000)
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    expect(page.get_by_text("Ada Byron")).to_have_count(0)
    page.locator("#email").fill("dr.rivera@example.com")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.locator("#note")).to_have_value(NOTE)
    expect(page).to_have_url(f"{scene.memory.url}{REVIEW}")


def test_activity_in_another_tab_extends_the_session(scene: Scene) -> None:
    pass_time(scene, 13)
    expect_warning(scene.page)
    other = scene.page.context.new_page()
    other.goto(f"{scene.memory.url}/documents")
    expect_no_warning(scene.page)


def test_a_session_that_was_ended_elsewhere_cannot_be_extended(scene: Scene) -> None:
    pass_time(scene, 13)
    expect_warning(scene.page)
    scene.provider(session_generation=2)
    scene.page.keyboard.press("Enter")
    expect(scene.page.get_by_role("button", name="Log in", exact=True)).to_be_visible()


def test_a_session_cannot_be_extended_past_twelve_hours(scene: Scene) -> None:
    page, portal = scene.page, scene.memory.portal
    (session,) = (row for row in portal.fake_store.every(Secret, "secrets") if row.authenticated_at)
    portal.time.pass_time(hours=11, minutes=48)
    used = replace(session, version=session.version + 1, last_seen_at=portal.time.now())
    portal.store.commit(Change(at=START, secrets=(used,)))
    scene.open("/documents")
    pass_time(scene, 11)
    expect_warning(page)
    page.keyboard.press("Enter")
    status = page.get_by_role("status").filter(has_text="Sessions end 12 hours after login.")
    expect(status).to_be_visible()
    expect_warning(page)


def test_the_warning_offers_to_log_out(scene: Scene) -> None:
    pass_time(scene, 13)
    expect_warning(scene.page)
    scene.page.get_by_role("button", name="Log out now").click()
    expect(scene.page.get_by_text("You've been logged out.")).to_be_visible()


def test_logging_out_in_one_tab_logs_out_the_others(scene: Scene) -> None:
    expect(scene.page.get_by_role("heading", name="Ada Byron")).to_be_visible()
    other = scene.page.context.new_page()
    other.goto(f"{scene.memory.url}/documents")
    other.get_by_role("button", name="Log out", exact=True).click()
    expect(other.get_by_text("You've been logged out.")).to_be_visible()
    expect(scene.page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    expect(scene.page.get_by_text("Ada Byron")).to_have_count(0)


def test_activity_of_another_person_does_not_extend_the_session(scene: Scene) -> None:
    pass_time(scene, 13)
    expect_warning(scene.page)
    log_in_as_another(scene)
    other = scene.page.context.new_page()
    other.goto(f"{scene.memory.url}/documents")
    expect(other.get_by_role("heading", name="You're all caught up")).to_be_visible()
    other.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    expect_warning(scene.page)


def test_a_draft_is_not_shown_to_another_person(scene: Scene) -> None:
    page = scene.page
    page.locator("#note").fill(NOTE)
    assert page.evaluate("() => sessionStorage.length") == 1
    log_in_as_another(scene)
    scene.open("/documents")
    assert page.evaluate("() => sessionStorage.length") == 0


def test_a_restored_note_that_was_cleared_does_not_return_after_a_reload(scene: Scene) -> None:
    page, portal = scene.page, scene.memory.portal
    (session,) = (row for row in portal.fake_store.every(Secret, "secrets") if row.authenticated_at)
    fields = {"note": NOTE}
    token = portal.unsent_drafts.save(session, scene.stored(), fields, portal.time.now())
    scene.cookie(f"__Host-draft-{ID}", token or "")
    scene.open(REVIEW)
    expect(page.locator("#note")).to_have_value(NOTE)
    page.locator("#note").fill("")
    scene.open(REVIEW)
    expect(page.locator("#note")).to_have_value("")


def log_in_as_another(scene: Scene) -> None:
    """Log another provider in, in the same browser, by replacing the session cookie."""
    portal = scene.memory.portal
    row, cookie = portal.sessions.start(OTHER_PROVIDER, portal.time.now())
    portal.store.commit(Change(at=START, secrets=(row,)))
    scene.cookie("__Host-session", cookie)
