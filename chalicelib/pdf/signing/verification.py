"""Verify offline whether a PDF has a seal of this installation, and whether the file is still intact.

A seal is trusted if it was made with one of the given certificates. They may have expired, and the key may
have been replaced since: only the match of the seal and the bytes counts. No data is fetched from anywhere.

Usage: `python -m chalicelib.pdf.verify FILE --certificates PEM`. Without the certificates, the command
reports whether the file is intact, but not whether the seal is from this installation.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import io
import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import SuspiciousModification
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter, validate_sig_integrity
from pyhanko.sign.validation.status import SignatureCoverageLevel

from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.signing.certificate_chain import fingerprint, read_pem

Verdict = Literal["intact", "signed_later", "changed", "broken", "not_ours", "not_signed", "unreadable"]

DOCUMENT_KEY = "/PortalDocument"
"""The entry of the signature dictionary with the document's id. The seal covers the entry."""

_TIMESTAMP_TYPE = "/DocTimeStamp"


@dataclass(frozen=True)
class SignatureReport:
    """The facts of one signature in a file.

    `sound`: the signature fits the bytes that it covers. `covers`: it covers the file to the end.
    `permitted`: the file has no later changes except those that a signed file may get, such as another
    signature.
    """

    by: str
    certificate_sha256: str
    reason: str
    document_id: str
    claimed_at: dt.datetime | None
    timestamped_at: dt.datetime | None
    sound: bool
    covers: bool
    permitted: bool

    @property
    def level(self) -> str:
        """The PAdES level: `B-T` for a signature with a timestamp, else `B-B`."""
        return "B-B" if self.timestamped_at is None else "B-T"


@dataclass(frozen=True)
class FileVerification:
    """The result for a file. `seal` is the last signature by one of the given certificates, or None."""

    verdict: Verdict
    seal: SignatureReport | None
    signatures: tuple[SignatureReport, ...]


def find_signature_gap(data: bytes) -> tuple[int, int]:
    """Return the byte offsets of the start and end of the last signature's hexadecimal digits."""
    signature: Any = PdfFileReader(io.BytesIO(data), strict=False).embedded_signatures[-1]
    _, first, second, _ = map(int, signature.byte_range)
    return first + 1, second - 1


def read_signatures(data: bytes, *, strict: bool = False) -> tuple[SignatureReport, ...]:
    """Return a report on every signature, oldest first; raise `PdfRefused` (damaged) if that fails."""
    try:
        reader = PdfFileReader(io.BytesIO(data), strict=strict)
        signatures = [s for s in reader.embedded_signatures if str(s.sig_object_type) != _TIMESTAMP_TYPE]
        return tuple(_examine(signature, data) for signature in signatures)
    except RecursionError as error:
        raise PdfRefused("damaged", "The PDF is damaged: its structure cannot be read.") from error
    except Exception as error:
        # Hostile bytes make parsers raise anything.
        raise PdfRefused("damaged", "The PDF is damaged: its signatures cannot be read.") from error


def _examine(signature: Any, data: bytes) -> SignatureReport:
    signature.compute_integrity_info()
    intact, valid = validate_sig_integrity(
        signature.signer_info, signature.signer_cert, "data", actual_digest=signature.compute_digest()
    )
    covers = signature.coverage == SignatureCoverageLevel.ENTIRE_FILE and _covers_all(signature, data)
    entry = signature.sig_object
    return SignatureReport(
        by=_subject_name(signature.signer_cert),
        certificate_sha256=fingerprint(signature.signer_cert),
        reason=str(entry.get("/Reason", "")),
        document_id=str(entry.get(DOCUMENT_KEY, "")),
        claimed_at=signature.self_reported_timestamp,
        timestamped_at=_read_timestamp(signature),
        sound=bool(intact and valid),
        covers=covers,
        permitted=covers or _allows_later_changes(signature),
    )


def _covers_all(signature: Any, data: bytes) -> bool:
    """Return True if the only bytes not covered are the hexadecimal string of the signature itself."""
    start, first, second, last = map(int, signature.byte_range)
    gap = data[first:second]
    return (
        start == 0
        and second + last == len(data)
        and gap[:1] == b"<"
        and gap[-1:] == b">"
        and not gap[1:-1].strip(b"0123456789abcdefABCDEF")
    )


