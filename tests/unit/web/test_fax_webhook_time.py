"""Test how long the fax carrier waits for the answer to a webhook, without the time of AWS and of an emulator."""

import os

import pytest

from bench.fax_webhook import MOST_SECONDS, Answer, answer_webhooks
from tests.support.worlds.delivery_world import NAMES

ENVIRONMENT = {
    **os.environ,
    **{name: name.lower() for name in NAMES},
    "PORTAL_URL": "https://portal.test",
    "NOTICE_WAIT_SECONDS": "120",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


@pytest.fixture(scope="module")
def runs() -> list[list[Answer]]:
    """Return how three new web functions answer a webhook: each first cold, then warm."""
    return [answer_webhooks(ENVIRONMENT) for _ in range(3)]


def test_a_webhook_is_answered_after_one_write(runs: list[list[Answer]]) -> None:
    for cold, warm in runs:
        assert cold.calls == warm.calls == ("DynamoDB_20120810.TransactWriteItems",)


@pytest.mark.parametrize(("place", "state"), list(enumerate(MOST_SECONDS)))
def test_a_webhook_is_answered_in_time(runs: list[list[Answer]], place: int, state: str) -> None:
    """Check the fastest run, because the other processes of a test run slow the processor. `make bench` prints the
    seconds."""
    assert min(run[place].estimate(state) for run in runs) < MOST_SECONDS[state]


def test_the_estimate_adds_the_share_of_the_processor_and_the_calls() -> None:
    answer = Answer(processor=1.024, calls=("write", "write"))
    assert round(answer.estimate("cold"), 3) == round(1.769 + 0.3, 3)
    assert round(answer.estimate("warm"), 3) == round(1.769 + 0.06, 3)
