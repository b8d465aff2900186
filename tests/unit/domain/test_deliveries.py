from datetime import timedelta

from chalicelib.domain.deliveries import CHANNELS, WEBHOOK_RETRY_AFTER, Channel, delivery_id, next_wait


def test_the_waits_are_those_of_the_contract() -> None:
    hours = [wait / timedelta(hours=1) for wait in WEBHOOK_RETRY_AFTER[2:]]
    assert WEBHOOK_RETRY_AFTER[:2] == (timedelta(seconds=5), timedelta(minutes=5))
    assert hours == [0.5, 2, 5, 10, 14, 20, 24, 24, 24]


def test_each_failure_waits_longer_until_the_schedule_ends() -> None:
    waits = [next_wait(failures, jitter=0) for failures in range(1, 12)]
    assert waits == list(WEBHOOK_RETRY_AFTER)
    assert next_wait(12, jitter=0) is None


def test_jitter_adds_at_most_a_tenth() -> None:
    assert next_wait(2, jitter=1) == timedelta(minutes=5.5)


def test_the_same_message_always_has_the_same_id() -> None:
    one = delivery_id("evt_1", Channel.EMAIL, "ready", "a@example.com")
    assert one == delivery_id("evt_1", Channel.EMAIL, "ready", "a@example.com")
    assert one != delivery_id("evt_1", Channel.EMAIL, "setup", "a@example.com")
    assert one != delivery_id("evt_2", Channel.EMAIL, "ready", "a@example.com")


def test_only_emails_and_faxes_reach_the_provider() -> None:
    assert {channel for channel, rules in CHANNELS.items() if rules.reaches_provider} == {Channel.EMAIL, Channel.FAX}
    assert set(CHANNELS) == set(Channel)
