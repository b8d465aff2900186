"""A practice's logo: a small PNG or JPEG, kept in the bucket under its own hash. SVG may carry scripts."""

import hashlib
import io
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.documents import Logo
from chalicelib.domain.practices import Practice
from chalicelib.services.ports import Files, Store
from chalicelib.services.practices.practices import change_practice

MAX_BYTES = 20_000
"""A page weighs at most 60 kB, of which the door's own parts take some 15."""

MAX_SIDE = 1_000
_NO_SIZE = "must be a PNG or JPEG image"


def set_logo(store: Store, files: Files, now: datetime, practice_id: str, image: bytes | None) -> Logo | None:
    """The logo that documents sent from now on show; None takes it away. Raises `ValueError` for no image."""
    logo = _kept(files, practice_id, image) if image is not None else None

    def step(practice: Practice) -> Practice:
        return replace(practice, logo=logo)

    change_practice(store, practice_id, now, step)
    return logo


def _kept(files: Files, practice_id: str, image: bytes) -> Logo:
    kind, width, height = size_of(image)
    key = f"logos/{practice_id}/{hashlib.sha256(image).hexdigest()}"
    files.put(key, image, kind)
    return Logo(key=key, width=width, height=height)


def size_of(image: bytes) -> tuple[str, int, int]:
    """Return the media type, width and height (pixels) of an image; raise `ValueError` with the reason."""
    from PIL import Image

    too_large = f"must be at most {MAX_SIDE} pixels wide and high"
    if len(image) > MAX_BYTES:
        raise ValueError(f"must have at most {MAX_BYTES} bytes")
    try:
        # Pillow reads only the header here; the pixels of a stranger's image are never decoded.
        with Image.open(io.BytesIO(image), formats=("PNG", "JPEG")) as picture:
            kind, (width, height) = f"image/{str(picture.format).lower()}", picture.size
    except Image.DecompressionBombError as error:
        raise ValueError(too_large) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(_NO_SIZE) from error
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(too_large)
    return kind, width, height
