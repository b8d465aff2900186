"""The X.509 certificates of the seal, the portal's digital signature: read, verify, issue and request certificates."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asn1crypto import algos, csr, keys, pem, x509

SignDigest = Callable[[bytes], bytes]
"""Signs a SHA-256 digest (32 bytes) with the sealing key by RSASSA-PKCS1-v1_5 and returns the raw signature."""

_ALGORITHM = "sha256_rsa"


class ChainRefused(ValueError):
    """The error for a certificate that cannot be used to seal: unreadable, not for the key, or not for signing."""


@dataclass(frozen=True)
class Chain:
    """The certificates for the seal (a digital signature): the one of the key, then those of its issuers in order."""

    certificates: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        return self.certificates[0]

    @property
    def public_key(self) -> bytes:
        """The SubjectPublicKeyInfo of the sealing certificate, as DER."""
        der: bytes = self.leaf.public_key.dump()
        return der

    @property
    def key_bytes(self) -> int:
        """The length in bytes of a signature by the sealing certificate's key, for the space to reserve in a file."""
        bits: int = self.leaf.public_key.bit_size
        return bits // 8

    @property
    def expires_at(self) -> dt.datetime:
        at: dt.datetime = self.leaf.not_valid_after
        return at


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 hash (hex) of the certificate's DER, by which the portal identifies the certificate."""
    return hashlib.sha256(certificate.dump()).hexdigest()


def read_pem(text: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM file in order; an empty tuple for an empty file.

    Raise `ChainRefused` if the file holds anything else."""
    if not text.strip():
        return ()
    try:
        return tuple(_certificate(kind, der) for kind, _, der in pem.unarmor(text, multiple=True))
    except (ValueError, TypeError) as error:
        raise ChainRefused("The file does not hold PEM certificates.") from error


def _certificate(kind: str, der: bytes) -> x509.Certificate:
    if kind != "CERTIFICATE":
        raise ValueError(kind)
    certificate = x509.Certificate.load(der, strict=True)
    # asn1crypto parses lazily. Reading the key raises any error in it here.
    certificate.public_key.dump()
    return certificate


def write_pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(pem.armor("CERTIFICATE", certificate.dump()) for certificate in certificates)


def verify_chain(certificates: Sequence[x509.Certificate], public_key: bytes, at: dt.datetime) -> Chain:
    """Return the certificates as a chain if the portal can seal documents with them, else raise `ChainRefused`.

    The first certificate must be for `public_key` (SubjectPublicKeyInfo, DER), valid at the time `at`, and for
    signing. Each certificate must be followed by the certificate of its issuer."""
    if not certificates:
        raise ChainRefused("There is no certificate to seal with.")
    chain = Chain(tuple(certificates))
    leaf = chain.leaf
    if leaf.public_key.algorithm != "rsa" or chain.public_key != public_key:
        raise ChainRefused("The certificate is not for the sealing key.")
    if not leaf.not_valid_before <= at <= leaf.not_valid_after:
        raise ChainRefused("The certificate is not valid now.")
    usage = leaf.key_usage_value
    if usage is not None and not usage.native & {"digital_signature", "non_repudiation"}:
        raise ChainRefused("The certificate is not for signatures.")
    _check_links(chain.certificates)
    return chain


def _check_links(certificates: Sequence[x509.Certificate]) -> None:
    for certificate, issuer in pairwise(certificates):
        if certificate.issuer != issuer.subject:
            raise ChainRefused("The chain is not in order: each certificate must be followed by its issuer's.")


def issue_self_signed(
    public_key: bytes, sign: SignDigest, *, name: str, serial: int, at: dt.datetime, years: int
) -> x509.Certificate:
    """Return a self-signed certificate, for an installation without a certificate from an authority.

    The certificate is for `public_key` (SubjectPublicKeyInfo, DER) and valid for `years` from a day before `at`. `sign`
    signs the certificate with the private key."""
    subject = x509.Name.build({"common_name": name, "organization_name": "Provider Portal"})
    begins = at.replace(microsecond=0) - dt.timedelta(days=1)
    body = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": serial,
            "signature": algos.SignedDigestAlgorithm({"algorithm": _ALGORITHM}),
            "issuer": subject,
            "subject": subject,
            "validity": {
                "not_before": _to_asn1_time(begins),
                "not_after": _to_asn1_time(begins + dt.timedelta(days=round(365.25 * years))),
            },
            "subject_public_key_info": keys.PublicKeyInfo.load(public_key),
            "extensions": _extensions(public_key),
        }
    )
    return x509.Certificate(
        {
            "tbs_certificate": body,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": _ALGORITHM}),
            "signature_value": sign(hashlib.sha256(body.dump()).digest()),
        }
    )


def _to_asn1_time(at: dt.datetime) -> x509.Time:
    """Return the time in the type that RFC 5280, 4.1.2.5 requires: UTCTime until 2049, then GeneralizedTime."""
    if at.year < 2050:  # noqa: PLR2004 - RFC 5280, 4.1.2.5
        return x509.Time(name="utc_time", value=at)
    return x509.Time(name="general_time", value=at)


def _extensions(public_key: bytes) -> list[dict[str, object]]:
    identifier = keys.PublicKeyInfo.load(public_key).sha1
    return [
        {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": False}},
        {"extn_id": "key_usage", "critical": True, "extn_value": {"digital_signature", "non_repudiation"}},
        {"extn_id": "key_identifier", "critical": False, "extn_value": identifier},
        {"extn_id": "authority_key_identifier", "critical": False, "extn_value": {"key_identifier": identifier}},
    ]


def build_signing_request(public_key: bytes, sign: SignDigest, *, name: str) -> bytes:
    """Return a PKCS #10 request (PEM), with which the operator asks a certificate authority for a certificate.

    The request is for `public_key` (SubjectPublicKeyInfo, DER). `sign` signs the request with the private key."""
    info = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": x509.Name.build({"common_name": name}),
            "subject_pk_info": keys.PublicKeyInfo.load(public_key),
            "attributes": [],
        }
    )
    request = csr.CertificationRequest(
        {
            "certification_request_info": info,
            "signature_algorithm": {"algorithm": _ALGORITHM},
            "signature": sign(hashlib.sha256(info.dump()).digest()),
        }
    )
    text: bytes = pem.armor("CERTIFICATE REQUEST", request.dump())
    return text
