import io
from dataclasses import replace

import pytest
from PIL import Image, ImageDraw
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DecodedStreamObject, NumberObject, TextStringObject
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.assemble import assemble_by_hand, assemble_declined, assemble_signed
from chalicelib.pdf.inspection import inspect_pdf
from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.reader import read_array, read_dictionary
from tests.support.pdf import sample_pdfs as samples

FIELD = SignatureBox(1, 72, 96, 220, 48)
DECLINED = replace(samples.CERTIFICATE, certificate_type="declined", decline_reason="Needs a visit")
BY_HAND = replace(samples.CERTIFICATE, certificate_type="by_hand")


def signed(original: bytes, field: SignatureBox | None = FIELD) -> bytes:
    return assemble_signed(original, block=samples.BLOCK, field=field, certificate=samples.CERTIFICATE)


def test_the_certificate_follows_the_pages() -> None:
    result = signed(samples.plan_of_care(3))
    seen = inspect_pdf(result)
    assert seen.pages == 4
    assert list(seen.page_sizes) == [(612, 792)] * 4
    assert "Certificate of electronic signature" in samples.texts(result)[-1]


def test_the_same_inputs_give_the_same_bytes() -> None:
    original = samples.plan_of_care(3)
    assert signed(original) == signed(original)
    assert assemble_declined(original, DECLINED) == assemble_declined(original, DECLINED)
    photo = samples.picture("JPEG")
    assert assemble_by_hand(photo, BY_HAND) == assemble_by_hand(photo, BY_HAND)


def test_the_identity_and_dates_come_from_the_inputs() -> None:
    first = PdfReader(io.BytesIO(signed(samples.plan_of_care(1))))
    second = PdfReader(io.BytesIO(signed(samples.plan_of_care(2))))
    assert first.trailer["/ID"] != second.trailer["/ID"]
    assert first.metadata is not None
    assert first.metadata.creation_date == samples.NOW
    assert first.metadata.title == "Plan of Care, initial evaluation"


def test_without_a_field_the_block_goes_where_the_text_asks() -> None:
    original = samples.plan_of_care(2)
    box = samples.changed_box(original, signed(original, None), 2)
    assert box is not None
    assert box[0] > 150
    assert 115 < box[1] < 125


@pytest.mark.parametrize("field", [None, SignatureBox(9, 72, 96, 220, 48), SignatureBox(1, 72, 96, 0, 48)])
def test_only_the_certificate_shows_the_block_without_a_place_on_the_pages(field: SignatureBox | None) -> None:
    original = samples.plan_of_care(1, signature_line="")
    result = signed(original, field)
    assert samples.changed_box(original, result) is None
    assert "Electronically signed by Luis Rivera-Muñoz" in samples.one_line(samples.texts(result)[-1])


def test_scripts_launches_and_files_are_left_out() -> None:
    original = samples.active()
    for result in (signed(original), assemble_declined(original, DECLINED), assemble_by_hand(original, BY_HAND)):
        assert inspect_pdf(result).active_content == ()
        for word in (b"JavaScript", b"evil.exe", b"secret.txt", b"attached"):
            assert word not in result


def test_scripts_hidden_in_resources_are_left_out() -> None:
    def change(writer: PdfWriter) -> None:
        script = samples.pdf_dict(S=samples.name("JavaScript"), JS=TextStringObject("hidden"))
        resources = read_dictionary(writer.pages[0]["/Resources"])
        resources[samples.name("Properties")] = samples.pdf_dict(MC0=writer._add_object(script))

    result = signed(samples.edited(samples.plan_of_care(1), change))
    assert b"JavaScript" not in result


def test_annotations_become_part_of_the_page_image() -> None:
    original = samples.with_annotation()
    result = signed(original)
    assert all("/Annots" not in page for page in PdfReader(io.BytesIO(result)).pages)
    page = samples.raster(result)
    assert samples.grey(page, (301, 792 - 401)) == 0
    assert samples.grey(page, (398, 792 - 438)) == 0
    assert samples.grey(page, (297, 792 - 398)) == 255


@pytest.mark.parametrize("flags", [2, 32])
def test_hidden_annotations_stay_hidden(flags: int) -> None:
    original = samples.with_annotation(flags=flags)
    assert samples.changed_box(original, assemble_declined(original, DECLINED)) is None


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_display_stays_the_same_pixel_by_pixel(rotate: int) -> None:
    for sample in (samples.with_annotation(), samples.plan_of_care(1), samples.with_bare_field("walk 200 feet")):
        original = samples.shaped(sample, rotate=rotate, crop=(30, 40, 600, 760), unit=2)
        assert samples.changed_box(original, assemble_declined(original, DECLINED)) is None


def test_a_field_without_an_appearance_shows_its_value() -> None:
    result = signed(samples.with_bare_field("walk 200 feet"))
    assert "walk 200 feet" in samples.texts(result)[0]
    assert "/AcroForm" not in read_dictionary(PdfReader(io.BytesIO(result)).trailer["/Root"])


