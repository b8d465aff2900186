"""Test drawing a signature with a finger, also on a phone that is turned, and signing without scripts."""

import json
import math
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chalicelib.domain.signatures import MAX_POINTS, MAX_STROKES
from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states.reviewing import review
from tests.support.browser.states.scene import REVIEW, Scene
from tests.support.browser.visitor import PHONE


@pytest.fixture
def scene(memory: MemoryPortal, new_context: NewContext) -> Scene:
    return Scene(memory, new_context(**PHONE).new_page())


def draw(page: Page, begin: float, end: float) -> None:
    """Draw a wavy line with a finger on the signature pad.

    `begin` and `end` are fractions of the pad's width."""
    pad = page.locator("[data-pad]")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    steps = 24
    for step in range(steps + 1):
        across = begin + (end - begin) * step / steps
        place = (box["x"] + box["width"] * across, box["y"] + box["height"] * (0.5 + 0.3 * math.sin(9 * across)))
        page.mouse.move(*place)
        if step == 0:
            page.mouse.down()
    page.mouse.up()


def drawing(page: Page) -> Any:
    text = page.locator("[data-drawing]").input_value()
    return json.loads(text) if text else None


def choose_to_draw(scene: Scene) -> None:
    review(scene)
    scene.page.get_by_role("radio", name="Draw").check()
    expect(scene.page.locator("#typed_name")).to_be_hidden()


def sign(page: Page) -> None:
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Approve and sign", exact=True).click()
    expect(page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()


def test_a_drawn_signature_is_saved_for_next_time(scene: Scene) -> None:
    choose_to_draw(scene)
    draw(scene.page, 0.1, 0.6)
    draw(scene.page, 0.7, 0.9)
    sent = drawing(scene.page)
    scene.page.get_by_label("Save this signature for next time").check()
    sign(scene.page)
    decision = scene.stored().decision
    assert decision is not None
    assert [list(map(list, stroke)) for stroke in decision.strokes] == sent["strokes"]
    assert decision.strokes_aspect == 2.5

    scene.put(id="doc_next")
    scene.open("/documents/doc_next")
    expect(scene.page.get_by_role("img", name="Your drawn signature")).to_be_visible()
    sign(scene.page)
    following = scene.stored("doc_next").decision
    assert following is not None
    assert following.strokes == decision.strokes


def test_undo_removes_one_stroke_and_clear_removes_all(scene: Scene) -> None:
    choose_to_draw(scene)
    page = scene.page
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    draw(page, 0.1, 0.4)
    draw(page, 0.5, 0.9)
    page.get_by_role("button", name="Undo").click()
    assert len(drawing(page)["strokes"]) == 1
    draw(page, 0.5, 0.9)
    page.get_by_role("button", name="Clear").click()
    assert drawing(page) is None
    expect(page.get_by_text("Nothing drawn yet")).to_be_visible()


def test_turning_the_phone_keeps_the_drawing_in_place(scene: Scene) -> None:
    choose_to_draw(scene)
    page = scene.page
    draw(page, 0.2, 0.8)
    before, shown = drawing(page), page.locator("[data-pad] path").get_attribute("d")
    page.set_viewport_size({"width": 844, "height": 390})
    assert drawing(page) == before
    assert page.locator("[data-pad] path").get_attribute("d") == shown
    draw(page, 0.2, 0.8)
    first, second = drawing(page)["strokes"]
    assert all(math.dist(one, other) < 0.02 for one, other in ((first[0], second[0]), (first[-1], second[-1]))), (
        "the same place of the pad is the same number, however the phone is held"
    )


def test_the_pad_does_not_scroll_the_page(scene: Scene) -> None:
    choose_to_draw(scene)
    assert scene.page.locator("[data-pad]").evaluate("pad => getComputedStyle(pad).touchAction") == "none"


def test_the_preview_shows_the_block_of_the_signed_pdf(scene: Scene) -> None:
    choose_to_draw(scene)
    draw(scene.page, 0.2, 0.8)
    scene.page.get_by_text("Preview on the document").click()
    canvas = scene.page.locator("canvas[data-shown]")
    expect(canvas).to_be_visible()
    pixels = "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
    assert min(canvas.evaluate(pixels)[::4]) < 60


def test_without_scripts_the_name_is_typed(memory: MemoryPortal, new_context: NewContext) -> None:
    scene = Scene(memory, new_context(**PHONE, java_script_enabled=False).new_page())
    review(scene)
    expect(scene.page.get_by_role("radio", name="Draw")).to_be_hidden()
    expect(scene.page.locator("[data-pad]")).to_be_hidden()
    sign(scene.page)


def test_without_scripts_a_saved_signature_can_be_used_and_removed(
    memory: MemoryPortal, new_context: NewContext
) -> None:
    scene = Scene(memory, new_context(**PHONE, java_script_enabled=False).new_page())
    scene.provider(saved_signature=json.dumps({"typed": "L. Rivera"}))
    review(scene)
    scene.page.locator("#note").fill("Half a note")
    scene.page.get_by_role("button", name="Remove saved signature").click()
    expect(scene.page.locator("#note")).to_have_value("Half a note")
    expect(scene.page.get_by_text("Your saved signature")).to_have_count(0)
    scene.provider(saved_signature=json.dumps({"typed": "L. Rivera"}))
    scene.open(REVIEW)
    sign(scene.page)
    decision = scene.stored().decision
    assert decision is not None
    assert decision.typed_name == "L. Rivera"


def draw_points(page: Page, strokes: int, points: int) -> None:
    """Draw lines on the signature pad, `strokes` in number, of `points` points each.

    It sends pointer events directly, because mouse movements would take minutes."""
    page.locator("[data-pad]").evaluate(
        """(pad, [strokes, points]) => {
          const box = pad.getBoundingClientRect();
          pad.setPointerCapture = () => {};
          const send = (type, at) => pad.dispatchEvent(new PointerEvent(type, {
            pointerId: 1, bubbles: true, cancelable: true,
            clientX: box.left + box.width * (.05 + .9 * ((at * 37) % 100) / 100),
            clientY: box.top + box.height * (.05 + .9 * ((at * 61) % 100) / 100),
          }));
          for (let stroke = 0; stroke < strokes; stroke += 1) {
            send("pointerdown", stroke);
            for (let point = 1; point < points; point += 1) send("pointermove", stroke + point);
            send("pointerup", stroke);
          }
        }""",
        [strokes, points],
    )


@pytest.mark.parametrize(("strokes", "points", "kept"), [(MAX_STROKES + 5, 3, MAX_STROKES), (2, MAX_POINTS + 5, 1)])
def test_a_full_pad_says_so_and_its_drawing_signs(scene: Scene, strokes: int, points: int, kept: int) -> None:
    """The pad must stop at the limits of `domain/signatures.py`, because the server refuses a larger drawing."""
    troubles: list[Exception] = []

    def note(error: Exception) -> None:
        troubles.append(error)

    scene.page.on("pageerror", note)
    choose_to_draw(scene)
    draw_points(scene.page, strokes, points)
    expect(scene.page.get_by_text("The pad is full. Undo or clear to change your signature.")).to_be_visible()
    drawn = drawing(scene.page)["strokes"]
    assert len(drawn) == kept
    assert sum(map(len, drawn)) <= MAX_POINTS
    assert troubles == []
    sign(scene.page)
