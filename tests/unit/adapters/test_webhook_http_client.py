"""Test the HTTP client that posts webhooks, against good and bad servers and misleading addresses."""

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.adapters import webhook_http_client
from chalicelib.adapters.webhook_http_client import HttpsWebhookSender, Target, parse, resolve
from chalicelib.services.ports import HttpResult
from tests.support.raw_server import Behavior, Server, says

HOST = "emr.clinic.test"
HEADERS = {"content-type": "application/json", "webhook-id": "evt_1"}
BODY = b'{"type":"document.viewed"}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Server] = []

    def start(behavior: Behavior | bytes, tls: ssl.SSLContext | None = None) -> Server:
        does = behavior if callable(behavior) else says(behavior)
        running.append(Server(does, tls))
        return running[-1]

    yield start
    for server in running:
        server.close()


def post(server: Server, *, seconds: float = 5) -> HttpResult:
    sender = HttpsWebhookSender(allow_loopback=True, seconds=seconds)
    return sender.post(f"http://127.0.0.1:{server.port}/hooks?a=1", headers=HEADERS, body=BODY)


def resolving(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda *_: addresses


# What is sent, and what comes back


def test_the_request_arrives_complete(serve: Serve) -> None:
    server = serve(OK)
    assert post(server) == HttpResult(200)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /hooks?a=1 HTTP/1.1",
        b"content-type: application/json",
        b"webhook-id: evt_1",
        f"host: 127.0.0.1:{server.port}".encode(),
        b"content-length: 26",
        b"connection: close",
    ]
    assert body == BODY


@pytest.mark.parametrize("status", [200, 204, 400, 410, 500, 503])
def test_the_status_is_returned_unchanged(serve: Serve, status: int) -> None:
    server = serve(f"HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n".encode())
    assert post(server) == HttpResult(status)


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    other = serve(OK)
    location = f"http://127.0.0.1:{other.port}/".encode()
    server = serve(b"HTTP/1.1 301 Moved\r\nlocation: " + location + b"\r\ncontent-length: 0\r\n\r\n")
    assert post(server) == HttpResult(301)
    assert other.requests == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (b"retry-after: 120", 120),
        (b"Retry-After:  0 ", 0),
        (b"date: Sun, 22 Nov 2026 19:00:00 GMT\r\nretry-after: Sun, 22 Nov 2026 19:05:00 GMT", 300),
        (b"date: Sun, 22 Nov 2026 19:00:00 GMT\r\nretry-after: Sun, 22 Nov 2026 18:00:00 GMT", 0),
        (b"retry-after: Sun, 22 Nov 2026 19:05:00 GMT", None),
        (b"retry-after: soon", None),
        (b"retry-after: -5", None),
        (b"x: y", None),
    ],
)
def test_both_forms_of_retry_after_are_read(serve: Serve, headers: bytes, seconds: int | None) -> None:
    server = serve(b"HTTP/1.1 429 Slow down\r\n" + headers + b"\r\ncontent-length: 0\r\n\r\n")
    assert post(server) == HttpResult(429, retry_after=seconds)


# Receivers that misbehave


def drip(data: bytes, every: float) -> Behavior:
    def behave(connection: socket.socket, _: bytes) -> None:
        for position in range(len(data)):
            connection.sendall(data[position : position + 1])
            time.sleep(every)

    return behave


def sleep(connection: socket.socket, request: bytes) -> None:
    del connection, request
    time.sleep(5)


def endless(connection: socket.socket, request: bytes) -> None:
    del request
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 4096)


def endless_headers(connection: socket.socket, request: bytes) -> None:
    del request
    connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        connection.sendall(b"y" * 4096)


def many_continues(connection: socket.socket, request: bytes) -> None:
    del request
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def hang_up(connection: socket.socket, request: bytes) -> None:
    del connection, request


@pytest.mark.parametrize(
    "behavior", [sleep, drip(OK * 99, 0.05), drip(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 99, 0.02)]
)
def test_a_slow_receiver_is_abandoned_at_the_deadline(serve: Serve, behavior: Behavior) -> None:
    server = serve(behavior)
    started = time.monotonic()
    result = post(server, seconds=0.5)
    assert time.monotonic() - started < 1
    assert result in (HttpResult(None, error="No response came within 0.5 seconds."), HttpResult(200))


def test_slow_headers_are_no_response(serve: Serve) -> None:
    server = serve(drip(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 99, 0.02))
    assert post(server, seconds=0.3) == HttpResult(None, error="No response came within 0.3 seconds.")


def test_an_endless_body_is_abandoned_and_its_status_counts(serve: Serve) -> None:
    started = time.monotonic()
    assert post(serve(endless)) == HttpResult(200)
    assert time.monotonic() - started < 2


