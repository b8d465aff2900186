"""A timestamp authority (a service that certifies when a seal existed) over HTTPS, whose replies a test decides."""

import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, repeat
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.pdf import sealing_key
from tests.support.pdf.sealing_key import Authority

AGE = dt.timedelta(days=1000)
"""The age of the authority's certificate, so that a backdated token can have a valid certificate chain."""

Reply = Callable[[bytes, Authority], bytes]


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def reply_honestly(query: bytes, authority: Authority) -> bytes:
    return sealing_key.timestamps(query, at=now(), by=authority)


@dataclass
class TimestampServer:
    """A running timestamp authority at `url`. `queries` counts the requests.

    `certificate_file` (PEM) is the TLS certificate that its clients must trust. `replies` are the next replies."""

    url: str
    certificate_file: Path
    authority: Authority
    replies: Iterator[Reply] = field(default_factory=lambda: repeat(reply_honestly))
    queries: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def pins(self) -> str:
        """The fingerprint of the authority's certificate, as a deployment lists it in `TimestampAuthorityPins` to trust
        it."""
        (pin,) = sealing_key.pins_of(self.authority)
        return pin

    def answer(self, query: bytes) -> bytes:
        with self._lock:
            self.queries += 1
            return next(self.replies)(query, self.authority)

    @contextlib.contextmanager
    def replying(self, *replies: Reply) -> Iterator[None]:
        """Make the authority reply to requests in these ways in turn, until the end of the `with` block.

        A reply is a function of the request and the authority, for example one that returns a timestamp of a wrong
        time."""
        honest, self.replies = self.replies, cycle(replies)
        try:
            yield
        finally:
            self.replies = honest


class _Server(ThreadingHTTPServer):
    running: TimestampServer


class _Handler(BaseHTTPRequestHandler):
    """A handler of timestamp requests over HTTP (RFC 3161, section 3.4). A request to the path `/moved` is
    redirected."""

    def do_POST(self) -> None:
        assert isinstance(self.server, _Server)
        answer = self.server.running.answer(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/")
        self.send_header("Content-Type", "application/timestamp-reply")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def running_timestamp_server(folder: Path) -> Iterator[TimestampServer]:
    """Run a timestamp authority on this machine until the end of the block, and yield it.

    Its TLS certificate and key are written to `folder`."""
    certificate, key = write_tls_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = f"https://localhost:{server.server_port}/"
        server.running = running = TimestampServer(url, certificate, sealing_key.authority(at=now() - AGE))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield running
        server.shutdown()


def write_tls_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed TLS certificate for `localhost` and its key to `folder`. Return the paths of both files."""
    key, at = ec.generate_private_key(ec.SECP256R1()), now()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - dt.timedelta(days=1))
        .not_valid_after(at + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "tls.pem", folder / "tls.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return files
