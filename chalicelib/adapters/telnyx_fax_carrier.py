"""The client of Telnyx, the service (fax carrier) that sends the portal's faxes and reports what became of a fax.

It implements the `FaxCarrier` of `services/ports.py`, with the API at https://developers.telnyx.com (Programmable Fax).
Telnyx would send a repeated request as a second fax. So after a request without a response, the caller searches for
the fax and never repeats the request (docs/decisions/043)."""

import base64
import binascii
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.util import parse_url

from chalicelib.domain.carriers.fax_results import REFUSED_REQUEST, FaxReport, FaxState
from chalicelib.domain.errors import Invalid, Unavailable, Unprocessable
from chalicelib.domain.timestamps import from_text, to_text
from chalicelib.services.ports import FaxOrder, FaxRefused, FaxUnknown, IncomingFax
from chalicelib.settings import FaxCarrierSettings

TOLERANCE = timedelta(seconds=300)
"""The largest difference between the time in a webhook's signature and the present. Older webhooks are refused."""

logger = Logger(service="portal", child=True)

_TIMEOUT = urllib3.Timeout(connect=4, read=15)
_STATES = {"delivered": FaxState.DELIVERED, "failed": FaxState.FAILED}
_ACCEPTED, _NOT_FOUND, _TOO_MANY = 202, 404, 429
_REFUSED = (400, 401, 402, 403, 404, 405, 413, 415, 422)
_SECONDS = re.compile(r"[0-9]{1,12}")
_NO_ANSWER = "The fax service did not respond."
_NO_EVENT = "The body is not an event of the fax carrier."
_RECEIVED = "fax.received"
_MAX_ID = 64
_FILE_HOSTS = (".telnyx.com", ".amazonaws.com")
_DOWNLOAD_SECONDS = 25.0


