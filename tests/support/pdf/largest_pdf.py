"""The largest file that is taken: 200 pages, each a scan, one byte short of 25 MB in all."""

import io

from PIL import Image

from chalicelib.pdf.models import MAX_BYTES, MAX_PAGES
from tests.support.pdf.raw_pdf import BOX, Objects, page, stream, written

SCAN = (1700, 2200)
"""Pixels: a letter page at 200 dots per inch."""

GRAIN = 12
"""Pixels across each grain of the noise: what makes the pictures nearly as large as they may be."""

_SCAN_ENTRIES = (
    b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
    b" /Filter /DCTDecode" % SCAN
)


def largest_pdf() -> bytes:
    """Each page's picture is an object of its own, filled up with what follows a JPEG's end."""
    scan = _scan()
    bare = len(written(_objects(scan, 0)))
    each, left = divmod(MAX_BYTES - 1 - bare, MAX_PAGES)
    made = written(_objects(scan, each, left))
    assert len(made) == MAX_BYTES - 1
    return made


def _objects(scan: bytes, each: int, left: int = 0) -> Objects:
    """Catalog 1, page tree 2, content 3; then for each page itself and its picture."""
    pages = range(4, 4 + 2 * MAX_PAGES, 2)
    kids = b" ".join(b"%d 0 R" % number for number in pages)
    made = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, MAX_PAGES),
        3: stream(b"q 612 0 0 792 0 0 cm /Scan Do Q"),
    }
    for number in pages:
        resources = b"/Resources << /XObject << /Scan %d 0 R >> >>" % (number + 1)
        made[number] = page(attributes=BOX, contents=b"/Contents 3 0 R", resources=resources)
        filling = each + (left if number == pages[-1] else 0)
        made[number + 1] = stream(scan + bytes(filling), _SCAN_ENTRIES)
    return made


def _scan() -> bytes:
    """A JPEG of noise, nearly as large as each page's may be."""
    noise = Image.effect_noise((SCAN[0] // GRAIN, SCAN[1] // GRAIN), 30)
    target = io.BytesIO()
    noise.resize(SCAN, Image.Resampling.BILINEAR).save(target, "JPEG", quality=20)
    return target.getvalue()
