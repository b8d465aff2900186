"""Test how long the fax carrier waits for the answer to a webhook, without the time of AWS and of an emulator."""

import os

from bench.fax_webhook import MOST_SECONDS, Answer, answer_webhooks
from tests.support.worlds.delivery_world import NAMES

TRIES = 3
ENVIRONMENT = {
    **os.environ,
    **{name: name.lower() for name in NAMES},
    "PORTAL_URL": "https://portal.test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def is_in_time(cold: Answer, warm: Answer) -> bool:
    return cold.estimate("cold") < MOST_SECONDS["cold"] and warm.estimate("warm") < MOST_SECONDS["warm"]


def test_a_webhook_is_answered_in_time_after_one_write() -> None:
    for _ in range(TRIES):  # Another program on a busy machine can slow down one try.
        cold, warm = answer_webhooks(ENVIRONMENT)
        assert cold.calls == warm.calls == ("DynamoDB_20120810.TransactWriteItems",)
        if is_in_time(cold, warm):
            return
    raise AssertionError((cold, warm))


def test_the_estimate_adds_the_share_of_the_processor_and_the_calls() -> None:
    answer = Answer(processor=1.024, calls=("write", "write"))
    assert round(answer.estimate("cold"), 3) == round(1.769 + 0.3, 3)
    assert round(answer.estimate("warm"), 3) == round(1.769 + 0.06, 3)
