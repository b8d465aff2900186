import pytest

from chalicelib.pdf.annotations import completion
from chalicelib.pdf.annotations.completion import complete_annotations
from tests.support.pdf import raw_pdf
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.annotated_pdf import annotated_pdf, annotation, ink, sealed, shown

STRIKE = b"/Subtype /StrikeOut /Rect [90 500 320 570] /QuadPoints [100 540 300 540 300 560 100 560]"
NOTE = b"/Subtype /Stamp /Rect [300 500 320 530] /AP << /N 40 0 R >> /F %d"


def test_a_file_without_annotations_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "open_pdf", None)
    plan = samples.plan_of_care(1)
    assert complete_annotations(plan) is plan


def test_annotations_in_compressed_objects_are_found() -> None:
    parts = raw_pdf.objects(o3=raw_pdf.page(attributes=raw_pdf.BOX + b" /Annots [7 0 R]"))
    packed = raw_pdf.pack_pdf(parts | {7: b"<< /Type /Annot %s >>" % STRIKE})
    assert b"/Annots" not in packed
    assert "/AP" in annotation(complete_annotations(packed))


@pytest.mark.parametrize("data", [b"", b"/Annots", b"%PDF-1.7 /Annots startxref 0"])
def test_a_file_that_cannot_be_read_is_left_as_it_is(data: bytes) -> None:
    assert complete_annotations(data) is data


def test_every_annotation_of_every_page_is_completed() -> None:
    page = annotated_pdf(NOTE % 4, STRIKE, STRIKE.replace(b"560", b"460").replace(b"540", b"440"))
    completed = complete_annotations(page)
    assert [("/AP" in annotation(completed, index)) for index in range(3)] == [True] * 3
    assert ink(sealed(page)) == ink(shown(page)) == (100, 241, 320, 343)


@pytest.mark.parametrize("drawing", [b"/AP << >>", b"/AP << /N null >>", b"/AP << /D 40 0 R >>"])
def test_a_mark_whose_drawing_is_missing_is_drawn(drawing: bytes) -> None:
    assert ink(sealed(annotated_pdf(STRIKE + drawing))) == (100, 241, 300, 243)


@pytest.mark.parametrize(
    ("rotate", "upright", "turned"),
    [
        (0, (300, 262, 320, 292), (300, 262, 320, 292)),
        (90, (530, 300, 550, 330), (500, 300, 530, 320)),
        (180, (312, 530, 332, 560), (292, 500, 312, 530)),
        (270, (262, 312, 282, 342), (262, 292, 292, 312)),
    ],
)
def test_a_note_that_does_not_turn_stays_upright_and_in_place(
    rotate: int, upright: tuple[int, int, int, int], turned: tuple[int, int, int, int]
) -> None:
    for flags, box in ((16, upright), (28, upright), (8, turned), (4, turned)):
        page = annotated_pdf(NOTE % flags, page=b"/Rotate %d" % rotate)
        assert ink(sealed(page)) == box
        assert ink(shown(page)) == box
