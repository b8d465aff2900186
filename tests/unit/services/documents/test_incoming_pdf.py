import hashlib
from collections.abc import Callable

import pytest

from chalicelib.domain.documents import StoredPdf
from chalicelib.domain.errors import Unprocessable
from chalicelib.services.documents import incoming_pdf
from chalicelib.services.documents.incoming_pdf import IncomingPdf, PdfSource, original_key, sha256, upload_key
from tests.support.fakes import FakeFiles, FakeInspector

DATA = b"%PDF-1.7"
DIGEST = hashlib.sha256(DATA).hexdigest()
UPLOAD = upload_key("prc_1", "up_1")
FOUND = {"pages": 2, "page_sizes": [[612, 792], [792, 612]], "active_content": ["JavaScript"]}


def accept(_pdf: StoredPdf) -> None:
    """Accept every PDF: the check of an inspected PDF for tests that need none."""


class World:
    def __init__(self, source: PdfSource, validate: Callable[[StoredPdf], None] = accept) -> None:
        self.files = FakeFiles({UPLOAD: (DATA, "application/pdf")})
        self.inspector = FakeInspector(FOUND)
        self.pdf = IncomingPdf("prc_1", "doc_1", source, validate, files=self.files, inspector=self.inspector)

    def refusal(self) -> tuple[str, list[str]]:
        with pytest.raises(Unprocessable) as refused:
            self.pdf.inspect_and_store()
        return refused.value.code.value, [error.field for error in refused.value.errors]


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([2], "page 2"),
        ([1, 3], "pages 1, 3"),
        ([*range(1, 6)], "pages 1, 2, 3, 4, 5"),
        ([*range(1, 7)], "pages 1, 2, 3, 4, 5 and others"),
    ],
)
def test_a_font_that_is_missing_is_a_warning_that_names_the_pages(pages: list[int], words: str) -> None:
    world = World(PdfSource(data=DATA))
    world.inspector.answer = {**FOUND, "undrawn_pages": pages}
    warnings = world.pdf.inspect_and_store().warnings
    assert list(warnings) == ["font-missing"]
    assert f"some text on {words}. It may" in warnings["font-missing"]


@pytest.mark.parametrize(
    "source", [PdfSource(data=DATA), PdfSource(upload_id="up_1"), PdfSource(upload_id="up_1", sha256=DIGEST)]
)
def test_a_pdf_is_stored_once_with_its_facts(source: PdfSource) -> None:
    world = World(source)
    stored = world.pdf.inspect_and_store()
    assert stored.active_content == ("JavaScript",)
    assert stored.warnings == {}
    assert stored.pdf == StoredPdf(
        key=original_key("prc_1", "doc_1"), sha256=DIGEST, pages=2, page_sizes=((612.0, 792.0), (792.0, 612.0))
    )
    assert world.files.get(stored.pdf.key) == DATA
    world.files.put(UPLOAD, b"another", "application/pdf")
    assert world.pdf.inspect_and_store() == stored
    assert world.pdf.read() == DATA
    assert world.inspector.asked == [(world.pdf.staging_key, "pdf")]


def test_the_staged_copy_remains_until_this_document_is_stored() -> None:
    world = World(PdfSource(data=DATA))
    world.pdf.discard_staging("doc_1")
    world.pdf.inspect_and_store()
    world.pdf.discard_staging("doc_2")
    assert world.files.exists(world.pdf.staging_key)
    world.pdf.discard_staging("doc_1")
    assert not world.files.exists(world.pdf.staging_key)


@pytest.mark.parametrize(
    ("source", "field", "upload_remains"),
    [
        (PdfSource(data=DATA), "data.content.base64", True),
        (PdfSource(upload_id="up_1"), "data.content.upload_id", False),
    ],
)
def test_a_refused_pdf_leaves_no_file(source: PdfSource, field: str, *, upload_remains: bool) -> None:
    world = World(source)
    world.inspector.refuse("too_many_pages")
    assert world.refusal() == ("too-many-pages", [field])
    assert world.files.keys() == ([UPLOAD] if upload_remains else [])


def test_a_pdf_with_another_hash_is_refused_and_its_upload_deleted() -> None:
    world = World(PdfSource(upload_id="up_1", sha256="00"))
    assert world.refusal() == ("hash-mismatch", ["data.content.sha256"])
    assert world.files.keys() == []
    given = World(PdfSource(data=DATA, sha256="00"))
    assert given.refusal() == ("hash-mismatch", ["data.content.sha256"])
    assert given.files.keys() == [UPLOAD]


@pytest.mark.parametrize("upload_id", [None, "up_2"])
def test_a_missing_upload_is_refused(upload_id: str | None) -> None:
    assert World(PdfSource(upload_id=upload_id)).refusal() == ("upload-not-found", ["data.content.upload_id"])


def test_a_pdf_that_the_caller_refuses_is_not_stored() -> None:
    def refuse(pdf: StoredPdf) -> None:
        raise Unprocessable(f"{pdf.pages} pages")

    world = World(PdfSource(upload_id="up_1"), refuse)
    assert world.refusal() == ("unprocessable", [])
    assert world.files.keys() == [UPLOAD]


def test_a_pdf_is_hashed_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PDF may have 25 MB, so a second computation of its hash would cost noticeable time."""
    hashed: list[bytes] = []

    def noted(data: bytes) -> str:
        hashed.append(data)
        return sha256(data)

    monkeypatch.setattr(incoming_pdf, "sha256", noted)
    for source in (PdfSource(data=DATA), PdfSource(data=DATA, sha256=DIGEST)):
        assert World(source).pdf.read() == DATA
    assert hashed == [DATA]
