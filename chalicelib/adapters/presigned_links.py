"""Downloads and uploads by presigned S3 links, for the Lambda functions without any AWS rights (`inspect`, `pdf`).

These functions parse strangers' files, so they reach only the files whose links a call contains. `PresignedLinks`
implements the `LinkedFiles` of `services/ports.py`."""

import hashlib
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from secrets import token_hex
from socket import socket
from urllib.parse import urlsplit

from chalicelib.domain.errors import Unavailable
from chalicelib.services.pdf_requests import MAX_WORK_BYTES, SourceLink, UploadLink
from chalicelib.services.ports import StoredFileCorrupt

SECONDS = 2.0
"""The limit for the whole download of an inspected file. The function ends after 20 seconds. It reads two files at
most, and parsing them may take 5 s of CPU time, of which the function gets a little more than half.
"""

WORK_SECONDS = 20.0
"""The limit in seconds for one download of a background job, and for one step of an upload."""

_PIECE = 1024 * 1024
_CONNECTIONS: Mapping[str, type[HTTPConnection]] = {"https": HTTPSConnection, "http": HTTPConnection}
_FILE_NAME = "${filename}"
_FAILED = "The file could not be read or written right now."


def fetch(url: str, *, most: int, seconds: float = SECONDS) -> bytes | None:
    """Return the file at a presigned URL, cut off after `most` bytes, or None if the download fails.

    The download fails after an HTTP error, a redirect, or more than `seconds`. It also fails if the connection ends too
    early, because an incomplete file would look like a damaged file. `url` comes from another function of the portal,
    never from a stranger. Raises `ValueError` for a URL without http or https."""
    parts = urlsplit(url)
    if parts.scheme not in _CONNECTIONS or parts.hostname is None:
        raise ValueError("a URL must begin with http:// or https://")
    until = time.monotonic() + seconds
    connection = _CONNECTIONS[parts.scheme](parts.hostname, parts.port, timeout=seconds)
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
    """Set the timeout of the socket's next read to the time left until `until`, by the monotonic clock.

    Raises `TimeoutError` if no time is left."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    wire.settimeout(left)


class PresignedLinks:
    """Reader and writer of the files behind the links in one request to a function without rights.

    Writes to the same host reuse one connection, which `close` ends."""

    def __init__(self) -> None:
        self._connection: HTTPConnection | None = None
        self._host = ""

    def read(self, link: SourceLink) -> bytes:
        data = fetch(link.url, most=MAX_WORK_BYTES, seconds=WORK_SECONDS)
        if data is None:
            raise Unavailable(_FAILED)
        if hashlib.sha256(data).hexdigest() != link.sha256:
            raise StoredFileCorrupt("the file has other bytes than the request says")
        return data

    def write(self, link: UploadLink, data: bytes, content_type: str, *, name: str = "") -> None:
        fields = {key: value.replace(_FILE_NAME, name) for key, value in link.fields.items()}
        boundary = token_hex(16)
        body = _form({**fields, "Content-Type": content_type}, data, content_type, boundary)
        parts = urlsplit(link.url)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        connection = self._connect(parts.scheme, parts.netloc)
        # S3 may have closed the connection since the last file, so a failed request is sent once more.
        if not any(_post(connection, parts.path or "/", body, headers) for _ in range(2)):
            raise Unavailable(_FAILED)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connect(self, scheme: str, host: str) -> HTTPConnection:
        if self._connection is None or self._host != host:
            self._connection, self._host = _CONNECTIONS[scheme](host, timeout=WORK_SECONDS), host
        return self._connection


def _post(connection: HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> bool:
    """Send a POST request with a file to S3. Return True if S3 stored the file, and False after any error."""
    try:
        connection.request("POST", path, body=body, headers=headers)
        with connection.getresponse() as response:
            response.read()
    except (OSError, HTTPException):
        connection.close()
        return False
    return response.status in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT)


def _form(fields: dict[str, str], data: bytes, content_type: str, boundary: str) -> bytes:
    """Return the body of a multipart form with the fields and the file. The file is the last field, as S3 requires."""
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
    file += f"Content-Type: {content_type}\r\n\r\n"
    return b"".join(((head + file).encode(), data, f"\r\n--{boundary}--\r\n".encode()))
