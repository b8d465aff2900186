"""WCAG 2.2 AA on every page in every state; `docs/accessibility.md` says which test stands for what."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states import STATES
from tests.support.browser.states.reviewing import review
from tests.support.browser.states.scene import NOTE, REVIEW, Scene
from tests.support.browser.visitor import DESK, PHONE

JS = Path(__file__).parents[1] / "js"
AXE = JS / "node_modules" / "axe-core" / "axe.min.js"
MAIN_PAGES = ["login", "pending", "past", "review", "by-hand-document", "signed-and-sealed"]
# The rules beyond WCAG too: axe calls them best practice.
RUN_AXE = "(await axe.run(document, {resultTypes: ['violations']})).violations"

# Words, pictures and controls; not boxes around them, nor marks that styles add.
WIDER_THAN_THE_SCREEN = """
() => {
  const lost = (box) => box.width > 0 && box.height > 0
    && (Math.round(box.right) > document.documentElement.clientWidth || Math.round(box.left) < 0);
  const pans = (each) => each.closest("[data-pan]") || getComputedStyle(each).clipPath === "inset(50%)";
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (words.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(words.currentNode);
    const there = words.currentNode.textContent.trim() && !words.currentNode.parentElement.closest("script");
    if (there && !pans(words.currentNode.parentElement) && [...range.getClientRects()].some(lost)) {
      found.push(words.currentNode.textContent.trim());
    }
  }
  const shown = "img, svg, canvas, button, input, textarea, summary, [data-pan]";
  for (const each of document.querySelectorAll(shown)) {
    const inside = each.matches("[data-pan]") ? each.parentElement : each;
    if (!pans(inside) && !each.closest(".visually-hidden") && lost(each.getBoundingClientRect())) {
      found.push(each.outerHTML.slice(0, 120));
    }
  }
  return found;
}
"""
SCROLLS_SIDEWAYS = "() => document.scrollingElement.scrollWidth > document.documentElement.clientWidth"

SMALL_TARGETS = """
() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary")]
  .filter((each) => {
    const box = (each.closest("label") || each).getBoundingClientRect();
    if (!box.width || !box.height || each.closest(".visually-hidden, .skip") || each.disabled) return false;
    if (getComputedStyle(each).display === "inline") return false;
    return box.width < 24 || box.height < 24;
  }).map((each) => each.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, as `tests/js/package-lock.json` pins it and `make tools` installs it."""
    return AXE.read_text("utf-8")


@pytest.fixture
def scene(memory: MemoryPortal, new_context: NewContext) -> Scene:
    """A phone whose pages may be given axe-core, which their own policy would refuse."""
    return Scene(memory, new_context(**PHONE, reduced_motion="reduce", bypass_csp=True).new_page())


def violations(page: Page, axe: str) -> list[str]:
    """What axe-core finds wrong, one line for each rule and element."""
    found: list[dict[str, Any]] = page.evaluate(f"async () => {{ {axe}\n return {RUN_AXE}; }}")
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("name", STATES)
def test_page_meets_the_guidelines(name: str, scene: Scene, axe: str) -> None:
    """What can be told from any page, each state reached once; 320 pixels are also 1280 at a zoom of 400%."""
    STATES[name](scene)
    page = scene.page
    found = {
        "axe on a phone": violations(page, axe),
        "targets under 24 pixels (2.5.8)": page.evaluate(SMALL_TARGETS),
        "title, heading, language (2.4.2, 2.4.6, 3.1.1)": unnamed(page),
        "no help (3.2.6)": [] if page.locator("footer").get_by_role("link").count() else ["no contact"],
    }
    page.set_viewport_size({"width": 320, "height": 640})
    found["beyond 320 pixels (1.4.10)"] = beyond_the_screen(page)
    page.set_viewport_size(DESK["viewport"])
    found["axe at a desk"] = violations(page, axe)
    assert {fault: where for fault, where in found.items() if where} == {}


def unnamed(page: Page) -> list[str]:
    """What a page lacks of a title of its own, one main heading, and a language."""
    right = {
        "title": bool(re.fullmatch(r".+ · Provider Portal", page.title())),
        "h1": page.locator("h1").count() == 1,
        "lang": page.locator("html").get_attribute("lang") == "en",
    }
    return [name for name, there in right.items() if not there]


def beyond_the_screen(page: Page) -> list[str]:
    found: list[str] = page.evaluate(WIDER_THAN_THE_SCREEN)
    return [*found, *(["scrolls sideways"] if page.evaluate(SCROLLS_SIDEWAYS) else [])]


@pytest.mark.parametrize("name", MAIN_PAGES)
def test_nothing_is_lost_when_only_the_text_is_twice_as_large(name: str, scene: Scene) -> None:
    """1.4.4 Resize Text, at a desk where a zoom of 200% leaves 640 pixels."""
    scene.page.set_viewport_size({"width": 640, "height": 800})
    STATES[name](scene)
    scene.page.add_style_tag(content="html { font-size: 200%; }")
    assert scene.page.evaluate(WIDER_THAN_THE_SCREEN) == []


@pytest.mark.parametrize("name", MAIN_PAGES)
def test_text_may_be_spaced_out(name: str, scene: Scene) -> None:
    """1.4.12 Text Spacing."""
    STATES[name](scene)
    spaced = "line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important;"
    scene.page.add_style_tag(content=f"* {{ {spaced} }} p {{ margin-bottom: 2em !important; }}")
    assert beyond_the_screen(scene.page) == []


def walk(page: Page, most: int = 80) -> list[str]:
    """What Tab reaches, in order, by its accessible name; fails where the focus cannot be seen."""
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
def test_the_focus_is_always_seen_and_leaves_every_part(name: str, size: Any, scene: Scene) -> None:
    """2.1.2, 2.4.3, 2.4.7, 2.4.11."""
    scene.page.set_viewport_size(size)
    STATES[name](scene)
    names = walk(scene.page)
    assert names[0] == "Skip to main content"
    assert len(names) < 80, "the focus comes to an end"


def test_a_plan_is_signed_with_the_keyboard_alone(scene: Scene) -> None:
    """2.1.1: from the list to the signed document, no pointer."""
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
    """Down through the document by the keyboard, a screen at a time, until all is said to be seen."""
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
        told = page.evaluate("() => [document.activeElement.textContent, document.activeElement.name]")
        if name in [" ".join((each or "").split()) for each in told]:
            return
    raise AssertionError(f"Tab does not reach {name}")


def test_what_is_wrong_is_announced_beside_its_field(scene: Scene) -> None:
    """3.3.1, 3.3.3, 4.1.3."""
    STATES["review-with-something-missing"](scene)
    field = scene.page.locator("#typed_name")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Type your own name to sign: Luis Rivera."))
    expect(scene.page.get_by_role("alert")).to_contain_text("Nothing has been sent yet")
    expect(scene.page.locator("#note")).to_have_value(NOTE)


def test_nothing_moves_for_those_who_asked_for_less_motion(
    memory: MemoryPortal, new_context: NewContext
) -> None:
    memory.reset()
    scene = Scene(memory, new_context(**PHONE, reduced_motion="reduce", bypass_csp=True).new_page())
    review(scene)
    moving = """() => [...document.querySelectorAll("*")].filter((each) => {
      const style = getComputedStyle(each);
      const still = (text) => text.split(",").every((part) => parseFloat(part) === 0);
      return !still(style.transitionDuration) || style.animationName !== "none"
        || style.scrollBehavior === "smooth";
    }).map((each) => each.className)"""
    assert scene.page.evaluate(moving) == []


def test_pages_may_be_pinched_larger(scene: Scene) -> None:
    scene.open("/login")
    told = scene.page.locator("meta[name=viewport]").get_attribute("content") or ""
    assert "user-scalable" not in told
    assert "maximum-scale" not in told


def test_buttons_enlarge_the_pages_and_nothing_else(scene: Scene) -> None:
    """1.4.4 for the pictures: they pan in their own box, by keyboard too, and a sharper file is fetched."""
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
    """1.3.4."""
    scene.page.set_viewport_size({"width": 844, "height": 390})
    review(scene)
    assert not scene.page.evaluate(SCROLLS_SIDEWAYS)
    expect(scene.page.get_by_role("link", name="Approve")).to_be_in_viewport()
