"""A practice's logo: a small PNG or JPEG, stored under its own hash. SVG is refused: it may carry scripts."""

import hashlib
import io
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.documents import Logo
from chalicelib.services.ports import Files
from chalicelib.services.practices.practices import Practices

MAX_BYTES = 20_000
"""A page weighs at most 60 kB, and the landing page of a document needs about 15 kB without the logo."""

MAX_SIDE = 1_000
_NO_IMAGE = "must be a PNG or JPEG image"


def set_logo(practices: Practices, files: Files, practice_id: str, image: bytes | None, now: datetime) -> Logo | None:
    """Store the logo for documents that the practice sends from now on, and return the logo. None removes the logo.

    Raises `ValueError` with the reason if the image is refused."""
    logo = None
    if image is not None:
        kind, width, height = read_size(image)
        logo = Logo(key=f"logos/{practice_id}/{hashlib.sha256(image).hexdigest()}", width=width, height=height)
        files.put(logo.key, image, kind)
    practices.change(practice_id, now, lambda practice: replace(practice, logo=logo))
    return logo


def read_size(image: bytes) -> tuple[str, int, int]:
    """Return the media type, width and height (pixels) of an image. Raises `ValueError` with the reason."""
    from PIL import Image

    too_large = f"must be at most {MAX_SIDE} pixels wide and high"
    if len(image) > MAX_BYTES:
        raise ValueError(f"must have at most {MAX_BYTES} bytes")
    try:
        # Pillow reads only the header here; the pixels of an untrusted image are never decoded.
        with Image.open(io.BytesIO(image), formats=("PNG", "JPEG")) as picture:
            kind, (width, height) = f"image/{str(picture.format).lower()}", picture.size
    except Image.DecompressionBombError as error:
        raise ValueError(too_large) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(_NO_IMAGE) from error
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(too_large)
    return kind, width, height
