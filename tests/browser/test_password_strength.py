"""What is said of a password as it is typed; the portal itself decides when it is sent."""

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
    ("typed", "said"),
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
def test_the_strength_of_a_password_is_said_as_it_is_typed(scene: Scene, typed: str, said: str) -> None:
    setup(scene)
    scene.page.locator("#password").press_sequentially(typed)
    assert scene.page.locator("#password-count").inner_text() == said


def test_nothing_is_sent_anywhere_while_one_types(scene: Scene) -> None:
    setup(scene)
    asked: list[str] = []
    scene.page.on("request", lambda request: asked.append(request.url))
    scene.page.locator("#password").press_sequentially("violet tractor onion")
    # The page's own icon may come late.
    assert [each for each in asked if "/static/" not in each] == []


def test_a_password_may_be_shown_and_pasted_and_kept_by_a_manager(scene: Scene) -> None:
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
