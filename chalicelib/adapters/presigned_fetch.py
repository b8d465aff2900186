"""Download of a presigned URL, with limits on size and time, for the `inspect` function, which has no rights."""

import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import socket
from urllib.parse import urlsplit

SECONDS = 2.0
"""The limit for the whole download. The function ends after 20 seconds. It reads two files at most, and parsing
them may take 5 s of CPU time, of which the function gets a little more than half."""

_PIECE = 1024 * 1024


def fetch(url: str, *, most: int, seconds: float = SECONDS) -> bytes | None:
    """Return the first `most` bytes of the file at the URL, or None if the download fails.

    The download fails on an HTTP error, a redirect or a timeout. An incomplete download is never returned, because
    it would look like a damaged file. `url` comes from another function of the portal, never from a stranger.
    Proxies are not used."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        raise ValueError("a URL must begin with http:// or https://")
    until = time.monotonic() + seconds
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=seconds)
    try:
        connection.connect()
        wire = connection.sock
        _wait_until(wire, until)
        connection.request("GET", f"{parts.path}?{parts.query}")
        with connection.getresponse() as response:
            return _read_body(response, wire, most, until)
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def _read_body(response: HTTPResponse, wire: socket, most: int, until: float) -> bytes | None:
    if response.status != HTTPStatus.OK:
        return None
    declared, data = int(response.getheader("Content-Length", most)), bytearray()
    while len(data) < most:
        _wait_until(wire, until)
        piece = response.read1(min(_PIECE, most - len(data)))
        if not piece:
            break
        data += piece
    _wait_until(wire, until)
    return bytes(data) if len(data) >= min(declared, most) else None


def _wait_until(wire: socket, until: float) -> None:
    """Set the timeout of the socket's next read to the time that is left. Raises `TimeoutError` if none is left."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    wire.settimeout(left)
