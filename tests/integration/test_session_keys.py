"""The keys of the sessions in a Secrets Manager: what the adapters make of it, and what the functions may."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.keys import SecretsManagerKeys, SessionKeyRing
from tests.fakes import FakeClock
from tests.stack import Stack

FIRST, SECOND, THIRD = (letter * 40 for letter in "abc")


@pytest.fixture
def secret(stack: Stack) -> Iterator[str]:
    """A secret of this test: the portal's own is everybody's."""
    client = stack.client("secretsmanager")
    made: str = client.create_secret(Name=f"session-{uuid4().hex}", SecretString=FIRST)["ARN"]
    yield made
    client.delete_secret(SecretId=made, ForceDeleteWithoutRecovery=True)


def test_a_rotation_keeps_the_key_before_and_drops_the_one_before_that(stack: Stack, secret: str) -> None:
    clients: Any = SimpleNamespace(secrets=stack.client("secretsmanager"))
    clock = FakeClock(SystemClock().now() + timedelta(hours=1))
    keys, ring = SecretsManagerKeys(clients, secret, clock), SessionKeyRing(clients, secret)
    made_at = ring.rotated_at()
    assert made_at is not None
    assert abs(SystemClock().now() - made_at) < timedelta(minutes=1)
    assert keys.known_session_keys() == (FIRST.encode(),)
    for newest, expected in ((SECOND, (SECOND, FIRST)), (THIRD, (THIRD, SECOND))):
        ring.rotate(newest)
        clock.pass_time(minutes=5)
        assert [key.decode() for key in keys.known_session_keys()] == list(expected)
    assert keys.session_key() == THIRD.encode()


def test_the_admin_function_may_look_when_the_key_was_made_and_refuses_so_soon(stack: Stack) -> None:
    answer = stack.invoke("Admin", {"action": "rotate_session_key"})
    assert answer["error"]["code"] == "conflict"
