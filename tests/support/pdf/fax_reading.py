"""The decoder of the QR codes on faxed pages, as a proof that the portal's pages stay legible on the worst fax."""

import zxingcpp
from PIL import Image, ImageFilter

from chalicelib.pdf.fax_pages import FaxPage, read_page_link


def find_page_link(picture: Image.Image) -> FaxPage | None:
    """Return the page that the QR code in a picture names, or None if no code can be read.

    The picture is in grays, at 204 dots per inch. Several versions of the picture are tried, because each version makes
    another kind of damage readable. A picture with the codes of two pages names no page."""
    # A value at module level would be reported as a leak when Python ends.
    qr_codes = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    for prepare in (_as_is, _coarse, _fine, _smooth):
        codes = zxingcpp.read_barcodes(prepare(picture), formats=qr_codes, try_downscale=False)
        pages = {page for code in codes if (page := read_page_link(code.text)) is not None}
        if pages:
            return pages.pop() if len(pages) == 1 else None
    return None


def _as_is(picture: Image.Image) -> Image.Image:
    return picture


def _coarse(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width * 2 // 3, picture.height * 2 // 3), Image.Resampling.BOX)


def _fine(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width * 3 // 2, picture.height * 3 // 2), Image.Resampling.BICUBIC)


def _smooth(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1))
