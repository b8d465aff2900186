"""Test every page in every state against WCAG 2.2 AA. `docs/accessibility.md` maps the criteria to tests."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import MILLISECONDS_TO_WAIT, NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states import STATES
from tests.support.browser.states.reviewing import review
from tests.support.browser.states.scene import NOTE, REVIEW, Scene
from tests.support.browser.visitor import DESK, PHONE

JS = Path(__file__).parents[1] / "js"
AXE = JS / "node_modules" / "axe-core" / "axe.min.js"
MAIN_PAGES = ["login", "pending", "past", "review", "by-hand-document", "signed-and-sealed"]
# These rules go beyond WCAG. axe calls them best practices.
RUN_AXE = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
BROWSER: dict[str, Any] = {**PHONE, "reduced_motion": "reduce", "bypass_csp": True}
"""A phone without motion. The pages' content security policy is off, because it would block the library axe-core."""

CHANGES_THE_BROWSER = {"session-about-to-end", "login-with-a-passkey-first", "setup-on-a-device-with-passkeys"}
"""The states that set the browser's clock or give it a passkey, so that another state needs another browser."""

# Texts, images and controls, but not the boxes around them or marks that styles add.
WIDER_THAN_THE_SCREEN = """
() => {
  const lost = (box) => box.width > 0 && box.height > 0
    && (Math.round(box.right) > document.documentElement.clientWidth || Math.round(box.left) < 0);
  const pans = (element) =>
    element.closest("[data-pan]") || getComputedStyle(element).clipPath === "inset(50%)";
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), overflowing = [];
  while (words.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(words.currentNode);
    const there = words.currentNode.textContent.trim() && !words.currentNode.parentElement.closest("script");
    if (there && !pans(words.currentNode.parentElement) && [...range.getClientRects()].some(lost)) {
      overflowing.push(words.currentNode.textContent.trim());
    }
  }
  const shown = "img, svg, canvas, button, input, textarea, summary, [data-pan]";
  for (const element of document.querySelectorAll(shown)) {
    const inside = element.matches("[data-pan]") ? element.parentElement : element;
    if (!pans(inside) && !element.closest(".visually-hidden") && lost(element.getBoundingClientRect())) {
      overflowing.push(element.outerHTML.slice(0, 120));
    }
  }
  return overflowing;
}
"""
SCROLLS_SIDEWAYS = "() => document.scrollingElement.scrollWidth > document.documentElement.clientWidth"

SMALL_TARGETS = """
() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary")]
  .filter((element) => {
    const box = (element.closest("label") || element).getBoundingClientRect();
    if (!box.width || !box.height || element.disabled) return false;
    if (element.closest(".visually-hidden, .skip")) return false;
    if (getComputedStyle(element).display === "inline") return false;
    return box.width < 24 || box.height < 24;
  }).map((element) => element.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the JavaScript source of axe-core, a library that finds accessibility faults on a page.

    `make tools` installs it in the version of `tests/js/package-lock.json`."""
    return AXE.read_text("utf-8")


@pytest.fixture
def scene(memory: MemoryPortal, new_context: NewContext) -> Scene:
    """Return a portal in memory with a phone-sized page."""
    return Scene(memory, new_context(**BROWSER).new_page())


@pytest.fixture(scope="module")
def reused_page(chromium: Browser) -> Iterator[Page]:
    """Return a page that shows one state after another, because starting a browser for each takes half the time."""
    with chromium.new_context(**BROWSER) as context:
        context.set_default_timeout(MILLISECONDS_TO_WAIT)
        yield context.new_page()


@pytest.fixture
def scene_of_state(name: str, memory: MemoryPortal, new_context: NewContext, reused_page: Page) -> Iterator[Scene]:
    """Return a portal in memory with a phone-sized page that shows the state `name`."""
    page = new_context(**BROWSER).new_page() if name in CHANGES_THE_BROWSER else reused_page
    page.context.clear_cookies()
    page.set_viewport_size(PHONE["viewport"])
    scene = Scene(memory, page)
    STATES[name](scene)
    yield scene
    page.evaluate("() => { sessionStorage.clear(); localStorage.clear(); }")


