"""The web function in memory behind a real address, so that every page can be shown in every state at once.

What is stored is the test's own; nothing of AWS is there. Files have an origin of their own, as the bucket.
"""

import contextlib
import gzip
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from chalice.test import Client
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from app import app
from chalicelib import bootstrap
from chalicelib.services.changes import Change
from tests.fakes import FakeFiles
from tests.portal import Portal
from tests.provider_side import PROVIDER, a_store
from tests.stack import free_port

TEMPLATE = Path(__file__).parents[2] / "infrastructure" / "template.yaml"
_SET = re.search(r"MinimumCompressionSize: (\d+)", TEMPLATE.read_text("utf-8"))
COMPRESSED_FROM = int(_SET[1]) if _SET else 10**9
"""Bytes from which the gateway compresses answers; the local AWS does not."""

TOKEN = "".join(sha256(bytes([number])).hexdigest() for number in range(16))


@dataclass
class ServedFiles(FakeFiles):
    """Files with addresses that a browser can open."""

    port: int = field(default_factory=free_port)
    scheme: str = "http"

    def origin(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    def url(self, key: str, *, seconds: int, file_name: str | None = None, inline: bool = True) -> str:
        """As long as S3's, which carry the function's session and a signature of their own."""
        plain = super().url(quote(key), seconds=seconds, file_name=file_name, inline=inline)
        return f"{plain}&X-Amz-Security-Token={TOKEN}&X-Amz-Signature={sha256(plain.encode()).hexdigest()}"


class Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object, **__: object) -> None:
        """Tests say what matters themselves."""


class MemoryPortal:
    """A portal at `url`, its `scheme` http or https; `reset` forgets everything."""

    def __init__(self, scheme: str = "http") -> None:
        self.port = free_port()
        self.url = f"{scheme}://localhost:{self.port}"
        self.files = ServedFiles(scheme=scheme)
        self._lock = threading.Lock()
        self.portal = Portal(a_store())

    def reset(self) -> Portal:
        self.portal = Portal(a_store())
        self.portal.settings = replace(self.portal.settings, portal_url=self.url)
        self.files.objects.clear()
        self.portal.files = self.files
        bootstrap.install(self.portal)
        return self.portal

    def session(self) -> str:
        """The cookie of a session of the provider, opened just now."""
        row, cookie = self.portal.sessions.start(PROVIDER, self.portal.time.now())
        self.portal.store.commit(Change(at=self.portal.time.now(), secrets=(row,)))
        return cookie

    def answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """WSGI. One request at a time: Chalice keeps the request on the app."""
        request = Request(environ)
        body, headers = request.get_data(), dict(request.headers)
        path = request.full_path.rstrip("?")
        with self._lock:
            sent = Client(app).http.request(request.method, path, headers=headers, body=body)
        told, pairs = sent.body, list(_pairs(sent.headers))
        if len(told) >= COMPRESSED_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
            told, pairs = gzip.compress(told, 6), [*pairs, ("Content-Encoding", "gzip")]
        return Response(told, sent.status_code, pairs)(environ, start)

    def file(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """WSGI: the bucket."""
        found = self.files.objects.get(Request(environ).path.lstrip("/"))
        if found is None:
            return Response("gone", 403)(environ, start)
        return Response(found[0], 200, content_type=found[1])(environ, start)


def _pairs(headers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        yield from ((name, str(each)) for each in (value if isinstance(value, list) else [value]))


@contextlib.contextmanager
def running_memory_portal(scheme: str = "http") -> Iterator[MemoryPortal]:
    made = MemoryPortal(scheme)
    with serving(made.answer, made.port, scheme), serving(made.file, made.files.port, scheme):
        yield made


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
