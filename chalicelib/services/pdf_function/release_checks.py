"""The checks of a sealed file (a PDF with the portal's digital signature) before its release, in a forked process.

The PDF function inserts the signed message into the prepared file, so it checks the very bytes that the caller will
release. The caller compares the hash that the function returns with the hash of its own bytes."""

import hashlib
from base64 import b64decode
from collections.abc import Callable, Iterator

from chalicelib.pdf.signing.picture_check import compare_pages
from chalicelib.pdf.signing.placeholder import Placeholder
from chalicelib.pdf.signing.release_check import find_faults, find_timestamp_faults
from chalicelib.services.pdf_function.sandbox import SandboxKilled, limit_memory, run_sandboxed
from chalicelib.services.pdf_requests import CheckedRelease, CheckRelease, CheckTimestamp
from chalicelib.services.ports import LinkedFiles

SECONDS = 30.0
"""The CPU time limit for the check of the seal, and for each page."""

MEMORY = 768 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already. The function has 1.7 GB."""


def check_release(request: CheckRelease, files: LinkedFiles) -> CheckedRelease:
    """Return the hash of a sealed file and its first fault, if it has one.

    The seal is checked first, and then the picture of each page. The file may be released only without a fault."""
    sealed = _insert(files.read(request.prepared), request.start, request.end, request.message)
    source = files.read(request.source) if request.source is not None else None
    return _check(sealed, lambda: _find_faults(request, sealed, source))


def check_timestamp(request: CheckTimestamp, files: LinkedFiles) -> CheckedRelease:
    """Return the hash and the first fault, if there is one, of a sealed file that got its timestamp later."""
    before = files.read(request.sealed)
    sealed = _insert(before, request.start, request.end, request.message)
    return _check(sealed, lambda: iter(find_timestamp_faults(sealed, before, request.pins)))


def _insert(data: bytes, start: int, end: int, message: str) -> bytes:
    return Placeholder(start, end).insert(data, b64decode(message))


def _find_faults(request: CheckRelease, sealed: bytes, source: bytes | None) -> Iterator[str]:
    """Yield the faults of the seal in words, and then one text for each page: its fault, or "" if it has none."""
    yield from find_faults(
        sealed,
        pages=request.pages,
        level=request.level,
        source=source or b"",
        certificate=request.certificate,
        pins=request.pins,
        lost=request.lost,
    )
    if source is not None:
        yield from compare_pages(source if request.shown else None, sealed, request.place, request.unseen)


def _check(sealed: bytes, find: Callable[[], Iterator[str]]) -> CheckedRelease:
    """Run the check `find` in a forked process, and return the file's hash with the first fault that it yields, if any.

    If the check crashes or exceeds a limit, the file has a fault too."""

    def pieces() -> Iterator[bytes]:
        with limit_memory(MEMORY):
            yield from (fault.encode() for fault in find())

    sha256 = hashlib.sha256(sealed).hexdigest()
    try:
        fault = next((piece.decode() for piece in run_sandboxed(pieces, seconds=SECONDS) if piece), "")
    except SandboxKilled:
        fault = "the sealed file cannot be checked"
    return CheckedRelease(sha256, fault)