def test_a_body_that_drips_ends_at_the_deadline_and_its_status_counts(serve: Serve) -> None:
    def behave(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        drip(b"x" * 1000, 0.05)(connection, request)

    started = time.monotonic()
    assert post(serve(behave), seconds=0.5) == HttpResult(200)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("behavior", [endless_headers, many_continues])
def test_an_endless_head_is_no_response(serve: Serve, behavior: Behavior) -> None:
    started = time.monotonic()
    result = post(serve(behavior))
    assert time.monotonic() - started < 2
    assert result.status is None
    assert result.error in ("The response was too large.", "The response was not HTTP.")


@pytest.mark.parametrize(
    ("behavior", "words"),
    [
        (hang_up, "The receiver closed the connection without a response."),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "The response was not HTTP."),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n", "The response was not HTTP."),
    ],
)
def test_a_broken_response_gives_a_message(serve: Serve, behavior: Behavior | bytes, words: str) -> None:
    assert post(serve(behavior)) == HttpResult(None, error=words)


def test_a_closed_port_gives_a_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sender = HttpsWebhookSender(allow_loopback=True)
    result = sender.post(f"http://127.0.0.1:{port}/", headers={}, body=b"")
    assert result == HttpResult(None, error="The connection was refused.")


def test_a_slow_resolution_ends_at_the_deadline() -> None:
    threads: list[threading.Thread] = []

    def slow(*_: object) -> Sequence[str]:
        threads.append(threading.current_thread())
        time.sleep(3)
        return ("127.0.0.1",)

    started = time.monotonic()
    sender = HttpsWebhookSender(allow_loopback=True, resolver=slow, seconds=0.3)
    result = sender.post("http://slow.test/", headers={}, body=b"")
    assert threads[0].daemon, "the process can end before the resolution"
    assert result == HttpResult(None, error="The endpoint's host name could not be resolved.")
    assert time.monotonic() - started < 1


def test_a_header_with_a_line_end_is_never_sent(serve: Serve) -> None:
    server = serve(OK)
    sender = HttpsWebhookSender(allow_loopback=True)
    with pytest.raises(ValueError, match="webhook-id"):
        sender.post(f"http://127.0.0.1:{server.port}/", headers={"webhook-id": "a\r\nx: y"}, body=b"")
    assert server.requests == []


# Where it may go


def test_one_private_address_refuses_the_host() -> None:
    sender = HttpsWebhookSender(allow_loopback=False, resolver=resolving("8.8.8.8", "::1"))
    result = sender.post("https://emr.example.com/", headers={}, body=b"")
    assert result.error == "The endpoint's host name leads to an address that is not public."


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://portal.localhost/",
        "https://0/",
        "https://①②⑦.⓪.⓪.①/",
    ],
)
def test_no_spelling_of_a_loopback_address_is_reached(url: str) -> None:
    result = HttpsWebhookSender(allow_loopback=False).post(url, headers={}, body=b"")
    assert result.status is None
    assert result.error in (
        "The endpoint's host name leads to an address that is not public.",
        "The endpoint's host name could not be resolved.",
    )


def test_a_host_is_resolved_once_so_dns_rebinding_fails(serve: Serve) -> None:
    server = serve(OK)
    asked: list[str] = []

    def rebinding(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",) if len(asked) == 1 else ("10.0.0.1",)

    sender = HttpsWebhookSender(allow_loopback=True, resolver=rebinding)
    assert sender.post(f"http://rebinding.test:{server.port}/", headers={}, body=b"") == HttpResult(200)
    assert asked == ["rebinding.test"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://emr.example.com/",
        "file:///etc/passwd",
        "gopher://emr.example.com/",
        "//emr.example.com/",
        "emr",
        "https:///path",
        "https://user:secret@emr.example.com/",
        "https://emr.example.com:99999/",
        "https://[fe80::1%25eth0]/",
        "https://" + "a" * 64 + ".com/",
        "",
    ],
)
def test_an_invalid_url_is_refused(url: str) -> None:
    result = HttpsWebhookSender(allow_loopback=True).post(url, headers={}, body=b"")
    assert result == HttpResult(None, error="The endpoint's address is not a URL that can be posted to.")


@pytest.mark.parametrize("allow_loopback", [True, False])
def test_plain_http_is_only_sent_to_this_machine(*, allow_loopback: bool) -> None:
    sender = HttpsWebhookSender(allow_loopback=allow_loopback, resolver=resolving("8.8.8.8"))
    result = sender.post("http://emr.example.com/", headers={}, body=b"")
    assert result == HttpResult(None, error="The endpoint must be an https address.")


def test_without_the_local_setting_http_to_this_machine_is_refused(serve: Serve) -> None:
    server = serve(OK)
    sender = HttpsWebhookSender(allow_loopback=False)
    result = sender.post(f"http://127.0.0.1:{server.port}/", headers={}, body=b"")
    assert result == HttpResult(None, error="The endpoint must be an https address.")
    assert server.requests == []


def test_the_local_setting_permits_no_private_network() -> None:
    sender = HttpsWebhookSender(allow_loopback=True, resolver=resolving("10.0.0.1"))
    result = sender.post("https://emr.example.com/", headers={}, body=b"")
    assert result.error == "The endpoint's host name leads to an address that is not public."


