import pytest
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.placement.finder import find_signature_box
from tests.support.pdf import sample_pdfs as samples


def find_field(data: bytes, pages: int = 1, unit: float = 1.0) -> SignatureBox | None:
    return find_signature_box(data, (unit,) * pages, samples.BLOCK)


@pytest.mark.parametrize(
    "label",
    [
        "Physician/Provider Signature: ____________________________",
        "Physician Signature: ______________________________",
        "Provider's Signature ______________________________",
        "Certifying physician signature: ___________________",
        "Physician\u2019s signature:",
        "Signature of physician: ___________________________",
        "PROVIDER SIGNATURE",
    ],
)
def test_each_wording_of_a_signature_label_is_found(label: str) -> None:
    field = find_field(samples.plan_of_care(2, signature_line=label), 2)
    assert field is not None
    assert field.page == 2
    assert field.width >= 130
    assert field.height >= 24
    assert 110 <= field.y <= 140


@pytest.mark.parametrize(
    "line",
    [
        "Therapist Signature: ____________________",
        "Patient signature: ____________________",
        "Physician signature is required within 30 days of the visit.",
        "This plan is not valid without the physician signature.",
        "Please return this plan with the physician signature within 30 days.",
        "Physician: ____________________",
    ],
)
def test_other_lines_are_left_alone(line: str) -> None:
    assert find_field(samples.plan_of_care(1, signature_line=line)) is None


def test_the_block_goes_between_the_label_and_the_date() -> None:
    line = "Physician Signature: ________________________________________  Date: ________"
    field = find_field(samples.plan_of_care(1, signature_line=line))
    assert field is not None
    assert field.x > 160
    assert field.x + field.width < 400


def test_the_block_goes_above_a_label_under_a_line() -> None:
    def draw(canvas: Canvas, _page: int) -> None:
        canvas.line(72, 130, 300, 130)
        canvas.drawString(72, 116, "Physician Signature")
        canvas.drawString(330, 116, "Date")

    field = find_field(samples.drawn_pdf(draw))
    assert field is not None
    assert field.x == pytest.approx(72, abs=2)
    assert field.y >= 125


def test_the_block_covers_no_text() -> None:
    def draw(canvas: Canvas, _page: int) -> None:
        canvas.drawString(72, 150, "I certify the need for these services, furnished under this plan of treatment.")
        canvas.drawString(72, 110, "Physician Signature: _______________________________")

    field = find_field(samples.drawn_pdf(draw))
    assert field is not None
    assert field.y + field.height <= 148


def test_the_last_place_in_the_document_is_chosen() -> None:
    def draw(canvas: Canvas, _page: int) -> None:
        canvas.drawString(72, 500, "Physician Signature: _______________________________")
        canvas.drawString(72, 200, "Physician Signature: _______________________________")

    field = find_field(samples.drawn_pdf(draw, pages=3), 3)
    assert field is not None
    assert field.page == 3
    assert field.y < 250


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("unit", [1, 2])
def test_rotated_and_cropped_pages_are_read_as_displayed(rotate: int, unit: float) -> None:
    turn = {
        0: (1, 0, 0, 1, 50, 30),
        90: (0, 1, -1, 0, 550, 30),
        180: (-1, 0, 0, -1, 550, 630),
        270: (0, -1, 1, 0, 50, 630),
    }

    def draw(canvas: Canvas, _page: int) -> None:
        canvas.transform(*turn[rotate])
        canvas.drawString(20, 100, "Physician Signature: ___________________________________")

    data = samples.shaped(samples.drawn_pdf(draw, size=(700, 700)), rotate=rotate, crop=(50, 30, 550, 630), unit=unit)
    field = find_field(data, unit=unit)
    assert field is not None
    assert (field.x / unit, field.y / unit) == pytest.approx((131, 100), abs=2)


def test_a_scan_has_no_place_to_sign() -> None:
    assert find_field(samples.blank_pdf()) is None
