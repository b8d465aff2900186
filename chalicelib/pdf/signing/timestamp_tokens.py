"""Read RFC 3161 timestamp tokens. A token counts only if its certificate chain ends at a pinned certificate."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from asn1crypto import x509
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, ValidationError

from chalicelib.pdf.signing.certificate_chain import fingerprint

Timestamps = Callable[[bytes], bytes]
"""Sends a DER-encoded RFC 3161 request to the authority and returns the reply, or raises `OSError`."""

CLOCK_TOLERANCE = dt.timedelta(minutes=5)
"""The largest difference between the portal's clock and the time of a timestamp."""

_DIGESTS = ("sha256", "sha384", "sha512")


@dataclass(frozen=True)
class TimestampSource:
    """A timestamp authority.

    `pins` are the SHA-256 fingerprints (hex) of the authority's certificate or of its issuers' certificates."""

    send: Timestamps
    pins: Collection[str]


def read_token_time(token: Any, signature: bytes, pins: Collection[str]) -> dt.datetime | None:
    """Return the time of a timestamp token (SignedData) for a signature.

    Return None if the token is not sound, or if its certificate chain ends at no pinned certificate."""
    content = token["encap_content_info"]["content"]
    info, signer = content.parsed, token["signer_infos"][0]
    imprint = info["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    certificate = _find_signer_certificate(token, signer)
    if certificate is None or algorithm not in _DIGESTS:
        return None
    if imprint["hashed_message"].native != hashlib.new(algorithm, signature).digest():
        return None
    digest = hashlib.new(signer["digest_algorithm"]["algorithm"].native, bytes(content)).digest()
    intact, valid = validate_sig_integrity(signer, certificate, expected_content_type="tst_info", actual_digest=digest)
    at: dt.datetime = info["gen_time"].native
    return at if intact and valid and _is_pinned(certificate, _certificates(token), at, pins) else None


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
    """Return True if the certificate is only for timestamps, and its chain at `at` ends at a pinned certificate."""
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
