"""The largest PDF that the portal accepts: 200 pages of scans, one byte smaller than 25 MB. It tests the limits."""

import io

from PIL import Image

from chalicelib.pdf.models import MAX_BYTES, MAX_PAGES
from tests.support.pdf.raw_pdf import BOX, Objects, page, stream, write_pdf

SCAN = (1700, 2200)
"""The pixels of a Letter page at 200 dots per inch."""

GRAIN = 12
"""The size in pixels of the grain of the noise, chosen so that the images are nearly as large as allowed."""

_SCAN_ENTRIES = (
    b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
    b" /Filter /DCTDecode" % SCAN
)


def largest_pdf() -> bytes:
    """Return the largest PDF that the portal accepts.

    Each page has its own image, padded with zero bytes after the JPEG's end to reach the size."""
    scan = _scan()
    unpadded = len(write_pdf(_objects(scan, 0)))
    padding, rest = divmod(MAX_BYTES - 1 - unpadded, MAX_PAGES)
    pdf = write_pdf(_objects(scan, padding, rest))
    assert len(pdf) == MAX_BYTES - 1
    return pdf


def _objects(scan: bytes, padding: int, rest: int = 0) -> Objects:
    """Return the objects of the largest PDF by number: catalog (1), page tree (2), content (3), then pages and images.

    `padding` zero bytes follow each image, and `rest` more follow the last one."""
    pages = range(4, 4 + 2 * MAX_PAGES, 2)
    kids = b" ".join(b"%d 0 R" % number for number in pages)
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, MAX_PAGES),
        3: stream(b"q 612 0 0 792 0 0 cm /Scan Do Q"),
    }
    for number in pages:
        resources = b"/Resources << /XObject << /Scan %d 0 R >> >>" % (number + 1)
        objects[number] = page(attributes=BOX, contents=b"/Contents 3 0 R", resources=resources)
        filling = padding + (rest if number == pages[-1] else 0)
        objects[number + 1] = stream(scan + bytes(filling), _SCAN_ENTRIES)
    return objects


def _scan() -> bytes:
    """Return a JPEG of random noise, nearly as large in bytes as the image of a page may be."""
    noise = Image.effect_noise((SCAN[0] // GRAIN, SCAN[1] // GRAIN), 30)
    target = io.BytesIO()
    noise.resize(SCAN, Image.Resampling.BILINEAR).save(target, "JPEG", quality=20)
    return target.getvalue()
