import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from chalicelib.services.pdf_function.pictures import _read_size

TOO_LARGE = {"refused": "must be at most 100 pixels wide and high"}
NO_IMAGE = {"refused": "must be a PNG or JPEG image"}


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height)).save(data, kind)
    return data.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG file that has only a header, with any size in pixels, to test the limits of logos."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    first = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    empty = (struct.pack(">I", 0) + name + struct.pack(">I", zlib.crc32(name)) for name in (b"IDAT", b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + first + b"".join(empty)


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (picture(100, 100), {"media_type": "image/png", "width": 100, "height": 100}),
        (picture(1, 2, "JPEG"), {"media_type": "image/jpeg", "width": 1, "height": 2}),
        (picture(101, 1), TOO_LARGE),
        (picture(1, 101), TOO_LARGE),
        (png_header(60_000, 60_000), TOO_LARGE),
        (picture(1, 1, "GIF"), NO_IMAGE),
        (b"GIF89a", NO_IMAGE),
        (b"", NO_IMAGE),
    ],
)
def test_a_logo_is_a_png_or_jpeg_of_at_most_so_many_pixels(image: bytes, found: dict[str, Any]) -> None:
    assert _read_size(image, 100) == found


@pytest.mark.parametrize(("width", "height"), [(0, 1), (1, 0)])
def test_a_picture_without_pixels_is_refused(width: int, height: int) -> None:
    assert "refused" in _read_size(png_header(width, height), 100)
