"""The local stack's portal behind what the local AWS lacks of a gateway: answers are compressed.

From the size on that the template names, as API Gateway does. For reading only: forms know the portal's own
address.
"""

import contextlib
import gzip
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from infrastructure.local.localhost_http import LocalhostTransport
from tests.support.free_ports import free_port

TEMPLATE = Path(__file__).parents[3] / "infrastructure" / "template.yaml"
_SET = re.search(r"MinimumCompressionSize: (\d+)", TEMPLATE.read_text("utf-8"))
COMPRESSED_FROM = int(_SET[1]) if _SET else 10**9
"""Bytes from which the gateway compresses answers; the local AWS does not."""

_OF_THE_CONNECTION = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object, **__: object) -> None:
        """Tests say what matters themselves."""


@dataclass(frozen=True)
class Gateway:
    """`url` is where browsers go; `portal_url` what stands behind."""

    url: str
    portal_url: str
    client: httpx.Client

    def answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """WSGI."""
        request = Request(environ)
        sent = {
            "cookie": request.headers.get("Cookie", ""),
            "user-agent": request.headers.get("User-Agent", ""),
        }
        try:
            found = self.client.get(f"{self.portal_url}{request.full_path.rstrip('?')}", headers=sent)
        except httpx.HTTPError:
            return Response(status=502)(environ, start)
        pairs = [each for each in found.headers.multi_items() if each[0].lower() not in _OF_THE_CONNECTION]
        told, more = compressed(found.content, request.headers.get("Accept-Encoding", ""))
        return Response(told, found.status_code, [*pairs, *more])(environ, start)


def compressed(body: bytes, accepted: str) -> tuple[bytes, list[tuple[str, str]]]:
    """What the gateway makes of an answer, and the headers it adds."""
    if len(body) < COMPRESSED_FROM or "gzip" not in accepted:
        return body, []
    return gzip.compress(body, 6), [("Content-Encoding", "gzip")]


@contextlib.contextmanager
def running_gateway(portal_url: str) -> Iterator[Gateway]:
    port = free_port()
    with httpx.Client(transport=LocalhostTransport(), timeout=30.0) as client:
        gateway = Gateway(f"http://localhost:{port}", portal_url, client)
        with serving(gateway.answer, port, "http"):
            yield gateway


@contextlib.contextmanager
def serving(answer: Any, port: int, scheme: str) -> Iterator[None]:
    """Answer on 127.0.0.1 from a thread; https with a certificate that nobody else has signed."""
    certificate: Literal["adhoc"] | None = "adhoc" if scheme == "https" else None
    server = make_server(
        "127.0.0.1", port, answer, threaded=True, request_handler=Silent, ssl_context=certificate
    )
    server.daemon_threads = True  # type: ignore[attr-defined]  # - of the threaded kind
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
