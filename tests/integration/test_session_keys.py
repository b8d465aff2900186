"""Test the keys that sign session cookies, in Secrets Manager: their readers, and the rights of the functions."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.secretsmanager_keys import SecretsManagerKeyRotation, SecretsManagerKeys
from tests.support.fakes import FakeClock
from tests.support.stack import Stack

FIRST, SECOND, THIRD = (letter * 40 for letter in "abc")


@pytest.fixture
def secret(stack: Stack) -> Iterator[str]:
    """Yield the ARN of a new secret for session keys, because tests must not change the secret that all tests share."""
    client = stack.client("secretsmanager")
    made: str = client.create_secret(Name=f"session-{uuid4().hex}", SecretString=FIRST)["ARN"]
    yield made
    client.delete_secret(SecretId=made, ForceDeleteWithoutRecovery=True)


def test_a_rotation_keeps_one_old_key(stack: Stack, secret: str) -> None:
    clients: Any = SimpleNamespace(secrets=stack.client("secretsmanager"))
    clock = FakeClock(SystemClock().now() + timedelta(hours=1))
    keys, ring = SecretsManagerKeys(clients, secret, clock), SecretsManagerKeyRotation(clients, secret)
    made_at = ring.rotated_at()
    assert made_at is not None
    assert abs(SystemClock().now() - made_at) < timedelta(minutes=1)
    assert keys.known_session_keys() == (FIRST.encode(),)
    for newest, expected in ((SECOND, (SECOND, FIRST)), (THIRD, (THIRD, SECOND))):
        ring.rotate(newest)
        clock.pass_time(minutes=5)
        assert [key.decode() for key in keys.known_session_keys()] == list(expected)
    assert keys.session_key() == THIRD.encode()


def test_the_admin_function_reads_the_keys_age_and_refuses_an_early_rotation(stack: Stack) -> None:
    answer = stack.invoke("Admin", {"action": "rotate_session_key"})
    assert answer["error"]["code"] == "conflict"


@pytest.fixture
def sessions_secret(stack: Stack) -> Iterator[str]:
    """Yield the name of the deployed secret with the session keys, and restore its value after the test.

    Otherwise the sessions of other tests would end."""
    client, name = stack.client("secretsmanager"), stack.outputs["SessionSecret"]
    before = value(stack, name, "AWSCURRENT")
    yield name
    for _ in range(2):
        client.put_secret_value(SecretId=name, SecretString=before)


def value(stack: Stack, secret: str, stage: str) -> str:
    answer = stack.client("secretsmanager").get_secret_value(SecretId=secret, VersionStage=stage)
    return str(answer["SecretString"])


def test_the_admin_function_replaces_a_leaked_key(stack: Stack, sessions_secret: str) -> None:
    before = value(stack, sessions_secret, "AWSCURRENT")
    answer = stack.invoke("Admin", {"action": "rotate_session_key", "end_sessions": True})
    assert answer == {"rotated": True, "sessions_ended": True}
    after = [value(stack, sessions_secret, stage) for stage in ("AWSCURRENT", "AWSPREVIOUS")]
    assert len({before, *after}) == 3
