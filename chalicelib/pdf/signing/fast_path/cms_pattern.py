"""A CMS message that pyHanko made once, filled with the digest and signature of each further document.

For one certificate and without a timestamp, two messages differ only in the document's digest and in the
signature. So a filled pattern has exactly the bytes that pyHanko would make."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from chalicelib.pdf.signing.certificate_chain import Chain, SignDigest
from chalicelib.pdf.signing.cms import RemoteSigner, make_message


@dataclass(frozen=True)
class CmsPattern:
    """A message and its signed attributes, with the byte offsets of the digest and the signature in them."""

    attributes: bytes
    digest_in_attributes: int
    message: bytes
    digest_in_message: int
    signature_in_message: int

    def fill(self, digest: bytes, sign: SignDigest) -> bytes:
        """Return the CMS message (DER) for a document with that SHA-256 digest."""
        attributes = _replace_at(self.attributes, self.digest_in_attributes, digest)
        signature = sign(hashlib.sha256(attributes).digest())
        message = _replace_at(self.message, self.digest_in_message, digest)
        return _replace_at(message, self.signature_in_message, signature)


class _RecordingSigner(RemoteSigner):
    """A signer that records the signed attributes and returns a given signature."""

    def __init__(self, chain: Chain, signature: bytes) -> None:
        super().__init__(chain, lambda _: signature)
        self.attributes = b""

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002 - pyHanko's signature
        self.attributes = data
        return await super().async_sign_raw(data, digest_algorithm, dry_run)


def make_pattern(chain: Chain) -> CmsPattern:
    """Return the pattern for a certificate chain.

    Raise `ValueError` if the digest or the signature is not in the message exactly once."""
    # Random values mark the two places, so that no other bytes can be equal to them.
    digest, signature = secrets.token_bytes(32), secrets.token_bytes(chain.key_bytes)
    signer = _RecordingSigner(chain, signature)
    message = make_message(signer, digest)
    return CmsPattern(
        attributes=signer.attributes,
        digest_in_attributes=_find_once(digest, signer.attributes),
        message=message,
        digest_in_message=_find_once(digest, message),
        signature_in_message=_find_once(signature, message),
    )


def _replace_at(data: bytes, offset: int, part: bytes) -> bytes:
    return data[:offset] + part + data[offset + len(part) :]


def _find_once(part: bytes, data: bytes) -> int:
    if data.count(part) != 1:
        raise ValueError("a signed message without one place for each of its parts")
    return data.index(part)
