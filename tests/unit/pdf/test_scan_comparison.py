"""Test the check that refuses a returned scan without a signature, because it shows only the original again."""

import io
import time
from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw, ImageEnhance
from pypdf import PdfReader, PdfWriter

from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.scan_comparison import check_signed
from tests.support.pdf import sample_pdfs as samples

PLAN = samples.plan_of_care()


def photos(data: bytes = PLAN) -> list[Image.Image]:
    return [samples.raster(data, page, scale=2) for page in (1, 2, 3)]


def as_pdf(pages: list[Image.Image]) -> bytes:
    target = io.BytesIO()
    pages[0].convert("RGB").save(target, "PDF", save_all=True, append_images=pages[1:], resolution=144)
    return target.getvalue()


def as_image(page: Image.Image, kind: str) -> bytes:
    target = io.BytesIO()
    page.save(target, kind)
    return target.getvalue()


def saved_again(data: bytes, *, pages: slice = slice(None), turn: int = 0) -> bytes:
    writer, target = PdfWriter(), io.BytesIO()
    for page in PdfReader(io.BytesIO(data)).pages[pages]:
        writer.add_page(page).rotate(turn)
    writer.write(target)
    return target.getvalue()


def with_margins(page: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", page.size, "white")
    sheet.paste(page.resize((page.width * 4 // 5, page.height * 4 // 5)), (60, 90))
    return sheet


def with_dot(page: Image.Image) -> Image.Image:
    ImageDraw.Draw(page).ellipse([60, 60, 66, 66], fill="black")
    return page


def signed(page: Image.Image) -> Image.Image:
    points = [(260, 1330), (300, 1250), (330, 1340), (380, 1270), (430, 1335), (520, 1290)]
    ImageDraw.Draw(page).line(points, fill="navy", width=4)
    return page


UNSIGNED: dict[str, Callable[[], bytes]] = {
    "the same bytes": lambda: PLAN,
    "other bytes, same pages": lambda: saved_again(PLAN),
    "the last page alone": lambda: saved_again(PLAN, pages=slice(2, 3)),
    "turned": lambda: saved_again(PLAN, turn=90),
    "a blank page added": lambda: as_pdf([*photos(), Image.new("RGB", (1224, 1584), "white")]),
    "pictures of the pages": lambda: as_pdf(photos()),
    "a JPEG": lambda: as_image(photos()[2], "JPEG"),
    "a PNG": lambda: as_image(photos()[2], "PNG"),
    "printed with margins": lambda: as_pdf([with_margins(page) for page in photos()]),
    "darker": lambda: as_image(ImageEnhance.Brightness(photos()[2]).enhance(0.6), "JPEG"),
    "with a speck": lambda: as_pdf([with_dot(page) for page in photos()]),
    "a blank sheet": lambda: as_image(Image.new("RGB", (1224, 1584), "white"), "PNG"),
}


@pytest.mark.parametrize("scan", UNSIGNED.values(), ids=UNSIGNED)
def test_the_original_again_is_no_signed_scan(scan: Callable[[], bytes]) -> None:
    with pytest.raises(PdfRefused) as refused:
        check_signed(scan(), PLAN)
    assert refused.value.code == "unsigned_scan"


@pytest.mark.parametrize("kind", ["PDF", "JPEG", "PNG"])
def test_a_signature_makes_the_difference(kind: str) -> None:
    first, second, third = photos()
    scan = as_pdf([first, second, signed(third)]) if kind == "PDF" else as_image(signed(third), kind)
    check_signed(scan, PLAN)


def test_a_scanner_at_an_angle_is_no_reason_to_refuse() -> None:
    page = signed(photos()[2]).rotate(1.5, fillcolor="white")
    check_signed(as_image(page, "JPEG"), PLAN)


def test_a_scan_page_that_cannot_be_shown_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.pdf.scan_comparison._MAX_HEIGHT", 0)
    with pytest.raises(PdfRefused) as refused:
        check_signed(saved_again(PLAN), PLAN)
    assert refused.value.code == "damaged"


def test_the_largest_plan_is_compared_within_the_limit() -> None:
    many = samples.plan_of_care(pages=200)
    scan = as_image(signed(samples.raster(many, 200, scale=2)).rotate(1, fillcolor="white"), "JPEG")
    started = time.process_time()
    check_signed(scan, many)
    assert time.process_time() - started < 5
