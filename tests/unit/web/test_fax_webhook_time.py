"""Test how long the fax carrier waits for the answer to a webhook, without the time of AWS and of an emulator."""

import os

from bench.fax_webhook import Answer, answer_webhooks
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


def test_a_webhook_is_answered_after_one_write() -> None:
    """Check what the time of the answer consists of. `make bench` prints the seconds and their bound."""
    cold, warm = answer_webhooks(ENVIRONMENT)
    assert cold.calls == warm.calls == ("DynamoDB_20120810.TransactWriteItems",)


def test_the_estimate_adds_the_share_of_the_processor_and_the_calls() -> None:
    answer = Answer(processor=1.024, calls=("write", "write"))
    assert round(answer.estimate("cold"), 3) == round(1.769 + 0.3, 3)
    assert round(answer.estimate("warm"), 3) == round(1.769 + 0.06, 3)
