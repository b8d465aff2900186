"""Posting to an address that a stranger named: public HTTPS only, no redirects, 15 s in all.

The name is resolved once, every address is judged, and the connection goes to one of those very addresses:
a name that resolves differently a moment later changes nothing. One deadline covers resolving, connecting,
TLS, and every byte in either direction, however slowly it drips.
"""

import http.client
import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib.adapters.public_addresses import is_loopback, is_public
from chalicelib.services.ports import HttpResult

SECONDS_IN_ALL = 15.0
MAX_ANSWER_BYTES = 64 * 1024
"""Head and body together; what a decent receiver says is far below."""

_PORTS = {"https": 443, "http": 80}
_WHOLE = re.compile(r"[0-9]{1,9}")
_CHUNK = 8192
_IN_PATH = "/%:@!$&'()*+,;=~-._"

Resolver = Callable[[str, int], Sequence[str]]


class Refused(Exception):
    """It was not sent, or no whole answer came; the text is for the owner of the endpoint."""


@dataclass(frozen=True)
class Target:
    """An endpoint's URL in parts. `host` is ASCII; `path` starts with a slash and holds the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header: an IPv6 address in brackets, the port only where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class Deadline:
    """Seconds left of those given at its making, by the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Raises `Refused` when none are left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Refused(self.words)
        return left

    @property
    def words(self) -> str:
        return f"No answer came within {self._seconds:g} seconds."


class HttpsWebhookSender:
    """`allow_loopback` lets plain HTTP and loopback addresses in, for the local run; nothing else changes.

    `tls`, `resolver` and `seconds` are for tests.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
        seconds: float = SECONDS_IN_ALL,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._given_tls = tls
        self._resolver = resolver or addresses_of
        self._seconds = seconds

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Reading the system's authorities takes a tenth of a second."""
        return self._given_tls or ssl.create_default_context()

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpResult:
        """One try. Never raises for what a receiver does: it is in the answer's `status` or `error`."""
        deadline = Deadline(self._seconds)
        try:
            target = parse(url)
            with self._connect(target, deadline) as connection:
                _write(connection, _request(target, headers, body), deadline)
                return _answer(connection, deadline)
        except Refused as refused:
            return HttpResult(None, error=str(refused))
        except TimeoutError:
            return HttpResult(None, error=deadline.words)
        except (OSError, http.client.HTTPException) as error:
            return HttpResult(None, error=_trouble(error))

    def _connect(self, target: Target, deadline: Deadline) -> socket.socket:
        """A connection to one of the name's addresses, all of which must be allowed, TLS included."""
        addresses = _within(deadline, lambda: self._resolver(target.host, target.port))
        for each in addresses:
            self._judge(target, each)
        connection = _first_to_answer(addresses, target.port, deadline)
        try:
            if target.scheme == "http":
                return connection
            connection.settimeout(deadline.left())
            return self._tls.wrap_socket(connection, server_hostname=target.host)
        except BaseException:
            connection.close()
            raise

    def _judge(self, target: Target, address: str) -> None:
        if self._allow_loopback and is_loopback(address):
            return
        if target.scheme != "https":
            raise Refused("The endpoint must be an https address.")
        if not is_public(address):
            raise Refused("The endpoint's name leads to an address that is not public.")


def addresses_of(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, each once. `localhost` and names below it are this machine (RFC 6761)."""
    if host == "localhost" or host.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


def parse(url: str) -> Target:
    """The URL in parts; `Refused` for what is not a plain http or https URL."""
    wrong = Refused("The endpoint's address is not a URL that can be posted to.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        ascii_host = host if ":" in host else host.encode("idna").decode().lower()
    except ValueError:
        raise wrong from None
    if parts.scheme not in _PORTS or not ascii_host or "@" in parts.netloc or "%" in host:
        raise wrong
    path = quote(parts.path or "/", safe=_IN_PATH)
    query = f"?{quote(parts.query, safe=_IN_PATH + '?')}" if parts.query else ""
    return Target(parts.scheme, ascii_host, port or _PORTS[parts.scheme], path + query)


def _within(deadline: Deadline, resolving: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Resolving cannot be interrupted, so it happens apart and is left behind when it takes too long."""
    found: list[str] = []

    def look() -> None:
        with suppress(OSError, ValueError):
            found.extend(resolving())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(deadline.left())
    if not found:
        raise Refused("The endpoint's name could not be resolved.")
    return tuple(found)


def _first_to_answer(addresses: Sequence[str], port: int, deadline: Deadline) -> socket.socket:
    """Tries one address after another, each for its share of the time that is left."""
    for position, address in enumerate(addresses):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(deadline.left() / (len(addresses) - position))
        try:
            connection.connect((address, port))
        except OSError:
            connection.close()
            if position == len(addresses) - 1:
                raise
        else:
            return connection
    raise Refused("The endpoint's name could not be resolved.")


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    ours = {"host": target.authority, "content-length": str(len(body)), "connection": "close"}
    lines = [f"POST {target.path} HTTP/1.1"]
    for name, value in {**headers, **ours}.items():
        if not value.isprintable():
            raise ValueError(f"the header {name} holds a line end or control character")
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _write(connection: socket.socket, data: bytes, deadline: Deadline) -> None:
    rest = memoryview(data)
    while rest:
        connection.settimeout(deadline.left())
        rest = rest[connection.send(rest) :]


def _answer(connection: socket.socket, deadline: Deadline) -> HttpResult:
    """The status and what it asks. What comes of the body is read only out of politeness, and bounded."""
    source = _Source(_Incoming(connection, deadline))
    response = http.client.HTTPResponse(source, method="POST")  # type: ignore[arg-type]  # - it only calls makefile
    with response:
        response.begin()
        found = HttpResult(response.status, retry_after=_retry_after(response.headers))
        with suppress(OSError, http.client.HTTPException, Refused):
            _drain(response)
    return found


def _drain(response: http.client.HTTPResponse) -> None:
    while response.read(_CHUNK):
        pass


def _retry_after(headers: Message) -> int | None:
    """Whole seconds; a date is taken by the receiver's own clock, and without that not at all."""
    text = (headers.get("retry-after") or "").strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        until = parsedate_to_datetime(text)
        wait = until - parsedate_to_datetime(headers.get("date") or "")
    except (TypeError, ValueError):
        return None
    return max(0, int(wait / timedelta(seconds=1)))


_TROUBLES: Sequence[tuple[type[Exception], str]] = (
    (ssl.SSLCertVerificationError, "The endpoint's certificate is not valid for its name."),
    (ssl.SSLError, "The TLS connection failed."),
    (ConnectionRefusedError, "The connection was refused."),
    (ConnectionError, "The receiver hung up without an answer."),
    (http.client.HTTPException, "The answer was not HTTP."),
)


def _trouble(error: Exception) -> str:
    known = (words for kind, words in _TROUBLES if isinstance(error, kind))
    return next(known, "The receiver could not be reached.")


class _Incoming(io.RawIOBase):
    """What comes in, by the deadline and up to a limit that a decent answer stays far below."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._room = MAX_ANSWER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._room <= 0:
            raise Refused("The answer was too large.")
        self._connection.settimeout(self._deadline.left())
        read = self._connection.recv_into(memoryview(buffer)[: self._room])
        self._room -= read
        return read


class _Source:
    """The one thing of a socket that `HTTPResponse` asks for."""

    def __init__(self, incoming: _Incoming) -> None:
        self._incoming = incoming

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode
        return io.BufferedReader(self._incoming)
