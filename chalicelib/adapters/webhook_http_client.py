"""The HTTP client that posts webhooks to the URLs that practices chose: public HTTPS addresses only, no redirects.

The host name is resolved once, every resolved IP address is checked, and the client connects to a checked address. So
a host name that resolves differently a moment later cannot make the portal reach a private address. One deadline (15
seconds) covers the resolution, the connection, TLS, and every byte in both directions."""

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

TOTAL_SECONDS = 15.0
MAX_RESPONSE_BYTES = 64 * 1024
"""The limit of head and body together. Normal responses are far smaller."""

_PORTS = {"https": 443, "http": 80}
_WHOLE = re.compile(r"[0-9]{1,9}")
_CHUNK = 8192
_IN_PATH = "/%:@!$&'()*+,;=~-._"

Resolver = Callable[[str, int], Sequence[str]]


class Refused(Exception):
    """Error of the portal's HTTP client: a webhook was not sent, or its receiver sent no complete response.

    The text of the error explains the cause to the practice that owns the endpoint."""


@dataclass(frozen=True)
class Target:
    """The parts of a webhook URL that a request needs. `path` starts with a slash and includes the query.

    `host` is in ASCII (IDNA), and `port` is the default port of the scheme if the URL has none."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the Host header: an IPv6 address in brackets, and the port unless it is the default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class Deadline:
    """The time limit of one webhook, in seconds from the creation of the object, by the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds until the deadline, for the next socket timeout. Raises `Refused` after the deadline."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Refused(self.message)
        return left

    @property
    def message(self) -> str:
        return f"No response came within {self._seconds:g} seconds."


