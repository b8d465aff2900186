"""A practice's logo: a small PNG or JPEG, kept in the bucket under its own hash. SVG may carry scripts."""

import hashlib
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.documents import Logo
from chalicelib.domain.practices import Practice
from chalicelib.services.ports import Files, Store
from chalicelib.services.practices.practices import change_practice

MAX_BYTES = 20_000
"""A page weighs at most 60 kB, of which the door's own parts take some 15."""

MAX_SIDE = 1_000
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_JPEG = b"\xff\xd8\xff"
_MARKER = 0xFF
_SIZES_STAND_IN = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The JPEG segments that tell height and width (ITU T.81, table B.1)."""

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
    """Media type, width and height in pixels. Raises `ValueError` that says what is wrong."""
    if len(image) > MAX_BYTES:
        raise ValueError(f"must have at most {MAX_BYTES} bytes")
    if image.startswith(_PNG) and len(image) > len(_PNG) + 8:
        kind, size = "image/png", image[16:24]
        width, height = int.from_bytes(size[:4]), int.from_bytes(size[4:])
    elif image.startswith(_JPEG):
        kind = "image/jpeg"
        width, height = _jpeg_size(image)
    else:
        raise ValueError(_NO_SIZE)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(f"must be at most {MAX_SIDE} pixels wide and high")
    return kind, width, height


def _jpeg_size(image: bytes) -> tuple[int, int]:
    """From segment to segment, each of which tells its length, up to the one with the size."""
    place = 2
    while place + 9 <= len(image) and image[place] == _MARKER:
        if image[place + 1] in _SIZES_STAND_IN:
            return int.from_bytes(image[place + 7 : place + 9]), int.from_bytes(image[place + 5 : place + 7])
        place += 2 + int.from_bytes(image[place + 2 : place + 4])
    raise ValueError(_NO_SIZE)
