"""Functions that bring a browser to the pages for the code of a fax, such as the page on which a reader enters it.

Each function shows a page in one state, for tests of accessibility and for screenshots."""

from dataclasses import replace

from chalicelib.domain.documents import Document
from chalicelib.services.review.hand_codes import create_fax_code
from chalicelib.services.transaction import Change
from tests.support.browser.states.scene import Scene, state
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_delivery, a_document


@state
def fax(scene: Scene) -> None:
    scene.open("/fax")


@state
def fax_with_a_wrong_code(scene: Scene) -> None:
    scene.open("/fax")
    _enter(scene, "AAAA-AAAA-AAAA", "Open the document")


@state
def fax_logged_in(scene: Scene) -> None:
    scene.log_in()
    scene.open("/fax")


@state
def fax_for_another_person(scene: Scene) -> None:
    addressee = replace(a_document().addressee, first_name="Jane", last_name="Okafor", npi=OTHER_PROVIDER.npi)
    _add(scene, scene.put(addressee=addressee, provider_id=OTHER_PROVIDER.id))


@state
def fax_in_another_account(scene: Scene) -> None:
    namesake = replace(PROVIDER, id="prv_8", email="luis@elsewhere.example")
    scene.memory.portal.store.commit(Change(at=START, providers=(namesake,)))
    addressee = replace(a_document().addressee, email=namesake.email)
    _add(scene, scene.put(addressee=addressee, provider_id=namesake.id))


def _add(scene: Scene, document: Document) -> None:
    code = _fax_code(scene, document)
    scene.log_in()
    scene.open("/fax")
    _enter(scene, code, "Add this document")


def _fax_code(scene: Scene, document: Document) -> str:
    """Return a code that the cover page of a fax of this document has."""
    portal = scene.memory.portal
    return create_fax_code(portal.store, document, a_delivery(document), portal.time.now(), portal.ids)


def _enter(scene: Scene, code: str, button: str) -> None:
    scene.page.get_by_label("Code", exact=True).fill(code)
    scene.press(button)


@state
def fax_report(scene: Scene) -> None:
    scene.open("/fax/report")


@state
def fax_report_with_a_wrong_code(scene: Scene) -> None:
    scene.open("/fax/report")
    _enter(scene, "AAAA-AAAA-AAAA", "Report this fax")


@state
def fax_reported(scene: Scene) -> None:
    code = _fax_code(scene, scene.put())
    scene.open("/fax/report")
    _enter(scene, code, "Report this fax")
