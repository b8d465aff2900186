"""Test that a phone loads small page images first, so that reading can start, and then the large images.

The list of documents lets the browser connect to the images' origin early. This connection does not reveal the
document."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states.reviewing import review
from tests.support.browser.states.scene import REVIEW, Scene
from tests.support.browser.visitor import DESK, PHONE

LARGE_PHONE = {**PHONE, "viewport": {"width": 430, "height": 932}, "device_scale_factor": 3}
SHARP = "() => document.querySelector('[data-page] img').currentSrc.includes('/1-1500')"
STAYS_SHOWN = "() => document.querySelector('[data-page] img').naturalWidth > 0"

Opened = Callable[..., tuple[Scene, list[str]]]


@pytest.fixture
def opened(memory: MemoryPortal, new_context: NewContext) -> Opened:
    """Return a function that opens the review page on a phone and returns the images that the browser requested.

    An image is named by its page number and its width in pixels, such as `1-750`."""

    def open_review(**options: Any) -> tuple[Scene, list[str]]:
        scene, asked = Scene(memory, new_context(**options).new_page()), list[str]()
        scene.page.on("request", lambda request: asked.extend(re.findall(r"/pages/\w+/(\d+-\d+)", request.url)))
        review(scene)
        return scene, asked

    return open_review


@pytest.mark.parametrize("phone", [PHONE, LARGE_PHONE], ids=["phone", "large phone"])
def test_a_phone_loads_the_small_image_first_and_then_the_large_one(opened: Opened, phone: dict[str, Any]) -> None:
    scene, asked = opened(**phone)
    scene.page.wait_for_function(SHARP)
    assert scene.page.evaluate(STAYS_SHOWN)
    assert asked[0] == "1-750"
    assert asked.index("1-750") < asked.index("1-1500")
    scene.page.wait_for_load_state("networkidle")
    assert {f"{number}-1500" for number in (1, 2, 3)} <= set(asked)


def reading_without(memory: MemoryPortal, new_context: NewContext, refused: str) -> Scene:
    """Open the review page on a phone that fails to load some page images, and return the portal with this page.

    `refused` is a pattern for the page number and the width of these images, such as `1-750`."""
    scene = Scene(memory, new_context(**PHONE).new_page())
    scene.page.route(re.compile(rf"/pages/\w+/({refused})"), lambda route: route.abort())
    review(scene)
    return scene


def read_to_the_end(page: Page) -> str:
    """Scroll through all pages, and return the numbers of the pages that the page's script reports as shown.

    The approval form sends this report. It has a token per page: the number, the time, the signature and the tenths of
    seconds."""
    for sheet in page.locator("[data-page]").all():
        sheet.evaluate("(sheet) => sheet.scrollIntoView({ block: 'start' })")
        page.wait_for_timeout(100)
        sheet.evaluate("(sheet) => sheet.scrollIntoView({ block: 'end' })")
        page.wait_for_timeout(100)
    tokens = page.locator("[data-pages-shown]").input_value().split(",")
    return ",".join(token.partition(".")[0] for token in tokens)


def test_the_small_image_stays_if_the_large_one_does_not_load(memory: MemoryPortal, new_context: NewContext) -> None:
    scene = reading_without(memory, new_context, r"\d-1500")
    expect(scene.page.locator("[data-page] img[srcset]")).to_have_count(0)
    assert read_to_the_end(scene.page) == "1,2,3"
    expect(scene.page.get_by_text("couldn't be loaded")).to_have_count(0)


def test_a_page_without_images_says_so_and_does_not_count_as_shown(
    memory: MemoryPortal, new_context: NewContext
) -> None:
    scene = reading_without(memory, new_context, "2-750|2-1500")
    assert read_to_the_end(scene.page) == "1,3"
    expect(scene.page.get_by_text("Page 2 couldn't be loaded")).to_have_count(1)
    expect(scene.page.get_by_text("Page 2 left to read.")).to_be_attached()


def test_a_wide_screen_loads_only_the_large_image(opened: Opened) -> None:
    scene, asked = opened(**DESK)
    scene.page.wait_for_function(SHARP)
    assert "1-750" not in asked


def test_without_scripts_a_phone_loads_only_the_large_image(opened: Opened) -> None:
    scene, asked = opened(**PHONE, java_script_enabled=False)
    expect(scene.page.locator("[data-page='1'] img")).to_be_visible()
    scene.page.wait_for_load_state("networkidle")
    assert asked[0] == "1-1500"
    assert "1-750" not in asked


def test_the_list_connects_early_and_requests_no_image(memory: MemoryPortal, new_context: NewContext) -> None:
    scene, urls = Scene(memory, new_context(**PHONE).new_page()), list[str]()
    scene.put()
    scene.log_in()
    scene.page.on("request", lambda request: urls.append(request.url))
    scene.open("/documents")
    ahead = scene.page.locator("link[rel=preconnect]")
    expect(ahead).to_have_attribute("href", memory.files.origin())
    scene.page.get_by_role("link", name=re.compile("Review")).dispatch_event("pointerdown")
    expect(ahead).to_have_count(2)
    scene.page.wait_for_load_state("networkidle")
    assert [url for url in urls if url.startswith(memory.files.origin()) or REVIEW in url] == []
    assert scene.stored().viewed_at is None