def find_violations(page: Page) -> list[str]:
    """Return the accessibility faults that the library axe-core finds on the page: a line for each rule and element.

    The page must have loaded the library."""
    violations: list[dict[str, Any]] = page.evaluate(RUN_AXE)
    return [f"{violation['id']}: {node['html'][:200]}" for violation in violations for node in violation["nodes"]]


@pytest.mark.parametrize("name", STATES)
def test_page_meets_the_guidelines(scene_of_state: Scene, axe: str) -> None:
    """The page must have no accessibility fault, and fit a width of 320 pixels.

    That width equals a desktop window of 1280 pixels at a zoom of 400%."""
    page = scene_of_state.page
    page.evaluate(f"() => {{ {axe}\n }}")
    faults = {
        "axe on a phone": find_violations(page),
        "targets under 24 pixels (2.5.8)": page.evaluate(SMALL_TARGETS),
        "title, heading, language (2.4.2, 2.4.6, 3.1.1)": find_missing_names(page),
        "no help (3.2.6)": [] if page.locator("footer").get_by_role("link").count() else ["no contact"],
    }
    page.set_viewport_size({"width": 320, "height": 640})
    faults["beyond 320 pixels (1.4.10)"] = find_overflow(page)
    page.set_viewport_size(DESK["viewport"])
    faults["axe at a desk"] = find_violations(page)
    assert {fault: where for fault, where in faults.items() if where} == {}


def find_missing_names(page: Page) -> list[str]:
    """Return which of three things the page lacks: a title, exactly one main heading, a language."""
    right = {
        "title": bool(re.fullmatch(r".+ · Provider Portal", page.title())),
        "h1": page.locator("h1").count() == 1,
        "lang": page.locator("html").get_attribute("lang") == "en",
    }
    return [name for name, there in right.items() if not there]


def find_overflow(page: Page) -> list[str]:
    elements: list[str] = page.evaluate(WIDER_THAN_THE_SCREEN)
    return [*elements, *(["scrolls sideways"] if page.evaluate(SCROLLS_SIDEWAYS) else [])]


@pytest.mark.parametrize("name", MAIN_PAGES)
def test_pages_work_with_text_of_twice_the_size(scene_of_state: Scene) -> None:
    """WCAG 1.4.4 requires pages to work at a zoom of 200%, where a desktop window is only 640 pixels wide."""
    page = scene_of_state.page
    page.set_viewport_size({"width": 640, "height": 800})
    page.add_style_tag(content="html { font-size: 200%; }")
    assert page.evaluate(WIDER_THAN_THE_SCREEN) == []


@pytest.mark.parametrize("name", MAIN_PAGES)
def test_pages_work_with_wider_text_spacing(scene_of_state: Scene) -> None:
    """WCAG 1.4.12 requires that wider text spacing hides no content."""
    page = scene_of_state.page
    spaced = "line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important;"
    page.add_style_tag(content=f"* {{ {spaced} }} p {{ margin-bottom: 2em !important; }}")
    assert find_overflow(page) == []


def walk(page: Page, most: int = 80) -> list[str]:
    """Press Tab through the page, and return the accessible names of the focused elements, at most `most`.

    Assert that each focused element visibly shows its focus."""
    names: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        where = page.evaluate(
            """() => {
              const one = document.activeElement;
              if (!one || one === document.body) return null;
              const box = one.getBoundingClientRect(), style = getComputedStyle(one);
              const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
              const dock = document.querySelector("[data-dock]");
              const seen = dock && dock.offsetHeight && getComputedStyle(dock).visibility === "visible";
              const bar = seen && !dock.contains(one)
                ? dock.getBoundingClientRect().top : innerHeight;
              const name = one.getAttribute("aria-label") || one.innerText || one.name || one.id;
              return {name: name.trim(), ring, covered: box.top >= bar || box.bottom <= 0};
            }"""
        )
        if where is None:
            break
        assert where["ring"], f"no visible focus on {where['name']}"
        assert not where["covered"], f"{where['name']} has the focus out of sight"
        names.append(where["name"])
    return names


