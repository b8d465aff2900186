"""A practice's logo: a small PNG or JPEG, stored under its own hash. SVG is refused: it may carry scripts."""

import hashlib
from base64 import b64encode
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.practices import Logo
from chalicelib.services.pdf_requests import MeasuredLogo, MeasureLogo
from chalicelib.services.ports import Files, PdfFunction
from chalicelib.services.practices.practices import Practices

MAX_BYTES = 20_000
"""The largest logo. A page weighs at most 60 kB, and a document's landing page needs about 15 kB without the logo."""

MAX_SIDE = 1_000
_MEDIA_TYPES = ("image/png", "image/jpeg")


def set_logo(
    practices: Practices, files: Files, pdf: PdfFunction, practice_id: str, image: bytes | None, now: datetime
) -> Logo | None:
    """Store the logo for documents that the practice sends from now on, and return the logo. None removes the logo.

    Raises `ValueError` with the reason if the image is refused."""
    logo = None
    if image is not None:
        size = _measure(image, pdf)
        key = f"logos/{practice_id}/{hashlib.sha256(image).hexdigest()}"
        logo = Logo(key=key, width=size.width, height=size.height)
        files.put(logo.key, image, size.media_type)
    practices.change(practice_id, now, lambda practice: replace(practice, logo=logo))
    return logo


def _measure(image: bytes, pdf: PdfFunction) -> MeasuredLogo:
    """Return the media type and the size of an image. Raises `ValueError` with the reason if the image is refused.

    The PDF function, which has no AWS rights, reads the image."""
    if len(image) > MAX_BYTES:
        raise ValueError(f"must have at most {MAX_BYTES} bytes")
    measured = pdf.run(MeasureLogo(b64encode(image).decode(), MAX_SIDE), MeasuredLogo)
    if measured.refused or measured.media_type not in _MEDIA_TYPES:
        raise ValueError(measured.refused or "must be a PNG or JPEG image")
    return measured
