"""A client of the portal's API: sends signed events, receives webhooks, and reads with an API key.

Copy this module into your EMR. It needs only `httpx` and `standardwebhooks`."""

import json
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

INLINE_BYTES = 4 * 1024 * 1024
"""A PDF up to this size is sent inside the event. A larger PDF is uploaded first."""

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
RETRY_AFTER_SECONDS = (0.5, 1.0, 2.0)
TRANSIENT = frozenset({429, 500, 502, 503, 504})

Json = Mapping[str, Any]


class Unreachable(Exception):
    """Error for a request that the portal did not answer. The portal may still have accepted the event.

    Send the event again with the same webhook-id."""


@dataclass(frozen=True)
class FieldError:
    """One error in a request. `field` is a path such as `data.provider.npi`."""

    field: str
    message: str


class Refused(Exception):
    """Error for a request that the portal refused with `application/problem+json` (RFC 9457). A retry does not help."""

    def __init__(self, status: int, problem: Json) -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.title = str(problem.get("title", f"The portal answered {status}"))
        self.detail = str(problem.get("detail", ""))
        errors: Sequence[Json] = problem.get("errors") or ()
        self.errors = tuple(FieldError(str(error.get("field", "")), str(error.get("message", ""))) for error in errors)
        super().__init__(f"{status} {self.title}")


class NotFromPortal(Exception):
    """Error for a webhook with a wrong signature, timestamp or body, which the portal cannot have sent."""


@dataclass(frozen=True)
class Event:
    """An event to send to the portal: its webhook-id and its exact body.

    Store the event until the portal accepts it, so that every retry is the same."""

    webhook_id: str
    body: str


@dataclass(frozen=True)
class Page:
    """One page of a list that the portal returns as JSON, with the cursor of the next page or None."""

    rows: Sequence[Json]
    next_cursor: str | None


def new_event(event_type: str, data: Json, *, now: datetime) -> Event:
    """Return a new event of a type such as `document.sent`, with a new webhook-id."""
    timestamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = json.dumps({"type": event_type, "timestamp": timestamp, "data": data})
    return Event(f"msg_{uuid.uuid4().hex}", body)


def warning_codes(answer: Json) -> Sequence[str]:
    """Return the codes of the warnings in `answer`, the portal's response to an event. Usually there are none."""
    return [str(warning["code"]) for warning in answer.get("warnings") or ()]


def receive(body: bytes, headers: Mapping[str, str], secret: str) -> Json:
    """Verify the signature of a webhook from the portal, and return its event (JSON).

    `secret` is the practice's webhook secret. Raises `NotFromPortal` if the verification fails."""
    try:
        event = Webhook(secret).verify(body, dict(headers))
    # The library raises ValueError for malformed headers and bodies.
    except (WebhookVerificationError, ValueError) as problem:
        raise NotFromPortal(str(problem)) from problem
    if not isinstance(event, dict):
        raise NotFromPortal("the body is not a JSON object")
    return event


class LocalhostTransport(httpx.HTTPTransport):
    """An httpx transport that connects to 127.0.0.1 for every host below `.localhost`.

    Browsers do the same (RFC 6761). Python asks the system's resolver, which may not know the name. An EMR
    that talks to a real portal does not need this class."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, and return its response. For a host below `.localhost`, connect to 127.0.0.1.

        The Host header is unchanged."""
        if request.url.host.endswith(".localhost"):
            request.url = request.url.copy_with(host="127.0.0.1")
        return super().handle_request(request)


