"""Test how the two keys that sign session cookies are read from Secrets Manager, cached and read again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.adapters.secretsmanager_keys import SecretsManagerKeys
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.session_keys import key_id
from tests.support.fakes import START, FakeClock

FIRST, SECOND, THIRD = ("".join([letter] * 40) for letter in "abc")


class ResourceNotFound(Exception):
    """The error that the boto3 client raises for a missing secret."""


@dataclass
class Manager:
    """A fake of Secrets Manager with one secret: its versions, oldest first, and a record of the calls."""

    clock: FakeClock
    versions: list[tuple[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failing: bool = False
    exceptions: Any = field(default_factory=lambda: SimpleNamespace(ResourceNotFoundException=ResourceNotFound))

    def put(self, key: str) -> None:
        self.versions.append((key, self.clock.now()))

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> Mapping[str, Any]:  # noqa: N803 - the name of boto3
        self.asked.append(VersionStage)
        if self.failing:
            raise EndpointConnectionError(endpoint_url="https://secrets.test")
        place = {"AWSCURRENT": 1, "AWSPREVIOUS": 2}[VersionStage]
        if SecretId != "session" or len(self.versions) < place:
            raise ResourceNotFound
        key, made = self.versions[-place]
        return {"SecretString": key, "CreatedDate": made}


class Function:
    """A Lambda function that has read and cached the session keys, while other functions may rotate the keys."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.manager = Manager(self.clock)
        self.manager.put(FIRST)
        self.clock.pass_time(days=90)
        self.keys = self.another()
        self.keys.session_key()

    def another(self) -> SecretsManagerKeys:
        clients: Any = SimpleNamespace(secrets=self.manager)
        return SecretsManagerKeys(clients, "session", self.clock)

    def knows(self, key: str) -> bool:
        return self.keys.find_session_key(key_id(key.encode())) is not None


@pytest.fixture
def function() -> Function:
    return Function()


def test_a_key_is_read_once_and_cached(function: Function) -> None:
    for _ in range(50):
        assert function.keys.session_key() == FIRST.encode()
        assert function.knows(FIRST)
    assert sorted(function.manager.asked) == ["AWSCURRENT", "AWSPREVIOUS"]


def test_the_first_key_signs_immediately() -> None:
    function = Function()
    function.manager.versions = [(FIRST, function.clock.now())]
    assert function.another().session_key() == FIRST.encode()


def test_a_new_key_is_valid_immediately_and_signs_after_every_function_read_it(function: Function) -> None:
    function.manager.put(SECOND)
    assert function.knows(SECOND)
    assert function.knows(FIRST)
    function.clock.pass_time(minutes=9, seconds=59)
    assert function.keys.session_key() == function.another().session_key() == FIRST.encode()
    function.clock.pass_time(seconds=1)
    assert function.keys.session_key() == function.another().session_key() == SECOND.encode()
    assert function.knows(FIRST)


def test_a_function_reads_a_new_key_within_five_minutes(function: Function) -> None:
    function.manager.put(SECOND)
    function.clock.pass_time(minutes=5)
    assert function.keys.known_session_keys() == (SECOND.encode(), FIRST.encode())


def test_a_second_rotation_invalidates_the_first_key_within_five_minutes(function: Function) -> None:
    function.manager.put(SECOND)
    function.manager.put(THIRD)
    function.clock.pass_time(minutes=5)
    assert not function.knows(FIRST)
    assert function.knows(SECOND)
    assert function.knows(THIRD)


def test_made_up_key_ids_cause_at_most_one_read_a_minute(function: Function) -> None:
    before = len(function.manager.asked)
    for second in range(120):
        for _ in range(10):
            assert function.keys.find_session_key(f"{second:08x}") is None
        function.clock.pass_time(seconds=1)
    assert len(function.manager.asked) - before == 2 * 2


def test_made_up_key_ids_log_nobody_out(function: Function) -> None:
    """Anyone can send a cookie with a made-up key id, which makes a function read the keys again.

    Such a read, just before a rotation, must not keep the function from finding the new key."""
    assert function.keys.find_session_key("00000000") is None
    function.manager.put(SECOND)
    assert function.another().session_key() == FIRST.encode()
    function.clock.pass_time(minutes=10)
    assert function.keys.find_session_key("00000001") is None
    assert function.knows(SECOND)


def test_cached_keys_are_used_while_secrets_manager_fails(function: Function) -> None:
    function.manager.failing = True
    function.clock.pass_time(hours=1)
    assert function.keys.session_key() == FIRST.encode()
    with pytest.raises(EndpointConnectionError):
        function.another().session_key()


@pytest.mark.parametrize("short", ["", "changeme", "x" * 31])
def test_the_previous_key_signs_in_place_of_a_too_short_key(
    function: Function, short: str, caplog: pytest.LogCaptureFixture
) -> None:
    function.manager.put(short)
    function.clock.pass_time(minutes=30)
    for keys in (function.keys, function.another()):
        assert keys.session_key() == FIRST.encode()
        assert keys.known_session_keys() == (FIRST.encode(),)
    assert "the newest session key is missing or too short" in caplog.text
    assert not function.knows(short)
    function.manager.put(SECOND)
    function.clock.pass_time(minutes=30)
    assert function.keys.known_session_keys() == (SECOND.encode(),)


def test_nobody_logs_in_without_a_key_that_can_sign(function: Function) -> None:
    for _ in range(2):
        function.manager.put("changeme")
    with pytest.raises(Unavailable):
        function.another().session_key()


def test_the_clock_decides_when_keys_are_read_again(function: Function) -> None:
    function.clock.at = START + timedelta(days=91)
    assert function.keys.session_key() == FIRST.encode()
    assert function.manager.asked.count("AWSCURRENT") == 2
