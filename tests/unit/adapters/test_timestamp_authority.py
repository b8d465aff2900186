"""Test the client of the timestamp authority."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chalicelib.adapters.timestamp_authority import HttpTimestampAuthority


class Authority(BaseHTTPRequestHandler):
    """A fake timestamp authority that returns the query as the response. The path `/moved` redirects."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Authority)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_local_authority_is_asked(address: str) -> None:
    assert HttpTimestampAuthority(address, allow_loopback=True).request(b"query") == b"query"


def test_a_redirect_is_not_followed(address: str) -> None:
    with pytest.raises(OSError, match="302"):
        HttpTimestampAuthority(f"{address}/moved", allow_loopback=True).request(b"query")


@pytest.mark.parametrize("url", ["http://tsa.example.com", "http://localhost.example.com", "ftp://localhost"])
def test_an_address_without_encryption_is_refused(url: str) -> None:
    for allowed in (False, True):
        with pytest.raises(ValueError, match="https"):
            HttpTimestampAuthority(url, allow_loopback=allowed)


def test_an_authority_on_this_machine_is_only_for_local_runs() -> None:
    with pytest.raises(ValueError, match="https"):
        HttpTimestampAuthority("http://127.0.0.1:9000")
