"""The key that signs sessions, from Secrets Manager: read once per cold start."""

from chalicelib.adapters.clients import Clients


class SecretsManagerKeys:
    def __init__(self, clients: Clients, secret_id: str) -> None:
        self._clients = clients
        self._secret_id = secret_id
        self._key: bytes | None = None

    def session_key(self) -> bytes:
        if self._key is None:
            answer = self._clients.secrets.get_secret_value(SecretId=self._secret_id)
            self._key = answer["SecretString"].encode()
        return self._key
