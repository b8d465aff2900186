"""The inspection of one untrusted upload by the `inspect` function. The result is plain JSON.

The function has a URL of this upload and no right to read anything else. The inspection runs in a forked
process. So a file that hangs or crashes a library is refused, and the function is ready for the next file."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from chalicelib.pdf import models
from chalicelib.pdf.inspection import inspect_pdf, inspect_scan
from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.scan_comparison import check_signed
from chalicelib.services.pdf_function.sandbox import CpuTimeExceeded, SandboxKilled, limit_cpu_time, run_sandboxed_json
from chalicelib.services.pdf_function.sealing_trial import check_sealable

MAX_FETCHED_BYTES = models.MAX_BYTES + 1024 * 1024
"""The largest download. The limit is above that of a PDF, so that a PDF that is too large is recognized."""

SECONDS = 2.0
"""The CPU time limit of one inspection."""

COMPARISON_SECONDS = 5.0
"""The CPU time limit of an inspection that also compares a scan with the original.

A scan of paper differs on its first page, so a comparison with 200 pages takes 3 seconds at most.
"""

MEMORY = 640 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already. The function has 1 GB."""

_TOO_LONG = "The PDF took too long to read. Print it to a new PDF, and send the new PDF."
_TOO_MUCH_MEMORY = "The PDF took too much memory to read. Print it to a new PDF, and send the new PDF."
_CRASHED = "The PDF could not be read within the memory limit. Print it to a new PDF, and send the new PDF."


def inspect(
    data: bytes,
    kind: str,
    *,
    certificates: Collection[str] = (),
    authorities: Collection[str] = (),
    original: bytes | None = None,
) -> dict[str, Any]:
    """Return the facts of a file as JSON, or `{"refused": {"code", "detail"}}`.

    `kind` is `pdf` (a document to sign), `scan` (a page signed by hand) or `seal` (a file to verify). For
    the first two the result is `{"sha256", "bytes", "pages", …}`. For `seal` the result is the finding of
    `pdf/signing/verification.py` with `sha256` and `revisions`, the hashes of the file's revisions. Here
    `certificates` and `authorities` hold the fingerprints of the portal's certificates and of the timestamp
    authorities' certificates. A scan that is the document's `original` again is refused."""
    read = _reader(kind, certificates, authorities, original)
    seconds = SECONDS if original is None else COMPARISON_SECONDS
    try:
        result: dict[str, Any] = run_sandboxed_json(
            lambda: _read_within_limits(read, data, seconds), seconds=seconds, memory=MEMORY
        )
    except SandboxKilled as killed:
        result = _refusal("damaged", _TOO_LONG if killed.by_time else _CRASHED)
    if kind == "seal":
        return {**result, **_hash(data)}
    return _refuse_what_cannot_be_sealed(data, kind, result)


def _refuse_what_cannot_be_sealed(data: bytes, kind: str, result: dict[str, Any]) -> dict[str, Any]:
    """Return the `result` of the inspection, or a refusal if the file is a PDF that the portal cannot seal."""
    if result.get("media_type") != "application/pdf":
        return result
    try:
        check_sealable(data, is_scan=kind == "scan")
    except PdfRefused as refusal:
        return _refusal(refusal.code, refusal.detail)
    return result


def _hash(data: bytes) -> dict[str, Any]:
    """Return the SHA-256 of a file and of each of its revisions, as JSON.

    A revision is the file as it was before later additions. By these hashes, `/verify` recognizes a released file even
    if no parser can read the file."""
    from chalicelib.pdf.signing.verification import hash_revisions

    return {"sha256": hashlib.sha256(data).hexdigest(), "revisions": hash_revisions(data)}


def _read_within_limits(read: Callable[[bytes], dict[str, Any]], data: bytes, seconds: float) -> dict[str, Any]:
    try:
        with limit_cpu_time(seconds):
            return read(data)
    except PdfRefused as refusal:
        return _refusal(refusal.code, refusal.detail)
    except CpuTimeExceeded:
        return _refusal("damaged", _TOO_LONG)
    except MemoryError:
        return _refusal("damaged", _TOO_MUCH_MEMORY)


def _reader(
    kind: str, certificates: Collection[str], authorities: Collection[str], original: bytes | None
) -> Callable[[bytes], dict[str, Any]]:
    """Return the function that inspects this kind of file. Its libraries are imported before the time limit starts."""
    if kind == "seal":
        from chalicelib.pdf.signing import verification

        return lambda data: verification.to_json(verification.verify(data, certificates, authorities))
    describe = _describe_pdf if kind == "pdf" else partial(_describe_scan, original=original)
    return lambda data: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **describe(data)}


def _refusal(code: str, detail: str) -> dict[str, Any]:
    return {"refused": {"code": code, "detail": detail}}


def _describe_pdf(data: bytes) -> Mapping[str, Any]:
    pdf = inspect_pdf(data)
    return {
        "media_type": "application/pdf",
        "pages": pdf.pages,
        "page_sizes": [list(size) for size in pdf.page_sizes],
        "active_content": list(pdf.active_content),
        "signed": pdf.signed,
        "undrawn_pages": list(pdf.undrawn_pages),
    }


def _describe_scan(data: bytes, *, original: bytes | None) -> Mapping[str, Any]:
    scan = inspect_scan(data)
    if original is not None:
        check_signed(data, original)
    return {"media_type": scan.media_type, "pages": scan.pages}
