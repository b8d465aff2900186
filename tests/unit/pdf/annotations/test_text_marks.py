import pytest
from PIL import ImageChops
from pypdf.generic import DictionaryObject, TextStringObject

from chalicelib.pdf.annotations.completion import complete_annotations
from chalicelib.pdf.annotations.drawing import read_color
from chalicelib.pdf.annotations.text_marks import Quad, order_corners, read_quads
from chalicelib.pdf.reader import read_array, read_number
from chalicelib.pdf.rendering import open_for_display
from tests.support.pdf.annotated_pdf import annotated_pdf, annotation, ink, sealed, shown
from tests.support.pdf.sample_pdfs import floats, grey, name, pdf_dict, raster

ACROBAT = b"100 560 300 560 100 540 300 540"
STANDARD = b"100 540 300 540 300 560 100 560"
CLOCKWISE = b"100 560 300 560 300 540 100 540"
MARKS = {
    b"Highlight": (100, 232, 300, 252),
    b"StrikeOut": (100, 241, 300, 243),
    b"Underline": (100, 250, 300, 252),
    b"Squiggly": (100, 249, 300, 252),
}
"""Each text mark with the box (left, top, right, bottom) in pixels in which people see the mark of these corners."""


def mark(kind: bytes, quads: bytes = ACROBAT, more: bytes = b"/F 4", *, rotate: int = 0) -> bytes:
    """Return a page with a text mark, whose rectangle is wider than its quads."""
    entries = b"/Subtype /%s /Rect [90 500 320 570] /QuadPoints [%s] %s" % (kind, quads, more)
    return annotated_pdf(entries, page=b"/Rotate %d" % rotate)


@pytest.mark.parametrize("kind", MARKS)
@pytest.mark.parametrize("quads", [ACROBAT, STANDARD, CLOCKWISE], ids=["acrobat", "standard", "clockwise"])
def test_a_mark_is_where_its_quads_are_on_the_screen_and_in_the_sealed_file(kind: bytes, quads: bytes) -> None:
    page = mark(kind, quads)
    assert ink(shown(page)) == MARKS[kind]
    assert ink(sealed(page)) == MARKS[kind]


@pytest.mark.parametrize("kind", MARKS)
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_mark_of_acrobat_looks_as_pdfium_draws_it(kind: bytes, rotate: int) -> None:
    page = mark(kind, rotate=rotate)
    assert ImageChops.difference(raster(page), shown(page)).getbbox() is None
    assert ImageChops.difference(shown(page), sealed(page)).getbbox() is None


def test_each_quad_is_marked() -> None:
    page = mark(b"StrikeOut", ACROBAT + b" 100 520 200 520 100 510 200 510")
    for picture in (shown(page), sealed(page)):
        assert ink(picture) == (100, 241, 300, 278)
        assert ink(picture.crop((0, 260, 612, 792))) == (100, 16, 200, 18)


@pytest.mark.parametrize(
    ("more", "gray"),
    [
        (b"", 226),
        (b"/C [0.5]", 127),
        (b"/C [1 0 0]", 76),
        (b"/C [0 0 0 1]", 32),
        (b"/C [0.5] /CA 0.5", 191),
        (b"/C []", 255),
        (b"/C [1 0]", 226),
    ],
)
def test_a_highlight_has_its_color_and_opacity(more: bytes, gray: int) -> None:
    page = mark(b"Highlight", more=more)
    assert shown(page).getpixel((200, 242)) == pytest.approx(gray, abs=2)
    assert sealed(page).getpixel((200, 242)) == pytest.approx(gray, abs=2)


@pytest.mark.parametrize("more", [b"", b"/C []", b"/C [0]"])
def test_a_line_without_a_color_is_black(more: bytes) -> None:
    assert grey(sealed(mark(b"StrikeOut", more=more)), (200, 241)) < 140


def test_text_under_a_highlight_stays_legible() -> None:
    black = b"/Subtype /Stamp /Rect [100 540 120 560] /AP << /N 40 0 R >>"
    over = b"/Subtype /Highlight /Rect [100 540 300 560] /QuadPoints [%s]" % ACROBAT
    assert sealed(annotated_pdf(black, over)).getpixel((110, 242)) == 0


def test_a_mark_stays_on_its_text_even_if_it_claims_not_to_turn() -> None:
    page = mark(b"StrikeOut", STANDARD, b"/F 28", rotate=90)
    assert ink(shown(page)) == ink(sealed(page)) == (549, 100, 551, 300)
    assert read_number(annotation(complete_annotations(page))["/F"], 0) == 12


def test_a_mark_that_pdfium_drew_in_another_file_is_drawn_by_its_quads() -> None:
    page = mark(b"StrikeOut", more=b"/F 4 /PDFIUM_HasGeneratedAP true /AP << /N 41 0 R >>")
    assert ink(sealed(page)) == MARKS[b"StrikeOut"]
    assert "/PDFIUM_HasGeneratedAP" not in annotation(complete_annotations(page))


