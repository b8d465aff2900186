"""Test the browser's *Back*, *Forward* and *Reload* after a form was refused, and *Stop* while a form is sent.

Each must show a page, and the browser must never ask whether to send a form again. A form whose answer never came can
be sent again."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states.account import account_with_a_wrong_password
from tests.support.browser.states.scene import BY_HAND, NOTE, REVIEW, Scene, with_password
from tests.support.browser.visitor import DESK


@pytest.fixture
def scene(memory: MemoryPortal, new_context: NewContext) -> Scene:
    return Scene(memory, new_context(**DESK).new_page())


@pytest.fixture
def review(scene: Scene) -> Scene:
    """Open the list of documents, and then the review page of a document, so that the browser has a history."""
    scene.put()
    scene.log_in()
    scene.open("/documents")
    scene.page.get_by_role("link", name="Review").click()
    expect(scene.page).to_have_url(f"{scene.memory.url}{REVIEW}")
    return scene


def decline_without_a_reason(page: Page) -> None:
    page.get_by_text("Decline instead").click()
    page.locator("#decline_note").fill(NOTE)
    page.get_by_role("button", name="Decline this document").click()
    expect(page.get_by_text("Choose a reason").first).to_be_visible()


def sign_without_a_name(page: Page) -> None:
    page.locator("#typed_name").fill("Jane Okafor")
    page.locator("#note").fill(NOTE)
    page.locator("#approve").evaluate("form => form.submit()")
    expect(page.locator("[role=alert]").first).to_be_visible()


def test_back_after_a_corrected_decline_shows_the_decided_document(review: Scene) -> None:
    page = review.page
    decline_without_a_reason(page)
    expect(page).to_have_url(f"{review.memory.url}{REVIEW}")
    page.get_by_label("The patient needs a visit first").check()
    page.get_by_role("button", name="Decline this document").click()
    decided = page.get_by_role("heading", name="You declined this")
    expect(decided).to_be_visible()
    page.go_back()
    expect(decided).to_be_visible()
    page.go_forward()
    expect(decided).to_be_visible()


def test_reloading_a_refused_decline_keeps_the_note(review: Scene) -> None:
    page = review.page
    decline_without_a_reason(page)
    page.reload()
    expect(page.locator("#decline_note")).to_have_value(NOTE)
    expect(page.get_by_role("heading", name="Ada Byron")).to_be_visible()


def test_back_and_forward_after_a_refused_approval(review: Scene) -> None:
    page = review.page
    sign_without_a_name(page)
    expect(page).to_have_url(f"{review.memory.url}{REVIEW}")
    page.get_by_role("link", name="Past").click()
    expect(page.get_by_role("heading", name="Past documents")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Ada Byron")).to_be_visible()
    expect(page.locator("#note")).to_have_value(NOTE)
    page.reload()
    expect(page.locator("#note")).to_have_value(NOTE)


def test_back_after_a_refused_account_change(scene: Scene) -> None:
    account_with_a_wrong_password(scene)
    page = scene.page
    expect(page).to_have_url(f"{scene.memory.url}/account")
    page.get_by_role("link", name="Past").click()
    page.go_back()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()


def test_back_to_a_refused_login_still_leads_to_the_requested_page(scene: Scene) -> None:
    with_password(scene)
    scene.open("/login?next=/documents/past")
    page = scene.page
    page.locator("#email").fill("dr.rivera@example.com")
    page.locator("#password").fill("not the password")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.locator("[role=alert]").first).to_be_visible()
    expect(page).to_have_url(f"{scene.memory.url}/login?next=/documents/past")
    page.get_by_role("link", name="Forgot").first.click()
    page.go_back()
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()


def test_back_to_a_wrong_code_shows_the_code_form(scene: Scene) -> None:
    scene.put()
    scene.open(BY_HAND)
    page = scene.page
    page.get_by_label("Code", exact=True).fill("999999")
    scene.press("Open the document")
    expect(page).to_have_url(f"{scene.memory.url}{BY_HAND}?asked=yes")
    page.get_by_role("link", name="Log in or set up").click()
    page.go_back()
    expect(page.get_by_label("Code", exact=True)).to_be_visible()


# No answer


def open_decline(page: Page) -> None:
    page.get_by_text("Decline instead").click()
    page.get_by_label("The patient needs a visit first").check()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_form_without_an_answer_can_be_sent_again(
    memory: MemoryPortal, new_context: NewContext, *, scripts: bool
) -> None:
    """An empty answer leaves the page as *Stop* does. With scripts, a second press sends nothing for five seconds."""
    scene = Scene(memory, new_context(java_script_enabled=scripts, **DESK).new_page())
    page, sent = scene.page, list[str]()
    scene.put()
    scene.log_in()
    if scripts:
        page.clock.install()
    scene.open(REVIEW)
    open_decline(page)
    button = page.get_by_role("button", name="Decline this document")

    def lose(route: Route) -> None:
        sent.append(route.request.url)
        route.fulfill(status=204)

    page.route("**/decline", lose)
    with page.expect_request("**/decline"):
        button.click()
    if scripts:
        expect(button).to_have_attribute("aria-disabled", "true")
        page.clock.fast_forward(4000)
        button.evaluate("button => button.click()")
        page.clock.fast_forward(2000)
        expect(button).not_to_have_attribute("aria-disabled", "true")
    assert len(sent) == 1
    page.unroute("**/decline")
    button.click()
    expect(page.get_by_role("heading", name="You declined this")).to_be_visible()
