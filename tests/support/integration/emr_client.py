"""The EMR of one practice that sends events to the deployed portal and reads its API, for the tests of faults."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from chalice.test import Client, HTTPResponse
from standardwebhooks import Webhook

from app import app
from infrastructure.local.warm_up import ONE_PAGE
from tests.support.stack import SamplePractice, Stack


@dataclass
class Emr:
    """The EMR of one practice, as a client of the deployed portal's API."""

    stack: Stack
    practice: SamplePractice

    def listens_at(self, url: str) -> None:
        self._call("PUT", "/v1/endpoint", {"url": url})

    def tests_endpoint(self) -> str:
        """Make the portal send a test webhook, which belongs to no document, and return its `webhook-id`."""
        webhook_id: str = self._call("POST", "/v1/endpoint/test")["webhook_id"]
        return webhook_id

    def sends(self, **changes: Any) -> str:
        """Send a plan of care to the portal, and return the document's id. `changes` replace fields of the event's
        data."""
        return str(self.says("document.sent", {**a_plan(), **changes})["document_id"])

    def recalls(self, document_id: str) -> None:
        """Recall the document, so that the portal sends a webhook about it."""
        self.says("document.recalled", {"document_id": document_id})

    def says(self, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
        body, headers = self.signed(kind, data)
        answer = self.stack.http.post("/v1/events", content=body, headers=headers)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        response: dict[str, Any] = answer.json()
        return response

    def signed(self, kind: str, data: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return an event with a new `webhook-id` as the EMR sends it: the JSON body, and the headers with its
        signature."""
        text = json.dumps({"type": kind, "timestamp": "2026-11-22T19:00:00Z", "data": data})
        webhook_id, now = f"msg_{uuid4().hex}", datetime.now(UTC)
        return text.encode(), {
            "content-type": "application/json",
            "portal-practice": self.practice.id,
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.practice.webhook_secret).sign(webhook_id, now, text),
        }

    def prepared(self) -> Callable[[], HTTPResponse]:
        """Return a function that sends an event to the web function in this process, and at every call the very same
        event.

        So a test can send many copies of one event."""
        body, headers = self.signed("document.sent", a_plan())
        return lambda: Client(app).http.post("/v1/events", headers=headers, body=body)

    def document(self, document_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", f"/v1/documents/{document_id}")
        return found

    def trail(self, document_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", f"/v1/documents/{document_id}/events")
        return found

    def worklist(self) -> list[str]:
        """Return the ids of the documents about which a person at the clinic should do something today."""
        listed = self._call("GET", "/v1/documents?report=attention")["documents"]
        return [row["id"] for row in listed]

    def original(self, document_id: str) -> bytes:
        """Return the bytes of the document's original PDF, to which the API redirects."""
        bearer = {"authorization": f"Bearer {self.practice.api_key}"}
        found = self.stack.http.get(f"/v1/documents/{document_id}/original.pdf", headers=bearer)
        return httpx.get(found.headers["location"]).raise_for_status().content

    def webhooks(self, status: str = "all") -> dict[str, dict[str, Any]]:
        """Return the practice's webhooks by `webhook-id`, as the API lists them with this status."""
        listed = self._call("GET", f"/v1/deliveries?status={status}&limit=100")["deliveries"]
        return {delivery["webhook_id"]: delivery for delivery in listed if delivery["channel"] == "webhook"}

    def notices(self) -> list[str]:
        """Return the kinds of the notices to the practice's staff, newest first."""
        listed = self._call("GET", "/v1/deliveries?limit=100")["deliveries"]
        return [delivery["type"] for delivery in listed if delivery["channel"] == "notice"]

    def asks_again(self, webhook_id: str) -> None:
        self._call("POST", f"/v1/deliveries/{self.webhooks()[webhook_id]['id']}/retry")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        bearer = {"authorization": f"Bearer {self.practice.api_key}"}
        answer = self.stack.http.request(method, path, headers=bearer, json=body or {})
        assert answer.is_success, answer.text
        return answer.json()


def a_plan() -> dict[str, Any]:
    """Return the event data of a plan of care for a new provider, whom no other test uses."""
    whose = uuid4().hex[:10]
    return {
        "external_id": f"POC-{whose}",
        "kind": "plan_of_care",
        "title": "Plan of Care",
        "patient": {"external_id": "PT-77", "first_name": "Ada", "last_name": "Byron", "date_of_birth": "1950-12-10"},
        "provider": {
            "first_name": "Luis",
            "last_name": f"Rivera {whose}",
            "credential": "MD",
            "email": f"dr.{whose}@example.com",
        },
        "delivery": "email",
        "content": {"base64": base64.b64encode(ONE_PAGE).decode()},
    }