@pytest.mark.parametrize("size", [PHONE["viewport"], DESK["viewport"]], ids=["phone", "desk"])
@pytest.mark.parametrize("name", MAIN_PAGES)
def test_the_focus_is_visible_and_never_trapped(name: str, size: Any, scene: Scene) -> None:
    """WCAG 2.1.2, 2.4.3, 2.4.7 and 2.4.11 require a visible focus that moves in order and is never trapped."""
    scene.page.set_viewport_size(size)
    STATES[name](scene)
    names = walk(scene.page)
    assert names[0] == "Skip to main content"
    assert len(names) < 80, "the focus comes to an end"


def test_a_plan_can_be_signed_with_the_keyboard_only(scene: Scene) -> None:
    """WCAG 2.1.1 requires that a keyboard is enough, from the list of documents to the signature."""
    scene.put()
    scene.log_in()
    scene.open("/documents")
    page, keys = scene.page, scene.page.keyboard
    tab_to(page, "Review the plan of care of Ada Byron")
    keys.press("Enter")
    page.wait_for_url(f"**{REVIEW}")
    read_every_page(page)
    tab_to(page, "note")
    keys.type(NOTE)
    tab_to(page, "Approve and sign")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()
    decision = scene.stored().decision
    assert decision is not None
    assert decision.note == NOTE


def read_every_page(page: Page) -> None:
    """Press PageDown until the review page reports that every page of the document was seen."""
    seen = page.get_by_text("You've seen every page.")
    for _ in range(60):
        if seen.is_visible():
            return
        page.keyboard.press("PageDown")
        page.wait_for_timeout(100)
    raise AssertionError("reading to the end by the keyboard does not count as having seen every page")


def tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        names = page.evaluate("() => [document.activeElement.textContent, document.activeElement.name]")
        if name in [" ".join((text or "").split()) for text in names]:
            return
    raise AssertionError(f"Tab does not reach {name}")


def test_errors_are_announced_and_shown_at_their_fields(scene: Scene) -> None:
    """WCAG 3.3.1, 3.3.3 and 4.1.3 require error messages that name the field and reach screen readers."""
    STATES["review-with-something-missing"](scene)
    field = scene.page.locator("#typed_name")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Type your own name to sign: Luis Rivera."))
    expect(scene.page.get_by_role("alert")).to_contain_text("Not signed yet. Please fix the following:")
    expect(scene.page.locator("#note")).to_have_value(NOTE)


def test_nothing_moves_with_reduced_motion(memory: MemoryPortal, new_context: NewContext) -> None:
    memory.reset()
    scene = Scene(memory, new_context(**BROWSER).new_page())
    review(scene)
    moving = """() => [...document.querySelectorAll("*")].filter((element) => {
      const style = getComputedStyle(element);
      const still = (text) => text.split(",").every((part) => parseFloat(part) === 0);
      return !still(style.transitionDuration) || style.animationName !== "none"
        || style.scrollBehavior === "smooth";
    }).map((element) => element.className)"""
    assert scene.page.evaluate(moving) == []


def test_page_images_can_be_pinch_zoomed(scene: Scene) -> None:
    scene.open("/login")
    content = scene.page.locator("meta[name=viewport]").get_attribute("content") or ""
    assert "user-scalable" not in content
    assert "maximum-scale" not in content


def test_zoom_buttons_enlarge_only_the_page_images(scene: Scene) -> None:
    """WCAG 1.4.4 requires larger page images on demand. They scroll in their own box, and a larger file loads."""
    review(scene)
    page = scene.page
    picture = page.locator("[data-page] img").first
    before = picture.bounding_box()
    for _ in range(3):
        page.get_by_role("button", name="Larger").click()
    after = picture.bounding_box()
    assert before is not None
    assert after is not None
    assert round(after["width"] / before["width"]) == 3
    assert not page.evaluate(SCROLLS_SIDEWAYS)
    expect(page.get_by_role("button", name="Larger")).to_be_disabled()
    page.locator("[data-pan]").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('[data-pan]').scrollLeft > 0")
    page.wait_for_function("() => document.querySelector('[data-page] img').currentSrc.includes('1-1500')")


def test_both_orientations_work(scene: Scene) -> None:
    """WCAG 1.3.4 forbids pages that work in only one orientation of the phone."""
    scene.page.set_viewport_size({"width": 844, "height": 390})
    review(scene)
    assert not scene.page.evaluate(SCROLLS_SIDEWAYS)
    expect(scene.page.get_by_role("link", name="Approve")).to_be_in_viewport()
