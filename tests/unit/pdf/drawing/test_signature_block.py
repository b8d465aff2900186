import io
import itertools
import unicodedata
from dataclasses import replace

import pytest
from pypdf import PdfReader

from chalicelib.pdf.assembly.assemble import assemble_signed
from chalicelib.pdf.models import SignatureBlock, SignatureBox
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.shaped_words import FROM_RIGHT, SHAPED


def signed(original: bytes, field: SignatureBox | None, block: SignatureBlock = samples.BLOCK) -> bytes:
    return assemble_signed(original, block=block, field=field, certificate=samples.CERTIFICATE)


@pytest.mark.parametrize(
    ("rotate", "crop", "unit"), list(itertools.product((0, 90, 180, 270, -90, 450), (None, (40, 60, 460, 640)), (1, 2)))
)
def test_the_block_is_in_its_field_as_displayed(rotate: int, crop: tuple[float, ...] | None, unit: float) -> None:
    original = samples.shaped(samples.blank_pdf(size=(500, 700)), rotate=rotate, crop=crop, unit=unit)
    field = SignatureBox(1, 60 * unit, 80 * unit, 220 * unit, 48 * unit)
    box = samples.changed_box(original, signed(original, field))
    assert box is not None
    left, bottom, right, top = box
    # The bar at the left is as high as the field. It proves three edges, and that the block is upright.
    assert (left, bottom, top) == pytest.approx((60, 80, 128), abs=0.6)
    assert 60 + 220 / 3 < right <= 280.5


def test_nothing_else_on_the_page_changes() -> None:
    original = samples.plan_of_care(3)
    box = samples.changed_box(original, signed(original, SignatureBox(3, 72, 200, 220, 48)), 3)
    assert box is not None
    assert box[0] >= 71.5
    assert box[1] >= 199.5
    assert box[2] <= 292.5
    assert box[3] <= 248.5
    assert samples.changed_box(original, signed(original, None), 1) is None


def test_the_block_shows_signer_time_and_document() -> None:
    text = samples.one_line(samples.texts(signed(samples.blank_pdf(), SignatureBox(1, 72, 96, 260, 60)))[0])
    assert "Electronically signed by Luis Rivera-Muñoz, MD, NPI 1234567893" in text
    assert "November 22, 2026, 1:05:33 PM CST (2026-11-22 19:05:33 UTC)" in text
    assert f"Document ID {samples.DOCUMENT_ID}" in text


def test_a_right_to_left_name_changes_no_order_beside_it() -> None:
    block = replace(samples.BLOCK, signer_name="אבג 12", credential="דה")
    lines = samples.lines_as_drawn(signed(samples.blank_pdf(), SignatureBox(1, 72, 96, 400, 60), block))
    assert "Electronicallysignedby12גבא,הד,NPI1234567893" in lines


def test_a_signer_without_npi_is_named_without_one() -> None:
    block = replace(samples.BLOCK, npi=None)
    text = samples.one_line(samples.texts(signed(samples.blank_pdf(), SignatureBox(1, 72, 96, 260, 60), block))[0])
    assert "Luis Rivera-Muñoz, MD November" in text
    assert "NPI" not in text


@pytest.mark.parametrize("size", [(220, 48), (120, 90), (400, 30), (90, 30), (300, 150), (40, 12)])
@pytest.mark.parametrize(
    "name",
    [
        "Li",
        "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh " * 2,
        "Maria del Carmen Fernández " * 3,
        SHAPED["Thai"].replace(" ", "") * 12,
        FROM_RIGHT["Arabic"] * 8,
    ],
)
def test_any_name_stays_within_any_box(size: tuple[float, float], name: str) -> None:
    original, field = samples.blank_pdf(), SignatureBox(1, 100, 300, *size)
    box = samples.changed_box(original, signed(original, field, samples.named(name.strip())))
    assert box is not None
    assert box[0] >= 99
    assert box[1] >= 298.5
    assert box[2] <= 101 + size[0]
    assert box[3] <= 301.5 + size[1]


@pytest.mark.parametrize(
    "name",
    ["José Núñez", "Nguyễn Thị Ánh", "Ольга Петрова", "王小明", "김민준", "田中さくら", *SHAPED.values(), "Li 🦄"],
)
def test_names_of_many_scripts_can_be_extracted(name: str) -> None:
    original = samples.blank_pdf()
    after = signed(original, SignatureBox(1, 72, 96, 260, 60), samples.named(name))
    # PDFium reads spaces if marks are wider than their letters.
    text = "".join(samples.texts(after)[0].split())
    assert f"Electronically signed by {name}, MD".replace(" ", "") in text


def test_an_arabic_name_is_drawn() -> None:
    original = samples.blank_pdf()
    after = signed(original, SignatureBox(1, 72, 96, 260, 60), samples.named("محمد الأحمد"))
    text = unicodedata.normalize("NFKC", samples.texts(after)[0])
    assert "محمد" in text
    assert "الأحمد" in text


def test_drawn_strokes_are_vectors_in_proportion_and_upright() -> None:
    corner = (((0.2, 0.2), (0.2, 0.8), (0.8, 0.8)),)
    block = replace(samples.BLOCK, typed_name=None, strokes=corner, strokes_aspect=2.0)
    original = samples.blank_pdf()
    after = signed(original, SignatureBox(1, 100, 300, 300, 100), block)
    page = samples.raster(after, scale=4)
    signature = page.crop((4 * 104, 4 * (792 - 398), 4 * 250, 4 * (792 - 337)))
    box = signature.point([255 if value < 128 else 0 for value in range(256)]).getbbox()
    assert box is not None
    assert (box[2] - box[0]) / (box[3] - box[1]) == pytest.approx(2.0, rel=0.15)
    assert samples.grey(signature, (box[0] + 2, box[1] + 8)) < 128
    assert samples.grey(signature, (box[2] - 6, box[1] + 8)) > 128
    assert not PdfReader(io.BytesIO(after)).pages[0].images


@pytest.mark.parametrize("strokes", [(((0.5, 0.5),),), ((), ((0.1, 0.1), (0.1, 0.1))), (((0.0, 0.5), (1.0, 0.5)),)])
def test_dots_and_flat_lines_can_be_drawn(strokes: tuple[tuple[tuple[float, float], ...], ...]) -> None:
    block = replace(samples.BLOCK, typed_name=None, strokes=strokes)
    original = samples.blank_pdf()
    box = samples.changed_box(original, signed(original, SignatureBox(1, 100, 300, 220, 60), block))
    assert box is not None
    assert box[2] <= 321
