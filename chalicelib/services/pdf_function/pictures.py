"""Small pictures that people wait for: the preview of a signature block, and the size of a logo."""

import io
from base64 import b64decode, b64encode
from typing import Any

from PIL import Image

from chalicelib.services.pdf_function.sandbox import SandboxKilled, run_sandboxed_json
from chalicelib.services.pdf_requests import DrawPreview, MeasuredLogo, MeasureLogo, Preview
from chalicelib.services.ports import LinkedFiles

SECONDS = 4.0
"""The CPU time limit of one picture."""

MEMORY = 256 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already. The function has 1 GB."""

_NO_IMAGE = "must be a PNG or JPEG image"


def draw_preview(request: DrawPreview, _files: LinkedFiles) -> Preview:
    """Return a PNG of the signature block, drawn by the same code as the block in the signed PDF."""
    from chalicelib.pdf.drawing.block_preview import render_block

    def work() -> str:
        return b64encode(render_block(request.block, (request.width, request.height))).decode()

    return Preview(run_sandboxed_json(work, seconds=SECONDS, memory=MEMORY))


def measure_logo(request: MeasureLogo, _files: LinkedFiles) -> MeasuredLogo:
    """Return the media type and the size of a logo, or the reason for which the picture is refused."""
    image = b64decode(request.picture)
    try:
        values = run_sandboxed_json(lambda: _read_size(image, request.max_side), seconds=SECONDS, memory=MEMORY)
    except SandboxKilled:
        values = {"refused": _NO_IMAGE}
    return MeasuredLogo(**values)


def _read_size(image: bytes, max_side: int) -> dict[str, Any]:
    too_large = {"refused": f"must be at most {max_side} pixels wide and high"}
    try:
        # Pillow reads only the header here; the pixels of an untrusted image are never decoded.
        with Image.open(io.BytesIO(image), formats=("PNG", "JPEG")) as picture:
            kind, (width, height) = f"image/{str(picture.format).lower()}", picture.size
    except Image.DecompressionBombError:
        return too_large
    except (OSError, SyntaxError, ValueError):
        return {"refused": _NO_IMAGE}
    if max(width, height) > max_side:
        return too_large
    return {"media_type": kind, "width": width, "height": height}
