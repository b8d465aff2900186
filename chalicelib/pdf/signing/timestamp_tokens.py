"""RFC 3161 timestamp tokens, which prove when a seal existed: request tokens from an authority, and verify tokens.

A token counts only if its certificate chain ends at a pinned certificate, one whose fingerprint the operator listed as
trusted. This module loads no PDF reader, because the Lambda function that may use the sealing key loads the module."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from asn1crypto import cms, core, tsp, x509
from cryptography.exceptions import InvalidSignature
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, ValidationError
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator, SignatureValidationContext

from chalicelib.pdf.signing.certificate_chain import fingerprint

Timestamps = Callable[[bytes], bytes]
"""Sends a DER-encoded RFC 3161 request to the authority and returns the reply, or raises `OSError`."""

CLOCK_TOLERANCE = dt.timedelta(minutes=5)
"""The largest difference between the portal's clock and the time of a timestamp."""

_DIGESTS = ("sha256", "sha384", "sha512")


def _random_nonce() -> int:
    return secrets.randbits(63)


@dataclass(frozen=True)
class TimestampSource:
    """A timestamp authority: `send` transmits requests to it, and `pins` decide which of its tokens are trusted.

    `pins` are the SHA-256 fingerprints (hex) of the authority's certificate or of its issuers' certificates. `nonce`
    returns a new random number, which the authority must repeat in its reply."""

    send: Timestamps
    pins: Collection[str]
    nonce: Callable[[], int] = _random_nonce


def request_timestamp(signature: bytes, source: TimestampSource, at: dt.datetime) -> cms.ContentInfo:
    """Request a timestamp of a signature from the authority, and return the verified token.

    Raise `OSError` if the authority fails, or if the token is not sound, not pinned or not within 5 minutes of `at`."""
    nonce = source.nonce()
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": hashlib.sha256(signature).digest()}
    query = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "cert_req": True, "nonce": nonce})
    reply = source.send(query.dump())
    try:
        token = _read_reply(reply, nonce)
        stamped_at = read_token_time(token["content"], signature, source.pins)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        # asn1crypto parses lazily, and a malformed reply raises any of these on first use.
        raise OSError("the timestamp authority gave no usable timestamp") from error
    if stamped_at is None or abs(stamped_at - at) > CLOCK_TOLERANCE:
        raise OSError("the timestamp is not by a pinned authority, not over this signature, or not of now")
    return token


def _read_reply(reply: bytes, nonce: int) -> cms.ContentInfo:
    response = tsp.TimeStampResp.load(reply, strict=True)
    token = response["time_stamp_token"]
    if response["status"]["status"].native != "granted":
        raise ValueError("the timestamp authority refused the request")
    if token["content"]["encap_content_info"]["content"].parsed["nonce"].native != nonce:
        raise ValueError("the timestamp is the reply to another request")
    return token


def read_token_time(token: Any, signature: bytes, pins: Collection[str]) -> dt.datetime | None:
    """Verify a timestamp token (SignedData) of a signature, and return the token's time.

    Return None if the token is not sound, is for another signature, or has a certificate chain that ends at no pinned
    certificate. A malformed token raises `ValueError`, `TypeError`, `KeyError` or `AttributeError`."""
    content = token["encap_content_info"]["content"]
    info, signer = content.parsed, token["signer_infos"][0]
    imprint = info["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    certificate = _find_signer_certificate(token, signer)
    if certificate is None or algorithm not in _DIGESTS:
        return None
    if imprint["hashed_message"].native != hashlib.new(algorithm, signature).digest():
        return None
    at: dt.datetime = info["gen_time"].native
    signed = _is_signed_by(certificate, signer, bytes(content))
    return at if signed and _is_pinned(certificate, _certificates(token), at, pins) else None


def _is_signed_by(certificate: x509.Certificate, signer: Any, content: bytes) -> bool:
    """Return True if the timestamp token's signature is valid and by this certificate's key.

    The signature covers attributes, so these must have the digest of `content`, and must not name another certificate.
    `signer` is the token's SignerInfo structure (CMS)."""
    algorithm, attributes = signer["digest_algorithm"]["algorithm"].native, signer["signed_attrs"]
    if algorithm not in _DIGESTS or attributes is core.VOID:
        return False
    values = {item["type"].native: item["values"] for item in attributes}
    digest = hashlib.new(algorithm, content).digest()
    named = len(values) == len(attributes) and _names_certificate(values, certificate)
    if not named or values["content_type"].native != ["tst_info"] or values["message_digest"].native != [digest]:
        return False
    try:
        DefaultSignatureValidator().validate_signature(
            signer["signature"].native,
            attributes.untag().dump(),
            certificate.public_key,
            signer["signature_algorithm"],
            SignatureValidationContext(contextual_md_algorithm=algorithm),
        )
    except InvalidSignature:
        return False
    return True


def _names_certificate(values: dict[str, Any], certificate: x509.Certificate) -> bool:
    """Return True if the signed attributes of a timestamp token name this certificate as the signer's, or name none.

    `values` has the attributes by name. An attribute for this purpose (RFC 5035) has the certificate's hash."""
    named = values.get("signing_certificate_v2") or values.get("signing_certificate")
    if named is None:
        return True
    identifier = named[0]["certs"][0]
    algorithm = identifier["hash_algorithm"]["algorithm"].native if "hash_algorithm" in identifier else "sha1"
    digest: bytes = identifier["cert_hash"].native
    return digest == hashlib.new(algorithm, certificate.dump()).digest()


def _certificates(token: Any) -> list[x509.Certificate]:
    return [choice.chosen for choice in token["certificates"] if choice.name == "certificate"]


def _find_signer_certificate(token: Any, signer: Any) -> x509.Certificate | None:
    identifier = signer["sid"].chosen
    by_serial = signer["sid"].name == "issuer_and_serial_number"
    for certificate in _certificates(token):
        if by_serial:
            matches = certificate.serial_number == identifier["serial_number"].native
            matches = matches and certificate.issuer == identifier["issuer"]
        else:
            matches = certificate.key_identifier == identifier.native
        if matches:
            return certificate
    return None


def _is_pinned(
    certificate: x509.Certificate, given: list[x509.Certificate], at: dt.datetime, pins: Collection[str]
) -> bool:
    """Return True if a certificate is trusted for timestamps: it is only for them, and its chain ends at a pinned one.

    `given` are the certificates in the token, and `at` is the time at which the chain must be valid."""
    usage, anchors = certificate.extended_key_usage_value, [item for item in given if fingerprint(item) in pins]
    only_timestamps = usage is not None and usage.native == ["time_stamping"]
    if not anchors or not only_timestamps or "extended_key_usage" not in certificate.critical_extensions:
        return False
    context = ValidationContext(trust_roots=anchors, other_certs=given, moment=at, allow_fetching=False)
    validator = CertificateValidator(certificate, intermediate_certs=given, validation_context=context)
    try:
        asyncio.run(validator.async_validate_usage(set(), {"time_stamping"}))
    except (PathBuildingError, ValidationError):
        return False
    return True
