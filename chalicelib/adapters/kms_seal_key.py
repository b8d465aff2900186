"""The private key that seals (digitally signs) PDFs, inside AWS KMS: the `SealKey` of `services/ports.py`."""

from chalicelib.adapters.aws_clients import Clients


class KmsSealKey:
    def __init__(self, clients: Clients, key_id: str) -> None:
        self._clients = clients
        self._key_id = key_id

    def sign(self, digest: bytes) -> bytes:
        response = self._clients.kms.sign(
            KeyId=self._key_id, Message=digest, MessageType="DIGEST", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256"
        )
        return bytes(response["Signature"])

    def public_key(self) -> bytes:
        return bytes(self._clients.kms.get_public_key(KeyId=self._key_id)["PublicKey"])
