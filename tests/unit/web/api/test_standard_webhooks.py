"""Test that the portal and the official Standard Webhooks libraries accept each other's signatures."""

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib import bootstrap
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.practices import Practice
from chalicelib.services.delivery.webhooks import sign_headers
from tests.support.portal import Portal
from tests.unit.web.api.test_emr import Emr, data

JS = Path(__file__).parents[4] / "tests" / "js"


class Library(Protocol):
    """An official Standard Webhooks library, which an EMR may use, in Python or in another language."""

    def sign(self, secret: str, message_id: str, seconds: int, body: str) -> str: ...
    def verify(self, secret: str, body: str, headers: Mapping[str, str]) -> Any:
        """Verify a webhook. Return its event, or None if the signature does not match the secret."""


class Python:
    def sign(self, secret: str, message_id: str, seconds: int, body: str) -> str:
        return Webhook(secret).sign(message_id, datetime.fromtimestamp(seconds, UTC), body)

    def verify(self, secret: str, body: str, headers: Mapping[str, str]) -> Any:
        try:
            return Webhook(secret).verify(body.encode(), dict(headers))
        except WebhookVerificationError:
            return None


class JavaScript:
    def sign(self, secret: str, message_id: str, seconds: int, body: str) -> str:
        request = {"secret": secret, "id": message_id, "seconds": seconds, "body": body}
        return str(self._run(request)["signature"])

    def verify(self, secret: str, body: str, headers: Mapping[str, str]) -> Any:
        return self._run({"secret": secret, "body": body, "headers": dict(headers)}).get("event")

    def _run(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        process = subprocess.run(
            ["node", JS / "webhooks.mjs"], input=json.dumps(request).encode(), capture_output=True, check=False
        )
        assert process.returncode == 0, process.stderr.decode()
        result: Mapping[str, Any] = json.loads(process.stdout)
        return result


@pytest.fixture(scope="session")
def _npm_packages() -> None:
    installed = JS / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (JS / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=JS, check=True, timeout=120)


@pytest.fixture(params=[Python, JavaScript], ids=["python", "javascript"])
def library(request: pytest.FixtureRequest, _npm_packages: None) -> Library:
    made: Library = request.param()
    return made


@pytest.fixture
def emr() -> Emr:
    portal = Portal()
    # The libraries read the clock of the system.
    portal.time.at = datetime.now(UTC).replace(microsecond=0)
    bootstrap.install(portal)
    return Emr(portal)


def a_webhook(emr: Emr) -> tuple[Practice, Delivery]:
    """Return a practice and a stored webhook for it, whose text has characters beyond ASCII."""
    assert emr.write("PUT", "/v1/endpoint", {"url": "https://emr.example.com/hooks"}).status_code == 200
    document_id = emr.send(title="Plan de soins, Zoë Müller ✓")
    emr.event({"document_id": document_id, "reason": "Fehler: ß"}, "document.recalled")
    rows = emr.portal.fake_store.every(Delivery, "deliveries")
    delivery = next(row for row in rows if row.channel is Channel.WEBHOOK)
    practice = emr.portal.store.practice(delivery.practice_id)
    assert practice is not None
    return practice, delivery


def test_the_library_verifies_a_webhook_of_the_portal(emr: Emr, library: Library) -> None:
    practice, delivery = a_webhook(emr)
    body = delivery.body or ""
    headers = sign_headers(delivery, practice, body.encode(), emr.portal.clock.now())
    event = library.verify(emr.secret, body, headers)
    assert event == json.loads(body)
    assert (event["type"], event["data"]["title"]) == ("document.recalled", "Plan de soins, Zoë Müller ✓")
    assert library.verify(emr.secret, body.replace("ß", "ss"), headers) is None
    assert library.verify(emr.secret, body, {**headers, "webhook-id": "evt_other"}) is None


def test_during_a_rotation_a_webhook_verifies_with_both_secrets(emr: Emr, library: Library) -> None:
    _, delivery = a_webhook(emr)
    portal, body = emr.portal, delivery.body or ""
    now = portal.clock.now()
    new = portal.practices.rotate_secret(emr.practice.id, now)
    practice = portal.store.practice(emr.practice.id)
    assert practice is not None
    headers = sign_headers(delivery, practice, body.encode(), now)
    for secret in (emr.secret, new):
        assert library.verify(secret, body, headers) == json.loads(body)


def test_the_portal_accepts_a_signature_of_the_library(emr: Emr, library: Library) -> None:
    body = json.dumps(
        {"type": "document.sent", "timestamp": "2026-11-22T19:00:00Z", "data": data(title="Zoë ✓")}, ensure_ascii=False
    )
    seconds = int(emr.portal.clock.now().timestamp())
    signature = library.sign(emr.secret, "msg_library", seconds, body)
    headers = {"webhook-timestamp": str(seconds), "webhook-signature": signature}
    taken = emr.post_signed(body.encode(), webhook_id="msg_library", headers=headers)
    assert taken.status_code == 202, taken.body

    other = library.sign(
        emr.portal.practices.create("Other", {}, emr.portal.clock.now()).webhook_secret, "msg_library", seconds, body
    )
    headers["webhook-signature"] = other
    assert emr.post_signed(body.encode(), webhook_id="msg_library", headers=headers).status_code == 401
