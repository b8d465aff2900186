"""Searching the past: no address ever holds what was typed, and going back works."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states.lists import past_searched, search
from tests.support.browser.states.scene import Scene, decided_document, patient
from tests.support.browser.visitor import PHONE


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def scene(memory: MemoryPortal, new_context: NewContext, request: pytest.FixtureRequest) -> Scene:
    made = Scene(memory, new_context(**PHONE, java_script_enabled=request.param).new_page())
    decided_document(made)
    decided_document(made, id="doc_two", patient=patient("Grace", "Hopper"))
    made.log_in()
    made.open("/documents/past")
    return made


def test_what_was_typed_stands_in_no_address(scene: Scene) -> None:
    page, asked = scene.page, []
    page.on("request", lambda request: asked.append(request.url))
    search(scene, "grace hopper")
    expect(page.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    expect(page.get_by_role("heading", name="Ada Byron")).to_have_count(0)
    expect(page.locator("#q")).to_have_value("grace hopper")
    expect(page).to_have_url(f"{scene.memory.url}/documents/past")
    page.get_by_role("link", name="Grace Hopper").first.click()
    expect(page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()
    assert not [each for each in asked if "grace" in each.lower() or "?q" in each]


def test_a_search_goes_on_by_a_button(memory: MemoryPortal, new_context: NewContext) -> None:
    scene = Scene(memory, new_context(**PHONE).new_page())
    past_searched(scene)
    page = scene.page
    expect(page.get_by_role("heading", name="Ada Byron")).to_have_count(2)
    scene.press("Search older documents")
    expect(page.locator("#q")).to_have_value("ada byron")
    expect(page.locator("#from")).to_have_value("2026-11-01")
    expect(page.get_by_text("Nothing found.")).to_be_visible()
    expect(page).to_have_url(f"{memory.url}/documents/past")
    page.get_by_role("link", name="Show all, newest first").click()
    expect(page.get_by_role("heading", name="Grace Hopper").first).to_be_visible()


def test_going_back_to_what_was_found_ends_at_the_list(memory: MemoryPortal, new_context: NewContext) -> None:
    scene = Scene(memory, new_context(**PHONE).new_page())
    decided_document(scene)
    scene.log_in()
    scene.open("/documents/past")
    search(scene, "ada")
    page = scene.page
    page.get_by_role("link", name="Ada Byron").first.click()
    expect(page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Past documents")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Past documents")).to_be_visible()
