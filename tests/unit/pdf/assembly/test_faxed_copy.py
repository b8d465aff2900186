import io
from collections.abc import Sequence
from dataclasses import replace

import pypdfium2
import pytest
from PIL import Image
from pypdf import PdfReader
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.faxed_copy import assemble_faxed_copy
from chalicelib.pdf.fax_reading import draw_upright
from chalicelib.pdf.inspection import inspect_pdf
from chalicelib.pdf.models import CopyOrigin, FaxedSheet, PdfRefused
from tests.support.pdf import attacks
from tests.support.pdf import sample_pdfs as samples

CERTIFICATE = replace(
    samples.CERTIFICATE, certificate_type="by_fax", copy=CopyOrigin("Cedar Clinic", None, faxes=(), original_pages=())
)
ORIGINAL = samples.plan_of_care(2)
SMALL = (120.0, 150.0)


def faxed(*grays: int, size: tuple[float, float] = SMALL) -> bytes:
    """Return the file of a received fax whose pages are filled with these grays (0 to 255), to tell them apart."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=size)
    for gray in grays:
        canvas.drawImage(ImageReader(Image.new("L", (8, 8), gray)), 0, 0, *size)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def grays_of(pdf: bytes) -> list[int]:
    """Return the gray value at the center of each page except the certificate."""
    grays = []
    with pypdfium2.PdfDocument(pdf) as document:
        for page in list(document)[:-1]:
            picture = page.render(grayscale=True).to_pil().convert("L")
            grays.append(picture.getpixel((picture.width // 2, picture.height // 2)))
    return grays


def assemble(faxes: Sequence[bytes], *sheets: FaxedSheet, original: bytes = ORIGINAL) -> bytes:
    pictures = {sheet: picture_of(faxes[sheet.fax], sheet.number) for sheet in sheets if sheet.fax is not None}
    return assemble_faxed_copy(original, pictures, sheets, CERTIFICATE)


def picture_of(fax: bytes, number: int) -> bytes:
    target = io.BytesIO()
    (picture,) = draw_upright(fax, [number])
    picture.save(target, "PNG")
    return target.getvalue()


def test_the_sheets_come_from_their_faxes_in_the_given_order() -> None:
    faxes = [faxed(17, 34), faxed(51)]
    copy = assemble(faxes, FaxedSheet(0, 2), FaxedSheet(1, 1), FaxedSheet(0, 1))
    assert grays_of(copy) == [34, 51, 17]
    assert inspect_pdf(copy).page_sizes == (samples.LETTER,) * 4


def test_other_pages_come_from_the_original_with_their_text_and_size() -> None:
    copy = assemble([faxed(17)], FaxedSheet(None, 1), FaxedSheet(0, 1), FaxedSheet(None, 2))
    first, second, third, certificate = samples.texts(copy)
    assert ("Page 1" in first, second.strip(), "Page 2" in third) == (True, "", True)
    assert "Certificate of signature by hand" in certificate
    small = samples.blank_pdf(size=(300, 400))
    assert inspect_pdf(assemble([faxed(17)], FaxedSheet(None, 1), original=small)).page_sizes[0] == (300, 400)


@pytest.mark.parametrize(
    ("size", "sheet"),
    [((1224.0, 200.0), (792, 612)), ((200.0, 1000.0), (612, 792)), ((120.0, 120.0), (612, 792))],
    ids=["wide", "long", "square"],
)
def test_a_scan_of_any_size_is_on_a_letter_page(size: tuple[float, float], sheet: tuple[float, float]) -> None:
    copy = assemble([faxed(17, size=size)], FaxedSheet(0, 1))
    assert inspect_pdf(copy).page_sizes[0] == sheet
    assert grays_of(copy) == [17]


@pytest.mark.parametrize(
    ("size", "box"),
    [((1224.0, 200.0), (0, 241, 792, 371)), ((200.0, 1000.0), (227, 0, 385, 792))],
    ids=["wide", "long"],
)
def test_a_large_scan_is_shrunk_to_the_page(size: tuple[float, float], box: tuple[int, int, int, int]) -> None:
    assert dark_box(assemble([faxed(0, size=size)], FaxedSheet(0, 1))) == pytest.approx(box, abs=2)


def dark_box(pdf: bytes) -> tuple[int, int, int, int] | None:
    """Return the box (left, top, right, bottom) around what is dark on the first page, in points."""
    with pypdfium2.PdfDocument(pdf) as document:
        dark = document[0].render(grayscale=True).to_pil().convert("L").point([255] * 128 + [0] * 128)
    box: tuple[int, int, int, int] | None = dark.getbbox()
    return box


def test_a_scan_keeps_its_size_in_the_middle_of_the_page() -> None:
    copy = assemble([faxed(0)], FaxedSheet(0, 1))
    assert dark_box(copy) == pytest.approx((246, 321, 366, 471), abs=2)


def test_a_scan_is_stored_as_a_gray_picture_without_loss() -> None:
    page = PdfReader(io.BytesIO(assemble([faxed(100)], FaxedSheet(0, 1)))).pages[0]
    (image,) = page.images
    picture = image.image or Image.new("RGB", (1, 1))
    assert (picture.mode, picture.getextrema()) == ("L", (102, 102)), "the nearest of 16 grays"


def test_equal_input_gives_equal_bytes() -> None:
    faxes = [faxed(17)]
    assert assemble(faxes, FaxedSheet(0, 1)) == assemble(faxes, FaxedSheet(0, 1))
    assert assemble(faxes, FaxedSheet(0, 1)) != assemble([faxed(34)], FaxedSheet(0, 1))


def test_no_layer_of_the_original_survives() -> None:
    copy = assemble([faxed(17)], FaxedSheet(None, 1), FaxedSheet(0, 1), original=attacks.layers_by_usage())
    assert b"/OCG" not in copy


def test_nothing_of_a_fax_but_its_picture_reaches_the_copy() -> None:
    copy = assemble([attacks.layers_by_usage()], FaxedSheet(None, 1), FaxedSheet(0, 1))
    assert b"/OCG" not in copy
    assert samples.texts(copy)[1].strip() == ""


def test_a_sheet_without_its_picture_is_not_left_out() -> None:
    with pytest.raises(KeyError):
        assemble_faxed_copy(ORIGINAL, {}, [FaxedSheet(0, 1)], CERTIFICATE)


def test_a_damaged_fax_is_refused() -> None:
    with pytest.raises(PdfRefused) as refused:
        assemble([b"%PDF-1.7 and nothing else"], FaxedSheet(0, 1))
    assert refused.value.code == "damaged"
