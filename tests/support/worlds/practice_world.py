"""A stored practice with its API key and webhook secret, for the tests of practices and of their authentication."""

import base64
import hmac
from collections.abc import Mapping

from standardwebhooks import Webhook

from chalicelib.domain.practices import Practice
from chalicelib.services.practices.practices import Practices
from chalicelib.services.practices.request_authentication import RequestAuthentication
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeClock, FakeIds, FakeSwitches

BODY = b'{"type": "document.sent"}'


class Clinic:
    """A practice that is stored in memory, with its keys, and the services for practices and their authentication."""

    def __init__(self) -> None:
        self.store, self.clock, self.switches = FakeStore(), FakeClock(), FakeSwitches()
        self.practices = Practices(self.store, self.switches, FakeIds())
        self.authentication = RequestAuthentication(self.store)
        new = self.practices.create("Hill Country Therapy", {"phone": "+15125550177"}, START)
        self.practice, self.key, self.secret = new.practice, new.api_key, new.webhook_secret

    def stored(self) -> Practice:
        practice = self.store.practice(self.practice.id)
        assert practice is not None
        return practice

    def authenticate_key(self, bearer: str | None) -> Practice:
        return self.authentication.authenticate_key(bearer, START)

    def headers(self, body: bytes = BODY, *, secret: str | None = None) -> dict[str, str]:
        """Return the HTTP headers of an event that the practice's EMR signs with its webhook secret at the clock's
        time."""
        now = self.clock.now()
        return {
            "Portal-Practice": self.practice.id,
            "Webhook-Id": "msg_1",
            "Webhook-Timestamp": str(int(now.timestamp())),
            "Webhook-Signature": Webhook(secret or self.secret).sign("msg_1", now, body.decode()),
        }

    def check(self, headers: Mapping[str, str], body: bytes = BODY) -> Practice:
        """Authenticate a request by its webhook signature, and return the practice that signed it.

        Raises the errors of `authenticate_signature`."""
        return self.authentication.authenticate_signature(headers, body, self.clock.now())


def sign_bytes(clinic: Clinic, body: bytes) -> str:
    """Return the practice's webhook signature of any bytes. The official library signs only text."""
    signed = f"msg_1.{int(clinic.clock.now().timestamp())}.".encode() + body
    key = base64.b64decode(clinic.secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
