"""The CMS message inside a seal, in the CAdES form that PAdES requires, made by pyHanko with a remote key."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib

from asn1crypto import cms, tsp
from asn1crypto.algos import SignedDigestAlgorithm
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from chalicelib.pdf.signing.certificate_chain import Chain, SignDigest
from chalicelib.pdf.signing.timestamp_tokens import CLOCK_TOLERANCE, Timestamps, TimestampSource, read_token_time

TOKEN_BYTES = 12_000
"""Bytes reserved for a timestamp token. Tokens of public authorities take 3 to 8 kB."""

_DIGEST = "sha256"


class RemoteSigner(Signer):
    """pyHanko's signer, with a key that only signs digests, such as a key in KMS."""

    def __init__(self, chain: Chain, sign: SignDigest) -> None:
        super().__init__(
            signing_cert=chain.leaf,
            cert_registry=SimpleCertificateStore.from_certs(chain.certificates),
            signature_mechanism=SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
        )
        self._chain = chain
        self._sign = sign

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002 - pyHanko's signature
        if dry_run:
            return bytes(self._chain.key_bytes)
        if digest_algorithm != _DIGEST:
            raise ValueError(f"seals are made with {_DIGEST}, not {digest_algorithm}")
        return self._sign(hashlib.sha256(data).digest())


class _Authority(TimeStamper):
    """pyHanko's timestamp client, with a function that sends the request."""

    def __init__(self, send: Timestamps) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # - pyHanko leaves it untyped
        self._send = send

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return tsp.TimeStampResp.load(self._send(req.dump()), strict=True)


def make_message(signer: Signer, digest: bytes) -> bytes:
    """Return the CMS message (DER) that pyHanko makes for a document with that SHA-256 digest."""
    message: bytes = asyncio.run(signer.async_sign(digest, _DIGEST, use_pades=True)).dump()
    return message


def strip_padding(reserved: bytes) -> bytes:
    """Return the DER message at the start of the space reserved for the message in a sealed file."""
    message: bytes = cms.ContentInfo.load(reserved).dump()
    return message


def add_timestamp(message: bytes, source: TimestampSource, at: dt.datetime) -> bytes:
    """Return the message with a timestamp over its signature (PAdES level B-T).

    The signed part of the message does not change, so a timestamp can be added later. Raise `OSError` if the
    authority returns no usable timestamp of `at`, the present time."""
    content = cms.ContentInfo.load(message)
    signer_info = content["content"]["signer_infos"][0]
    token = request_timestamp(signer_info["signature"].native, source, at)
    signer_info["unsigned_attrs"] = cms.CMSAttributes(
        [cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token]})]
    )
    timestamped: bytes = content.dump(force=True)
    return timestamped


def request_timestamp(signature: bytes, source: TimestampSource, at: dt.datetime) -> cms.ContentInfo:
    """Return a timestamp token over a signature. Raise `OSError` if the authority returns no usable token of `at`."""
    try:
        token = asyncio.run(_Authority(source.send).async_timestamp(hashlib.sha256(signature).digest(), _DIGEST))
        stamped_at = read_token_time(token["content"], signature, source.pins)
    except (TimestampRequestError, ValueError, TypeError, KeyError, AttributeError) as error:
        # pyHanko raises AttributeError for a wrong nonce.
        raise OSError("the timestamp authority gave no usable timestamp") from error
    if stamped_at is None or abs(stamped_at - at) > CLOCK_TOLERANCE:
        raise OSError("the timestamp is not by a pinned authority, not over this signature, or not of now")
    return token
