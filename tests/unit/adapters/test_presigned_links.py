"""Test downloads and uploads by presigned links, against servers on this machine.

A download is whole and in time, or it fails. An upload follows its form."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from chalicelib.adapters.presigned_links import PresignedLinks, fetch
from chalicelib.domain.errors import Unavailable
from chalicelib.services.pdf_requests import SourceLink, UploadLink
from chalicelib.services.ports import StoredFileCorrupt

MOST = 10_000
SECONDS = 0.3


@contextmanager
def server(*pieces: bytes, pause: float = 0.0) -> Iterator[str]:
    """Yield the URL of a server that sends these pieces of a response, after a pause (seconds) each, and hangs up."""

    def answer() -> None:
        wire, _ = listening.accept()
        with wire:
            wire.recv(65536)
            for piece in pieces:
                time.sleep(pause)
                try:
                    wire.sendall(piece)
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/uploads/x?signed=1"
        finally:
            thread.join()


def head(length: int, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def fetched(link: str) -> bytes | None:
    return fetch(link, most=MOST, seconds=SECONDS)


@pytest.mark.parametrize("more", ["", "Connection: close\r\n"])
def test_the_whole_file_is_fetched(more: str) -> None:
    with server(head(1000, more=more) + b"x" * 1000) as link:
        assert fetched(link) == b"x" * 1000


def test_the_start_of_a_too_large_file_is_fetched() -> None:
    with server(head(MOST + 500) + b"x" * (MOST + 500)) as link:
        assert fetched(link) == b"x" * MOST


def test_half_a_file_is_not_returned() -> None:
    with server(head(1000) + b"x" * 500) as link:
        assert fetched(link) is None


def test_a_chunked_file_that_breaks_off_is_not_returned() -> None:
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n"
    with server(begun + b"x" * 100) as link:
        assert fetched(link) is None


def test_a_slow_file_is_not_returned_after_the_time_limit() -> None:
    """Each piece arrives within the time limit, but the whole file takes longer than the limit."""
    with server(head(10), *[b"x"] * 10, pause=SECONDS / 5) as link:
        began = time.monotonic()
        assert fetched(link) is None
        assert time.monotonic() - began < SECONDS * 1.5


def test_a_silent_server_returns_nothing() -> None:
    with server(head(1), b"x", pause=SECONDS * 2) as link:
        assert fetched(link) is None


@pytest.mark.parametrize("status", ["302 Found", "403 Forbidden", "404 Not Found", "206 Partial Content"])
def test_another_status_returns_nothing_and_redirects_are_not_followed(status: str) -> None:
    with (
        server(head(5) + b"other") as elsewhere,
        server(head(4, status, f"Location: {elsewhere}\r\n") + b"here") as link,
    ):
        assert fetched(link) is None
        assert fetched(elsewhere) == b"other"


def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with server(head(4) + b"here") as link:
        assert fetched(link) == b"here"


def test_a_refused_connection_returns_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert fetched(f"http://127.0.0.1:{port}/x") is None


@pytest.mark.parametrize("link", ["file:///etc/passwd", "ftp://files.test/x", "https:///x"])
def test_only_http_urls_are_fetched(link: str) -> None:
    with pytest.raises(ValueError, match="must begin with"):
        fetched(link)


# The links of a request


def test_a_source_is_read_only_with_the_bytes_of_the_request() -> None:
    sha256 = hashlib.sha256(b"x" * 10).hexdigest()
    with server(head(10) + b"x" * 10) as link:
        assert PresignedLinks().read(SourceLink(link, sha256)) == b"x" * 10
    with server(head(10) + b"y" * 10) as link, pytest.raises(StoredFileCorrupt):
        PresignedLinks().read(SourceLink(link, sha256))
    with server(head(0, "403 Forbidden")) as link, pytest.raises(Unavailable):
        PresignedLinks().read(SourceLink(link, sha256))


FIELDS = {"key": "pages/doc_1/${filename}", "policy": "p", "x-amz-signature": "s"}


@contextmanager
def bucket(*statuses: str) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the URL of a server that replaces the bucket, and the list of the request bodies that it gets.

    It responds to one request per status. For the status `drop`, it hangs up without a response."""
    bodies: list[bytes] = []

    def take(wire: socket.socket, waiting: list[str]) -> None:
        while waiting:
            received = wire.makefile("rb")
            length = 0
            while (line := received.readline().strip()) != b"":
                length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else length
            if not length:
                return
            bodies.append(received.read(length))
            status = waiting.pop(0)
            if status == "drop":
                return
            wire.sendall(head(0, status))

    def answer() -> None:
        waiting = list(statuses)
        while waiting:
            wire, _ = listening.accept()
            with wire:
                take(wire, waiting)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/", bodies
        finally:
            thread.join()


def upload(url: str, *files: tuple[bytes, str]) -> None:
    with closing(PresignedLinks()) as links:
        for data, name in files:
            links.write(UploadLink(url, FIELDS), data, "image/png", name=name)


def test_an_upload_is_a_form_whose_last_field_is_the_file() -> None:
    with bucket("204 No Content", "204 No Content") as (url, bodies):
        upload(url, (b"%PDF", "2-750"), (b"more", "3-750"))
    parts = bodies[0].split(b"\r\n--")
    names = [part.split(b'name="')[1].split(b'"')[0] for part in parts[:-1]]
    assert names == [b"key", b"policy", b"x-amz-signature", b"Content-Type", b"file"]
    assert b"pages/doc_1/2-750" in parts[0]
    assert parts[-2].endswith(b"Content-Type: image/png\r\n\r\n%PDF")
    assert b"pages/doc_1/3-750" in bodies[1]


def test_an_upload_on_a_closed_connection_is_sent_once_more() -> None:
    with bucket("drop", "204 No Content") as (url, bodies):
        upload(url, (b"%PDF", "1-750"))
    assert bodies[0] == bodies[1]


def test_a_refused_upload_is_an_error() -> None:
    with bucket("403 Forbidden", "403 Forbidden") as (url, _), pytest.raises(Unavailable):
        upload(url, (b"%PDF", "1-750"))
