"""Test the reading of a fax's file, a PDF or a TIFF, also if the file is hostile."""

import io
import struct
from collections.abc import Sequence

import pytest
from PIL import Image

from chalicelib.pdf.fax_files import open_fax
from chalicelib.pdf.fax_media import fax_media_type
from chalicelib.pdf.models import PdfRefused
from tests.support.pdf import sample_pdfs as samples

SIZE = (204, 196)


def page(size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a white page whose upper left quarter is black."""
    picture = Image.new("1", size, 1)
    picture.paste(0, (0, 0, size[0] // 2, size[1] // 2))
    return picture


def tiff(
    *pages: Image.Image, compression: str = "group4", dpi: tuple[float, float] | None = (204, 196), **tags: object
) -> bytes:
    target = io.BytesIO()
    first, *others = pages
    first.save(target, "TIFF", save_all=True, append_images=others, compression=compression, dpi=dpi, **tags)
    return target.getvalue()


def draw(data: bytes) -> Sequence[Image.Image | None]:
    with open_fax(data) as file:
        return [file.draw(index) for index in range(file.pages)]


def only(data: bytes) -> Image.Image:
    (picture,) = draw(data)
    assert picture is not None
    return picture


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4"])
def test_a_page_with_a_compression_of_faxes_is_drawn(compression: str) -> None:
    picture = only(tiff(page(), compression=compression))
    assert (picture.mode, picture.size) == ("L", (204, 204)), "one inch in each direction"
    assert [picture.getpixel(at) for at in ((10, 10), (190, 10), (10, 190), (190, 190))] == [0, 255, 255, 255]


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_no_other_decoder_sees_the_bytes_of_a_stranger(compression: str) -> None:
    assert draw(tiff(page(), compression=compression)) == [None]


def test_every_page_is_drawn_in_any_order() -> None:
    data = tiff(page(), page((102, 98)), page((408, 392)))
    with open_fax(data) as file:
        assert file.pages == 3
        sizes = [picture.size for index in (2, 0, 1) if (picture := file.draw(index)) is not None]
    assert sizes == [(408, 408), (204, 204), (102, 102)]


@pytest.mark.parametrize(
    ("dpi", "size"),
    [
        ((204, 98), (204, 408)),
        ((408, 392), (102, 102)),
        (None, (204, 204)),
        ((50, 50), (832, 800)),
        ((49, 49), (204, 204)),
        ((600, 600), (69, 67)),
        ((601, 601), (204, 204)),
        ((204, 0), (204, 204)),
    ],
    ids=["normal", "superfine", "none", "least", "too-few", "most", "too-many", "zero"],
)
def test_a_page_has_204_dots_per_inch_in_both_directions(
    dpi: tuple[float, float] | None, size: tuple[int, int]
) -> None:
    assert only(tiff(page(), dpi=dpi)).size == size


def test_a_page_is_drawn_at_most_2500_by_4200_dots_large() -> None:
    assert only(tiff(page((5000, 100)), dpi=(204, 204))).size == (2500, 50)
    assert only(tiff(page((100, 10_000)), dpi=(204, 204))).size == (42, 4200)
    assert only(tiff(page((10_000 // 5, 1)), dpi=(204, 204))).size == (2000, 1)


def test_a_line_without_height_keeps_one_row_of_dots() -> None:
    assert only(tiff(page((5000, 1)), dpi=(204, 600))).size == (2500, 1)
    assert only(tiff(page((1, 10_000)), dpi=(600, 204))).size == (1, 4200)


@pytest.mark.parametrize("size", [(5001, 10), (10, 10_001)], ids=["too-wide", "too-long"])
def test_a_page_with_too_many_dots_is_not_drawn(size: tuple[int, int]) -> None:
    assert draw(tiff(page(size))) == [None]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Truncated File Read")
def test_a_file_that_was_cut_off_shows_nothing() -> None:
    assert draw(tiff(page())[:-40]) == [None]


def test_a_broken_page_is_not_drawn_and_the_others_are() -> None:
    first, second = tiff(page()), tiff(page(), page())
    broken = bytearray(second)
    broken[second.index(first[8:24]) : second.index(first[8:24]) + 4] = b"\xff" * 4
    pictures = draw(bytes(broken))
    assert len(pictures) == 2
    assert pictures[1] is not None


def test_a_pdf_is_drawn_as_before() -> None:
    assert [picture and picture.size for picture in draw(samples.blank_pdf(pages=2, size=(72, 144)))] == [
        (204, 408)
    ] * 2


def directories(count: int, *, last: int = 0) -> bytes:
    """Return a TIFF with `count` empty directories of pages. `last` is the offset to which the last one leads."""
    offsets = [8 + 6 * number for number in range(count)]
    links = [*offsets[1:], last]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(struct.pack("<HI", 0, link) for link in links)


@pytest.mark.parametrize(
    "data",
    [
        b"II*\0",
        b"II*\0 a hostile TIFF",
        b"MM\0*\0\0\0\x08",
        directories(1, last=8),
        directories(2, last=8),
        directories(5000),
    ],
    ids=["empty", "words", "big-endian", "loop", "long-loop", "many-directories"],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Truncated File Read")
def test_a_hostile_tiff_is_refused(data: bytes) -> None:
    with pytest.raises(PdfRefused) as refused:
        draw(data)
    assert (refused.value.code, refused.value.detail) == ("damaged", "The fax is a damaged TIFF.")


def test_a_directory_beyond_the_end_of_the_file_is_refused() -> None:
    data = bytearray(tiff(page()))
    (at,) = struct.unpack("<I", data[4:8])
    (entries,) = struct.unpack("<H", data[at : at + 2])
    data[at + 2 + 12 * entries : at + 6 + 12 * entries] = struct.pack("<I", len(data) + 100)
    with pytest.raises(PdfRefused, match="damaged TIFF"):
        draw(bytes(data))


def test_a_page_of_a_billion_dots_is_not_decoded() -> None:
    data = bytearray(tiff(page()))
    for tag in (256, 257):
        at = data.index(struct.pack("<HHI", tag, 3, 1)) + 8
        data[at : at + 2] = struct.pack("<H", 40_000)
    assert draw(bytes(data)) == [None]


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"II+\0\x08\0\0\0", b"<html>"], ids=["empty", "gif", "big", "page"])
def test_a_file_that_is_neither_a_pdf_nor_a_tiff_is_refused(data: bytes) -> None:
    with pytest.raises(PdfRefused) as refused:
        draw(data)
    assert (refused.value.code, refused.value.detail) == ("not_a_pdf", "The fax is neither a PDF nor a TIFF.")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"<html>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_media_type_of_a_fax(data: bytes, media_type: str) -> None:
    assert fax_media_type(data) == media_type
