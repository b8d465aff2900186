"""Test signing on a phone in WebKit.

The portal is served over https, because WebKit drops `Secure` cookies of http://localhost."""

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from selenium.webdriver import Remote
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

from chalicelib import bootstrap
from tests.browser.test_accessibility import SCROLLS_SIDEWAYS
from tests.support.browser.memory_server import MemoryPortal, running_memory_portal
from tests.support.browser.people import PASSWORD
from tests.support.browser.states.scene import REVIEW, Stage, with_password
from tests.support.browser.visitor import PHONE
from tests.support.browser.webkit import is_installed, running_webkit
from tests.support.provider_fixtures import PROVIDER

UPRIGHT = PHONE["viewport"]
SECONDS_TO_WAIT = 20
SECONDS_BETWEEN_LOOKS = 0.1
SHOW_ALL_OF_EACH_PAGE = """
const tell = arguments[arguments.length - 1];
const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
// A sharp picture may take the place of the small one meanwhile.
const decoded = (image) => image.decode().catch(() => image.decode());
(async () => {
  for (const sheet of document.querySelectorAll("[data-page]")) {
    await decoded(sheet.querySelector("img"));
    for (const block of ["start", "end"]) {
      sheet.scrollIntoView({ block, behavior: "instant" });
      await painted();
    }
  }
})().then(() => tell(""), (error) => tell(String(error)));
"""
PLACE_ON_THE_SCREEN = """
const element = arguments[0];
element.scrollIntoView({ block: "center", behavior: "instant" });
const box = element.getBoundingClientRect();
return [box.left, box.top, box.width, box.height];
"""


class Phone:
    """A WebKit browser (the engine of Safari) with the size of a phone, on a page of the portal."""

    def __init__(self, driver: Remote, memory: MemoryPortal) -> None:
        self.driver = driver
        self.memory = memory

    def hold(self, width: int, height: int) -> None:
        """Turn the phone: resize the window until the area of the page has this width and height."""
        self.until(lambda: self._fits(width, height))

    def _fits(self, width: int, height: int) -> bool:
        shown = self.ask("return [innerWidth, innerHeight]")
        if shown != [width, height]:
            frame = self.driver.get_window_rect()
            wide, high = frame["width"] + width - shown[0], frame["height"] + height - shown[1]
            self.driver.set_window_rect(0, 0, max(wide, width), max(high, height))
        return bool(shown == [width, height])

    def open(self, path: str) -> None:
        self.driver.get(f"{self.memory.url}{path}")

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def fill(self, selector: str, text: str) -> None:
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def tap(self, element: WebElement) -> None:
        """Tap an element with a pointer, because WebDriver's click refuses transparent elements."""
        left, top, width, height = self.driver.execute_script(PLACE_ON_THE_SCREEN, element)
        self.stroke([(left + width / 2, top + height / 2)])

    def press(self, words: str) -> None:
        """Press the button with this text, and wait for the page to which it leads."""
        before = self.find("html")
        self.tap(self.driver.find_element(By.XPATH, f"//button[normalize-space()='{words}']"))
        WebDriverWait(self.driver, SECONDS_TO_WAIT).until(staleness_of(before))

    def see(self, words: str) -> None:
        """Wait until the page contains this text."""
        self.until(lambda: words in self.find("body").text)

    def until(self, true: Any) -> None:
        WebDriverWait(self.driver, SECONDS_TO_WAIT, SECONDS_BETWEEN_LOOKS).until(lambda _: true())

    def ask(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def draw(self, begin: float, end: float) -> None:
        """Draw a wavy stroke on the signature pad. `begin` and `end` are fractions of the pad's width."""
        left, top, width, height = self.driver.execute_script(PLACE_ON_THE_SCREEN, self.find("[data-pad]"))
        across = [begin + (end - begin) * step / 12 for step in range(13)]
        self.stroke([(left + width * x, top + height * (0.5 + 0.3 * math.sin(9 * x))) for x in across])

    def stroke(self, places: Sequence[tuple[float, float]]) -> None:
        """Draw a line on the signature pad through the points in `places`. A single point is a tap."""
        gesture = ActionBuilder(self.driver, mouse=PointerInput("mouse", "finger"), duration=10)
        for number, (x, y) in enumerate(places):
            gesture.pointer_action.move_to_location(round(x), round(y))
            if number == 0:
                gesture.pointer_action.pointer_down()
        gesture.pointer_action.pointer_up()
        gesture.perform()

    def strokes(self) -> Any:
        return json.loads(self.ask("return document.querySelector('[data-drawing]').value"))["strokes"]


@pytest.fixture(scope="module")
def webkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    if not is_installed() and not shutil.which("apt-get"):
        pytest.skip("only Debian's kin package a WebKit with a driver")
    with running_webkit(tmp_path_factory.mktemp("webkit")) as driver:
        yield driver


@pytest.fixture
def phone(webkit: Remote) -> Iterator[Phone]:
    with running_memory_portal("https") as memory:
        memory.reset()
        webkit.delete_all_cookies()
        held = Phone(webkit, memory)
        held.open("/login")
        held.hold(UPRIGHT["width"], UPRIGHT["height"])
        yield held
        bootstrap.install(None)


def log_in(phone: Phone) -> None:
    phone.fill("#email", str(PROVIDER.email))
    phone.fill("#password", PASSWORD)
    phone.press("Log in")


def read(phone: Phone) -> None:
    assert phone.driver.execute_async_script(SHOW_ALL_OF_EACH_PAGE) == ""
    phone.see("You've seen every page.")


def near(one: Any, other: Any) -> bool:
    return math.dist(one, other) < 0.02


def test_a_plan_is_read_and_signed_with_a_drawn_signature(phone: Phone) -> None:
    scene = Stage(phone.memory)
    with_password(scene)
    scene.put()
    scene.put(id="doc_next")
    phone.open(REVIEW)
    log_in(phone)
    phone.see("Ada Byron")
    assert phone.driver.current_url == f"{phone.memory.url}{REVIEW}"
    read(phone)
    assert not phone.ask(f"return ({SCROLLS_SIDEWAYS})()")

    phone.tap(phone.find("input[value=drawn]"))
    phone.draw(0.2, 0.8)
    upright = phone.strokes()
    phone.hold(UPRIGHT["height"], UPRIGHT["width"])
    assert phone.strokes() == upright
    assert not phone.ask(f"return ({SCROLLS_SIDEWAYS})()")
    phone.draw(0.2, 0.8)
    first, second = phone.strokes()
    assert near(first[0], second[0])
    assert near(first[-1], second[-1])

    phone.hold(UPRIGHT["width"], UPRIGHT["height"])
    phone.tap(phone.find("details.preview summary"))
    phone.until(lambda: phone.ask("return document.querySelector('canvas').dataset.shown") == "yes")
    phone.press("Approve and sign, then next")
    phone.see("The document you just signed is on its way to the clinic.")
    assert phone.driver.current_url.startswith(f"{phone.memory.url}/documents/doc_next")
    decision = scene.stored().decision
    assert decision is not None
    assert [[list(point) for point in stroke] for stroke in decision.strokes] == [first, second]
    assert decision.pages_shown == (1, 2, 3)
