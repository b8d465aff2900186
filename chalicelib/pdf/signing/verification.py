"""The offline verification of a PDF: whether it has a seal of this installation, and whether the file is still intact.

A seal is the portal's digital signature of a whole file. A seal is trusted if it was made with one of the given
certificates. A certificate may have expired, and the key may have been replaced since: only the match of the seal and
the bytes counts. No data is fetched from anywhere.

An intact seal does not prove that the portal released exactly this file: a replaced timestamp, for example, changes the
file's hash but not the seal. Only the portal's page `/verify` knows the hashes of the released files.

Usage: `python -m chalicelib.pdf.verify FILE --certificates PEM`. Without the certificates, the command reports whether
the file is intact, but not whether the seal is from this installation."""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import io
import json
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import SuspiciousModification
from pyhanko.sign.fields import MDPPerm, enumerate_sig_fields
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter, validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.signing.certificate_chain import fingerprint, read_pem
from chalicelib.pdf.signing.timestamp_tokens import CLOCK_TOLERANCE, read_token_time

Verdict = Literal["intact", "added", "changed", "broken", "not_ours", "not_signed", "unreadable"]
"""The finding about a file's seal from the bytes alone.

`intact`: the seal fits the whole file. `added`: more bytes follow the intact, sealed file. `changed`: the seal is sound
but covers only parts of the file. `broken`: the seal does not fit the bytes that it covers. `not_ours`: other
certificates made all signatures in the file."""

DOCUMENT_KEY = "/PortalDocument"
"""The entry with the document's id in the signature dictionary of a seal. The seal covers the entry too."""

_TIMESTAMP_TYPE = "/DocTimeStamp"
_END_OF_REVISION = re.compile(rb"%%EOF(?:\r\n|\r|\n)?")
_MAX_REVISIONS = 64


@dataclass(frozen=True)
class SignatureReport:
    """The facts of one digital signature in a file. `by` is the name in its certificate.

    `sound`: the signature fits the bytes that it covers. `covers`: the signature covers the file to the end.
    `revision`: the number of bytes that the signature covers from the start of the file, or 0. `permitted`: the file
    has no later changes except those that a signed file may get, such as another signature. `locked`: the signature
    allows no later change. `claimed_at` is the signer's own time; `timestamped_at` is a trusted authority's or None."""

    by: str
    certificate_sha256: str
    reason: str
    document_id: str
    claimed_at: dt.datetime | None
    timestamped_at: dt.datetime | None
    sound: bool
    covers: bool
    permitted: bool
    locked: bool
    revision: int

    @property
    def level(self) -> str:
        """The PAdES level: `B-T` for a signature with a trusted timestamp, else `B-B`."""
        return "B-B" if self.timestamped_at is None else "B-T"


@dataclass(frozen=True)
class FileVerification:
    """The result of the verification of a file. `seal` is a signature by one of the given certificates, or None.

    Of several such signatures, `seal` is the last sound one, because anyone can append a copy of a seal that fits no
    bytes of the file. `signatures` are all signatures in the file, oldest first."""

    verdict: Verdict
    seal: SignatureReport | None
    signatures: tuple[SignatureReport, ...]


def hash_revisions(data: bytes) -> list[str]:
    """Return the SHA-256 hashes (hex) of the first 64 revisions of a file, the shortest first.

    A revision is the file up to one of its end marks, as it was before later additions. By these hashes the portal
    recognizes a file that it released even if bytes were added later. The search needs no PDF parser, so nothing in the
    file can hide a revision."""
    digest, hashes, start = hashlib.sha256(), [], 0
    for end in islice((match.end() for match in _END_OF_REVISION.finditer(data)), _MAX_REVISIONS):
        digest.update(data[start:end])
        hashes.append(digest.hexdigest())
        start = end
    return hashes


def find_signature_gap(data: bytes) -> tuple[int, int]:
    """Return the byte offsets of the file's last signature: the start and end of its hexadecimal digits.

    A comparison leaves these bytes out, because a timestamp that is added later changes only them."""
    signature: Any = PdfFileReader(io.BytesIO(data), strict=False).embedded_signatures[-1]
    _, first, second, _ = map(int, signature.byte_range)
    return first + 1, second - 1


