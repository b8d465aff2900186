"""Test that a hurried physician with a phone needs few taps, loads small pages and loses no input."""

import json

import pytest
from playwright.sync_api import Page, expect

from chalicelib.web.pages.document_landing import LOGO_HEIGHT
from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.people import PASSWORD
from tests.support.browser.states import STATES
from tests.support.browser.states.lists import pending
from tests.support.browser.states.reviewing import review
from tests.support.browser.states.scene import NOTE, REVIEW, Scene, with_password
from tests.support.browser.traffic import check_load, open_fresh_page
from tests.support.browser.visitor import PHONE, SHOW_ALL_OF_EACH_PAGE

MOST_TAPS = 6


@pytest.fixture
def scene(memory: MemoryPortal, new_context: NewContext) -> Scene:
    return Scene(memory, new_context(**PHONE).new_page())


def read(page: Page) -> None:
    """Scroll through every page of the document without a tap, as a person does with a finger."""
    page.evaluate(SHOW_ALL_OF_EACH_PAGE)
    expect(page.get_by_text("You've seen every page.")).to_be_visible()


# Taps


def test_a_returning_provider_signs_with_few_taps(scene: Scene) -> None:
    scene.provider(saved_signature=json.dumps({"typed": "Luis Rivera"}))
    pending(scene)
    page, taps = scene.page, 0
    page.get_by_role("link", name="Review the plan of care of Ada Byron").tap()
    taps += 1
    page.wait_for_url(f"**{REVIEW}")
    read(page)
    page.get_by_role("link", name="Approve", exact=True).tap()
    taps += 1
    page.get_by_role("button", name="Approve and sign, then next").tap()
    taps += 1
    expect(page.get_by_text("The document you just signed is on its way to the clinic.")).to_be_visible()
    expect(page.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    decision = scene.stored().decision
    assert decision is not None
    assert decision.typed_name == "Luis Rivera"
    assert len(decision.pages_shown) == 3
    assert taps <= MOST_TAPS


# Weight


@pytest.mark.parametrize(
    "name",
    [
        "login",
        "pending",
        "past",
        "review",
        "review-drawing",
        "signed-and-sealed",
        "by-hand-document",
        "setup",
        "document-landing-with-a-logo",
    ],
)
def test_pages_are_small_stable_and_load_from_the_portal_only(name: str, scene: Scene, new_context: NewContext) -> None:
    STATES[name](scene)
    page = open_fresh_page(scene.page.context, new_context(**PHONE))
    check_load(page, scene.page.url, (scene.memory.url, scene.memory.files.origin()))


def test_space_for_a_logo_is_reserved_before_it_loads(scene: Scene) -> None:
    STATES["document-landing-with-a-logo"](scene)
    scene.page.route("**/logos/**", lambda _: None)  # The logo never arrives.
    scene.page.reload(wait_until="domcontentloaded")
    box = scene.page.locator("img.logo").bounding_box()
    assert box is not None
    assert box["height"] == LOGO_HEIGHT


# Input is not lost


def test_a_note_survives_the_end_of_the_session(scene: Scene) -> None:
    with_password(scene)
    review(scene)
    page = scene.page
    page.locator("#note").fill(NOTE)
    page.context.clear_cookies(name="__Host-session")
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Approve and sign", exact=True).click()
    expect(page.get_by_role("heading", name="You have a document to review")).to_be_visible()
    page.locator("#email").fill("dr.rivera@example.com")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.locator("#note")).to_have_value(NOTE)


def test_a_draft_survives_a_reload_and_ends_with_the_decision(scene: Scene) -> None:
    review(scene)
    page = scene.page
    page.get_by_text("Decline instead").click()
    page.get_by_label("Request changes to the plan").check()
    page.locator("#decline_note").fill(NOTE)
    scene.open(REVIEW)
    expect(page.locator("#decline_note")).to_have_value(NOTE)
    expect(page.get_by_label("Request changes to the plan")).to_be_checked()
    page.get_by_role("button", name="Decline this document").click()
    expect(page.get_by_role("heading", name="You declined this plan of care")).to_be_visible()
    assert page.evaluate("() => sessionStorage.length") == 0


def test_logging_out_removes_the_draft(scene: Scene) -> None:
    review(scene)
    scene.page.locator("#note").fill(NOTE)
    scene.page.get_by_role("button", name="Log out").click()
    expect(scene.page.get_by_text("You've been logged out.")).to_be_visible()
    assert scene.page.evaluate("() => sessionStorage.length") == 0


def test_without_a_network_nothing_is_sent_or_lost(scene: Scene) -> None:
    review(scene)
    page = scene.page
    read(page)
    page.locator("#note").fill(NOTE)
    page.context.set_offline(True)
    page.get_by_role("button", name="Approve and sign", exact=True).click()
    expect(page.get_by_text("You're offline. Nothing was sent.")).to_be_visible()
    expect(page.locator("#note")).to_have_value(NOTE)
    page.context.set_offline(False)
    expect(page.get_by_text("You're offline. Nothing was sent.")).to_be_hidden()
    page.get_by_role("button", name="Approve and sign", exact=True).click()
    expect(page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()


def test_the_back_button_shows_the_outcome(scene: Scene) -> None:
    review(scene)
    page = scene.page
    read(page)
    page.get_by_role("button", name="Approve and sign", exact=True).click()
    expect(page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()
    page.get_by_role("link", name="Pending").click()
    page.go_back()
    expect(page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()


def test_a_second_tab_shows_the_decision_of_the_first(scene: Scene) -> None:
    review(scene)
    other = scene.page.context.new_page()
    other.goto(scene.page.url)
    other.get_by_text("Decline instead").click()
    other.get_by_label("Not my patient").check()
    other.locator("#decline_note").fill(NOTE)
    read(scene.page)
    scene.page.get_by_role("button", name="Approve and sign", exact=True).click()
    expect(scene.page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()
    other.get_by_role("button", name="Decline this document").click()
    expect(other.get_by_role("alert")).to_contain_text("Your second response was not recorded.")
    expect(other.get_by_role("alert")).to_contain_text(NOTE)
