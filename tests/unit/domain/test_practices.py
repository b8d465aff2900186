from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.practices import ApiKey, Endpoint, Logo, Practice, PracticeCard, WebhookSecret, is_live

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def secret(value: str, age: int, expires_at: datetime | None = None) -> WebhookSecret:
    return WebhookSecret(value=value, created_at=NOW - age * SECOND, expires_at=expires_at)


PRACTICE = Practice(
    id="prc_1",
    version=1,
    name="Hill Therapy",
    created_at=NOW,
    phone="+15550100",
    fax="+15550101",
    time_zone="America/Chicago",
    logo=Logo(key="logo", width=2, height=1),
    webhook_secrets=(secret("old", 20, NOW + SECOND), secret("gone", 30, NOW), secret("new", 10)),
    api_keys=(
        ApiKey(sha256="aa", hint="a", created_at=NOW),
        ApiKey(sha256="bb", hint="b", created_at=NOW, expires_at=NOW),
    ),
)


@pytest.mark.parametrize(("expires_at", "live"), [(None, True), (NOW + SECOND, True), (NOW, False)])
def test_a_credential_is_valid_until_it_expires(*, expires_at: datetime | None, live: bool) -> None:
    assert is_live(secret("whsec_", 0, expires_at), NOW) is live


def test_the_secrets_that_are_still_valid_come_newest_first() -> None:
    assert PRACTICE.live_secrets(NOW) == ("new", "old")


def test_a_practice_accepts_only_its_own_keys_that_are_still_valid() -> None:
    assert [PRACTICE.accepts_key(digest, NOW) for digest in ("aa", "bb", "cc")] == [True, False, False]


def test_an_endpoint_that_is_switched_off_is_not_live() -> None:
    endpoint = Endpoint(url="https://emr.example.com")
    assert PRACTICE.live_endpoint is None
    assert replace(PRACTICE, endpoint=endpoint).live_endpoint == endpoint
    assert replace(PRACTICE, endpoint=replace(endpoint, disabled_at=NOW)).live_endpoint is None


def test_a_documents_copy_of_the_practice_has_all_that_its_pages_show() -> None:
    assert PRACTICE.card() == PracticeCard(
        name="Hill Therapy",
        phone="+15550100",
        fax="+15550101",
        time_zone="America/Chicago",
        logo=Logo(key="logo", width=2, height=1),
    )
