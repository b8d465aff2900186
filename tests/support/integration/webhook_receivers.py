"""A receiver of webhooks on this machine, as an EMR has one, that responds well or badly as a test prescribes."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from standardwebhooks import Webhook

LONGEST_REQUEST = 1 << 20
SECONDS_BETWEEN_DRIPS = 0.05

Behaviour = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Received:
    """One webhook request that the receiver got completely."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """Return True if this webhook secret has signed the webhook, according to the official Standard Webhooks
        library."""
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        expected = Webhook(secret).sign(self.id, at, self.body.decode())
        return expected in self.headers["webhook-signature"].split()


@dataclass
class Receiver:
    """A server on 127.0.0.1 that receives webhooks, as an EMR does.

    Each function in `script` responds to one request, for example with an error. Later requests get status 204."""

    script: list[Behaviour] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    port: int = 0
    _listener: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def ids(self) -> set[str]:
        return {request.id for request in self.received}

    def bodies(self, webhook_id: str) -> set[bytes]:
        return {request.body for request in self.received if request.id == webhook_id}

    def up(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen()
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Stop listening, so that the portal's connections are refused, as if the EMR's server were down."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                self._meet(connection)

    def _meet(self, connection: socket.socket) -> None:
        request = read_request(connection)
        self.received.append(request)
        if self.script:
            self.script.pop(0)(connection)
        else:
            self.accepted.append(request.id)
            answers(204)(connection)


def read_request(connection: socket.socket) -> Received:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection, data)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (re.split(r":\s*", line, maxsplit=1) for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += _more(connection, body)
    return Received(first.split()[1], headers, body)


def _more(connection: socket.socket, data: bytes) -> bytes:
    got = connection.recv(65536)
    if not got or len(data) > LONGEST_REQUEST:
        raise ConnectionError("the request ended early, or never")
    return got


# Behaviours


def answers(status: int, **headers: str) -> Behaviour:
    """Return a function for `Receiver.script` that responds to a webhook with this status.

    The keyword `retry_after="120"` becomes the header `retry-after: 120`."""
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    text = f"HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n{named}\r\n".encode()
    return lambda connection: connection.sendall(text)


def asks_to_wait_until(moment: datetime) -> Behaviour:
    now = datetime.now(UTC)
    return answers(503, date=format_datetime(now, usegmt=True), retry_after=format_datetime(moment, usegmt=True))


def hangs_up(connection: socket.socket) -> None:
    """Close the connection of a webhook without a response (for `Receiver.script`)."""
    connection.shutdown(socket.SHUT_RDWR)


def drips_headers(connection: socket.socket) -> None:
    """Respond to a webhook with a header that comes byte by byte for ten seconds (for `Receiver.script`).

    No single read of the portal waits for long, so only a deadline for the whole response ends it."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
    _for_ever(connection, b"a", pause=SECONDS_BETWEEN_DRIPS)


def answers_without_end(connection: socket.socket) -> None:
    """Respond to a webhook with status 200 and a body that does not end for ten seconds (for `Receiver.script`)."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    _for_ever(connection, b"x" * 8192, pause=0)


def sends_headers_without_end(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    _for_ever(connection, b"x-more: " + b"x" * 1000 + b"\r\n", pause=0)


def _for_ever(connection: socket.socket, piece: bytes, *, pause: float) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        connection.sendall(piece)
        time.sleep(pause)
    raise AssertionError("the sender listened for ten seconds")


@contextlib.contextmanager
def a_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.up()
    yield receiver
    receiver.down()
