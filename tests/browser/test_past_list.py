"""Test the search in past documents: no URL contains the search text, and the back button works."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states.lists import past_searched, search
from tests.support.browser.states.scene import Scene, decided_document, patient
from tests.support.browser.visitor import PHONE


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def scene(memory: MemoryPortal, new_context: NewContext, request: pytest.FixtureRequest) -> Scene:
    scene = Scene(memory, new_context(**PHONE, java_script_enabled=request.param).new_page())
    decided_document(scene)
    decided_document(scene, id="doc_two", patient=patient("Grace", "Hopper"))
    scene.log_in()
    scene.open("/documents/past")
    return scene


def test_no_url_contains_the_search_text(scene: Scene) -> None:
    page, urls = scene.page, []
    page.on("request", lambda request: urls.append(request.url))
    search(scene, "grace hopper")
    expect(page.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    expect(page.get_by_role("heading", name="Ada Byron")).to_have_count(0)
    expect(page.locator("#q")).to_have_value("grace hopper")
    expect(page).to_have_url(f"{scene.memory.url}/documents/past")
    page.get_by_role("link", name="Grace Hopper").first.click()
    expect(page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()
    assert not [url for url in urls if "grace" in url.lower() or "?q" in url]


def test_a_button_continues_the_search(memory: MemoryPortal, new_context: NewContext) -> None:
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


def test_going_back_to_a_search_result_shows_the_list(memory: MemoryPortal, new_context: NewContext) -> None:
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
