"""The signature inside a seal: CAdES in CMS, as PAdES wants it, with a key that lives elsewhere.

pyHanko makes the message. For one certificate and without a timestamp, two messages differ in just two
places, the document's digest and the signature; so pyHanko makes one as a pattern, once, and every further
message is that pattern with both places filled in: the same bytes that pyHanko would make, sooner.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from asn1crypto import cms, tsp
from asn1crypto.algos import SignedDigestAlgorithm
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from chalicelib.pdf.signing.certificate_chain import Chain, SignDigest

Timestamps = Callable[[bytes], bytes]
"""Sends a DER-encoded RFC 3161 request to the authority and answers its reply; `OSError` when it fails."""

TOKEN_BYTES = 12_000
"""Room kept for a timestamp token; those of public authorities take 3 to 8 kB."""

_DIGEST = "sha256"


class RemoteSigner(Signer):
    """pyHanko's signer with a key that only signs digests, such as one in KMS."""

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
    def __init__(self, send: Timestamps) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # - pyHanko leaves it untyped
        self._send = send

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return tsp.TimeStampResp.load(self._send(req.dump()), strict=True)


def message(chain: Chain, sign: SignDigest, digest: bytes) -> bytes:
    """The CMS over a document with that SHA-256 digest, as pyHanko makes it."""
    signer = RemoteSigner(chain, sign)
    made: bytes = asyncio.run(signer.async_sign(digest, _DIGEST, use_pades=True)).dump()
    return made


@dataclass(frozen=True)
class Pattern:
    """A message with the places of the digest and the signature: in what is signed, and in the whole."""

    signed: bytes
    digest_in_signed: int
    whole: bytes
    digest_in_whole: int
    signature_in_whole: int

    def filled(self, digest: bytes, sign: SignDigest) -> bytes:
        """The message over a document with that digest."""
        attributes = _put(self.signed, self.digest_in_signed, digest)
        signature = sign(hashlib.sha256(attributes).digest())
        return _put(_put(self.whole, self.digest_in_whole, digest), self.signature_in_whole, signature)


def _put(data: bytes, at: int, part: bytes) -> bytes:
    return data[:at] + part + data[at + len(part) :]


class _PatternSigner(RemoteSigner):
    """Notes what it is asked to sign."""

    def __init__(self, chain: Chain, signature: bytes) -> None:
        super().__init__(chain, lambda _: signature)
        self.match_label = b""

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002 - pyHanko's signature
        self.match_label = data
        return await super().async_sign_raw(data, digest_algorithm, dry_run)


def pattern(chain: Chain) -> Pattern:
    """The pattern of messages of that chain. Random stand-ins mark the two places."""
    digest, signature = secrets.token_bytes(32), secrets.token_bytes(chain.key_bytes)
    signer = _PatternSigner(chain, signature)
    whole = asyncio.run(signer.async_sign(digest, _DIGEST, use_pades=True)).dump()
    return Pattern(
        signed=signer.match_label,
        digest_in_signed=_only(digest, signer.match_label),
        whole=whole,
        digest_in_whole=_only(digest, whole),
        signature_in_whole=_only(signature, whole),
    )


def _only(part: bytes, data: bytes) -> int:
    if data.count(part) != 1:
        raise ValueError("a signed message without one place for each of its parts")
    return data.index(part)


def trimmed(reserved: bytes) -> bytes:
    """The message at the start of the room that was kept for it."""
    whole: bytes = cms.ContentInfo.load(reserved).dump()
    return whole


def with_timestamp(data: bytes, send: Timestamps) -> bytes:
    """The message with a timestamp over its signature (B-T); `OSError` where the authority does not give one.

    What is signed stays as it is, so that a timestamp can come later.
    """
    whole = cms.ContentInfo.load(data)
    signer_info = whole["content"]["signer_infos"][0]
    digest = hashlib.sha256(signer_info["signature"].native).digest()
    try:
        token = asyncio.run(_Authority(send).async_timestamp(digest, _DIGEST))
    except (TimestampRequestError, ValueError, TypeError, KeyError) as error:
        raise OSError("the timestamp authority gave no usable timestamp") from error
    if _imprint(token) != digest:
        raise OSError("the timestamp authority answered for something else")
    signer_info["unsigned_attrs"] = cms.CMSAttributes(
        [cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token]})]
    )
    made: bytes = whole.dump(force=True)
    return made


def _imprint(token: cms.ContentInfo) -> bytes:
    info = token["content"]["encap_content_info"]["content"].parsed
    imprint: bytes = info["message_imprint"]["hashed_message"].native
    return imprint
