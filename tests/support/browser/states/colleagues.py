"""Functions that bring a browser to the pages on which a provider hands a document over to a colleague.

Each function shows a page in one state, for tests of accessibility and for screenshots."""

from dataclasses import fields
from typing import Any

from chalicelib.domain.documents import Document
from chalicelib.domain.status import Status
from tests.support.browser.states.scene import REVIEW, Scene, state
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document, addressed_to, handed_over


@state
def hand_over(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.open(f"{REVIEW}/hand-over")


@state
def hand_over_with_errors(scene: Scene) -> None:
    hand_over(scene)
    scene.page.get_by_label("Colleague's first name").fill("Jane")
    scene.page.get_by_label("Email address").fill("jane@example")
    scene.page.get_by_role("button", name="Hand over").click()
    scene.page.get_by_role("alert").wait_for()


@state
def handed_over_and_waiting(scene: Scene) -> None:
    scene.put(**_facts(handed_over(a_document())))
    scene.log_in()
    scene.open(f"{REVIEW}/handed-over")


@state
def handed_over_and_recalled(scene: Scene) -> None:
    scene.put(**_facts(handed_over(a_document())), status=Status.RECALLED, recalled_at=START)
    scene.log_in()
    scene.open(f"{REVIEW}/handed-over")


@state
def pending_with_a_document_that_was_handed_over(scene: Scene) -> None:
    scene.put(**_facts(handed_over(a_document())))
    scene.put(id="doc_2", external_id="POC-1002")
    scene.provider(handed_over=(a_document().id,))
    scene.log_in()
    scene.open("/documents")


@state
def review_of_a_document_that_a_colleague_handed_over(scene: Scene) -> None:
    theirs = addressed_to(OTHER_PROVIDER, a_document())
    scene.put(**_facts(handed_over(theirs, a_document().addressee, to=PROVIDER.id)))
    scene.log_in()
    scene.open(REVIEW)


def _facts(document: Document) -> dict[str, Any]:
    """Return the fields in which a document that was handed over differs from the sample document."""
    before = a_document()
    values = {field.name: getattr(document, field.name) for field in fields(Document)}
    return {name: value for name, value in values.items() if value != getattr(before, name)}
