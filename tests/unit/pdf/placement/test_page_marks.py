"""Test the reading of texts, lines, images and fields on a page, among which a place to sign is searched.

Also test the limits that stop the search on a hostile page."""

import math
from io import BytesIO
from typing import Any

import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.placement import finder as placement
from chalicelib.pdf.placement import page_marks as marks
from chalicelib.pdf.placement.finder import find_signature_box
from chalicelib.pdf.placement.label_context import Blank
from chalicelib.pdf.placement.page_marks import PageMarks
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.form_layouts import Draw, page

IDENTITY = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
LABEL = (54, 150, "Physician Signature:")
LINE = (54, 150, "Physician Signature: ______________________________")


def read(data: bytes) -> PageMarks:
    with pypdfium2.PdfDocument(data) as document:
        return marks.read_text(document[0].get_textpage(), IDENTITY, [])


def drawings(draw: Draw, label: tuple[float, float, float, float]) -> PageMarks:
    with pypdfium2.PdfDocument(samples.drawn_pdf(lambda canvas, _page: draw(canvas))) as document:
        result = PageMarks()
        marks.add_drawings(result, document[0], IDENTITY, label)
        return result


def test_the_text_is_read_without_pypdfium2s_recursion(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object, **_options: object) -> str:
        raise RecursionError

    monkeypatch.setattr(pypdfium2.PdfTextPage, "get_text_range", refused)
    assert find_signature_box(page(LINE), (1.0,), samples.BLOCK) is not None


def _of_words(count: int, word: str) -> bytes:
    def draw(canvas: Canvas, _page: int) -> None:
        canvas.setFont("Helvetica", 2)
        for spot in range(0, count, 50):
            row = "   ".join([word] * 50)
            canvas.drawString(20, 770 - spot / 50 * 3, row)

    return samples.drawn_pdf(draw)


def test_a_page_of_ten_thousand_labels_is_rejected_before_any_box_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read_boxes: list[int] = []
    monkeypatch.setattr(marks, "_character_box", lambda _reader, spot, _move: read_boxes.append(spot))
    assert find_signature_box(_of_words(10_000, "Signature"), (1.0,), samples.BLOCK) is None
    assert not read_boxes


def test_a_page_with_too_many_words_is_not_searched() -> None:
    with pytest.raises(marks.PageTooComplex):
        read(_of_words(3_050, "Signature"))


@pytest.mark.parametrize(("count", "signed"), [(40, True), (45, False)])
def test_a_page_with_too_many_labels_is_not_searched(count: int, *, signed: bool) -> None:
    result = find_signature_box(_many_labels(count), (1.0,), samples.BLOCK)
    assert (result is not None) == signed


def _many_labels(count: int) -> bytes:
    texts = [(20.0 + 200 * (spot % 3), 20.0 + 14 * (spot // 3), "Provider Signature") for spot in range(count)]
    return samples.drawn_pdf(lambda c, _page: [c.drawString(*text) for text in texts])


def test_a_limited_number_of_blanks_is_tried_for_a_label(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def many(_scene: object) -> Any:
        blank = Blank((0.0, 0.0, 1.0, 1.0), 1.0)
        yield from ([blank] for _ in range(1_000))

    monkeypatch.setattr(placement, "find_blanks", many)
    monkeypatch.setattr(placement, "fit_block", lambda *args: tried.append(args))
    assert find_signature_box(page(LINE), (1.0,), samples.BLOCK) is None
    assert len(tried) == placement._MAX_BLANKS


def test_no_line_is_the_only_one_beside_a_page_that_was_not_searched() -> None:
    sole = page((54, 150, "Signature: ______________________________"))
    assert find_signature_box(sole, (1.0,), samples.BLOCK) is not None
    both = samples.edited(sole, lambda writer: writer.append(BytesIO(_of_words(3_050, "word Signature"))))
    assert find_signature_box(both, (1.0, 1.0), samples.BLOCK) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_characters_without_a_finite_box_are_ignored(monkeypatch: pytest.MonkeyPatch, bad: float) -> None:
    box_of = pypdfium2.PdfTextPage.get_charbox
    data = page((54, 150, "Physician Signature: ______________________________ zzz"))

    def read_box(reader: Any, index: int, **options: Any) -> Any:
        code = pypdfium2.raw.FPDFText_GetUnicode(reader, index)
        return (bad, 0.0, bad, 1.0) if chr(code) in "Pz" else box_of(reader, index, **options)

    monkeypatch.setattr(pypdfium2.PdfTextPage, "get_charbox", read_box)
    spans = [span.text for span in read(data).spans]
    assert "hysician Signature:" in spans
    assert "zzz" not in spans
    assert all(math.isfinite(edge) for span in read(data).spans for edge in span.box)


def test_two_lines_with_a_gap_are_not_merged() -> None:
    lines = [(300.0, 100.0, 500.0, 100.4), (50.0, 100.7, 200.0, 101.0)]
    assert sorted(marks._merge_rules(lines)) == sorted(lines)
    dashes = [(50.0 + 6 * spot, 100.4 + 0.2 * (spot % 2), 54.0 + 6 * spot, 101.0) for spot in range(20)]
    assert len(marks._merge_rules(dashes)) == 1


INSIDE = (60.0, 110.0, 160.0, 120.0)


def test_a_dark_bar_behind_white_words_is_an_area() -> None:
    def bar(canvas: Canvas) -> None:
        canvas.setFillGray(0.1)
        canvas.rect(54, 100, 300, 30, stroke=0, fill=1)

    def covered(canvas: Canvas) -> None:
        bar(canvas)
        canvas.setFillGray(1)
        canvas.rect(55, 101, 298, 28, stroke=0, fill=1)

    assert drawings(bar, INSIDE).areas == [pytest.approx((54, 100, 354, 130))]
    assert drawings(covered, INSIDE).areas == []


def test_the_dark_inside_of_a_framed_shape_is_an_area() -> None:
    def shape(canvas: Canvas) -> None:
        canvas.setFillGray(0.1)
        canvas.rect(200, 100, 100, 30, stroke=1, fill=1)

    assert pytest.approx((200, 100, 300, 130)) in drawings(shape, INSIDE).areas
