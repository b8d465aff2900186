"""Functions that bring a browser to the pages on which a provider marks documents as read and signs several at once.

Each function shows a page in one state, for tests of accessibility and for screenshots."""

from datetime import date, timedelta

from chalicelib.domain.documents import Kind
from chalicelib.services.review.read_marks import ReadMark
from tests.support.browser.states.scene import JUNIPER, Scene, patient, state
from tests.support.fakes import START
from tests.support.provider_fixtures import PROVIDER

SEVERAL = ("doc_one", "doc_two", "doc_three", "doc_four", "doc_five")
MARKED = "/documents/marked"
_NAMES = (("Ada", "Byron"), ("Grace", "Hopper"), ("Alan", "Turing"), ("Mary", "Somerville"), ("Emmy", "Noether"))


@state
def review_with_others_marked(scene: Scene) -> None:
    put_several(scene)
    mark(scene, *SEVERAL[:2])
    scene.log_in()
    scene.open(f"/documents/{SEVERAL[2]}")


@state
def pending_with_marked_documents(scene: Scene) -> None:
    put_several(scene)
    mark(scene, *SEVERAL[:2])
    scene.log_in()
    scene.open("/documents")


@state
def marked_documents(scene: Scene) -> None:
    put_several(scene)
    scene.put(
        id="doc_juniper",
        practice=JUNIPER,
        practice_id="prc_2",
        kind=Kind.RECERTIFICATION,
        patient=patient("Wilhelmina", "Featherstonehaugh"),
    )
    mark(scene, *SEVERAL, "doc_juniper")
    scene.log_in()
    scene.memory.portal.time.pass_time(minutes=14)
    scene.open("/documents")
    scene.memory.portal.time.pass_time(minutes=10)
    scene.open(MARKED)


@state
def marked_documents_with_something_missing(scene: Scene) -> None:
    put_several(scene)
    mark(scene, *SEVERAL[:1])
    scene.log_in()
    scene.open(MARKED)
    scene.page.locator("#typed_name").fill("Jane Okafor")
    scene.press("Approve and sign")


@state
def nothing_marked(scene: Scene) -> None:
    scene.log_in()
    scene.open(MARKED)


@state
def several_signed_and_some_left_out(scene: Scene) -> None:
    put_several(scene)
    mark(scene, *SEVERAL)
    scene.log_in()
    scene.open(MARKED)
    mark(scene, SEVERAL[0], access=2)
    scene.memory.portal.read_marks.remove(PROVIDER, [SEVERAL[1]], START)
    scene.press("Approve and sign 5 documents")


def put_several(scene: Scene) -> None:
    """Store five viewed documents of the sample provider."""
    for number, (document_id, name) in enumerate(zip(SEVERAL, _NAMES, strict=True)):
        due_on = date(2026, 11, 20) + timedelta(days=5 * number)
        scene.put(id=document_id, patient=patient(*name), due_on=due_on, viewed_at=START)


def mark(scene: Scene, *document_ids: str, access: int = 1) -> None:
    """Mark the documents as read by the sample provider. With a wrong `access`, a mark is of another version."""
    for document_id in document_ids:
        document = scene.stored(document_id)
        pages = dict.fromkeys(range(1, document.original.pages + 1), START)
        mark = ReadMark(marked_at=START, sha256=document.original.sha256, access=access, pages_shown=pages)
        scene.memory.portal.read_marks.add(PROVIDER, document, mark)
