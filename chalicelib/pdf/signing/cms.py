"""The CMS message (RFC 5652) of a seal: the digital signature with its certificates, as PAdES requires.

The message is built with asn1crypto alone, because the Lambda function that may use the sealing key must not load a
PDF reader. The key only signs digests. A test compares the message with pyHanko's, byte for byte."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass

from asn1crypto import algos, cms, tsp, x509

from chalicelib.pdf.signing.certificate_chain import Chain, SignDigest
from chalicelib.pdf.signing.timestamp_tokens import TimestampSource, request_timestamp

TOKEN_BYTES = 12_000
"""The bytes reserved in a file for a timestamp token. Tokens of public authorities take 3 to 8 kB."""

_DIGEST = "sha256"


def make_message(chain: Chain, digest: bytes, sign: SignDigest) -> bytes:
    """Return the CMS message (DER) that seals a document: the signature of its SHA-256 digest, without a timestamp."""
    attributes = _signed_attributes(chain.leaf, digest)
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier("issuer_and_serial_number", _name_certificate(chain.leaf)),
        "digest_algorithm": algos.DigestAlgorithm({"algorithm": _DIGEST}),
        "signed_attrs": attributes,
        "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
        "signature": sign(hashlib.sha256(attributes.dump()).digest()),
    }
    signed_data = {
        "version": "v1",
        "digest_algorithms": cms.DigestAlgorithms([algos.DigestAlgorithm({"algorithm": _DIGEST})]),
        "encap_content_info": {"content_type": "data"},
        "certificates": [cms.CertificateChoices("certificate", item) for item in chain.certificates],
        "signer_infos": [cms.SignerInfo(signer)],
    }
    message: bytes = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed_data)}).dump()
    return message


@dataclass(frozen=True)
class MessagePattern:
    """A CMS message (the digital signature of a PDF) with gaps for the document's digest and for the signature value.

    All other bytes are the same for every document of one certificate chain. To fill the gaps takes 1 ms, and to build
    a new message takes 20 ms. `attributes` is the part of the message that the key signs. `message` is the whole
    message. Both are split at their gaps."""

    attributes: tuple[bytes, bytes]
    message: tuple[bytes, bytes, bytes]

    def fill(self, digest: bytes, sign: SignDigest) -> bytes:
        """Return the CMS message (DER) that seals a document with this SHA-256 digest. `sign` makes the signature."""
        signature = sign(hashlib.sha256(digest.join(self.attributes)).digest())
        start, middle, end = self.message
        return b"".join((start, digest, middle, signature, end))


def make_pattern(chain: Chain) -> MessagePattern:
    """Return the digital signature (CMS message) of a certificate chain as a pattern, with gaps for each document's
    values.

    `MessagePattern.fill` completes it for a document, which is faster than to build the whole message."""
    # Random values mark the two places, so that no other bytes can be equal to them.
    digest, signature = secrets.token_bytes(32), secrets.token_bytes(chain.key_bytes)
    before, after = _signed_attributes(chain.leaf, digest).dump().split(digest)
    start, rest = make_message(chain, digest, lambda _: signature).split(digest)
    middle, end = rest.split(signature)
    return MessagePattern((before, after), (start, middle, end))


def _signed_attributes(certificate: x509.Certificate, digest: bytes) -> cms.CMSAttributes:
    identifier = tsp.ESSCertIDv2(
        {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": _DIGEST}),
            "cert_hash": hashlib.sha256(certificate.dump()).digest(),
            "issuer_serial": {
                "issuer": [x509.GeneralName("directory_name", certificate.issuer)],
                "serial_number": certificate.serial_number,
            },
        }
    )
    values = {
        "content_type": "data",
        "message_digest": digest,
        "signing_certificate_v2": tsp.SigningCertificateV2({"certs": [identifier]}),
    }
    return cms.CMSAttributes(cms.CMSAttribute({"type": kind, "values": [value]}) for kind, value in values.items())


def _name_certificate(certificate: x509.Certificate) -> cms.IssuerAndSerialNumber:
    return cms.IssuerAndSerialNumber({"issuer": certificate.issuer, "serial_number": certificate.serial_number})


def strip_padding(reserved: bytes) -> bytes:
    """Return the CMS message (DER) without the zero bytes that fill the space reserved for it in a sealed file."""
    message: bytes = cms.ContentInfo.load(reserved).dump()
    return message


def read_digest(message: bytes) -> bytes:
    """Return the SHA-256 digest in a CMS message: the digest of the document for which the message was made.

    The caller compares it with the digest of the file. Raise `ValueError` if the message has no digest."""
    try:
        attributes = cms.ContentInfo.load(message)["content"]["signer_infos"][0]["signed_attrs"]
        digests = [item["values"][0].native for item in attributes if item["type"].native == "message_digest"]
    except (LookupError, TypeError) as error:
        raise ValueError("the message has no signer") from error
    if len(digests) != 1:
        raise ValueError("the message has no digest")
    digest: bytes = digests[0]
    return digest


def add_timestamp(message: bytes, source: TimestampSource, at: dt.datetime) -> bytes:
    """Return the CMS message with an authority's timestamp of the message's signature added (PAdES level B-T).

    The signed part of the message does not change, so a timestamp can also be added to a file sealed before. Raise
    `OSError` if the authority returns no usable timestamp near `at`, the present time."""
    content = cms.ContentInfo.load(message)
    signer_info = content["content"]["signer_infos"][0]
    token = request_timestamp(signer_info["signature"].native, source, at)
    signer_info["unsigned_attrs"] = cms.CMSAttributes(
        [cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token]})]
    )
    timestamped: bytes = content.dump(force=True)
    return timestamped
