"""Functions that bring a browser to the password hints at setup, and to the pages that offer or require a second
factor.

Each function shows a page in one state, for tests of accessibility and for screenshots."""

from tests.support.browser.states.entry import setup
from tests.support.browser.states.scene import REVIEW, Scene, state
from tests.support.provider_fixtures import PRACTICE


@state
def setup_with_a_strong_password(scene: Scene) -> None:
    _setup(scene, "violet tractor onion river")


@state
def setup_with_ones_own_name_as_password(scene: Scene) -> None:
    _setup(scene, "luis rivera rivera 1")


@state
def second_factor_offered(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.open("/documents")


@state
def second_factor_chosen(scene: Scene) -> None:
    scene.log_in()
    scene.open("/account/second-factor")


@state
def second_factor_required(scene: Scene) -> None:
    scene.put()
    scene.memory.portal.switches.set_second_factor(PRACTICE.id, on=True)
    scene.log_in()
    scene.open(REVIEW)


@state
def second_factor_required_long_after_login(scene: Scene) -> None:
    scene.put()
    scene.memory.portal.switches.set_second_factor(PRACTICE.id, on=True)
    scene.log_in()
    for _ in range(3):
        scene.memory.portal.time.pass_time(minutes=7)
        scene.open("/account")
    scene.open(REVIEW)


def _setup(scene: Scene, password: str) -> None:
    setup(scene)
    scene.page.locator("#password").fill(password)
