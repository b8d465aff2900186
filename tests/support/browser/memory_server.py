"""The web function in memory behind a real address, so that every page can be shown in every state at once.

What is stored is the test's own; nothing of AWS is there. Files have an origin of their own, as the bucket.
"""

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
from tests.support.browser.gateway import compressed, serving
from tests.support.fakes import FakeFiles
from tests.support.free_ports import free_port
from tests.support.portal import Portal
from tests.support.provider_fixtures import PROVIDER, a_store

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
        told, more = compressed(sent.body, request.headers.get("Accept-Encoding", ""))
        return Response(told, sent.status_code, [*_pairs(sent.headers), *more])(environ, start)

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
