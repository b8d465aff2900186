"""A server on this machine for the tests of HTTP clients, which can misbehave in every way."""

import socket
import ssl
import threading
from collections.abc import Callable

Behavior = Callable[[socket.socket, bytes], None]


class Server:
    """A server on this machine that reads one request per connection and then calls `behavior`, such as to hang."""

    def __init__(self, behavior: Behavior, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self._behavior = behavior
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, plain: socket.socket) -> None:
        try:
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            with connection:
                request = read_request(connection)
                self.requests.append(request)
                self._behavior(connection, request)
        except OSError:
            plain.close()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def read_request(connection: socket.socket) -> bytes:
    """Return the bytes of one HTTP request with a `content-length`."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += receive(connection)
    return head + b"\r\n\r\n" + body


def receive(connection: socket.socket) -> bytes:
    """Return what arrives next. Raises `ConnectionError` if the client has left, because a loop would wait for ever."""
    if not (part := connection.recv(65536)):
        raise ConnectionError("the client closed the connection")
    return part


def says(answer: bytes) -> Behavior:
    """Return the behavior of a server that sends these bytes as its answer."""
    return lambda connection, _: connection.sendall(answer)
