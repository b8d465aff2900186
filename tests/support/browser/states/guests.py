"""Functions that bring a browser to the page on which a person without an account signs or declines on the screen.

Each function shows the page in one state, for tests of accessibility and for screenshots."""

from chalicelib.domain.documents import ReturnedMethod
from chalicelib.domain.status import Outcome, Status
from tests.support.browser.states.scene import BY_HAND, REVIEW, Scene, state
from tests.support.fakes import START
from tests.support.provider_fixtures import PRACTICE

READ = "I have read all"


def opened(scene: Scene) -> None:
    """Open the document with an emailed code in the browser. Its practice allows to sign without an account."""
    scene.memory.portal.switches.set_sign_without_account(PRACTICE.id, on=True)
    scene.put(message="Frequency lowered to twice a week.")
    scene.enter_code()


def fill(scene: Scene) -> None:
    """Fill in the approval form on the page: a typed signature, and the statement that every page was read."""
    page = scene.page
    page.get_by_label("Type", exact=True).check()
    page.get_by_role("textbox", name="Your signature").fill("Luis Rivera")
    page.get_by_label(READ).check()
    page.get_by_label("and I sign this myself").check()


@state
def guest_document(scene: Scene) -> None:
    opened(scene)


@state
def guest_document_on_paper(scene: Scene) -> None:
    opened(scene)
    scene.page.get_by_text("Sign on paper instead", exact=True).click()


@state
def guest_document_refused(scene: Scene) -> None:
    opened(scene)
    scene.page.get_by_label(READ).check()
    scene.page.get_by_label("NPI").fill("1234567890")
    scene.press("Approve and sign")


@state
def guest_decline_refused(scene: Scene) -> None:
    opened(scene)
    scene.decline("Request changes to the plan")


@state
def guest_signed(scene: Scene) -> None:
    opened(scene)
    fill(scene)
    scene.press("Approve and sign")


@state
def guest_signed_and_offered_an_account(scene: Scene) -> None:
    scene.provider(password_hash=None)
    guest_signed(scene)


@state
def guest_declined(scene: Scene) -> None:
    opened(scene)
    scene.decline("Not my patient")


@state
def guest_decided_meanwhile(scene: Scene) -> None:
    opened(scene)
    fill(scene)
    scene.page.get_by_label("Note to the clinic").first.fill("Please start with the stairs.")
    returned = {"status": Status.RETURNED, "outcome": Outcome.BY_HAND, "returned_method": ReturnedMethod.FAX}
    scene.change(returned_at=START, **returned)
    scene.press("Approve and sign")


@state
def guest_switched_off_meanwhile(scene: Scene) -> None:
    opened(scene)
    fill(scene)
    scene.memory.portal.switches.set_sign_without_account(PRACTICE.id, on=False)
    scene.press("Approve and sign")


@state
def guest_visit_ended(scene: Scene) -> None:
    scene.put()
    scene.open(f"{BY_HAND}?ended=yes")


@state
def signed_without_the_account(scene: Scene) -> None:
    guest_signed(scene)
    scene.log_in()
    scene.open(REVIEW)