def test_names_below_localhost_are_this_machine(serve: Serve) -> None:
    server = serve(OK)
    sender = HttpsWebhookSender(allow_loopback=True)
    assert sender.post(f"http://clinic.localhost:{server.port}/", headers={}, body=b"") == HttpResult(200)


def test_only_localhost_means_this_machine_without_dns() -> None:
    assert resolve("localhost", 443) == ("127.0.0.1", "::1")
    assert resolve("192.0.2.7", 443) == ("192.0.2.7",)


def test_the_next_address_is_tried_when_one_does_not_answer(serve: Serve) -> None:
    server = serve(OK)
    sender = HttpsWebhookSender(allow_loopback=True, resolver=resolving("::1", "127.0.0.1"))
    assert sender.post(f"http://two.test:{server.port}/", headers={}, body=b"") == HttpResult(200)


@pytest.mark.parametrize("seconds", [0, -1])
def test_after_the_deadline_no_time_is_left(seconds: float) -> None:
    with pytest.raises(webhook_http_client.Refused):
        webhook_http_client.Deadline(seconds).left()


def test_every_address_gets_an_equal_share_of_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []

    class Unreachable(socket.socket):
        def settimeout(self, value: float | None) -> None:
            shares.append(value or 0)

        def connect(self, _address: object) -> None:
            raise OSError("unreachable")

    monkeypatch.setattr(socket, "socket", Unreachable)
    sender = HttpsWebhookSender(allow_loopback=True, resolver=resolving("127.0.0.1", "::1", "127.0.0.2"), seconds=6)
    assert sender.post("http://three.test/", headers={}, body=b"").status is None
    assert shares == pytest.approx([2, 3, 6], rel=0.2)


def test_a_url_is_parsed_into_the_parts_of_a_request() -> None:
    assert parse("https://EMR.Example.com") == Target("https", "emr.example.com", 443, "/")
    assert parse("https://bücher.example:8443/a b?q=ä#x") == Target(
        "https", "xn--bcher-kva.example", 8443, "/a%20b?q=%C3%A4"
    )
    assert parse("https://[2606:4700::1]:444/x").authority == "[2606:4700::1]:444"
    assert parse("https://emr.example.com:443/x").authority == "emr.example.com"


# TLS


@pytest.fixture(scope="module")
def authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A test authority")])
    return _certificate(name, name, key, key, x509.BasicConstraints(ca=True, path_length=None)), key


def _certificate(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=False)
    builder = builder.not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(1))
    return builder.sign(signer, hashes.SHA256())


def server_context(
    folder: Path, authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey], host: str
) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    certificate = _certificate(name, authority[0].subject, key, authority[1], names)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def trusting(authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey]) -> ssl.SSLContext:
    pem = authority[0].public_bytes(serialization.Encoding.PEM).decode()
    return ssl.create_default_context(cadata=pem)


Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def test_tls_names_the_host_and_checks_its_certificate(serve: Serve, tmp_path: Path, authority: Authority) -> None:
    tls = server_context(tmp_path, authority, HOST)
    asked: list[str | None] = []
    tls.sni_callback = lambda *seen: asked.append(seen[1])
    server = serve(OK, tls)
    sender = HttpsWebhookSender(allow_loopback=True, tls=trusting(authority), resolver=resolving("127.0.0.1"))
    result = sender.post(f"https://{HOST}:{server.port}/hooks", headers=HEADERS, body=BODY)
    assert result == HttpResult(200)
    assert asked == [HOST]
    assert f"host: {HOST}:{server.port}".encode() in server.requests[0]


@pytest.mark.parametrize(("host", "trusted"), [("other.clinic.test", True), (HOST, False)])
def test_a_certificate_for_another_name_or_unknown_authority_is_refused(
    serve: Serve, tmp_path: Path, authority: Authority, host: str, *, trusted: bool
) -> None:
    server = serve(OK, server_context(tmp_path, authority, host))
    tls = trusting(authority) if trusted else None
    sender = HttpsWebhookSender(allow_loopback=True, tls=tls, resolver=resolving("127.0.0.1"))
    result = sender.post(f"https://{HOST}:{server.port}/", headers={}, body=b"")
    assert result == HttpResult(None, error="The endpoint's certificate is not valid for its host name.")
    assert server.requests == []


def test_a_server_without_tls_gives_an_error(serve: Serve) -> None:
    server = serve(OK)
    sender = HttpsWebhookSender(allow_loopback=True, resolver=resolving("127.0.0.1"), seconds=1)
    result = sender.post(f"https://{HOST}:{server.port}/", headers={}, body=b"")
    assert result.status is None


def test_an_endless_handshake_is_abandoned_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        addresses = resolving("127.0.0.1", "127.0.0.2")
        tls = ssl.create_default_context()
        sender = HttpsWebhookSender(allow_loopback=True, tls=tls, resolver=addresses, seconds=0.4)
        started = time.monotonic()
        result = sender.post(f"https://{HOST}:{silent.getsockname()[1]}/", headers={}, body=b"")
    assert result == HttpResult(None, error="No response came within 0.4 seconds.")
    assert 0.35 < time.monotonic() - started < 1, "a connected receiver has all the time that is left"
