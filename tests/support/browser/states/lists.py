"""Functions that bring a browser to the lists of pending and past documents.

Each function shows a list in one state, for tests of accessibility and for screenshots."""

from datetime import date

from chalicelib.domain.documents import Kind, ReturnedMethod, Sealing
from chalicelib.domain.status import Outcome, Status
from tests.support.browser.states.scene import (
    JUNIPER,
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
def pending(scene: Scene) -> None:
    _several(scene)
    scene.log_in()
    scene.open("/documents")


@state
def pending_from_several_practices(scene: Scene) -> None:
    _several(scene)
    scene.put(
        id="doc_juniper",
        practice=JUNIPER,
        practice_id="prc_2",
        kind=Kind.RECERTIFICATION,
        due_on=date(2026, 11, 28),
        supersedes="POC-0990",
        patient=patient("Wilhelmina", "Featherstonehaugh"),
    )
    scene.log_in()
    scene.open("/documents")


@state
def pending_with_nothing_left(scene: Scene) -> None:
    scene.log_in()
    scene.open("/documents")


@state
def past(scene: Scene) -> None:
    decided_document(scene, sealing=Sealing.SEALED, signed=SIGNED)
    decided_document(
        scene,
        id="doc_declined",
        sealing=Sealing.IN_PROGRESS,
        outcome=Outcome.DECLINED,
        decision=declined_decision(),
        status=Status.DECLINED,
        patient=patient("Grace", "Hopper"),
    )
    scene.put(
        id="doc_paper",
        status=Status.RETURNED,
        outcome=Outcome.BY_HAND,
        returned_at=START,
        returned_method=ReturnedMethod.PAPER,
        patient=patient("Alan", "Turing"),
    )
    scene.log_in()
    scene.open("/documents/past")


@state
def past_searched_in_vain(scene: Scene) -> None:
    scene.log_in()
    decided_document(scene, sealing=Sealing.SEALED, signed=SIGNED)
    scene.open("/documents/past")
    search(scene, "nobody")


@state
def past_searched(scene: Scene) -> None:
    """Show the page of a search in the past documents that has found some, and offers to search further back."""
    for number in range(201):
        decided_document(
            scene,
            id=f"doc_{number:03}",
            sealing=Sealing.SEALED,
            signed=SIGNED,
            patient=patient("Ada", "Byron") if number in (150, 180) else patient("Grace", "Hopper"),
        )
    scene.log_in()
    scene.open("/documents/past")
    search(scene, "ada byron")


@state
def review_after_signing_the_one_before(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.open(f"{REVIEW}?signed=doc_before")


@state
def past_with_nothing_in_it(scene: Scene) -> None:
    scene.log_in()
    scene.open("/documents/past")


def search(scene: Scene, words: str) -> None:
    page = scene.page
    page.get_by_text("Find a document").click()
    page.get_by_label("Patient or clinic").fill(words)
    page.locator("#from").fill("2026-11-01")
    scene.press("Search")


def _several(scene: Scene) -> None:
    scene.put(due_on=date(2026, 11, 18), patient=patient("Ada", "Byron"))
    scene.put(id="doc_two", due_on=date(2026, 11, 25), kind=Kind.ORDER, patient=patient("Grace", "Hopper"))
    scene.put(id="doc_three", due_on=date(2026, 12, 20), patient=patient("Alan", "Turing"))
