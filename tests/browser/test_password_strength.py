"""Test the estimate of a password's strength, which a page shows during typing. The portal decides only on
submission."""

import re

import pytest

from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states.entry import setup
from tests.support.browser.states.scene import Scene
from tests.support.browser.visitor import PHONE


@pytest.fixture
def scene(memory: MemoryPortal, new_context: NewContext) -> Scene:
    return Scene(memory, new_context(**PHONE).new_page())


@pytest.mark.parametrize(
    ("typed", "estimate"),
    [
        ("short", "10 more characters"),
        ("fourteen chars", "1 more character"),
        ("luis rivera rivera 1", "Too similar to your name or email"),
        ("Hill Country Therapy", "Too similar to your name or email"),
        ("abcabcabcabcabcabc", "This pattern is easy to guess"),
        ("abcdefghijklmnopqrst", "This pattern is easy to guess"),
        ("november november ", "This pattern is easy to guess"),
        ("violet tractor ox", "Long enough"),
        ("violet tractor onion river", "Strong"),
    ],
)
def test_the_strength_of_a_password_is_shown_as_it_is_typed(scene: Scene, typed: str, estimate: str) -> None:
    setup(scene)
    scene.page.locator("#password").press_sequentially(typed)
    assert scene.page.locator("#password-count").inner_text() == estimate


def test_nothing_is_sent_during_typing(scene: Scene) -> None:
    setup(scene)
    urls: list[str] = []
    scene.page.on("request", lambda request: urls.append(request.url))
    scene.page.locator("#password").press_sequentially("violet tractor onion")
    # The page's icon may load late.
    assert [url for url in urls if "/static/" not in url] == []


def test_a_password_can_be_shown_pasted_and_saved_by_a_manager(scene: Scene) -> None:
    setup(scene)
    field = scene.page.locator("#password")
    assert field.get_attribute("autocomplete") == "new-password"
    scene.page.get_by_role("button", name="Show").click()
    assert field.get_attribute("type") == "text"
    scene.page.evaluate(
        "() => { const field = document.querySelector('#password'); field.focus();"
        " document.execCommand('insertText', false, 'violet tractor onion'); }"
    )
    assert re.search("Long enough", scene.page.locator("#password-count").inner_text())