class HttpsWebhookSender:
    """Sender of webhooks over HTTPS: the `WebhookSender` of `services/ports.py`.

    `allow_loopback` permits plain HTTP and loopback addresses, for the local run only. `tls`, `resolver` and
    `seconds` are for tests."""

    def __init__(
        self,
        *,
        allow_loopback: bool,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
        seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._given_tls = tls
        self._resolver = resolver or resolve
        self._seconds = seconds

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """The settings of TLS connections, created at first use because reading the CA certificates takes 0.1 s."""
        return self._given_tls or ssl.create_default_context()

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpResult:
        """Send one POST request to a practice's endpoint, and return the status of the response, or the error.

        A failure raises nothing: the result's `error` describes it for the practice."""
        deadline = Deadline(self._seconds)
        try:
            target = parse(url)
            with self._connect(target, deadline) as connection:
                _write(connection, _request(target, headers, body), deadline)
                return _read_result(connection, deadline)
        except Refused as refused:
            return HttpResult(None, error=str(refused))
        except TimeoutError:
            return HttpResult(None, error=deadline.message)
        except (OSError, http.client.HTTPException) as error:
            return HttpResult(None, error=_describe(error))

    def _connect(self, target: Target, deadline: Deadline) -> socket.socket:
        """Return a connection to one IP address of the target's host, with TLS for https.

        Raises `Refused` if the host has an address to which the portal may not send, such as a private address."""
        addresses = _resolve_in_time(deadline, lambda: self._resolver(target.host, target.port))
        for address in addresses:
            self._check_address(target, address)
        connection = _connect_to_first(addresses, target.port, deadline)
        try:
            if target.scheme == "http":
                return connection
            connection.settimeout(deadline.left())
            return self._tls.wrap_socket(connection, server_hostname=target.host)
        except BaseException:
            connection.close()
            raise

    def _check_address(self, target: Target, address: str) -> None:
        if self._allow_loopback and is_loopback(address):
            return
        if target.scheme != "https":
            raise Refused("The endpoint must be an https address.")
        if not is_public(address):
            raise Refused("The endpoint's host name leads to an address that is not public.")


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses of a host name, from DNS. `localhost` and its subdomains mean this machine (RFC 6761)."""
    if host == "localhost" or host.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in infos))


def parse(url: str) -> Target:
    """Return the parts of a webhook URL. Raises `Refused` unless it is an http or https URL without a user name."""
    refusal = Refused("The endpoint's address is not a URL that can be posted to.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        ascii_host = host if ":" in host else host.encode("idna").decode().lower()
    except ValueError:
        raise refusal from None
    if parts.scheme not in _PORTS or not ascii_host or "@" in parts.netloc or "%" in host:
        raise refusal
    path = quote(parts.path or "/", safe=_IN_PATH)
    query = f"?{quote(parts.query, safe=_IN_PATH + '?')}" if parts.query else ""
    return Target(parts.scheme, ascii_host, port or _PORTS[parts.scheme], path + query)


def _resolve_in_time(deadline: Deadline, resolver: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Return the IP addresses that `resolver` finds. Raises `Refused` if it finds none before the deadline.

    It runs in a thread, because name resolution cannot be interrupted. After the deadline, its result is lost."""
    addresses: list[str] = []

    def run() -> None:
        with suppress(OSError, ValueError):
            addresses.extend(resolver())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(deadline.left())
    if not addresses:
        raise Refused("The endpoint's host name could not be resolved.")
    return tuple(addresses)


def _connect_to_first(addresses: Sequence[str], port: int, deadline: Deadline) -> socket.socket:
    """Return a TCP connection to the first address that accepts one. Every try gets an equal share of the time left.

    Raises the `OSError` of the last address if no address accepts."""
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
    raise Refused("The endpoint's host name could not be resolved.")


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    own_headers = {"host": target.authority, "content-length": str(len(body)), "connection": "close"}
    lines = [f"POST {target.path} HTTP/1.1"]
    for name, value in {**headers, **own_headers}.items():
        if not value.isprintable():
            raise ValueError(f"the header {name} holds a line end or control character")
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _write(connection: socket.socket, data: bytes, deadline: Deadline) -> None:
    rest = memoryview(data)
    while rest:
        connection.settimeout(deadline.left())
        rest = rest[connection.send(rest) :]


def _read_result(connection: socket.socket, deadline: Deadline) -> HttpResult:
    """Read the response to a webhook, and return its HTTP status and `Retry-After`. The body is discarded."""
    source = _Incoming(connection, deadline)
    response = http.client.HTTPResponse(source, method="POST")  # type: ignore[arg-type]  # - it only calls makefile
    with response:
        response.begin()
        result = HttpResult(response.status, retry_after=_retry_after(response.headers))
        with suppress(OSError, http.client.HTTPException, Refused):
            while response.read(_CHUNK):
                pass
    return result


def _retry_after(headers: Message) -> int | None:
    """Return the seconds that the receiver asks to wait in `Retry-After`, or None if it asks for nothing valid.

    If the header has a date, the seconds count from the date in the response's `Date` header."""
    text = (headers.get("retry-after") or "").strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        until = parsedate_to_datetime(text)
        wait = until - parsedate_to_datetime(headers.get("date") or "")
    except (TypeError, ValueError):
        return None
    return max(0, int(wait / timedelta(seconds=1)))


_MESSAGES: Sequence[tuple[type[Exception], str]] = (
    (ssl.SSLCertVerificationError, "The endpoint's certificate is not valid for its host name."),
    (ssl.SSLError, "The TLS connection failed."),
    (ConnectionRefusedError, "The connection was refused."),
    (ConnectionError, "The receiver closed the connection without a response."),
    (http.client.HTTPException, "The response was not HTTP."),
)


def _describe(error: Exception) -> str:
    messages = (message for kind, message in _MESSAGES if isinstance(error, kind))
    return next(messages, "The receiver could not be reached.")


class _Incoming(io.RawIOBase):
    """The bytes that arrive on a webhook's connection, as a stream for Python's `HTTPResponse`.

    A read raises `Refused` after the deadline, or after more than `MAX_RESPONSE_BYTES`."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._room = MAX_RESPONSE_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._room <= 0:
            raise Refused("The response was too large.")
        self._connection.settimeout(self._deadline.left())
        read = self._connection.recv_into(memoryview(buffer)[: self._room])
        self._room -= read
        return read

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a buffered reader of the connection. This is the only method of a socket that `HTTPResponse` calls."""
        return io.BufferedReader(self)