def test_a_checkbox_keeps_its_checked_state() -> None:
    def change(writer: PdfWriter) -> None:
        annotation = read_dictionary(read_array(writer.pages[0]["/Annots"])[0])
        black = read_dictionary(annotation["/AP"]).raw_get("/N")
        empty = DecodedStreamObject()
        empty.set_data(b"")
        empty.update(samples.pdf_dict(Subtype=samples.name("Form"), BBox=samples.floats(0, 0, 1, 1)))
        annotation[samples.name("AP")] = samples.pdf_dict(N=samples.pdf_dict(Yes=black, Off=writer._add_object(empty)))
        annotation[samples.name("AS")] = samples.name("Yes")

    result = signed(samples.edited(samples.with_annotation(), change))
    assert samples.raster(result).getpixel((350, 792 - 420)) == 0


def test_content_that_leaves_the_graphics_state_dirty_does_not_move_the_block() -> None:
    def change(writer: PdfWriter) -> None:
        content = DecodedStreamObject()
        content.set_data(b"q q 3 0 0 3 50 50 cm 0.5 w Q Q Q 2 0 0 2 100 100 cm 1 0 0 rg")
        writer.pages[0][samples.name("Contents")] = writer._add_object(content)

    original = samples.edited(samples.blank_pdf(), change)
    box = samples.changed_box(original, signed(original))
    assert box is not None
    assert box[:2] == pytest.approx((72, 96), abs=0.6)


def test_content_in_several_or_shared_streams_stays() -> None:
    def change(writer: PdfWriter) -> None:
        first, second = DecodedStreamObject(), DecodedStreamObject()
        first.set_data(b"0 g 100 100 50")
        second.set_data(b"50 re f")
        both = ArrayObject([writer._add_object(first), writer._add_object(second)])
        for page in writer.pages:
            page[samples.name("Contents")] = both
        crossing = DecodedStreamObject()
        crossing.set_data(b"0 g 0 0 400 400 re f")
        single = writer._add_object(crossing)
        writer.pages[2][samples.name("Contents")] = single
        writer.pages[3][samples.name("Contents")] = single
        writer.pages[3][samples.name("CropBox")] = samples.floats(0, 0, 300, 300)
        writer.pages[3][samples.name("Rotate")] = NumberObject(90)

    original = samples.edited(samples.plan_of_care(4), change)
    result = assemble_declined(original, DECLINED)
    assert [samples.changed_box(original, result, page) for page in (1, 2, 3, 4)] == [None] * 4


def test_a_hidden_layer_stays_hidden() -> None:
    def change(writer: PdfWriter) -> None:
        layer = writer._add_object(samples.pdf_dict(Type=samples.name("OCG"), Name=TextStringObject("draft")))
        groups = ArrayObject([layer])
        writer.root_object[samples.name("OCProperties")] = samples.pdf_dict(
            OCGs=groups, D=samples.pdf_dict(OFF=groups, Order=groups)
        )
        page = writer.pages[0]
        read_dictionary(page["/Resources"])[samples.name("Properties")] = samples.pdf_dict(MC0=layer)
        content = DecodedStreamObject()
        content.set_data(b"/OC /MC0 BDC 0 g 100 100 200 200 re f EMC")
        page[samples.name("Contents")] = writer._add_object(content)

    original = samples.edited(samples.plan_of_care(1), change)
    assert samples.extremes(samples.raster(original)) == (255, 255)
    assert samples.changed_box(original, assemble_declined(original, DECLINED)) is None


def test_a_decline_stamps_nothing() -> None:
    original = samples.plan_of_care(2)
    result = assemble_declined(original, DECLINED)
    assert [samples.changed_box(original, result, page) for page in (1, 2)] == [None, None]
    assert "Certificate of decline" in samples.texts(result)[-1]


def test_a_scanned_pdf_becomes_letter_pages() -> None:
    scan = samples.shaped(samples.blank_pdf(pages=2, size=(1224, 1584)), rotate=90)
    assert inspect_pdf(assemble_by_hand(scan, BY_HAND)).page_sizes == ((792, 612), (792, 612), (612, 792))


def test_a_rotated_scan_keeps_its_marks_in_place() -> None:
    def corner(canvas: Canvas, _page: int) -> None:
        canvas.rect(0, 0, 40, 40, stroke=0, fill=1)

    scan = samples.shaped(samples.drawn_pdf(corner), rotate=180)
    page = samples.raster(assemble_by_hand(scan, BY_HAND))
    assert samples.grey(page, (605, 5)) == 0
    assert samples.grey(page, (5, 785)) == 255


def test_a_photograph_is_turned_by_its_exif_data_and_fits_the_page() -> None:
    photo = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(photo).rectangle((0, 0, 60, 60), fill="black")
    exif = Image.Exif()
    exif[0x0112] = 6
    target = io.BytesIO()
    photo.save(target, "JPEG", exif=exif)
    result = assemble_by_hand(target.getvalue(), BY_HAND)
    assert inspect_pdf(result).page_sizes[0] == (612, 792)
    page = samples.raster(result)
    assert samples.grey(page, (590, 10)) < 60
    assert samples.grey(page, (20, 10)) > 200


def test_a_transparent_image_becomes_white() -> None:
    target = io.BytesIO()
    Image.new("RGBA", (300, 400), (0, 0, 0, 0)).save(target, "PNG")
    assert samples.extremes(samples.raster(assemble_by_hand(target.getvalue(), BY_HAND)))[0] > 250


def test_a_large_photograph_is_reduced() -> None:
    photo = samples.picture("JPEG", (6000, 4000))
    result = assemble_by_hand(photo, BY_HAND)
    image = PdfReader(io.BytesIO(result)).pages[0].images
    assert max(max(item.image.size) for item in image if item.image) <= 2200
