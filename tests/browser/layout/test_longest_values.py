"""Test that the longest value of every field, without a space, fits on a phone of 320 pixels."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from chalicelib.domain.documents import Document
from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states import STATES, scene
from tests.support.browser.states.entry import setup_with_a_short_password
from tests.support.browser.states.reviewing import review, review_drawing
from tests.support.browser.states.scene import Scene
from tests.support.provider_fixtures import a_document

NARROW = {"width": 320, "height": 640}
NAME = "Wolfeschlegelsteinhausenbergerdorff" * 3
LINK = "https://clinic.example.com/" + "frequency" * 108
EMAIL = f"{'mailbox' * 9}a@{'.'.join(['department' * 6] * 3)}.com"
CREDENTIAL = "PT,DPT,OCS,FAAOMPT,CSCS,CERT-MDT,LAT,ATC"

SHOWN = """
() => {
  const box = document.activeElement.getBoundingClientRect();
  return box.top >= 0 && box.bottom <= innerHeight;
}
"""

FAULTS = """
() => {
  const width = document.documentElement.clientWidth, faults = [];
  if (document.scrollingElement.scrollWidth > width) faults.push(`${document.scrollingElement.scrollWidth} px wide`);
  for (const element of document.querySelectorAll("button, .button, summary, input:not([type=hidden]), textarea")) {
    const box = element.getBoundingClientRect();
    if (element.closest(".visually-hidden") || element.matches(".visually-hidden") || !box.width) continue;
    if (box.left < 0 || box.right > width + 0.5) faults.push(element.outerHTML.slice(0, 90));
  }
  return faults;
}
"""


def lengthen(document: Document) -> Document:
    """Return the document with the longest values that the portal takes, without spaces."""
    author, decision = document.author, document.decision
    return replace(
        document,
        title="Plan-of-Care/" * 15,
        message=document.message and LINK,
        patient=replace(document.patient, first_name=NAME[:100], last_name=NAME[:100]),
        addressee=replace(document.addressee, last_name=NAME[:100], credential=CREDENTIAL),
        practice=replace(document.practice, name=NAME + "-Therapy"),
        author=author and replace(author, name=NAME[:100], credential=CREDENTIAL),
        recalled_reason=document.recalled_reason and LINK * 2,
        decision=decision
        and replace(decision, note=LINK, signer=replace(decision.signer, name=NAME[:100], credential=CREDENTIAL)),
    )


def test_every_page_fits_a_narrow_phone_with_the_longest_values(
    memory: MemoryPortal, new_context: NewContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page must not scroll sideways, and every button and field must be on the screen."""
    monkeypatch.setattr(scene, "a_document", lambda **changes: lengthen(a_document(**changes)))
    faults: dict[str, list[str]] = {}
    for name, reach in STATES.items():
        memory.reset()
        context = new_context(viewport=NARROW, has_touch=True, reduced_motion="reduce")
        visited = Scene(memory, context.new_page())
        if name == "account":
            visited.provider(email=EMAIL, credential=CREDENTIAL)
        reach(visited)
        if found := visited.page.evaluate(FAULTS):
            faults[name] = found
        context.close()
    assert faults == {}, faults


def test_refused_forms_lead_to_the_wrong_field_and_long_notes_are_counted(
    memory: MemoryPortal, new_context: NewContext
) -> None:
    portal = Scene(memory, new_context(viewport=NARROW, has_touch=True, reduced_motion="reduce").new_page())
    page = portal.page
    review(portal)
    note, count = page.locator("#note"), page.locator("#note-length")
    expect(count).to_be_hidden()
    note.fill("x" * 1500)
    expect(count).to_have_text("500 characters left")
    note.fill("x" * 1999)
    expect(count).to_have_text("1 character left")
    note.fill(f"{'x' * 2000}\n😀")
    expect(count).to_have_text("2 characters too many. Please shorten the text.")
    page.get_by_label("I have read").check()
    portal.press("Approve and sign")
    expect(note).to_be_focused()
    assert page.evaluate(SHOWN)
    assert note.input_value() == f"{'x' * 2000}\n😀"

    memory.reset()
    page.set_viewport_size({"width": 844, "height": 390})
    page.evaluate("window.sessionStorage.clear()")
    review_drawing(portal)
    pad = page.locator("[data-pad]").bounding_box()
    assert pad is not None
    assert pad["height"] < 390 / 2
    assert pad["x"] > 100, "a finger can scroll the page beside the pad"
    page.get_by_label("I have read").check()
    portal.press("Approve and sign")
    expect(page.locator("#drawing")).to_be_focused()

    memory.reset()
    setup_with_a_short_password(portal)
    expect(page.locator("#password-error")).to_be_visible()
    page.locator("#password").fill("violet tractor onion river")
    expect(page.locator("#password-count")).to_have_text("Strong")
    expect(page.locator("#password-error")).to_have_count(0)
    expect(page.locator("#password")).not_to_have_attribute("aria-invalid", "true")
