"""The whole web function in memory, served at a real address, so that a browser can show its pages in every state.

No AWS is involved. Files have an address separate from the pages, as the files in a bucket have."""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from chalice.test import Client
from werkzeug.wrappers import Request, Response

from app import app
from chalicelib import bootstrap
from chalicelib.services.transaction import Change
from tests.support.browser.gateway import compress, serving
from tests.support.fakes import FakeFiles
from tests.support.free_ports import free_port
from tests.support.portal import Portal
from tests.support.provider_fixtures import PROVIDER, a_store

TOKEN = "".join(sha256(bytes([number])).hexdigest() for number in range(16))


@dataclass
class ServedFiles(FakeFiles):
    """The bucket's files in memory, served at a real address, so that a browser can open their presigned URLs."""

    port: int = field(default_factory=free_port)
    scheme: str = "http"

    def origin(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    def url(self, key: str, *, seconds: int, file_name: str | None = None, inline: bool = True) -> str:
        """Return a file's URL, which is as long as a presigned URL of S3, so that the sizes of pages are realistic.

        S3's URLs carry a session token and a signature."""
        plain = super().url(quote(key), seconds=seconds, file_name=file_name, inline=inline)
        return f"{plain}&X-Amz-Security-Token={TOKEN}&X-Amz-Signature={sha256(plain.encode()).hexdigest()}"


class MemoryPortal:
    """The web function in memory that a browser reaches at `url`. `scheme` is http or https.

    `reset` replaces the stored data by one practice and one provider."""

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
        """Start a session of the provider without a login, and return the value of the session cookie."""
        row, cookie = self.portal.sessions.start(PROVIDER, self.portal.time.now())
        self.portal.store.commit(Change(at=self.portal.time.now(), secrets=(row,)))
        return cookie

    def serve(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Return the portal's response to one request of the browser (a WSGI application).

        Requests are served one after another, because Chalice stores the current request on the app."""
        request = Request(environ)
        body, headers = request.get_data(), dict(request.headers)
        path = request.full_path.rstrip("?")
        with self._lock:
            sent = Client(app).http.request(request.method, path, headers=headers, body=body)
        compressed, more = compress(sent.body, request.headers.get("Accept-Encoding", ""))
        return Response(compressed, sent.status_code, [*_pairs(sent.headers), *more])(environ, start)

    def serve_file(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Return one file to the browser, as the bucket would (a WSGI application)."""
        stored = self.files.objects.get(Request(environ).path.lstrip("/"))
        if stored is None:
            return Response("gone", 403)(environ, start)
        return Response(stored[0], 200, content_type=stored[1])(environ, start)


def _pairs(headers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        yield from ((name, str(text)) for text in (value if isinstance(value, list) else [value]))


@contextlib.contextmanager
def running_memory_portal(scheme: str = "http") -> Iterator[MemoryPortal]:
    memory = MemoryPortal(scheme)
    files = serving(memory.serve_file, memory.files.port, scheme)
    with serving(memory.serve, memory.port, scheme), files:
        yield memory
