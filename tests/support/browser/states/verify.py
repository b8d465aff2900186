"""Functions that bring a browser to the page that verifies whether the portal sealed a file.

Each function shows the page in one state, for tests of accessibility and for screenshots."""

from chalicelib.domain.documents import StoredPdf
from tests.support.browser.states.scene import ID, Scene, state
from tests.support.fakes import START, FakeInspector

KEY = "uploads/verify/chk_1"


@state
def verify(scene: Scene) -> None:
    scene.open("/verify")


@state
def verify_a_file_that_is_too_large(scene: Scene) -> None:
    scene.open("/verify")
    scene.page.locator("[data-upload]").evaluate("form => { form.dataset.maxBytes = '1'; }")
    scene.page.locator("#file").set_input_files(
        {"name": "plan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
    )
    scene.page.get_by_text("This file is larger than 25 MB.").wait_for()


@state
def verify_a_file_that_is_gone(scene: Scene) -> None:
    scene.open(f"/verify/checked?key={KEY}")


@state
def verified(scene: Scene) -> None:
    _found(scene, "intact")


@state
def verified_added(scene: Scene) -> None:
    _found(scene, "added")


@state
def verified_changed(scene: Scene) -> None:
    _found(scene, "changed")


@state
def verified_broken(scene: Scene) -> None:
    _found(scene, "broken")


@state
def verified_not_ours(scene: Scene) -> None:
    _found(scene, "not_ours")


def _found(scene: Scene, verdict: str) -> None:
    scene.memory.files.put(KEY, b"%PDF", "application/pdf")
    scene.put(signed=StoredPdf(key="signed/1.pdf", sha256="released", pages=4))
    inspector = scene.memory.portal.inspector
    assert isinstance(inspector, FakeInspector)
    inspector.answer = {
        "verdict": verdict,
        "sha256": "released" if verdict == "intact" else "other",
        "revisions": ["released"] if verdict == "added" else [],
        "seal": {
            "reason": "Approved by Luis Rivera, MD",
            "document_id": ID,
            "claimed_at": START.isoformat(),
            "timestamped_at": START.isoformat(),
        },
    }
    scene.open(f"/verify/checked?key={KEY}")