def _allows_later_changes(signature: Any) -> bool:
    """Return True if every change after the signature is one that a signed file may get."""
    if signature.coverage != SignatureCoverageLevel.ENTIRE_REVISION:
        return False
    return not isinstance(signature.diff_result, SuspiciousModification) and bool(
        signature.summarise_integrity_info()["docmdp_ok"]
    )


def _subject_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.native
    return str(names.get("common_name") or names.get("organization_name") or "")


def _read_timestamp(signature: Any) -> dt.datetime | None:
    """Return the time of a sound timestamp over this very signature; None if there is none."""
    for token in extract_tst_data_iter(signature.signer_info, signed=False):
        at = _read_token_time(token, signature.signer_info["signature"].native)
        if at is not None:
            return at
    return None


def _read_token_time(token: Any, signature: bytes) -> dt.datetime | None:
    content = token["encap_content_info"]["content"]
    info, signer = content.parsed, token["signer_infos"][0]
    imprint = info["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    expected = hashlib.new(algorithm, signature).digest()
    digest = hashlib.new(signer["digest_algorithm"]["algorithm"].native, bytes(content)).digest()
    certificate = _find_signer_certificate(token, signer)
    if certificate is None or imprint["hashed_message"].native != expected:
        return None
    intact, valid = validate_sig_integrity(signer, certificate, expected_content_type="tst_info", actual_digest=digest)
    at: dt.datetime = info["gen_time"].native
    return at if intact and valid else None


def _find_signer_certificate(token: Any, signer: Any) -> x509.Certificate | None:
    identifier = signer["sid"].chosen
    by_serial = signer["sid"].name == "issuer_and_serial_number"
    for choice in token["certificates"]:
        certificate: x509.Certificate = choice.chosen
        if by_serial:
            matches = certificate.serial_number == identifier["serial_number"].native
            matches = matches and certificate.issuer == identifier["issuer"]
        else:
            matches = certificate.key_identifier == identifier.native
        if matches:
            return certificate
    return None


def verify(data: bytes, published: Collection[str]) -> FileVerification:
    """Verify the file's last seal; `published` are the SHA-256 fingerprints (hex) of our certificates."""
    try:
        signatures = read_signatures(data)
    except PdfRefused:
        return FileVerification("unreadable", None, ())
    ours = [signature for signature in signatures if signature.certificate_sha256 in published]
    if not ours:
        return FileVerification("not_ours" if signatures else "not_signed", None, signatures)
    return FileVerification(_decide_verdict(ours[-1], signatures[-1]), ours[-1], signatures)


def _decide_verdict(seal: SignatureReport, last: SignatureReport) -> Verdict:
    """Return the verdict. Changes after the seal are accepted only if a later signature covers them all."""
    if not seal.sound:
        return "broken"
    if seal.covers:
        return "intact"
    return "signed_later" if seal.permitted and last.sound and last.covers else "changed"


# The command line


def main(arguments: Sequence[str]) -> int:
    """Verify one file, print the result as JSON, and return 0 if its seal is intact, else 1."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.pdf.verify", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--certificates", type=Path, help="PEM, from /verify/certificates")
    options = parser.parse_args(arguments)
    data = options.file.read_bytes()
    verification = verify(data, _published_fingerprints(options.certificates, data))
    report = {"certificate_checked": options.certificates is not None, **to_json(verification)}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0 if verification.verdict in ("intact", "signed_later") else 1


def _published_fingerprints(certificates: Path | None, data: bytes) -> set[str]:
    """Return the fingerprints in the PEM file, else those of all signatures that name a document."""
    if certificates is not None:
        return {fingerprint(certificate) for certificate in read_pem(certificates.read_bytes())}
    try:
        return {report.certificate_sha256 for report in read_signatures(data) if report.document_id}
    except PdfRefused:
        return set()


def to_json(verification: FileVerification) -> dict[str, Any]:
    """Return the result as plain JSON values, with times in ISO 8601 in UTC."""
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
    }
