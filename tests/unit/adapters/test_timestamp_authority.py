"""Test the HTTP client of a timestamp authority, against an authority that runs on this machine over HTTPS."""

import datetime as dt
from dataclasses import replace

import pytest

from chalicelib.adapters.timestamp_authority import HttpTimestampAuthority
from chalicelib.pdf.signing.timestamp_tokens import TimestampSource
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf import sealing_key
from tests.support.pdf.sealing import seal_plain
from tests.support.pdf.sealing_key import FACTS, sealer
from tests.support.timestamp_server import TimestampServer, now


@pytest.fixture
def trusted(timestamp_server: TimestampServer, monkeypatch: pytest.MonkeyPatch) -> TimestampServer:
    """Return a running timestamp authority whose TLS certificate this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(timestamp_server.certificate_file))
    return timestamp_server


def sealed_level(server: TimestampServer) -> str:
    source = TimestampSource(HttpTimestampAuthority(server.url).request, {server.pins})
    by = replace(sealer(), timestamps=source)
    return seal_plain(samples.plan_of_care(), by, replace(FACTS, at=now())).level


def test_an_authority_gives_a_timestamp(trusted: TimestampServer) -> None:
    assert sealed_level(trusted) == "B-T"


def test_an_authority_with_a_slow_clock_gives_no_timestamp(trusted: TimestampServer) -> None:
    earlier = now() - dt.timedelta(minutes=6)
    with trusted.replying(lambda query, by: sealing_key.timestamps(query, at=earlier, by=by)):
        assert sealed_level(trusted) == "B-B"


def test_a_server_with_an_unknown_tls_certificate_is_not_asked(timestamp_server: TimestampServer) -> None:
    before = timestamp_server.queries
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        HttpTimestampAuthority(timestamp_server.url).request(b"query")
    assert timestamp_server.queries == before
    assert sealed_level(timestamp_server) == "B-B"


def test_a_redirect_is_not_followed(trusted: TimestampServer) -> None:
    with trusted.replying(lambda query, _: query), pytest.raises(OSError, match="302"):
        HttpTimestampAuthority(f"{trusted.url}moved").request(b"query")


@pytest.mark.parametrize("url", ["http://tsa.example.com", "http://127.0.0.1:9000", "ftp://localhost", "HTTP://a.b"])
def test_an_address_without_encryption_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        HttpTimestampAuthority(url)
