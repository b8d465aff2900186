"""Test which settings of a practice an EMR may send, and which errors name which field."""

import json
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.web.api.settings_schemas import read_endpoint, read_settings


def test_only_the_settings_in_the_body_are_returned() -> None:
    assert read_settings(b"{}") == {}
    assert read_settings(b'{"fax": "512-555-0188", "reply_to": null, "electronic_signature": false}') == {
        "fax": "+15125550188",
        "reply_to": None,
        "electronic_signature": False,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", None),
        ("name", ""),
        ("name", "a\nb"),
        ("phone", "12"),
        ("fax", "+19005550123"),
        ("reply_to", "a@b.example\r\nBcc: c@d.example"),
        ("time_zone", "Texas"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", None),
        ("electronic_signature", "on"),
        ("electronic_signature", None),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        read_settings(json.dumps({name: value}).encode())
    assert [error.field for error in refused.value.errors] == [name]


@pytest.mark.parametrize(
    "url",
    [
        "http://emr.example.com/hooks",
        "ftp://emr.example.com",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://localhost/",
        "https://user:pass@emr.example.com/",
        "https://emr.example.com/#part",
        "https://emr example.com/",
        "https://emr.example.com:99999/",
        "https://emr.example.com/\r\nX: y",
        "emr.example.com",
        "",
        "https://" + "x" * 2100,
    ],
)
def test_an_endpoint_must_be_public_https(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_endpoint(json.dumps({"url": url}).encode(), allow_loopback=False)
    assert [error.field for error in refused.value.errors] == ["url"]


def test_a_loopback_endpoint_is_for_the_local_run_only() -> None:
    body = b'{"url": "http://127.0.0.1:4576/webhooks"}'
    assert read_endpoint(body, allow_loopback=True) == "http://127.0.0.1:4576/webhooks"
    with pytest.raises(Invalid):
        read_endpoint(body, allow_loopback=False)
    for url in ("http://emr.example.com/", "https://10.1.2.3/"):
        with pytest.raises(Invalid):
            read_endpoint(json.dumps({"url": url}).encode(), allow_loopback=True)


def test_a_public_endpoint_is_accepted() -> None:
    body = b'{"url": "https://emr.example.com:8443/hooks?practice=1"}'
    assert read_endpoint(body, allow_loopback=False) == "https://emr.example.com:8443/hooks?practice=1"
