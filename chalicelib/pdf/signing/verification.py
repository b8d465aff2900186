"""Whether a PDF was sealed by this installation, and whether it is still what was sealed.

Trust is by certificate: the seal must be by one of the published ones. They may have expired since, and the
key may have been replaced: what counts is that the seal fits the bytes. Nothing is fetched from anywhere.

`python -m chalicelib.pdf.verify FILE --certificates PEM` does it offline; without the certificates it tells
whether the file is intact, but not that the seal is ours.
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
"""In the signature dictionary, and so under the seal: the id of the document."""

_TIMESTAMP_TYPE = "/DocTimeStamp"


@dataclass(frozen=True)
class SignatureReport:
    """One signature as found. `sound`: its bytes are what was signed; `covers`: nothing follows them.

    `permitted`: what follows is only what a signed file may get, such as a further signature.
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
        """PAdES: `B-T` with a timestamp over it, else `B-B`."""
        return "B-B" if self.timestamped_at is None else "B-T"


@dataclass(frozen=True)
class SealVerification:
    """The answer. `seal` is the last signature by one of the given certificates; None where there is none."""

    verdict: Verdict
    seal: SignatureReport | None
    signatures: tuple[SignatureReport, ...]


def find_signature_gap(data: bytes) -> tuple[int, int]:
    """Where the hexadecimal digits of the last signature stand: what it does not cover itself."""
    found: Any = PdfFileReader(io.BytesIO(data), strict=False).embedded_signatures[-1]
    _, first, second, _ = (int(each) for each in found.byte_range)
    return first + 1, second - 1


def read_signatures(data: bytes, *, strict: bool = False) -> tuple[SignatureReport, ...]:
    """Every signature, oldest first; `PdfRefused` (damaged) where the file cannot be read."""
    try:
        reader = PdfFileReader(io.BytesIO(data), strict=strict)
        found = reader.embedded_signatures
        return tuple(_examined(each, data) for each in found if _is_signature(each))
    except RecursionError as error:
        raise PdfRefused("damaged", "The PDF is damaged: its structure cannot be read.") from error
    except Exception as error:
        # Hostile bytes make parsers raise anything.
        raise PdfRefused("damaged", "The PDF is damaged: its signatures cannot be read.") from error


def _is_signature(found: Any) -> bool:
    return str(found.sig_object_type) != _TIMESTAMP_TYPE


def _examined(found: Any, data: bytes) -> SignatureReport:
    found.compute_integrity_info()
    intact, valid = validate_sig_integrity(
        found.signer_info, found.signer_cert, "data", actual_digest=found.compute_digest()
    )
    covers = found.coverage == SignatureCoverageLevel.ENTIRE_FILE and _explains_all(found, data)
    entry = found.sig_object
    return SignatureReport(
        by=_name(found.signer_cert),
        certificate_sha256=fingerprint(found.signer_cert),
        reason=str(entry.get("/Reason", "")),
        document_id=str(entry.get(DOCUMENT_KEY, "")),
        claimed_at=found.self_reported_timestamp,
        timestamped_at=_timestamp(found),
        sound=bool(intact and valid),
        covers=covers,
        permitted=covers or _is_permitted(found),
    )


def _explains_all(found: Any, data: bytes) -> bool:
    """Whether all that is not signed is the hexadecimal string of the signature itself."""
    _, first, second, last = (int(each) for each in found.byte_range)
    gap = data[first:second]
    return (
        int(found.byte_range[0]) == 0
        and second + last == len(data)
        and gap[:1] == b"<"
        and gap[-1:] == b">"
        and not gap[1:-1].strip(b"0123456789abcdefABCDEF")
    )


def _is_permitted(found: Any) -> bool:
    if found.coverage != SignatureCoverageLevel.ENTIRE_REVISION:
        return False
    return not isinstance(found.diff_result, SuspiciousModification) and bool(
        found.summarise_integrity_info()["docmdp_ok"]
    )


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.native
    return str(names.get("common_name") or names.get("organization_name") or "")


def _timestamp(found: Any) -> dt.datetime | None:
    """The time of a timestamp over this very signature that is sound in itself; None where there is none."""
    for token in extract_tst_data_iter(found.signer_info, signed=False):
        at = _token_time(token, found.signer_info["signature"].native)
        if at is not None:
            return at
    return None


def _token_time(token: Any, signature: bytes) -> dt.datetime | None:
    content = token["encap_content_info"]["content"]
    info, signer = content.parsed, token["signer_infos"][0]
    imprint = info["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    expected = hashlib.new(algorithm, signature).digest()
    digest = hashlib.new(signer["digest_algorithm"]["algorithm"].native, bytes(content)).digest()
    certificate = _signer_certificate(token, signer)
    if certificate is None or imprint["hashed_message"].native != expected:
        return None
    intact, valid = validate_sig_integrity(
        signer, certificate, expected_content_type="tst_info", actual_digest=digest
    )
    at: dt.datetime = info["gen_time"].native
    return at if intact and valid else None


def _signer_certificate(token: Any, signer: Any) -> x509.Certificate | None:
    wanted = signer["sid"].chosen
    by_serial = signer["sid"].name == "issuer_and_serial_number"
    for choice in token["certificates"]:
        certificate: x509.Certificate = choice.chosen
        if by_serial:
            found = certificate.serial_number == wanted["serial_number"].native
            found = found and certificate.issuer == wanted["issuer"]
        else:
            found = certificate.key_identifier == wanted.native
        if found:
            return certificate
    return None


def check(data: bytes, published: Collection[str]) -> SealVerification:
    """What holds of the file; `published` are the SHA-256 fingerprints (hex) of our certificates."""
    try:
        found = read_signatures(data)
    except PdfRefused:
        return SealVerification("unreadable", None, ())
    ours = [each for each in found if each.certificate_sha256 in published]
    if not ours:
        return SealVerification("not_ours" if found else "not_signed", None, found)
    return SealVerification(_verdict(ours[-1], found[-1]), ours[-1], found)


def _verdict(seal: SignatureReport, last: SignatureReport) -> Verdict:
    """What follows the seal must be signed in its turn, to its last byte."""
    if not seal.sound:
        return "broken"
    if seal.covers:
        return "intact"
    return "signed_later" if seal.permitted and last.sound and last.covers else "changed"


# The command line


def main(arguments: Sequence[str]) -> int:
    """0 for a seal that is intact, 1 for anything else."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.pdf.verify", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--certificates", type=Path, help="PEM, from /verify/certificates")
    given = parser.parse_args(arguments)
    data = given.file.read_bytes()
    finding = check(data, _published(given.certificates, data))
    told = {"certificate_checked": given.certificates is not None, **as_json(finding)}
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0 if finding.verdict in ("intact", "signed_later") else 1


def _published(certificates: Path | None, data: bytes) -> set[str]:
    """The fingerprints given; without any, those of whatever names a document, true or not."""
    if certificates is not None:
        return {fingerprint(each) for each in read_pem(certificates.read_bytes())}
    try:
        return {each.certificate_sha256 for each in read_signatures(data) if each.document_id}
    except PdfRefused:
        return set()


def as_json(finding: SealVerification) -> dict[str, Any]:
    """The finding as plain JSON; times in ISO 8601, UTC."""
    return {
        "verdict": finding.verdict,
        "seal": None if finding.seal is None else _signature_json(finding.seal),
        "signatures": [_signature_json(each) for each in finding.signatures],
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
