"""Functions that bring a browser to the review page, where a provider reads and decides a document.

Each function shows the page in one state, for tests of accessibility and for screenshots."""

import json
from dataclasses import replace

from chalicelib.domain.status import Status
from tests.support.browser.states.scene import NOTE, REVIEW, Scene, state
from tests.support.fakes import START
from tests.support.provider_fixtures import PRACTICE, a_document


@state
def review(scene: Scene) -> None:
    scene.put(message="Frequency lowered to twice a week.", supersedes="POC-0990")
    scene.log_in()
    scene.open(REVIEW)


@state
def review_enlarged(scene: Scene) -> None:
    review(scene)
    scene.page.get_by_text("Go to page").click()
    scene.page.get_by_role("button", name="Larger").click()
    scene.page.get_by_text("Text of page 1").click()


@state
def text_of_the_pages(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.open(f"{REVIEW}/text")


@state
def review_drawing(scene: Scene) -> None:
    review(scene)
    scene.page.get_by_role("radio", name="Draw").check()


@state
def review_with_a_saved_signature(scene: Scene) -> None:
    strokes = [[[0.1, 0.6], [0.3, 0.2], [0.5, 0.8], [0.9, 0.5]]]
    scene.provider(saved_signature=json.dumps({"aspect": 2.5, "strokes": strokes}))
    review(scene)


@state
def review_being_prepared(scene: Scene) -> None:
    scene.put(pages_ready=1, sent_at=START)
    scene.log_in()
    scene.open(REVIEW)


@state
def review_with_a_broken_page(scene: Scene) -> None:
    scene.put(broken_pages=(2,))
    scene.log_in()
    scene.open(REVIEW)


@state
def review_of_a_very_long_page(scene: Scene) -> None:
    scene.put_long_page()
    scene.log_in()
    scene.open(REVIEW)


@state
def review_with_a_missing_font(scene: Scene) -> None:
    scene.put(undrawn_pages=(1,))
    scene.log_in()
    scene.open(REVIEW)


@state
def review_with_signing_switched_off(scene: Scene) -> None:
    scene.put()
    scene.memory.portal.switches.set_electronic_signature(PRACTICE.id, on=False)
    scene.log_in()
    scene.open(REVIEW)


@state
def review_led_to_an_unread_page(scene: Scene) -> None:
    review(scene)
    scene.page.get_by_role("button", name="Approve and sign", exact=True).click()
    scene.page.wait_for_selector("[data-unread]")


@state
def review_with_something_missing(scene: Scene) -> None:
    review(scene)
    scene.page.locator("#typed_name").fill("Jane Okafor")
    scene.page.locator("#note").fill(NOTE)
    scene.page.locator("#approve").evaluate("form => form.submit()")
    scene.page.wait_for_selector("[role=alert]")


@state
def review_asking_for_the_password(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.memory.portal.time.pass_time(minutes=14)
    scene.open(REVIEW)
    scene.memory.portal.time.pass_time(minutes=10)
    scene.open(REVIEW)


@state
def review_addressed_to_someone_else(scene: Scene) -> None:
    scene.put(addressee=replace(a_document().addressee, npi="1000000004", first_name="Jane"))
    scene.log_in()
    scene.open(REVIEW)


@state
def decline_with_something_missing(scene: Scene) -> None:
    review(scene)
    scene.decline("Request changes to the plan")
    scene.page.wait_for_selector("[role=alert]")


@state
def recalled_while_open(scene: Scene) -> None:
    review(scene)
    scene.page.locator("#note").fill(NOTE)
    scene.change(status=Status.RECALLED, recalled_at=START, recalled_reason="Sent in error")
    scene.page.locator("#approve").evaluate("form => form.submit()")
    scene.page.wait_for_selector("[role=alert]")
