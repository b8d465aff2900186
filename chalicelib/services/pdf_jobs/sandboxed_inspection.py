"""What the `inspect` function answers about one upload, as plain JSON.

It runs apart, with a link to that upload and no right to read anything, and in a copy of itself: a
hang or a crash there, of PDFium too, is a refusal, and the function lives on for the next file.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from chalicelib.pdf.inspection import inspect_pdf, inspect_scan
from chalicelib.pdf.models import PdfRefused
from chalicelib.services.pdf_jobs.resource_limits import CpuTimeExceeded, limit_cpu_time, limit_memory
from chalicelib.services.pdf_jobs.sandbox import SandboxKilled, run_sandboxed

MAX_FETCHED_BYTES = 26 * 1024 * 1024
"""What is fetched of a file: more than a PDF may have."""

SECONDS = 2.0
MEMORY = 640 * 1024 * 1024
"""Bytes beyond what the function has already: it is given 1 GB."""

_TOO_LONG = "The PDF took too long to read. Print it to a new PDF, and send that."
_TOO_MUCH = "The PDF took too much memory to read. Print it to a new PDF, and send that."
_CRASHED = "The PDF could not be read within the limits of memory. Print it to a new PDF, and send that."


def inspect(data: bytes, kind: str, *, certificates: Collection[str] = ()) -> dict[str, Any]:
    """`kind` is `pdf` (a document to sign), `scan` (a signed page that came back) or `seal` (to be verified).

    `{"sha256", "bytes", "pages", …}`, or `{"refused": {"code", "detail"}}`; of a seal what `pdf/verify.py`
    finds, `certificates` being the fingerprints of ours.
    """
    read = _reader(kind, certificates)

    def work() -> Iterator[bytes]:
        yield json.dumps(_within_limits(read, data)).encode()

    try:
        (answer,) = run_sandboxed(work, seconds=SECONDS)
    except SandboxKilled as lost:
        return _refused("damaged", _TOO_LONG if lost.by_time else _CRASHED)
    found: dict[str, Any] = json.loads(answer)
    return found


def _within_limits(read: Callable[[bytes], dict[str, Any]], data: bytes) -> dict[str, Any]:
    try:
        with limit_cpu_time(SECONDS), limit_memory(MEMORY):
            return read(data)
    except PdfRefused as refusal:
        return _refused(refusal.code, refusal.detail)
    except CpuTimeExceeded:
        return _refused("damaged", _TOO_LONG)
    except MemoryError:
        return _refused("damaged", _TOO_MUCH)


def _reader(kind: str, certificates: Collection[str]) -> Callable[[bytes], dict[str, Any]]:
    """What reads a file of that kind; its libraries are loaded here, which is no fault of the file."""
    if kind == "seal":
        from chalicelib.pdf.signing import verification

        return lambda data: verification.to_json(verification.verify(data, certificates))
    describe = {"pdf": _pdf, "scan": _scan}[kind]
    return lambda data: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **describe(data)}


def _refused(code: str, detail: str) -> dict[str, Any]:
    return {"refused": {"code": code, "detail": detail}}


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