class Portal:
    """A client of the portal's API, with the keys of one practice.

    Every method raises `Refused` if the portal refuses the request, and `Unreachable` if the portal does not answer."""

    def __init__(
        self,
        *,
        url: str,
        practice_id: str,
        api_key: str,
        webhook_secret: str,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._practice_id = practice_id
        self._api_key = api_key
        self._webhook = Webhook(webhook_secret)
        self._http = httpx.Client(base_url=url, transport=transport or LocalhostTransport(retries=1), timeout=TIMEOUT)
        self._clock = clock
        self._sleep = sleep

    def send(self, event: Event) -> Json:
        """Send an event and return the body of the `202` response. Retry if the portal does not answer.

        Every try has the same webhook-id and body, so that the portal handles the event only once."""
        for pause in (*RETRY_AFTER_SECONDS, None):
            try:
                return _json(self._post_event(event))
            except Unreachable:
                if pause is None:
                    raise
                self._sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _post_event(self, event: Event) -> httpx.Response:
        now = self._clock()
        headers = {
            "content-type": "application/json",
            "portal-practice": self._practice_id,
            "webhook-id": event.webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(event.webhook_id, now, event.body),
        }
        return self._try("POST", "/v1/events", content=event.body, headers=headers)

    def upload(self, pdf: bytes) -> str:
        """Upload a PDF that is too large for an event. Return the `upload_id` by which the event's `content` names
        it."""
        place = self._api("POST", "/v1/uploads", json={})
        file = {"file": ("document.pdf", pdf, "application/pdf")}
        answer = self._try("POST", place["url"], data=place["fields"], files=file)
        if not answer.is_success:
            raise Refused(answer.status_code, {"title": "The file could not be uploaded."})
        return str(place["upload_id"])

    def content(self, pdf: bytes) -> Json:
        """Return the field `content` of a `document.sent` event for a PDF of any size. A large PDF is uploaded
        first."""
        if len(pdf) > INLINE_BYTES:
            return {"upload_id": self.upload(pdf)}
        return {"base64": b64encode(pdf).decode("ascii")}

    def documents(self, *, report: str, cursor: str | None = None) -> Page:
        """Return one page of a list of the practice's documents. `report` is `unsigned`, `all` or `attention`.

        `attention` is the worklist: the documents on which a person should act today, most urgent first."""
        return self._page("documents", "/v1/documents", {"report": report, "cursor": cursor})

    def silent_providers(self) -> Sequence[Json]:
        """Return the providers with whom this practice's documents wait (JSON), the longest wait first."""
        providers: Sequence[Json] = self._api("GET", "/v1/providers", params={"report": "silent"})["providers"]
        return providers

    def document(self, document_id: str) -> Json:
        """Return one document in its current state, as JSON."""
        return self._api("GET", f"/v1/documents/{_safe(document_id)}")

    def events(self, document_id: str) -> Sequence[Json]:
        """Return the document's audit trail as a list of events (JSON), oldest first."""
        events: Sequence[Json] = self._api("GET", f"/v1/documents/{_safe(document_id)}/events")["events"]
        return events

    def pdf_url(self, document_id: str, which: str) -> str:
        """Return a short-lived URL of the `signed` or `original` PDF, for a browser. Do not store the URL."""
        answer = self._read("GET", f"/v1/documents/{_safe(document_id)}/{which}.pdf")
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise Refused(answer.status_code, {"title": "The portal did not say where the PDF is."})
        return answer.headers["location"]

    def proof_url(self, document_id: str) -> str | None:
        """Return a short-lived URL of the PDF that proves that the document reached the provider.

        Return None while the portal makes the PDF. Ask again then."""
        answer = self._read("GET", f"/v1/documents/{_safe(document_id)}/proof.pdf")
        location: str | None = answer.headers.get("location")
        return location

    def fax_page(self, fax_id: str, number: int) -> bytes:
        """Return the picture (PNG) of one page of a fax that came back. `number` counts the fax's pages from 1.

        The portal redirects to a short-lived URL. Do not store the URL."""
        answer = self._read("GET", f"/v1/faxes/{_safe(fax_id)}/pages/{number}")
        picture = self._try("GET", answer.headers["location"])
        return _raise_if_refused(picture).content

    def deliveries(self, *, status: str, cursor: str | None = None) -> Page:
        """Return one page of the messages (emails, faxes, webhooks) that the portal sent for the practice.

        `status` is a status of messages such as `failed`, or `all`."""
        return self._page("deliveries", "/v1/deliveries", {"status": status, "cursor": cursor})

    def retry_delivery(self, delivery_id: str) -> None:
        """Ask the portal to send a failed message again."""
        self._read("POST", f"/v1/deliveries/{_safe(delivery_id)}/retry")

    def practice(self) -> Json:
        """Return the practice's settings at the portal, as JSON."""
        return self._api("GET", "/v1/practice")

    def save_practice(self, settings: Json) -> None:
        """Change settings of the practice at the portal, such as whether providers may sign electronically."""
        self._read("PUT", "/v1/practice", json=settings)

    def set_endpoint(self, url: str) -> None:
        """Tell the portal to which URL it must post this practice's webhooks."""
        self._read("PUT", "/v1/endpoint", json={"url": url})

    def test_endpoint(self) -> None:
        """Ask the portal to post a test webhook (`endpoint.test`) to the practice's URL."""
        self._read("POST", "/v1/endpoint/test")

    def _page(self, name: str, path: str, query: Mapping[str, str | None]) -> Page:
        params = {key: value for key, value in query.items() if value}
        answer = self._api("GET", path, params=params)
        return Page(answer[name], answer.get("next_cursor"))

    def _api(self, method: str, path: str, **rest: Any) -> Json:
        return _json(self._read(method, path, **rest))

    def _read(self, method: str, path: str, **rest: Any) -> httpx.Response:
        bearer = {"authorization": f"Bearer {self._api_key}"}
        return _raise_if_refused(self._try(method, path, headers=bearer, **rest))

    def _try(self, method: str, path: str, **rest: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **rest)
        except httpx.TransportError as problem:
            raise Unreachable(f"{type(problem).__name__} from the portal") from problem
        if answer.status_code in TRANSIENT:
            raise Unreachable(f"the portal answered {answer.status_code}")
        return answer


def _safe(part: str) -> str:
    return quote(part, safe="")


def _raise_if_refused(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        raise Refused(answer.status_code, problem if isinstance(problem, dict) else {})
    return answer


def _json(answer: httpx.Response) -> Json:
    body: Json = _raise_if_refused(answer).json()
    return body
