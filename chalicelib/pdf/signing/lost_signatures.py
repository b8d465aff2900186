"""The earlier signatures that a rebuilt file has no more, because only the look of its pages is the source's.

Such a loss is never silent: the certificate page names the signers, and the release check counts the signatures."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.pdf.models import CertificateFacts
from chalicelib.pdf.signing.verification import SignatureReport, read_readable_signatures


def find_valid_signatures(source: bytes) -> tuple[SignatureReport, ...]:
    """Return the digital signatures of a PDF that are sound and permit all later changes of the file.

    The result is empty for a file that cannot be read. A signature that cannot be read does not hide the others."""
    if b"ByteRange" not in source:
        return ()
    return tuple(report for report in read_readable_signatures(source) if report.sound and report.permitted)


def name_lost_signatures(certificate: CertificateFacts, source: bytes) -> CertificateFacts:
    """Return the facts of the certificate with the signers of the source's valid signatures, which the file loses."""
    if certificate.lost_signatures:
        return certificate
    return replace(certificate, lost_signatures=tuple(report.by for report in find_valid_signatures(source)))
