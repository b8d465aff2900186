import io

import pytest
from PIL import Image, ImageChops, ImageStat
from pypdf import PdfWriter
from pypdf.generic import NumberObject
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.rendering import encode, extract_page_texts, render_pages
from tests.support.pdf import sample_pdfs as samples


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(data)).convert("L")


def test_every_page_is_rendered_at_every_width_page_by_page() -> None:
    images = list(render_pages(samples.plan_of_care(2), (300, 600)))
    assert [(image.number, image.width) for image in images] == [(1, 300), (1, 600), (2, 300), (2, 600)]
    assert [opened(image.data).size for image in images] == [(image.width, image.height) for image in images]


def test_a_text_page_is_small_and_has_true_black_and_white() -> None:
    (image,) = render_pages(samples.plan_of_care(1), (1500,))
    assert image.media_type == "image/png"
    assert len(image.data or b"") < 150_000
    assert samples.extremes(opened(image.data)) == (0, 255)


def test_a_photograph_is_encoded_as_webp() -> None:
    noise = Image.frombytes("RGB", (200, 200), bytes(index * index % 251 for index in range(120_000))).resize(
        (600, 600)
    )
    assert encode(noise)[1] == "image/webp"


def test_color_is_preserved() -> None:
    def red(canvas: Canvas, _page: int) -> None:
        canvas.setFillColorRGB(1, 0, 0)
        canvas.rect(0, 0, 100, 100, stroke=0, fill=1)

    (image,) = render_pages(samples.drawn_pdf(red, size=(1000, 1000)), (100,))
    assert Image.open(io.BytesIO(image.data or b"")).convert("RGB").getpixel((5, 95)) == (255, 0, 0)


@pytest.mark.parametrize(("rotate", "corner"), [(0, (1, 98)), (90, (1, 1)), (180, (98, 1)), (270, (98, 98))])
def test_pages_are_rendered_rotated_and_cropped_as_displayed(rotate: int, corner: tuple[int, int]) -> None:
    def square(canvas: Canvas, _page: int) -> None:
        canvas.rect(100, 100, 20, 20, stroke=0, fill=1)

    data = samples.shaped(samples.drawn_pdf(square), rotate=rotate, crop=(100, 100, 300, 300))
    (image,) = render_pages(data, (100,))
    page = opened(image.data)
    assert page.size == (100, 100)
    corners = [(1, 98), (1, 1), (98, 1), (98, 98)]
    assert [spot for spot in corners if page.getpixel(spot) == 0] == [corner]


def test_annotations_and_fields_are_drawn() -> None:
    for data in (samples.with_annotation(), samples.with_bare_field("walk 200 feet")):
        (image,) = render_pages(data, (600,))
        assert samples.extremes(opened(image.data))[0] < 60


def test_a_page_that_cannot_be_rendered_has_no_data() -> None:
    def break_second(writer: PdfWriter) -> None:
        writer.pages[1][samples.name("Type")] = NumberObject(7)
        writer.pages[1][samples.name("MediaBox")] = samples.floats(0, 0, 1e9, 1e-3)

    images = list(render_pages(samples.edited(samples.plan_of_care(3), break_second), (300,)))
    assert [image.number for image in images] == [1, 2, 3]
    assert [image.data is None for image in images] == [False, True, False]


def _ruler(size: tuple[float, float]) -> bytes:
    """Return a PDF of one page with a number at each inch from the top, and nothing else."""

    def draw(canvas: Canvas, _page: int) -> None:
        for inch in range(1, int(size[1] // 72)):
            canvas.drawString(20, size[1] - inch * 72, f"inch {inch}")

    return samples.drawn_pdf(draw, size=size)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_slices_of_a_very_long_page_show_the_whole_page(rotate: int) -> None:
    size = (612, 4000) if rotate in (0, 180) else (4000, 612)
    data = samples.shaped(_ruler(size), rotate=rotate)
    images = list(render_pages(data, (750, 1500)))
    assert [(image.piece, image.pieces) for image in images] == [(1, 2), (1, 2), (2, 2), (2, 2)]
    assert [image.width for image in images] == [765, 1500] * 2
    joined = Image.new("L", (765, sum(image.height for image in images[::2])))
    for image, above in zip(images[::2], (0, images[0].height), strict=True):
        joined.paste(opened(image.data), (0, above))
    whole = samples.raster(data, scale=1.25)
    assert joined.size == whole.size
    assert ImageStat.Stat(ImageChops.difference(joined, whole)).extrema[0][1] < 32


def test_a_very_long_page_is_cropped_and_its_unit_does_not_matter() -> None:
    data = samples.shaped(_ruler((800, 5000)), crop=(100, 400, 712, 4400), unit=2)
    images = list(render_pages(data, (750,)))
    assert [(image.width, image.pieces) for image in images] == [(765, 2)] * 2


def test_a_page_that_needs_too_many_slices_has_no_image() -> None:
    (image,) = render_pages(samples.blank_pdf(size=(30, 76_900)), (750,))
    assert (image.data, image.number, image.pieces) == (None, 1, 1)


def test_page_texts_are_extracted_in_order() -> None:
    texts = extract_page_texts(samples.plan_of_care(2))
    assert [text.split(":")[0] for text in texts] == ["Page 1", "Page 2"]
    assert "\r" not in texts[0]
    assert extract_page_texts(samples.blank_pdf()) == [""]
