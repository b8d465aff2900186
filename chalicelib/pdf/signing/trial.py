"""A trial of the seal (the portal's digital signature) before a file is accepted, with a sample signature and no key.

What is accepted must be sealed after the provider's decision, when nobody can send another file any more. So the trial
takes the steps of the later job: it puts the pages together, draws a signature block and a certificate page, and adds
the field of the seal."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from chalicelib.pdf.assembly.pictures import draw_as_pictures, has_conditional_content
from chalicelib.pdf.inspection import recheck_pages, refuse
from chalicelib.pdf.models import CertificateFacts, PdfRefused, SealSpec, SignatureBlock, SignatureBox
from chalicelib.pdf.reader import open_pdf
from chalicelib.pdf.signing.cms import strip_padding
from chalicelib.pdf.signing.release_check import keeps_signatures
from chalicelib.pdf.signing.sealed_document import (
    PreparedDocument,
    prepare_by_hand,
    prepare_certificate,
    prepare_signed,
)
from chalicelib.pdf.signing.verification import find_signature_gap

_AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_BLOCK = SignatureBlock("Sample Signer", "MD", None, _AT, "UTC", "sample", typed_name="Sample Signer")
_CERTIFICATE = CertificateFacts(
    certificate_type="signed",
    document_id="sample",
    title="Sample",
    kind="Sample",
    original_sha256="",
    practice_name="Sample",
    signer_name="Sample Signer",
    credential="MD",
    npi=None,
    decided_at=_AT,
    time_zone="UTC",
    verify_url="https://example.com/verify",
)
_SEAL = SealSpec("Sample", "sample", _AT, reserved_bytes=8192)
_FIELD = SignatureBox(page=1, x=0.0, y=0.0, width=72.0, height=24.0)
_DPI = 12
"""The resolution of pictures in the trial, which shows only whether each page can be drawn."""


def warm_up() -> None:
    """Load the fonts and the libraries of the trial, so that the time limit of a file is not spent on them."""
    prepare_certificate(_BLOCK, certificate=_CERTIFICATE, seal=_SEAL)


def try_to_seal(data: bytes, *, is_scan: bool, as_pictures: bool) -> None:
    """Prepare a PDF for its seal, as after a decision, and drop the result. `is_scan`: it was signed on paper.

    With `as_pictures`, pictures of the pages are sealed, as the last resort of the later job. Raise `PdfRefused`
    (certified_no_changes) if another signature would break an earlier one that is sound, and any other error if the
    file cannot be prepared."""
    source = draw_as_pictures(data, dpi=_DPI) if as_pictures or has_conditional_content(open_pdf(data)) else data
    message = _read_last_message(source)
    seal = replace(_SEAL, reserved_bytes=max(_SEAL.reserved_bytes, len(message)))
    prepared = _prepare(source, seal, is_scan=is_scan)
    if recheck_pages(prepared.data) != prepared.pages:
        raise PdfRefused("damaged", "The prepared file has another number of pages.")
    if message and prepared.needs_certificate:
        _check_earlier_signatures(source, prepared, message)


def _prepare(source: bytes, seal: SealSpec, *, is_scan: bool) -> PreparedDocument:
    if is_scan:
        return prepare_by_hand(source, certificate=_CERTIFICATE, seal=seal)
    return prepare_signed(
        source, block=_BLOCK, field=_FIELD, certificate=_CERTIFICATE, seal=seal, find=lambda *_: _FIELD
    )


def _read_last_message(source: bytes) -> bytes:
    """Return the CMS message of the file's last signature, or no bytes if the file has none or it cannot be read."""
    if b"ByteRange" not in source:
        return b""
    try:
        start, end = find_signature_gap(source)
        return strip_padding(bytes.fromhex(source[start:end].decode("ascii")))
    except Exception:  # noqa: BLE001 - hostile bytes make parsers raise anything
        return b""


def _check_earlier_signatures(source: bytes, prepared: PreparedDocument, message: bytes) -> None:
    """Raise `PdfRefused` (certified_no_changes) if a further signature would invalidate an earlier one that is sound.

    The `message` of an earlier signature stands in for that of the seal, which needs the key."""
    sealed = prepared.placeholder.insert(prepared.data, message)
    if not keeps_signatures(source, sealed):
        raise refuse("certified_no_changes")