def read_signatures(data: bytes, *, strict: bool = False, pins: Collection[str] = ()) -> tuple[SignatureReport, ...]:
    """Return a report on every signature in the file, oldest first; raise `PdfRefused` (damaged) if that fails.

    `strict` refuses files with errors that other readers repair. `pins` are the fingerprints of the trusted timestamp
    authorities' certificates; other timestamps are ignored."""
    try:
        reader = PdfFileReader(io.BytesIO(data), strict=strict)
        signatures = [s for s in reader.embedded_signatures if str(s.sig_object_type) != _TIMESTAMP_TYPE]
        return tuple(_examine(signature, data, pins) for signature in signatures)
    except RecursionError as error:
        raise PdfRefused("damaged", "The PDF is damaged: its structure cannot be read.") from error
    except Exception as error:
        # Hostile bytes make parsers raise anything.
        raise PdfRefused("damaged", "The PDF is damaged: its signatures cannot be read.") from error


def read_readable_signatures(data: bytes) -> tuple[SignatureReport, ...]:
    """Return a report on every signature in the file that can be read, oldest first. A damaged one hides no other."""
    return tuple(sorted(_read_each(data), key=lambda report: report.revision))


def _read_each(data: bytes) -> Iterator[SignatureReport]:
    with suppress(Exception):  # Hostile bytes make parsers raise anything.
        reader = PdfFileReader(io.BytesIO(data), strict=False)
        for name, value, field in enumerate_sig_fields(reader, filled_status=True):
            with suppress(Exception):
                if str(value.get_object().get("/Type")) != _TIMESTAMP_TYPE:
                    yield _examine(EmbeddedPdfSignature(reader, field, name), data, ())


def _examine(signature: Any, data: bytes, pins: Collection[str]) -> SignatureReport:
    signature.compute_integrity_info()
    intact, valid = validate_sig_integrity(
        signature.signer_info, signature.signer_cert, "data", actual_digest=signature.compute_digest()
    )
    revision = _covered_revision(signature, data)
    covers = signature.coverage == SignatureCoverageLevel.ENTIRE_FILE and revision == len(data)
    entry = signature.sig_object
    return SignatureReport(
        by=_subject_name(signature.signer_cert),
        certificate_sha256=fingerprint(signature.signer_cert),
        reason=str(entry.get("/Reason", "")),
        document_id=str(entry.get(DOCUMENT_KEY, "")),
        claimed_at=signature.self_reported_timestamp,
        timestamped_at=_read_timestamp(signature, pins),
        sound=bool(intact and valid),
        covers=covers,
        permitted=covers or _allows_later_changes(signature),
        locked=signature.docmdp_level == MDPPerm.NO_CHANGES or _locks_all_fields(entry),
        revision=revision,
    )


def _locks_all_fields(entry: Any) -> bool:
    """Return True if the signature itself, as in Acrobat, allows no change and locks all fields.

    A field that waited for the signature cannot get a lock of its own: that change would break earlier signatures."""
    params = [reference.get("/TransformParams", {}) for reference in entry.get("/Reference", ())]
    return any(item.get("/Action") == "/All" and item.get("/P") == MDPPerm.NO_CHANGES.value for item in params)


def _covered_revision(signature: Any, data: bytes) -> int:
    """Return the number of bytes that the signature covers from the start of the file, including the signature itself.

    Return 0 if the signature leaves out any other bytes, which someone could have changed."""
    start, first, second, last = map(int, signature.byte_range)
    gap = data[first:second]
    is_gap = gap[:1] == b"<" and gap[-1:] == b">" and not gap[1:-1].strip(b"0123456789abcdefABCDEF")
    return second + last if start == 0 and is_gap else 0


def _allows_later_changes(signature: Any) -> bool:
    """Return True if the signature permits all changes that were made to the file after it.

    A permitted change is, for example, another signature."""
    if signature.coverage != SignatureCoverageLevel.ENTIRE_REVISION:
        return False
    return not isinstance(signature.diff_result, SuspiciousModification) and bool(
        signature.summarise_integrity_info()["docmdp_ok"]
    )