def test_a_mark_with_its_own_drawing_is_not_touched() -> None:
    page = mark(b"StrikeOut", more=b"/AP << /N 40 0 R >>")
    assert complete_annotations(page) is page


@pytest.mark.parametrize("quads", [b"", b"100 560 300 560", b"100 560 300 560 100 540 300 (x)"])
def test_a_mark_without_a_whole_quad_is_left_to_the_viewer(quads: bytes) -> None:
    page = mark(b"StrikeOut", quads)
    assert complete_annotations(page) is page


@pytest.mark.parametrize(
    ("quads", "rectangle"),
    [
        (b"100 550 300 550 100 550 300 550", [99, 549, 301, 551]),
        (b"100 550 100 550 100 540 100 540", [99, 539, 101, 551]),
        (b"100 540.5 100.5 540.5 100 540 100.5 540", [100, 540, 100.5, 540.5]),
    ],
)
def test_a_quad_without_an_area_gets_room_for_a_line(quads: bytes, rectangle: list[float]) -> None:
    page = mark(b"StrikeOut", quads)
    assert list(read_array(annotation(complete_annotations(page))["/Rect"])) == rectangle
    assert ink(sealed(page)) is not None


def test_a_line_has_its_color() -> None:
    with open_for_display(mark(b"StrikeOut", more=b"/C [1 0 0]")) as document:
        assert document[0].render(scale=2).to_pil().convert("RGB").getpixel((400, 484)) == (255, 0, 0)


def test_a_hidden_mark_stays_hidden() -> None:
    assert ink(sealed(mark(b"StrikeOut", more=b"/F 2"))) is None


UPRIGHT = Quad((1, 3), (9, 3), (1, 2), (9, 2))
TURNED = Quad((3, 9), (3, 1), (2, 9), (2, 1))


@pytest.mark.parametrize(
    ("corners", "rotation", "quad"),
    [
        ([(1, 3), (9, 3), (1, 2), (9, 2)], 0, UPRIGHT),
        ([(1, 2), (9, 2), (1, 3), (9, 3)], 0, UPRIGHT),
        ([(1, 2), (9, 2), (9, 3), (1, 3)], 0, UPRIGHT),
        ([(9, 3), (1, 3), (1, 2), (9, 2)], 0, UPRIGHT),
        ([(1, 3), (1, 2), (9, 3), (9, 2)], 0, UPRIGHT),
        ([(1, 3), (1, 2), (9, 2), (9, 3)], 0, UPRIGHT),
        ([(9, 2), (1, 2), (9, 3), (1, 3)], 0, Quad((9, 2), (1, 2), (9, 3), (1, 3))),
        ([(9, 2), (1, 2), (9, 3), (1, 3)], 180, Quad((9, 2), (1, 2), (9, 3), (1, 3))),
        ([(3, 9), (3, 1), (2, 9), (2, 1)], 0, TURNED),
        ([(3, 9), (3, 1), (2, 9), (2, 1)], 270, TURNED),
        ([(2, 9), (2, 1), (3, 1), (3, 9)], 270, TURNED),
        ([(3, 9), (2, 9), (2, 1), (3, 1)], 270, TURNED),
        ([(1, 3), (1, 2), (2, 3), (2, 2)], 0, Quad((2, 3), (2, 2), (1, 3), (1, 2))),
        ([(1, 9), (3, 9), (1, 2), (3, 2)], 0, Quad((1, 9), (3, 9), (1, 2), (3, 2))),
    ],
)
def test_the_corners_may_come_in_any_order(corners: list[tuple[float, float]], rotation: int, quad: Quad) -> None:
    assert order_corners(corners, rotation) == quad
    small = order_corners([(x / 128, y / 128) for x, y in corners], rotation)
    assert small.top_left == (quad.top_left[0] / 128, quad.top_left[1] / 128)
    assert small.bottom_right == (quad.bottom_right[0] / 128, quad.bottom_right[1] / 128)


def test_a_text_that_runs_upwards_is_underlined_at_its_right() -> None:
    quad = Quad((1, 0), (1, 9), (3, 0), (3, 9))
    assert (quad.along, quad.up) == ((0, 1), (-1, 0))
    assert Quad((1, 1), (1, 1), (1, 1), (1, 1)).along == (1, 0)


def test_a_color_of_another_type_is_none() -> None:
    assert read_color(pdf_dict(C=TextStringObject("red")), "/C", (0.25,)) == ()
    assert read_color(DictionaryObject(), "/C", (0.25,)) == (0.25,)


def test_only_whole_quads_are_read() -> None:
    entries = pdf_dict(Subtype=name("StrikeOut"), QuadPoints=floats(*range(15)))
    assert len(read_quads(entries, 0)) == 1
