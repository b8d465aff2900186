"""What the `inspect` function answers about one upload, as plain JSON.

It runs apart, with the right to read that upload and nothing else: a hang or a crash there is a refusal.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from chalicelib.pdf.facts import PdfRefused
from chalicelib.pdf.inspect import inspect_pdf, inspect_scan


def inspect(data: bytes, kind: str) -> dict[str, Any]:
    """`kind` is `pdf` (a document to sign) or `scan` (a signed page that came back).

    `{"sha256", "bytes", "pages", …}`, or `{"refused": {"code", "detail"}}`.
    """
    try:
        facts = _scan(data) if kind == "scan" else _pdf(data)
    except PdfRefused as refusal:
        return {"refused": {"code": refusal.code, "detail": refusal.detail}}
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **facts}


def _pdf(data: bytes) -> Mapping[str, Any]:
    seen = inspect_pdf(data)
    return {
        "media_type": "application/pdf",
        "pages": seen.pages,
        "page_sizes": [list(size) for size in seen.page_sizes],
        "active_content": list(seen.active_content),
        "signed": seen.signed,
    }


def _scan(data: bytes) -> Mapping[str, Any]:
    seen = inspect_scan(data)
    return {"media_type": seen.media_type, "pages": seen.pages}
