"""Test the sign button before the provider has seen every page: it leads to an unseen page and explains why."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states.reviewing import review_led_to_an_unread_page, review_of_a_very_long_page
from tests.support.browser.states.scene import Scene
from tests.support.browser.visitor import DESK, PHONE, SHOW_ALL_OF_EACH_PAGE

SIZES = [pytest.param(PHONE, id="phone"), pytest.param(DESK, id="desk")]


@pytest.mark.parametrize("size", SIZES)
def test_the_unread_page_says_what_is_left_to_read(
    memory: MemoryPortal, new_context: NewContext, size: dict[str, object]
) -> None:
    scene = Scene(memory, new_context(**size).new_page())
    review_led_to_an_unread_page(scene)
    hint = scene.page.locator("[data-unread]")
    expect(hint).to_be_in_viewport(ratio=1)
    expect(hint).to_contain_text("left to read")
    expect(scene.page.locator("[data-unread-announcement]")).to_contain_text("left to read")


def test_a_very_long_page_is_read_once_all_its_slices_were_on_the_screen(
    memory: MemoryPortal, new_context: NewContext
) -> None:
    scene = Scene(memory, new_context(**PHONE).new_page())
    review_of_a_very_long_page(scene)
    slices = scene.page.locator("[data-page] img")
    expect(slices).to_have_count(2)
    for place in ("start", "end"):
        scene.page.locator("[data-page]").evaluate(f"sheet => sheet.scrollIntoView({{ block: '{place}' }})")
        scene.page.wait_for_timeout(300)
    expect(scene.page.get_by_text("Page 1 left to read.")).to_be_attached()
    scene.page.evaluate(SHOW_ALL_OF_EACH_PAGE)
    expect(scene.page.get_by_text("You've seen every page.")).to_be_visible()


def test_the_hint_changes_once_every_page_is_read(memory: MemoryPortal, new_context: NewContext) -> None:
    scene = Scene(memory, new_context(**PHONE).new_page())
    review_led_to_an_unread_page(scene)
    scene.page.evaluate(SHOW_ALL_OF_EACH_PAGE)
    expect(scene.page.get_by_text("You've seen every page.")).to_be_visible()
    expect(scene.page.locator("[data-unread]")).to_have_text("You've seen every page and can sign now.")
