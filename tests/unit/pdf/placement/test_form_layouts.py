"""Test, on sample forms of clinics, that the signature is where the provider signs and hides nothing."""

from dataclasses import replace

import pypdfium2
import pytest
from PIL import Image, ImageChops
from pypdfium2 import raw
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.assemble import assemble_signed
from chalicelib.pdf.drawing.signature_block import LEGIBLE
from chalicelib.pdf.geometry import Box, contains, overlaps
from chalicelib.pdf.models import SignatureBlock, SignatureBox
from chalicelib.pdf.placement.finder import find_signature_box
from tests.support.pdf import form_layouts as layouts
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.form_layouts import Layout, form, page

SCALE = 3
LAYOUTS = layouts.all_layouts()
NAMES = [layout.name for layout in LAYOUTS]
LONG = replace(
    samples.named("Alexandra Montgomery-Richardson"),
    credential="DNP, FNP-C",
    document_id="doc_kury2d7mmvdeaak4l6cwcxxbmq",
)
STROKES = (((0.1, 0.6), (0.3, 0.1), (0.5, 0.8), (0.9, 0.4)),)
DRAWN = replace(samples.BLOCK, typed_name=None, strokes=STROKES)


def find_field(data: bytes, block: SignatureBlock = samples.BLOCK) -> SignatureBox | None:
    return find_signature_box(data, (1.0,), block)


def assemble(data: bytes, block: SignatureBlock = samples.BLOCK) -> bytes:
    return assemble_signed(data, block=block, field=None, certificate=samples.CERTIFICATE)


def signature_box(field: SignatureBox) -> Box:
    left, bottom, right, top = field.parts.signature if field.parts else (0, 0, field.width, field.height)
    return (field.x + left, field.y + bottom, field.x + right, field.y + top)


def find_changes(before: Image.Image, after: Image.Image) -> Image.Image:
    return ImageChops.difference(before, after).point([255 if value > 60 else 0 for value in range(256)])


def crop(picture: Image.Image, box: Box) -> Image.Image:
    left, bottom, right, top = (edge * SCALE for edge in box)
    return picture.crop((int(left), int(picture.height - top), int(right), int(picture.height - bottom)))


