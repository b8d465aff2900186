"""A proxy in front of the portal on the local AWS that compresses responses as AWS's API Gateway does.

The local AWS does not compress, so the sizes of pages can be measured only behind this proxy. It compresses responses
of at least the size that the template states. It serves GET requests only, because forms post to the portal's own
address."""

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
"""The smallest response, in bytes, that the gateway compresses."""

_HOP_BY_HOP = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class SilentHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object, **__: object) -> None:
        """Log nothing, so that the output of the tests has no line for each request."""


@dataclass(frozen=True)
class Gateway:
    """The running proxy, which compresses responses. Browsers open `url`, and the proxy fetches pages from
    `portal_url`."""

    url: str
    portal_url: str
    client: httpx.Client

    def serve(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Fetch the page of one request from the portal, and return it compressed (a WSGI application)."""
        request = Request(environ)
        sent = {"cookie": request.headers.get("Cookie", ""), "user-agent": request.headers.get("User-Agent", "")}
        try:
            response = self.client.get(f"{self.portal_url}{request.full_path.rstrip('?')}", headers=sent)
        except httpx.HTTPError:
            return Response(status=502)(environ, start)
        headers = [pair for pair in response.headers.multi_items() if pair[0].lower() not in _HOP_BY_HOP]
        body, more = compress(response.content, request.headers.get("Accept-Encoding", ""))
        return Response(body, response.status_code, [*headers, *more])(environ, start)


def compress(body: bytes, accepted: str) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body as API Gateway would send it, and the headers that API Gateway would add.

    `accepted` is the browser's `Accept-Encoding`. A small body is not compressed."""
    if len(body) < COMPRESSED_FROM or "gzip" not in accepted:
        return body, []
    return gzip.compress(body, 6), [("Content-Encoding", "gzip")]


@contextlib.contextmanager
def running_gateway(portal_url: str) -> Iterator[Gateway]:
    port = free_port()
    with httpx.Client(transport=LocalhostTransport(), timeout=30.0) as client:
        gateway = Gateway(f"http://localhost:{port}", portal_url, client)
        with serving(gateway.serve, port, "http"):
            yield gateway


@contextlib.contextmanager
def serving(application: Any, port: int, scheme: str) -> Iterator[None]:
    """Serve a WSGI application at this port of 127.0.0.1 until the end of the block, from a thread.

    `scheme` is http, or https with a self-signed certificate."""
    certificate: Literal["adhoc"] | None = "adhoc" if scheme == "https" else None
    server = make_server(
        "127.0.0.1", port, application, threaded=True, request_handler=SilentHandler, ssl_context=certificate
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
