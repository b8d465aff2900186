"""Functions that bring a browser to the page of a decided or recalled document.

Each function shows the page in one state, for tests of accessibility and for screenshots."""

from chalicelib.domain.documents import ReturnedMethod, Sealing
from chalicelib.domain.status import Outcome, Status
from tests.support.browser.states.scene import (
    REVIEW,
    SIGNED,
    Scene,
    decided_document,
    declined_decision,
    patient,
    state,
)
from tests.support.fakes import START


@state
def signed_and_being_sealed(scene: Scene) -> None:
    decided_document(scene, sealing=Sealing.IN_PROGRESS)
    scene.put(id="doc_next", patient=patient("Grace", "Hopper"))
    scene.log_in()
    scene.open(REVIEW)


@state
def signed_with_the_seal_late(scene: Scene) -> None:
    decided_document(scene, sealing=Sealing.DELAYED)
    scene.log_in()
    scene.open(REVIEW)


@state
def signed_and_sealed(scene: Scene) -> None:
    decided_document(scene, sealing=Sealing.SEALED, signed=SIGNED)
    scene.log_in()
    scene.open(REVIEW)


@state
def signed_after_others_with_the_certificate_apart(scene: Scene) -> None:
    decided_document(scene, sealing=Sealing.SEALED, signed=SIGNED, certificate=SIGNED)
    scene.log_in()
    scene.open(REVIEW)


@state
def signed_copy_being_made(scene: Scene) -> None:
    decided_document(scene, sealing=Sealing.IN_PROGRESS)
    scene.log_in()
    scene.open(f"{REVIEW}/signed.pdf")


@state
def declined(scene: Scene) -> None:
    decided_document(
        scene,
        status=Status.DECLINED,
        outcome=Outcome.DECLINED,
        decision=declined_decision(),
        sealing=Sealing.IN_PROGRESS,
    )
    scene.log_in()
    scene.open(REVIEW)


@state
def recalled(scene: Scene) -> None:
    scene.put(status=Status.RECALLED, recalled_at=START, recalled_reason="Sent in error")
    scene.log_in()
    scene.open(REVIEW)


@state
def superseded(scene: Scene) -> None:
    scene.put(status=Status.RECALLED, recalled_at=START, superseded_by="POC-1002")
    scene.log_in()
    scene.open(REVIEW)


@state
def back_on_paper(scene: Scene) -> None:
    scene.put(status=Status.RETURNED, outcome=Outcome.BY_HAND, returned_at=START, returned_method=ReturnedMethod.PAPER)
    scene.log_in()
    scene.open(REVIEW)


@state
def addressed_to_someone_else(scene: Scene) -> None:
    scene.put(provider_id="prv_2")
    scene.log_in()
    scene.open(REVIEW)


@state
def portal_down(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.open(REVIEW)
    scene.page.get_by_label("I have read").check()
    scene.memory.portal.fake_store.failing = True
    with scene.page.expect_navigation():
        scene.page.locator("#approve").evaluate("form => form.submit()")
    scene.page.get_by_role("heading", name="Please try again in a moment").wait_for()