class TelnyxFaxCarrier:
    """Client of the API of Telnyx, which sends the portal's faxes, and reader of Telnyx's reports (webhooks) on a fax.

    `key` is a function that returns the API key, and is called only when the portal sends a request to Telnyx.
    `account` has the portal's other settings at Telnyx. Telnyx posts its reports to the portal's `webhook_url`."""

    def __init__(self, account: FaxCarrierSettings, *, webhook_url: str, key: Callable[[], str]) -> None:
        self._account = account
        self._webhook_url = webhook_url
        self._key = key
        self._http = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)

    def send(self, order: FaxOrder) -> str:
        try:
            response = self._request("POST", "/faxes", body=json.dumps(self._describe(order)).encode())
        except urllib3.exceptions.NewConnectionError:
            raise Unavailable(_NO_ANSWER) from None
        except urllib3.exceptions.HTTPError as error:
            raise FaxUnknown(type(error).__name__) from None
        if response.status == _TOO_MANY:
            raise Unavailable("The fax service is busy.")
        if response.status in _REFUSED:
            logger.warning("fax request refused", extra={"status": response.status, "code": _error_code(response)})
            raise FaxRefused(REFUSED_REQUEST)
        if response.status != _ACCEPTED:
            raise FaxUnknown(str(response.status))
        return str(_data(response)["id"])

    def _describe(self, order: FaxOrder) -> Mapping[str, object]:
        """Return the order for a fax as the JSON of Telnyx's API. Telnyx must not keep the file."""
        return {
            "connection_id": self._account.connection_id,
            "to": order.to,
            "from": self._account.sender,
            "media_url": order.pdf_url,
            "quality": order.quality.resolution,
            "t38_enabled": order.quality.uses_t38,
            "monochrome": True,
            "store_media": False,
            "client_state": base64.b64encode(order.client_state.encode()).decode(),
            "webhook_url": self._webhook_url,
        }

    def report(self, fax_id: str) -> FaxReport | None:
        response = self._get(f"/faxes/{quote(fax_id, safe='')}")
        fax = None if response.status == _NOT_FOUND else read_fax(_data(response))
        return _with_hash(fax, response.data)

    def find(self, to: str, client_state: str, since: datetime) -> FaxReport | None:
        query = urlencode({"filter[to][eq]": to, "filter[created_at][gte]": to_text(since), "page[size]": 250})
        faxes = _data(self._get(f"/faxes?{query}"))
        reports = (read_fax(fax) for fax in faxes)
        return next((report for report in reports if report and report.client_state == client_state), None)

    def is_signed(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        stamp = headers.get("telnyx-timestamp", "")
        if not _SECONDS.fullmatch(stamp) or abs(int(stamp) - now.timestamp()) > TOLERANCE.total_seconds():
            return False
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self._account.public_key))
        try:
            signature = base64.b64decode(headers.get("telnyx-signature-ed25519", ""), validate=True)
            key.verify(signature, f"{stamp}|".encode() + body)
        except (InvalidSignature, ValueError):
            return False
        return True

    def read_report(self, body: bytes) -> FaxReport | None:
        """Return what Telnyx reports about a sent fax in the body of a webhook, or None for an incoming fax.

        The event may be inside a field `data` or not, because Telnyx's documentation shows both. Raises `Invalid` for
        a body without an event."""
        event = _read_event(body)
        try:
            return _with_hash(read_fax({**event["payload"], "updated_at": event["occurred_at"]}), body)
        except (ValueError, KeyError, TypeError) as error:
            raise Invalid(_NO_EVENT) from error

    def read_received(self, body: bytes) -> str | None:
        """Return Telnyx's id of the fax whose arrival a webhook reports, or None for every other webhook.

        The webhook's link to the pages is left out: the job asks Telnyx for a link. Raises `Invalid` for a body without
        an event."""
        event = _read_event(body)
        payload = event["payload"]
        is_received = event.get("event_type") == _RECEIVED and payload.get("direction") == "inbound"
        fax_id = payload.get("fax_id") or payload.get("id")
        return str(fax_id)[:_MAX_ID] if is_received and fax_id else None

    def received(self, fax_id: str) -> IncomingFax:
        response = self._get(f"/faxes/{quote(fax_id, safe='')}")
        if response.status == _NOT_FOUND:
            raise Unavailable("The fax service does not know the fax.")
        fax = _data(response)
        if fax.get("direction") != "inbound" or not fax.get("media_url"):
            raise Unavailable("The fax service has no pages of the fax.")
        return IncomingFax(
            id=fax_id,
            at=from_text(str(fax["created_at"])),
            to=str(fax["to"]),
            sender=str(fax["from"]) if fax.get("from") else None,
            url=str(fax["media_url"]),
            is_partial=fax.get("partial_content") is True,
        )

    def download(self, fax: IncomingFax, max_bytes: int) -> bytes | None:
        """Return the file of a fax, or None if it has more than `max_bytes`. Redirects are not followed.

        If the link has expired, Telnyx is asked for a new link, and `Unavailable` is raised for another try."""
        self._check_link(fax.url)
        try:
            with self._http.request("GET", fax.url, redirect=False, preload_content=False) as response:
                if response.status == HTTPStatus.OK:
                    return _read_at_most(response, max_bytes)
        except (urllib3.exceptions.HTTPError, OSError):
            raise Unavailable(_NO_ANSWER) from None
        with suppress(urllib3.exceptions.HTTPError):
            self._request("POST", f"/faxes/{quote(fax.id, safe='')}/actions/refresh")
        raise Unavailable("The link to the pages of the fax does not work.")

    def _check_link(self, url: str) -> None:
        """Raise `Unprocessable` unless the link leads to Telnyx or to its storage, by HTTPS.

        A link to the API's own host is right too, because the local carrier has no HTTPS. The host is read by the same
        parser that connects, because two parsers may see two hosts in one link."""
        try:
            parts, own = parse_url(url), parse_url(self._account.url)
        except urllib3.exceptions.LocationParseError:
            raise Unprocessable("The link to the pages of the fax is no URL.") from None
        is_carrier = parts.scheme == "https" and (parts.host or "").endswith(_FILE_HOSTS)
        if not is_carrier and (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
            raise Unprocessable("The link to the pages of the fax leads to another service.")

    def _get(self, path: str) -> urllib3.BaseHTTPResponse:
        """Send a GET request to Telnyx, and return the response with status 200 or 404. Else raise `Unavailable`."""
        try:
            response = self._request("GET", path)
        except urllib3.exceptions.HTTPError:
            raise Unavailable(_NO_ANSWER) from None
        if response.status not in (200, _NOT_FOUND):
            raise Unavailable(f"The fax service answered {response.status}.")
        return response

    def _request(self, method: str, path: str, body: bytes | None = None) -> urllib3.BaseHTTPResponse:
        try:
            key = self._key()
        except (BotoCoreError, ClientError):
            raise Unavailable("The API key of the fax service cannot be read.") from None
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return self._http.request(
            method, self._account.url.rstrip("/") + path, body=body, headers=headers, redirect=False
        )


def _data(response: urllib3.BaseHTTPResponse) -> Any:
    try:
        return response.json()["data"]
    except (ValueError, KeyError, TypeError):
        raise FaxUnknown("unreadable response") from None


def _read_event(body: bytes) -> dict[str, Any]:
    """Return the event in a webhook's body, which may be inside a field `data`. Raises `Invalid` for another body."""
    try:
        event = json.loads(body)
        event = event.get("data", event)
        return {**event, "payload": dict(event["payload"])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(_NO_EVENT) from error


def _read_at_most(response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes | None:
    """Return the response's body, or None if it has more than `max_bytes`. Raises `Unavailable` after 25 seconds."""
    until, data = time.monotonic() + _DOWNLOAD_SECONDS, bytearray()
    for piece in response.stream(64 * 1024):
        data += piece
        if len(data) > max_bytes:
            return None
        if time.monotonic() > until:
            raise Unavailable(_NO_ANSWER)
    return bytes(data)


def _error_code(response: urllib3.BaseHTTPResponse) -> str:
    """Return the error code in a response of Telnyx for the log, or an empty text if there is none.

    The error's text is not logged, because it may quote the fax number."""
    try:
        return str(response.json()["errors"][0]["code"])[:64]
    except (ValueError, KeyError, TypeError, IndexError):
        return ""


def read_fax(fax: Mapping[str, Any]) -> FaxReport | None:
    """Return the state of a sent fax from Telnyx's JSON description of it, or None for an incoming fax.

    Telnyx's link to the pages of the fax is left out."""
    fax_id = fax.get("fax_id") or fax.get("id")
    if fax.get("direction") != "outbound" or not fax_id:
        return None
    pages, at = fax.get("page_count"), fax.get("updated_at") or fax.get("created_at")
    return FaxReport(
        fax_id=str(fax_id),
        state=_STATES.get(str(fax.get("status")), FaxState.ON_THE_WAY),
        client_state=_decode(str(fax.get("client_state") or "")),
        at=from_text(str(at)),
        pages=pages if isinstance(pages, int) else None,
        reason=str(fax["failure_reason"])[:64] if fax.get("failure_reason") else None,
    )


def _with_hash(report: FaxReport | None, body: bytes) -> FaxReport | None:
    """Return the fax carrier's report with the SHA-256 (hex) of its raw bytes, as evidence of what the carrier said.

    The bytes themselves are not stored. A report of None stays None."""
    return None if report is None else replace(report, sha256=hashlib.sha256(body).hexdigest())


def _decode(client_state: str) -> str:
    try:
        return base64.b64decode(client_state, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
