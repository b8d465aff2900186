"""Functions that bring a browser to the pages for signing by hand without an account.

Each function shows a page in one state, for tests of accessibility and for screenshots."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from chalicelib.services.review.scan_previews import scan_prefix
from tests.support.browser.states.scene import BY_HAND, ID, Scene, state
from tests.support.fakes import FakeInspector
from tests.support.provider_fixtures import PRACTICE


@state
def by_hand(scene: Scene) -> None:
    scene.open(BY_HAND)


@state
def by_hand_after_asking_for_a_code(scene: Scene) -> None:
    scene.open(f"{BY_HAND}?asked=yes")


@state
def by_hand_with_signing_switched_off(scene: Scene) -> None:
    scene.memory.portal.switches.set_electronic_signature(PRACTICE.id, on=False)
    by_hand_document(scene)


@state
def by_hand_code_with_signing_switched_off(scene: Scene) -> None:
    scene.memory.portal.switches.set_electronic_signature(PRACTICE.id, on=False)
    scene.put()
    scene.open(BY_HAND)


@state
def by_hand_with_a_wrong_code(scene: Scene) -> None:
    scene.put()
    scene.open(BY_HAND)
    scene.page.get_by_label("Code", exact=True).fill("999999")
    scene.press("Open the document")


@state
def by_hand_document(scene: Scene) -> None:
    scene.put(message="Frequency lowered to twice a week.")
    scene.enter_code()


@state
def by_hand_document_refused(scene: Scene) -> None:
    key = _scan(scene, {"refused": {"code": "not_a_scan", "detail": "A signed scan has to be a PDF."}})
    scene.open(f"{BY_HAND}/uploaded?key={key}")


@state
def by_hand_confirm(scene: Scene) -> None:
    scene.open(f"{BY_HAND}/uploaded?key={_plan(scene)}")


@state
def by_hand_confirm_without_a_name(scene: Scene) -> None:
    scene.open(f"{BY_HAND}/uploaded?key={_plan(scene)}")
    scene.page.get_by_label("Who signed it?").fill("")
    scene.press("Yes, this is the signed document")


@state
def by_hand_done(scene: Scene) -> None:
    key = _scan(scene, {"sha256": "5ca4", "media_type": "application/pdf", "pages": 1})
    scene.open(f"{BY_HAND}/uploaded?key={key}")
    scene.press("Yes, this is the signed document")


def _plan(scene: Scene) -> str:
    """Upload a PDF of several pages as the scan, and return its key."""
    key = _scan(scene, {})
    pdf = scene.memory.files.objects[scene.stored().original.key][0]
    scene.memory.files.put(key, pdf, "application/octet-stream")
    facts = {"media_type": "application/pdf", "sha256": sha256(pdf).hexdigest(), "pages": scene.stored().original.pages}
    _answer(scene, facts)
    return key


def _scan(scene: Scene, answer: Mapping[str, Any]) -> str:
    """Upload a scan of a signed page, and return its key.

    `answer` is the result that the fake inspection of the scan returns."""
    scene.put()
    scene.enter_code()
    key = f"{scan_prefix(ID)}scn_1"
    scene.memory.files.put(key, b"%PDF a scan", "application/pdf")
    _answer(scene, answer)
    return key


def _answer(scene: Scene, answer: Mapping[str, Any]) -> None:
    inspector = scene.memory.portal.inspector
    assert isinstance(inspector, FakeInspector)
    inspector.answer = answer
