"""A small fake of the portal's API for EMRs, in memory, for the tests of the sample EMR in `examples/clinic`."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"a secret of the sample practice!").decode()
API_KEY = "key-of-the-sample-practice"
STORAGE = "https://storage.example/bucket"


class FakePortal:
    """A fake of the portal's API for EMRs, which handles the requests of the sample EMR.

    With `refuse` (a problem as JSON), events and settings are refused. The next `down_for` events get status 503. With
    `away`, no request gets a response."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.webhook_ids: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.uploads: list[bytes] = []
        self.proofs: set[str] = set()
        self.refuse: dict[str, Any] | None = None
        self.warnings: tuple[str, ...] = ()
        self.down_for = 0
        self.away = False
        self.page_size = 50
        self.practice: dict[str, Any] = {
            "id": "practice-1",
            "name": "Cedar Clinic",
            "phone": "+15125550170",
            "fax": "+15125550171",
            "reply_to": "front@cedar.example",
            "time_zone": "America/Chicago",
            "default_payer": None,
            "electronic_signature": True,
            "endpoint": None,
        }
        self.deliveries: list[dict[str, Any]] = []
        self.silent: list[dict[str, Any]] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("no server", request=request)
        self.requests.append((request.method, request.url.path))
        if str(request.url).startswith(f"{STORAGE}/faxes"):
            return httpx.Response(200, content=request.url.path.encode())
        if str(request.url).startswith(STORAGE):
            self.uploads.append(request.read())
            return httpx.Response(204)
        if request.url.path == "/v1/events":
            return self._event(request)
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return problem(401, "unauthenticated", "Who is asking could not be established.")
        return self._read(request)

    def _event(self, request: httpx.Request) -> httpx.Response:
        Webhook(SECRET).verify(request.content, dict(request.headers))
        assert request.headers["portal-practice"] == "practice-1"
        self.webhook_ids.append(request.headers["webhook-id"])
        if self.down_for:
            self.down_for -= 1
            return httpx.Response(503)
        if self.refuse:
            return httpx.Response(self.refuse["status"], json=self.refuse)
        event = json.loads(request.content)
        self.events.append(event)
        document = self._change(event["type"], event["data"])
        warnings = {"warnings": [{"code": code} for code in self.warnings]} if self.warnings else {}
        return httpx.Response(202, json={"document_id": document["id"], "status": document["status"], **warnings})

    def _change(self, event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
        if event_type == "document.sent":
            return self.add(data["external_id"], data["patient"]["external_id"])
        document = self.documents[data["document_id"]]
        if event_type == "document.returned":
            document.update(status="returned", outcome=document["outcome"] or "by_hand")
        if event_type == "document.recalled":
            document["status"] = "recalled"
        return document

    def add(self, external_id: str, patient_id: str) -> dict[str, Any]:
        document: dict[str, Any] = {
            "id": f"doc-{len(self.documents) + 1}",
            "practice_id": "practice-1",
            "external_id": external_id,
            "patient_external_id": patient_id,
            "kind": "plan_of_care",
            "status": "pending",
            "outcome": None,
            "note": None,
            "decline_reason": None,
            "sent_at": "2026-11-22T19:00:00.000Z",
            "viewed_at": None,
            "transmitted_at": None,
            "decided_at": None,
            "due_on": "2026-12-22",
            "payer": {"kind": "medicare"},
            "certified_by": None,
            "certified_on": None,
            "attention": None,
            "signer": None,
            "signed_pdf": None,
            "deliveries": [],
        }
        self.documents[document["id"]] = document
        return document

    def approve(self, document_id: str) -> dict[str, Any]:
        self.documents[document_id].update(
            status="approved",
            outcome="approved",
            decided_at="2026-11-22T20:05:00.000Z",
            signer={"name": "Luis Rivera", "credential": "MD", "npi": "1234567893", "method": "electronic"},
            signed_pdf={"url": f"https://portal.example/v1/documents/{document_id}/signed.pdf", "sha256": "0" * 64},
        )
        return self.documents[document_id]

    def decline(self, document_id: str, note: str) -> dict[str, Any]:
        self.documents[document_id].update(
            status="declined",
            outcome="declined",
            decline_reason="change_the_plan",
            note=note,
            decided_at="2026-11-22T20:05:00.000Z",
        )
        return self.documents[document_id]

    def _read(self, request: httpx.Request) -> httpx.Response:
        routes: Mapping[str, Callable[..., httpx.Response]] = {
            "GET /v1/documents": self._list,
            "GET /v1/documents/([^/]+)": self._document,
            "GET /v1/documents/([^/]+)/events": self._trail,
            "GET /v1/documents/([^/]+)/(signed|original).pdf": self._pdf,
            "GET /v1/documents/([^/]+)/proof.pdf": self._proof,
            "GET /v1/faxes/([^/]+)/pages/([0-9]+)": self._fax_page,
            "POST /v1/uploads": self._upload,
            "GET /v1/practice": lambda _: httpx.Response(200, json=self.practice),
            "PUT /v1/practice": self._save_practice,
            "PUT /v1/endpoint": self._save_endpoint,
            "POST /v1/endpoint/test": lambda _: httpx.Response(202, json={}),
            "GET /v1/providers": self._providers,
            "GET /v1/deliveries": self._deliveries,
            "POST /v1/deliveries/([^/]+)/retry": lambda _, __: httpx.Response(202, json={}),
        }
        for pattern, handler in routes.items():
            match = re.fullmatch(pattern, f"{request.method} {request.url.path}")
            if match:
                return handler(request, *match.groups())
        return problem(404, "not-found", "No such thing.")

    def _document(self, _request: httpx.Request, document_id: str) -> httpx.Response:
        if document_id not in self.documents:
            return problem(404, "not-found", "No such thing.")
        return httpx.Response(200, json=self.documents[document_id])

    def _trail(self, _request: httpx.Request, document_id: str) -> httpx.Response:
        event = {
            "sequence": 1,
            "type": "document.sent",
            "at": self.documents[document_id]["sent_at"],
            "actor": {"kind": "practice", "id": "practice-1"},
            "data": {"delivery": "email"},
        }
        return httpx.Response(200, json={"events": [event]})

    def _pdf(self, _request: httpx.Request, document_id: str, which: str) -> httpx.Response:
        return httpx.Response(303, headers={"location": f"{STORAGE}/{document_id}/{which}.pdf?X-Amz-Expires=60"})

    def _proof(self, _request: httpx.Request, document_id: str) -> httpx.Response:
        """Return the URL of the PDF that proves that a document reached its provider, but only at the second request.

        The portal makes the PDF at the first request."""
        if document_id not in self.proofs:
            self.proofs.add(document_id)
            return httpx.Response(202, json={"status": "in_preparation"}, headers={"retry-after": "5"})
        return httpx.Response(303, headers={"location": f"{STORAGE}/{document_id}/proof.pdf?X-Amz-Expires=60"})

    def _fax_page(self, _request: httpx.Request, fax_id: str, number: str) -> httpx.Response:
        return httpx.Response(303, headers={"location": f"{STORAGE}/faxes/{fax_id}/{number}?X-Amz-Expires=60"})

    def _upload(self, _request: httpx.Request) -> httpx.Response:
        upload = {"upload_id": "up-1", "url": STORAGE, "fields": {"key": "uploads/up-1"}}
        return httpx.Response(201, json=upload)

    def _save_practice(self, request: httpx.Request) -> httpx.Response:
        if self.refuse:
            return httpx.Response(self.refuse["status"], json=self.refuse)
        self.practice.update(json.loads(request.content))
        return httpx.Response(200, json=self.practice)

    def _save_endpoint(self, request: httpx.Request) -> httpx.Response:
        self.practice["endpoint"] = {"url": json.loads(request.content)["url"], "status": "enabled"}
        return httpx.Response(200, json=self.practice["endpoint"])

    def _providers(self, request: httpx.Request) -> httpx.Response:
        assert request.url.params["report"] == "silent"
        return httpx.Response(200, json={"providers": self.silent, "complete": True})

    def _deliveries(self, request: httpx.Request) -> httpx.Response:
        status = request.url.params["status"]
        deliveries = [row for row in self.deliveries if status in ("all", row["status"])]
        return httpx.Response(200, json={"deliveries": deliveries, "next_cursor": None})

    def _list(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        rows = list(self.documents.values())
        if params["report"] == "unsigned":
            rows = [row for row in rows if row["status"] in ("pending", "approved", "declined")]
        if params["report"] == "attention":
            rows = sorted((row for row in rows if row["attention"]), key=lambda row: row["attention"]["days_left"])
        start = int(params.get("cursor", "0"))
        end = start + self.page_size
        following = str(end) if end < len(rows) else None
        return httpx.Response(200, json={"documents": rows[start:end], "next_cursor": following})

    def webhook(
        self, event_type: str, document_id: str, *, webhook_id: str, at: str = "2026-11-22T20:05:01.000Z"
    ) -> tuple[str, dict[str, str]]:
        """Return the body and the signed headers of a webhook, as the portal would post it to the EMR.

        The webhook is about a document in its current state. `at` is the time of the event."""
        event = {"type": event_type, "timestamp": at, "data": self.documents[document_id]}
        body = json.dumps(event)
        now = datetime.now(UTC)
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(webhook_id, now, body),
            "content-type": "application/json",
        }
        return body, headers


def problem(status: int, code: str, title: str) -> httpx.Response:
    return httpx.Response(
        status,
        json={"type": f"https://portal.example/problems/{code}", "title": title, "status": status, "errors": []},
        headers={"content-type": "application/problem+json"},
    )