def _subject_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.native
    return str(names.get("common_name") or names.get("organization_name") or "")


def _read_timestamp(signature: Any, pins: Collection[str]) -> dt.datetime | None:
    """Return the time of a sound timestamp of this signature by a trusted authority; None if there is none.

    `pins` are the fingerprints of the authorities' certificates. A timestamp more than 5 minutes before the signature's
    own time is ignored, because a true timestamp comes after the signature."""
    claimed_at = signature.self_reported_timestamp
    for token in extract_tst_data_iter(signature.signer_info, signed=False):
        at = read_token_time(token, signature.signer_info["signature"].native, pins)
        if at is not None and claimed_at is not None and at >= claimed_at.astimezone(dt.UTC) - CLOCK_TOLERANCE:
            return at
    return None


def verify(data: bytes, published: Collection[str], pins: Collection[str] = ()) -> FileVerification:
    """Verify the last seal of a file, and return the verdict with all signatures. An unreadable file raises no error.

    Both collections hold SHA-256 fingerprints (hex): `published` of the certificates that the portal seals with, and
    `pins` of the certificates of the timestamp authorities."""
    try:
        signatures = read_signatures(data, pins=pins)
    except PdfRefused:
        return FileVerification("unreadable", None, ())
    ours = [signature for signature in signatures if signature.certificate_sha256 in published]
    if not ours:
        return FileVerification("not_ours" if signatures else "not_signed", None, signatures)
    seal = next((signature for signature in reversed(ours) if signature.sound), ours[-1])
    return FileVerification(_decide_verdict(seal), seal, signatures)


def _decide_verdict(seal: SignatureReport) -> Verdict:
    if not seal.sound:
        return "broken"
    if seal.covers:
        return "intact"
    return "added" if seal.revision else "changed"


# The command line


def main(arguments: Sequence[str]) -> int:
    """Verify the seal of one PDF, print the result as JSON, and return the exit status: 0 if it is intact, else 1."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.pdf.verify", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--certificates", type=Path, help="PEM, from /verify/certificates")
    parser.add_argument("--authority", default=[], action="append", help="SHA-256 of an authority's certificate")
    options = parser.parse_args(arguments)
    data = options.file.read_bytes()
    verification = verify(data, _published_fingerprints(options.certificates, data), options.authority)
    report = {"certificate_checked": options.certificates is not None, **to_json(verification)}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0 if verification.verdict == "intact" else 1


def _published_fingerprints(certificates: Path | None, data: bytes) -> set[str]:
    """Return the fingerprints of the certificates in the PEM file, as the certificates to trust.

    Without a PEM file, return the fingerprints from all signatures in the PDF that name a document of the portal. Then
    the verdict is only about the bytes, since anyone can make such a signature."""
    if certificates is not None:
        return {fingerprint(certificate) for certificate in read_pem(certificates.read_bytes())}
    try:
        return {report.certificate_sha256 for report in read_signatures(data) if report.document_id}
    except PdfRefused:
        return set()


def to_json(verification: FileVerification) -> dict[str, Any]:
    """Return the result of a verification as values for JSON, with times in ISO 8601 in UTC."""
    seal = verification.seal
    return {
        "verdict": verification.verdict,
        "seal": None if seal is None else _signature_json(seal),
        "signatures": [_signature_json(signature) for signature in verification.signatures],
    }


def _signature_json(signature: SignatureReport) -> dict[str, Any]:
    times = {
        name: None if at is None else at.astimezone(dt.UTC).isoformat()
        for name, at in (("claimed_at", signature.claimed_at), ("timestamped_at", signature.timestamped_at))
    }
    return {
        "by": signature.by,
        "certificate_sha256": signature.certificate_sha256,
        "reason": signature.reason,
        "document_id": signature.document_id,
        **times,
        "level": signature.level,
        "sound": signature.sound,
        "covers": signature.covers,
        "permitted": signature.permitted,
        "locked": signature.locked,
        "revision": signature.revision,
    }
