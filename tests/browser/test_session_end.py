"""The end of a session: warned of in time, put off with a key, and nothing that was written is lost."""

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
    """A review, opened just now, in a browser whose clock is ours."""
    made = Scene(memory, new_context(**PHONE).new_page())
    made.page.clock.install()
    with_password(made)
    made.put()
    made.log_in()
    made.open(REVIEW)
    return made


def pass_time(scene: Scene, minutes: int) -> None:
    """At both ends."""
    scene.memory.portal.time.pass_time(minutes=minutes)
    scene.page.clock.fast_forward(minutes * 60_000)


def warning(page: Page) -> None:
    expect(page.get_by_role("alertdialog", name="Are you still there?")).to_be_visible()


def no_warning(page: Page) -> None:
    expect(page.get_by_role("alertdialog")).to_have_count(0)


def test_two_minutes_before_the_end_a_key_puts_it_off(scene: Scene) -> None:
    page = scene.page
    page.locator("#note").fill(NOTE)
    pass_time(scene, 12)
    no_warning(page)
    pass_time(scene, 1)
    warning(page)
    expect(page.get_by_role("alertdialog")).to_contain_text("2 minutes")
    expect(page.get_by_role("button", name="Stay logged in")).to_be_focused()
    page.keyboard.press("Enter")
    no_warning(page)
    expect(page.locator("#note")).to_be_focused()
    pass_time(scene, 12)
    no_warning(page)
    pass_time(scene, 1)
    expect(page.get_by_role("button", name="Stay logged in")).to_be_enabled()
    page.keyboard.press("Enter")
    no_warning(page)
    scene.open("/documents")
    expect(page.get_by_role("button", name="Log out", exact=True)).to_be_visible()


def test_escape_is_a_sign_of_life_too(scene: Scene) -> None:
    pass_time(scene, 13)
    warning(scene.page)
    scene.page.keyboard.press("Escape")
    no_warning(scene.page)
    pass_time(scene, 10)
    scene.open("/documents")
    expect(scene.page.get_by_role("button", name="Log out", exact=True)).to_be_visible()


def test_the_last_minute_and_the_last_twenty_seconds_are_spoken(scene: Scene) -> None:
    pass_time(scene, 13)
    warning(scene.page)
    said = scene.page.get_by_role("status").filter(has_text="left.")
    scene.page.clock.run_for(60_000)
    expect(said).to_contain_text("60 seconds left.")
    scene.page.clock.run_for(40_000)
    expect(said).to_contain_text("20 seconds left.")


def test_the_page_goes_at_the_end_and_login_returns_to_it_with_the_note(scene: Scene) -> None:
    page = scene.page
    page.locator("#note").fill(NOTE)
    pass_time(scene, 13)
    warning(page)
    scene.memory.portal.time.pass_time(minutes=2)
    page.clock.run_for(121_000)
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    expect(page.get_by_text("Ada Byron")).to_have_count(0)
    page.locator("#email").fill("dr.rivera@example.com")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.locator("#note")).to_have_value(NOTE)
    expect(page).to_have_url(f"{scene.memory.url}{REVIEW}")


def test_work_in_another_tab_keeps_this_one_alive(scene: Scene) -> None:
    pass_time(scene, 13)
    warning(scene.page)
    other = scene.page.context.new_page()
    other.goto(f"{scene.memory.url}/documents")
    no_warning(scene.page)


def test_a_session_that_was_ended_elsewhere_is_not_put_off(scene: Scene) -> None:
    pass_time(scene, 13)
    warning(scene.page)
    scene.provider(session_generation=2)
    scene.page.keyboard.press("Enter")
    expect(scene.page.get_by_role("button", name="Log in", exact=True)).to_be_visible()


def test_after_twelve_hours_it_cannot_be_put_off_any_more(scene: Scene) -> None:
    page, portal = scene.page, scene.memory.portal
    (session,) = (each for each in portal.fake_store.every(Secret, "secrets") if each.authenticated_at)
    portal.time.pass_time(hours=11, minutes=48)
    used = replace(session, version=session.version + 1, last_seen_at=portal.time.now())
    portal.store.commit(Change(at=START, secrets=(used,)))
    scene.open("/documents")
    pass_time(scene, 11)
    warning(page)
    page.keyboard.press("Enter")
    told = page.get_by_role("status").filter(has_text="Sessions end 12 hours after login.")
    expect(told).to_be_visible()
    warning(page)


def test_logging_out_is_offered_with_the_warning(scene: Scene) -> None:
    pass_time(scene, 13)
    warning(scene.page)
    scene.page.get_by_role("button", name="Log out now").click()
    expect(scene.page.get_by_text("You've been logged out.")).to_be_visible()


def test_logging_out_in_one_tab_ends_the_others(scene: Scene) -> None:
    expect(scene.page.get_by_role("heading", name="Ada Byron")).to_be_visible()
    other = scene.page.context.new_page()
    other.goto(f"{scene.memory.url}/documents")
    other.get_by_role("button", name="Log out", exact=True).click()
    expect(other.get_by_text("You've been logged out.")).to_be_visible()
    expect(scene.page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    expect(scene.page.get_by_text("Ada Byron")).to_have_count(0)


def test_another_persons_work_keeps_no_tab_alive(scene: Scene) -> None:
    pass_time(scene, 13)
    warning(scene.page)
    somebody_else(scene)
    other = scene.page.context.new_page()
    other.goto(f"{scene.memory.url}/documents")
    expect(other.get_by_role("heading", name="You're all caught up")).to_be_visible()
    other.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    warning(scene.page)


def test_a_draft_does_not_wait_for_somebody_else(scene: Scene) -> None:
    page = scene.page
    page.locator("#note").fill(NOTE)
    assert page.evaluate("() => sessionStorage.length") == 1
    somebody_else(scene)
    scene.open("/documents")
    assert page.evaluate("() => sessionStorage.length") == 0


def test_a_kept_note_that_was_cleared_does_not_come_back_with_a_reload(scene: Scene) -> None:
    page, portal = scene.page, scene.memory.portal
    (session,) = (each for each in portal.fake_store.every(Secret, "secrets") if each.authenticated_at)
    fields = {"note": NOTE}
    token = portal.unsent_drafts.save(session, scene.stored(), fields, portal.time.now())
    scene.cookie(f"__Host-draft-{ID}", token or "")
    scene.open(REVIEW)
    expect(page.locator("#note")).to_have_value(NOTE)
    page.locator("#note").fill("")
    scene.open(REVIEW)
    expect(page.locator("#note")).to_have_value("")


def somebody_else(scene: Scene) -> None:
    """Who is logged in from now on."""
    portal = scene.memory.portal
    row, cookie = portal.sessions.start(OTHER_PROVIDER, portal.time.now())
    portal.store.commit(Change(at=START, secrets=(row,)))
    scene.cookie("__Host-session", cookie)
