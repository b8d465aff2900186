"""The last check of a sealed file before the portal releases it.

A sealed file is a PDF with the portal's digital signature. The check reads its final bytes with three PDF readers."""

from __future__ import annotations

from collections.abc import Collection

from chalicelib.pdf.inspection import is_pdf, recheck_pages
from chalicelib.pdf.models import Level, PdfRefused
from chalicelib.pdf.rendering import count_pages
from chalicelib.pdf.signing.lost_signatures import find_valid_signatures
from chalicelib.pdf.signing.verification import SignatureReport, find_signature_gap, read_signatures


def find_faults(
    data: bytes, *, pages: int, level: Level, source: bytes, certificate: str, pins: Collection[str] = (), lost: int = 0
) -> list[str]:
    """Return the faults of a sealed (digitally signed) PDF in words for an engineer; an empty list allows the release.

    `pages` and `level` are the expected number of pages and PAdES level. `source` is the original or the scan (empty
    for a separate certificate). `certificate` is the fingerprint of the certificate that must have made the seal, and
    `pins` are the fingerprints of the timestamp authorities' certificates. `lost` is the number of the source's valid
    signatures that the certificate page names as lost. `picture_check.py` compares the pictures."""
    try:
        counted, signatures = recheck_pages(data), read_signatures(data, strict=True, pins=pins)
    except PdfRefused as refusal:
        return [f"the sealed file cannot be read: {refusal.detail}"]
    faults = [*_find_page_faults(counted, pages, source), *_find_seal_faults(signatures, source, certificate)]
    if not signatures[:-1] and len(find_valid_signatures(source)) > lost:
        faults.append("an earlier signature is missing, and the certificate does not say so")
    if level == "B-T" and not (signatures and signatures[-1].timestamped_at):
        faults.append("the timestamp is not by a pinned authority")
    return faults


def _find_page_faults(counted: int, pages: int, source: bytes) -> list[str]:
    if counted != pages:
        return [f"the sealed file has {counted} pages, not {pages}"]
    if is_pdf(source) and pages < count_pages(source):
        return ["the sealed file has fewer pages than its source"]
    return []


def _find_seal_faults(signatures: tuple[SignatureReport, ...], source: bytes, certificate: str) -> list[str]:
    if not signatures:
        return ["the sealed file has no seal"]
    *earlier, seal = signatures
    checks = {
        "the seal does not fit the bytes": seal.sound,
        "the seal does not cover the whole file": seal.covers,
        "the seal allows later changes": seal.locked,
        "the seal is by another certificate": seal.certificate_sha256 == certificate,
        "an earlier signature is no longer valid": not earlier or _are_still_valid(earlier, source),
    }
    return [fault for fault, passed in checks.items() if not passed]


def keeps_signatures(source: bytes, sealed: bytes) -> bool:
    """Return True if every digital signature that is valid in the source is still valid in the sealed file.

    The last signature of the sealed file is the portal's seal. Raise `PdfRefused` if a file cannot be read."""
    return _are_still_valid(list(read_signatures(sealed, strict=True)[:-1]), source)


def _are_still_valid(earlier: list[SignatureReport], source: bytes) -> bool:
    """Return True if the portal's seal broke none of the digital signatures that the original file already had.

    `earlier` are these signatures as read from the sealed file: those valid in `source`, the original, must still be
    valid."""
    before = read_signatures(source)
    return len(before) == len(earlier) and all(
        (now.sound and now.permitted) or not (then.sound and then.permitted)
        for then, now in zip(before, earlier, strict=True)
    )


def find_timestamp_faults(data: bytes, before: bytes, pins: Collection[str]) -> list[str]:
    """Return the faults of a digitally signed PDF that got its timestamp later; an empty list allows the release.

    `before` is the sealed file without the timestamp, and only the bytes of the signature may differ from it. `pins`
    are the fingerprints of the timestamp authorities' certificates."""
    start, end = find_signature_gap(before)
    if len(data) != len(before) or data[:start] != before[:start] or data[end:] != before[end:]:
        return ["the file changed under its seal"]
    try:
        seal = read_signatures(data, strict=True, pins=pins)[-1]
    except PdfRefused as refusal:
        return [f"the sealed file cannot be read: {refusal.detail}"]
    fits = seal.sound and seal.covers and seal.timestamped_at is not None
    return [] if fits else ["the timestamp does not fit the seal"]
