"""The system clock and the generator of random ids. They implement `Clock` and `Ids` of `services/ports.py`."""

import base64
import secrets
from datetime import UTC, datetime


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class RandomIds:
    def new(self, prefix: str) -> str:
        text = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
        return f"{prefix}_{text}"

    def token(self) -> str:
        return secrets.token_urlsafe(32)

    def code(self) -> str:
        return f"{secrets.randbelow(1_000_000):06d}"

    def jitter(self) -> float:
        return secrets.randbelow(1_000_000) / 1_000_000