@pytest.mark.parametrize("block", [samples.BLOCK, LONG, DRAWN], ids=["name", "long name", "drawn"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)
def test_the_block_is_where_the_provider_signs_and_covers_no_content(layout: Layout, block: SignatureBlock) -> None:
    field = find_field(layout.data, block)
    assert field is not None
    assert contains(layout.mark, signature_box(field)), signature_box(field)
    before = samples.raster(layout.data, scale=SCALE)
    changed = find_changes(before, samples.raster(assemble(layout.data, block), scale=SCALE))
    box = changed.getbbox()
    assert box is not None
    left, top, right, bottom = (edge / SCALE for edge in box)
    high = before.height / SCALE
    shown = (left, high - bottom, right, high - top)
    assert contains(layout.block, shown), shown
    ink = before.point([255 if value < 160 else 0 for value in range(256)])
    assert ImageChops.multiply(changed, ink).getbbox() is None
    assert all(crop(changed, free).getbbox() is None for free in layout.free)


@pytest.mark.parametrize("block", [samples.BLOCK, LONG], ids=["name", "long name"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)
def test_the_words_are_large_enough_for_a_fax(layout: Layout, block: SignatureBlock) -> None:
    with pypdfium2.PdfDocument(assemble(layout.data, block)) as document:
        reader = document[0].get_textpage()
        text = reader.get_text_range()
        start = text.index("Electronically signed by " + block.signer_name[:5])
        assert block.document_id in text[start:]
        assert raw.FPDFText_GetFontSize(reader, start) >= LEGIBLE


@pytest.mark.parametrize(
    "line",
    [
        "Physician Signature: _________________________ Date: _____________",
        "Certifying Practitioner Signature & Credentials: ________________ Date: _______",
    ],
    ids=["over the line", "beside a short one"],
)
def test_an_ordinary_line_has_room_for_all_words(line: str) -> None:
    with pypdfium2.PdfDocument(assemble(page((54, 150, line)))) as document:
        text = document[0].get_textpage().get_text_range()
    assert "1:05:33 PM CST" in text
    assert "(2026-11-22 19:05:33 UTC)" in text


@pytest.mark.parametrize(
    "label",
    [
        "NP/PA signature: ____________________________",
        "MD/DO/NP/PA Signature: ____________________________ Date: __________",
        "Physician/NP/PA Signature ____________________________",
        "Referring Physician: ____________________ Date: _______",
        "Referring Provider: ______________________________",
        "Certifying Physician: ____________________ Date: _______",
        "Signature of Physician/Provider: ____________________",
        "Practitioner Signature: ____________________",
        "Provider Name/Signature: ____________________",
        "M.D. Signature: ____________________",
        "Certifying Practitioner Signature & Credentials: ______________________ Date/Time: ________",
        "Nurse Practitioner's Signature: ____________________",
        "Physician Signature (MD, DO, NP or PA): ____________________",
        "Signature (Physician): ____________________",
        "Date: __________   Physician Signature: ______________________________",
        "Signature: ______________________________ Date: ____________",
        "Physician Signature .......................................",
    ],
)
def test_each_wording_of_a_signature_line_is_found(label: str) -> None:
    field = find_field(page((54, 150, label)))
    assert field is not None
    assert signature_box(field)[1] == pytest.approx(150, abs=2)


def test_a_role_under_a_line_is_found() -> None:
    field = find_field(page((54, 146, "Certifying Physician"), drawn=lambda c: c.line(54, 160, 260, 160)))
    assert field is not None
    assert field.y == pytest.approx(161, abs=1)


@pytest.mark.parametrize(
    "lines",
    [
        ["Therapist's Signature: ______________________"],
        ["Treating Provider Signature: ______________________"],
        ["Rendering Provider Signature: ______________________"],
        ["Therapist/Provider Signature: ______________________"],
        ["PT/OT/SLP Signature: ______________________"],
        ["Witness signature: ______________________", "Patient or guardian signature: ___________________"],
        ["Please obtain physician signature and return by fax."],
        ["Return this plan, signed and dated, with the", "physician signature", "within 30 days of the visit."],
        ["Not valid without", "physician signature."],
        ["Physician Signature: Electronically signed by Luis Rivera, MD"],
        ["Referring Physician: Luis Rivera, MD"],
        ["Referring Physician: ____________________ Phone: ________________"],
        ["Patient: Ann Smith", "Signature: ______________________"],
        ["Patient acknowledgement", "Signature: ______________________"],
        ["Signature: ______________________", "Sam Lee, PT, DPT"],
        ["Signature: ______________________", "I agree.", "Signature: ______________________"],
        ["Therapist: Sam Lee, PT      Signature: ______________________"],
        ["Signature: ______________________ Patient"],
        ["Signature on file"],
        ["Therapist: Sam Lee, PT      Signature: __________", "Patient: Ann      Signature: __________"],
        ["PROVIDER SIGNATURE", "Patient or guardian", "Signature: ____________________"],
    ],
)
def test_a_doubtful_line_or_another_persons_line_is_not_signed(lines: list[str]) -> None:
    assert find_field(page(*[(54, 180 - 16 * index, line) for index, line in enumerate(lines)])) is None


def test_a_name_to_fill_in_at_the_top_of_a_page_is_not_signed() -> None:
    data = samples.drawn_pdf(lambda c, _page: c.drawString(54, 700, "Referring Physician: ____________________"))
    assert find_field(data) is None


def test_the_providers_line_is_preferred_to_an_unnamed_line() -> None:
    data = page((54, 180, "Physician Signature: ____________________"), (54, 110, "Signature: ____________________"))
    field = find_field(data)
    assert field is not None
    assert signature_box(field)[1] > 170


def test_a_signature_label_after_the_providers_name_is_the_providers() -> None:
    data = page(
        (54, 180, "Therapist: Sam Lee, PT"),
        (300, 180, "Signature: ____________________"),
        (54, 130, "Physician: Luis Rivera, MD"),
        (300, 130, "Signature: ____________________"),
    )
    field = find_field(data)
    assert field is not None
    assert contains((340, 128, 595, 178), signature_box(field))


def test_the_line_below_a_section_heading_is_signed() -> None:
    data = page(
        (54, 200, "PROVIDER SIGNATURE"),
        (54, 140, "Signature: ________________________"),
        drawn=lambda c: c.line(54, 196, 558, 196),
    )
    field = find_field(data)
    assert field is not None
    assert contains((100, 138, 594, 196), signature_box(field))


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("sig", "Tx", "Luis Rivera"),
        ("patient_signature", "Tx", ""),
        ("physician_signature_date", "Tx", ""),
        ("Therapist", "Sig", ""),
        ("Signature1", "Sig", ""),
    ],
)
def test_filled_fields_and_fields_of_others_are_not_signed(name: str, kind: str, value: str) -> None:
    data = form(name, (300, 60, 520, 110), kind=kind, value=value, label="Plan of care")
    assert find_field(data) is None


def test_a_filled_field_is_not_covered() -> None:
    box = (160.0, 145.0, 340.0, 165.0)
    data = form("sig", box, value="Luis Rivera")
    field = find_field(data)
    assert field is not None
    assert not overlaps(signature_box(field), box)


def test_a_page_with_too_many_drawings_is_not_searched() -> None:
    def dots(canvas: Canvas) -> None:
        for spot in range(20_001):
            canvas.rect(spot % 600, 600, 0.2, 0.2)

    assert find_field(page((54, 150, "Physician Signature: ____________________"), drawn=dots)) is None
