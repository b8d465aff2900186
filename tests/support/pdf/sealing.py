"""Sealing of PDFs (the portal's digital signature of a whole file) in one process, with a local key, for tests.

In production, one function prepares the file, and another one with the key in KMS signs it."""

import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from typing import Any

from asn1crypto import x509
from asn1crypto.algos import SignedDigestAlgorithm
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

from chalicelib.pdf.models import CertificateFacts, Level, SealSpec, SignatureBlock, SignatureBox
from chalicelib.pdf.signing import release_check, seal, sealed_document
from chalicelib.pdf.signing.certificate_chain import Chain, SignDigest, fingerprint
from chalicelib.pdf.signing.picture_check import compare_pages
from chalicelib.pdf.signing.placeholder import Placeholder
from chalicelib.pdf.signing.seal import SealFieldSpec
from chalicelib.pdf.signing.sealed_document import PreparedDocument
from chalicelib.pdf.signing.sealer import Sealer


@dataclass(frozen=True)
class SealFacts:
    """The contents of a seal (the portal's digital signature): the reason, the document's id and the time."""

    reason: str
    document_id: str
    at: dt.datetime

    def spec(self, sealer: Sealer) -> SealSpec:
        return SealSpec(self.reason, self.document_id, self.at, sealer.reserved_bytes)


@dataclass(frozen=True)
class Sealed:
    data: bytes
    level: Level


@dataclass(frozen=True)
class Release:
    """A sealed file, with the number of its pages and the box (`place`) of the visible signature.

    `certificate` is the certificate page as a second sealed file, if the first file could hold no more pages. `lost` is
    the number of earlier signatures that the certificate names as lost."""

    sealed: Sealed
    pages: int
    certificate: "Release | None" = None
    place: SignatureBox | None = None
    lost: int = 0


class PyHankoSigner(Signer):
    """A signer of PDFs by the library pyHanko, with which tests compare the portal's own signatures.

    Its key only signs digests, as KMS does."""

    def __init__(self, chain: Chain, sign: SignDigest) -> None:
        super().__init__(
            signing_cert=chain.leaf,
            cert_registry=SimpleCertificateStore.from_certs(chain.certificates[1:]),
            signature_mechanism=SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
        )
        self._chain, self._sign = chain, sign

    async def async_sign_raw(self, data: bytes, _digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002 - pyHanko's signature
        return bytes(self._chain.key_bytes) if dry_run else self._sign(hashlib.sha256(data).digest())


def _finish(data: bytes, placeholder: Placeholder, sealer: Sealer, at: dt.datetime) -> Sealed:
    message = sealer.make_message(data, placeholder, at)
    return Sealed(placeholder.insert(data, message.data), message.level)


def seal_plain(data: bytes, sealer: Sealer, facts: SealFacts) -> Sealed:
    """Return the PDF with an invisible seal (digital signature) over the whole file, and nothing else added."""
    prepared = seal.prepare(data, facts.spec(sealer))
    return _finish(prepared.data, prepared.placeholder, sealer, facts.at)


def seal_opened(writer: IncrementalPdfFileWriter, sealer: Sealer, facts: SealFacts, field: SealFieldSpec) -> Sealed:
    """Return the PDF with the changes that `writer` has collected, and a seal (digital signature) in this field."""
    prepared = seal.prepare_opened(writer, facts.spec(sealer), field)
    return _finish(prepared.data, prepared.placeholder, sealer, facts.at)


def _release(prepared: PreparedDocument, sealer: Sealer, facts: SealFacts) -> Release:
    sealed = _finish(prepared.data, prepared.placeholder, sealer, facts.at)
    return Release(sealed, prepared.pages, place=prepared.place, lost=prepared.lost)


def seal_signed(
    original: bytes,
    *,
    block: SignatureBlock,
    certificate: CertificateFacts,
    sealer: Sealer,
    facts: SealFacts,
    **options: Any,
) -> Release:
    """Return the sealed PDF of an electronically signed document, as the portal would release it.

    If other people had signed the original before, the certificate page is a separate file. `options` are those of
    `prepare_signed`."""
    prepared = sealed_document.prepare_signed(
        original, block=block, certificate=certificate, seal=facts.spec(sealer), **options
    )
    release = _release(prepared, sealer, facts)
    if not prepared.needs_certificate:
        return release
    named = replace(certificate, signed_sha256=hashlib.sha256(release.sealed.data).hexdigest())
    apart = sealed_document.prepare_certificate(block, certificate=named, seal=facts.spec(sealer))
    return replace(release, certificate=_release(apart, sealer, facts))


def seal_declined(original: bytes, *, certificate: CertificateFacts, sealer: Sealer, facts: SealFacts) -> Release:
    """Return the sealed PDF of a declined document: the original with a certificate page."""
    prepared = sealed_document.prepare_declined(original, certificate=certificate, seal=facts.spec(sealer))
    return _release(prepared, sealer, facts)


def seal_by_hand(scan: bytes, *, certificate: CertificateFacts, sealer: Sealer, facts: SealFacts) -> Release:
    """Return the sealed PDF of a document signed on paper: the scan with a certificate page."""
    prepared = sealed_document.prepare_by_hand(scan, certificate=certificate, seal=facts.spec(sealer))
    return _release(prepared, sealer, facts)


def add_timestamp(data: bytes, sealer: Sealer, at: dt.datetime) -> bytes:
    """Return a sealed PDF with a timestamp near the time `at` added to its seal, as the portal adds it later."""
    placeholder, message = sealer.make_timestamped(data, at)
    return placeholder.insert(data, message)


def find_picture_fault(source: bytes, release: Release) -> str:
    """Return why a sealed file looks different from its source, or an empty text if all pages look the same."""
    return next(filter(None, compare_pages(source, release.sealed.data, release.place)), "")


def find_faults(release: Release, *, source: bytes, certificate: x509.Certificate, pins: Any = ()) -> list[str]:
    """Return the faults of a sealed file and of its separate certificate, as the portal's last check finds them.

    An empty list means that the portal would release the files."""
    sealed, by = release.sealed, fingerprint(certificate)
    faults = release_check.find_faults(
        sealed.data,
        pages=release.pages,
        level=sealed.level,
        source=source,
        certificate=by,
        pins=pins,
        lost=release.lost,
    )
    if release.certificate is not None:
        faults += find_faults(release.certificate, source=b"", certificate=certificate, pins=pins)
    return faults
