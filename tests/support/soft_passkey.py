"""A passkey in memory: it registers and signs as a phone with a fingerprint reader would (WebAuthn)."""

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from chalicelib.services.signed_tokens import to_base64url

_PRESENT, _VERIFIED, _WITH_KEY = 0x01, 0x04, 0x40


class SoftPasskey:
    """A WebAuthn authenticator in memory with one passkey for the site `origin`.

    `count` is its counter of signatures. With `verifies_user` False, it does not ask for a PIN or fingerprint, which
    the portal must refuse."""

    def __init__(self, origin: str, *, name: str = "credential") -> None:
        self.origin = origin
        self.count = 0
        self.verifies_user = True
        self._id = name.encode().ljust(16, b".")
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def id(self) -> str:
        return to_base64url(self._id)

    def register(self, options: str) -> str:
        """Return the JSON that a browser would send after it made a passkey.

        `options` is the JSON with which the portal asked for a new passkey."""
        client = self._client("webauthn.create", options)
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._data(_WITH_KEY) + self._public_key()}
        return self._response(client, attestationObject=to_base64url(cbor2.dumps(attestation)))

    def sign(self, options: str, *, owner: str = "") -> str:
        """Return the JSON that a browser would send after a login with the passkey.

        `options` is the JSON with which the portal asked for a passkey. `owner` is the provider's id that the passkey
        reports."""
        self.count += 1
        client, data = self._client("webauthn.get", options), self._data()
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        handle = {"userHandle": to_base64url(owner.encode())} if owner else {}
        return self._response(client, authenticatorData=to_base64url(data), signature=to_base64url(signature), **handle)

    def _client(self, type: str, options: str) -> bytes:
        return json.dumps({"type": type, "challenge": json.loads(options)["challenge"], "origin": self.origin}).encode()

    def _data(self, flags: int = 0) -> bytes:
        domain = hashlib.sha256((urlsplit(self.origin).hostname or "").encode()).digest()
        verified = _VERIFIED if self.verifies_user else 0
        return domain + bytes([_PRESENT | verified | flags]) + self.count.to_bytes(4, "big")

    def _public_key(self) -> bytes:
        """Return the part of a registration that holds the new key, in the binary form of WebAuthn.

        It consists of an empty model id, the passkey's id, and the public key in the format COSE."""
        numbers = self._key.public_key().public_numbers()
        key: dict[int, Any] = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        return bytes(16) + len(self._id).to_bytes(2, "big") + self._id + cbor2.dumps(key)

    def _response(self, client: bytes, **parts: str) -> str:
        response = {"clientDataJSON": to_base64url(client), **parts}
        return json.dumps({"id": self.id, "rawId": self.id, "type": "public-key", "response": response})
