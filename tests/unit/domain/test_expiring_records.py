from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.expiring_records import (
    BY_HAND_LIFETIME,
    CODE_LIFETIME,
    DRAFT_LIFETIME,
    ENROL_LIFETIME,
    LINK_LIFETIME,
    PENDING_LOGIN_LIFETIME,
    REAUTH_AFTER,
    SESSION_IDLE,
    SESSION_LIFETIME,
    SecretKind,
    new_secret,
    secret_key,
)

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("lifetime", "minutes"),
    [
        (LINK_LIFETIME, 90),
        (CODE_LIFETIME, 10),
        (BY_HAND_LIFETIME, 60),
        (DRAFT_LIFETIME, 60),
        (SESSION_IDLE, 15),
        (SESSION_LIFETIME, 12 * 60),
        (PENDING_LOGIN_LIFETIME, 5),
        (ENROL_LIFETIME, 15),
        (REAUTH_AFTER, 15),
    ],
)
def test_every_lifetime_is_the_one_that_pages_and_documents_state(lifetime: timedelta, minutes: int) -> None:
    assert lifetime == timedelta(minutes=minutes)


def test_a_record_is_live_until_the_moment_of_its_expiry() -> None:
    secret = new_secret(SecretKind.CODE, "123456", NOW, CODE_LIFETIME, email="a@b.org")
    assert (secret.version, secret.created_at, secret.email) == (1, NOW, "a@b.org")
    assert secret.is_live(NOW + timedelta(minutes=10) - TICK) is True
    assert secret.is_live(NOW + timedelta(minutes=10)) is False


def test_a_session_may_sign_for_less_than_fifteen_minutes_after_authentication() -> None:
    session = new_secret(SecretKind.SESSION, "t", NOW, SESSION_LIFETIME)
    assert session.is_recently_authenticated(NOW) is False
    session = replace(session, authenticated_at=NOW)
    assert session.is_recently_authenticated(NOW + timedelta(minutes=15) - TICK) is True
    assert session.is_recently_authenticated(NOW + timedelta(minutes=15)) is False


def test_a_token_works_for_one_kind_only() -> None:
    assert len({secret_key(kind, "123456") for kind in SecretKind}) == len(SecretKind)
