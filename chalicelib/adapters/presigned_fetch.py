"""Fetching what a presigned link leads to, by a function that has no rights of its own."""

import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import socket
from urllib.parse import urlsplit

SECONDS = 2.0
"""For all of it: the function ends after 10 s, and reading the file may take two of them of the processor
(`inspection.py`), of which the function has a little more than half."""

_PIECE = 1024 * 1024


def fetch(url: str, *, most: int, seconds: float = SECONDS) -> bytes | None:
    """The first `most` bytes of it; None where the link is refused or leads elsewhere, or where not all of
    them came in time: half a file must never pass for one that is damaged.

    `url` is made by another function of ours, and never a stranger's. No redirect is followed, and no proxy
    used.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        raise ValueError("a link begins with http:// or https://")
    until = time.monotonic() + seconds
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = make(parts.hostname, parts.port, timeout=seconds)
    try:
        connection.connect()
        wire = connection.sock
        _wait_until(wire, until)
        connection.request("GET", f"{parts.path}?{parts.query}")
        with connection.getresponse() as answer:
            return _whole(answer, wire, most, until)
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def _whole(answer: HTTPResponse, wire: socket, most: int, until: float) -> bytes | None:
    if answer.status != HTTPStatus.OK:
        return None
    declared, data = int(answer.getheader("Content-Length", most)), bytearray()
    while len(data) < most:
        _wait_until(wire, until)
        piece = answer.read1(min(_PIECE, most - len(data)))
        if not piece:
            break
        data += piece
    _wait_until(wire, until)
    return bytes(data) if len(data) >= min(declared, most) else None


def _wait_until(wire: socket, until: float) -> None:
    """The next reading of it waits no longer. `TimeoutError` where that is over."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    wire.settimeout(left)
