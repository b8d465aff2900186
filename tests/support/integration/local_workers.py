"""The portal's functions in this process, over the tables, queues and bucket of a deployed stack.

The test sets the time, and the state is in DynamoDB and SQS. The stack's own workers are switched off, so a
test decides when, and how often, each job runs."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from botocore.hooks import HierarchicalEmitter

from chalicelib import bootstrap, workers
from chalicelib.adapters import json_codec as codec
from chalicelib.adapters.clock import RandomIds
from chalicelib.adapters.webhook_http_client import HttpsWebhookSender
from chalicelib.bootstrap import Services
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.errors import PortalError
from chalicelib.services.delivery.outbox_relay import relay_rows
from chalicelib.services.ports import HttpResult
from chalicelib.services.scheduling.scheduled_sweep import OVERDUE_AFTER
from chalicelib.services.transaction import Change, OutboxRow
from chalicelib.settings import from_environment
from infrastructure.local import emulator
from tests.support.fakes import FakeClock
from tests.support.stack import SamplePractice, Stack, wait_until

SECONDS_FOR_AN_ANSWER = 0.6
BATCH = 10
ROUNDS = 60
LARGEST_CHANGE = 100


class Killed(BaseException):
    """The simulated end of a worker process. No code handles this error."""


class SteadyIds(RandomIds):
    """A source of real ids with a constant jitter of half the maximum, so that a test can predict a schedule."""

    def jitter(self) -> float:
        return 0.5


@dataclass
class CountingSender:
    """A real webhook sender that calls `after` with the number of posts after each post."""

    real: HttpsWebhookSender
    after: Callable[[int], None] = lambda _: None
    posts: int = 0

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpResult:
        answer = self.real.post(url, headers=headers, body=body)
        self.posts += 1
        self.after(self.posts)
        return answer


class Works:
    """The portal's workers, which a test runs step by step: the relay, the queue workers and the sweep."""

    def __init__(self, stack: Stack, services: Services, clock: FakeClock) -> None:
        self.stack = stack
        self.services = services
        self.clock = clock
        self.sender = CountingSender(HttpsWebhookSender(allow_loopback=True, seconds=SECONDS_FOR_AN_ANSWER))
        services.webhook_sender = self.sender
        self.sqs = stack.client("sqs")

    # Steps

    def catch_up(self) -> None:
        """Move the test's clock forward to the real time, which the deployed API uses."""
        self.clock.at = max(self.clock.at, datetime.now(UTC))

    def outbox(self) -> tuple[OutboxRow, ...]:
        return self.services.store.outbox(datetime.max.replace(tzinfo=UTC), limit=200)

    def relay(self) -> None:
        """Relay all rows of the outbox as one batch."""
        relay_rows(self.outbox(), store=self.services.store, queues=self.services.queues)

    def relay_now(self) -> None:
        self.catch_up()
        self.relay()

    def take(self, most: int = BATCH) -> list[dict[str, Any]]:
        """Receive messages of the delivery queue. SQS hides them until a test puts them back or deletes them."""
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=most, VisibilityTimeout=600)
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def run(self, messages: list[dict[str, Any]]) -> set[str]:
        """Run the deliveries function on a batch of messages, and return the ids of the messages to retry."""
        records = [{"messageId": message["MessageId"], "body": message["Body"]} for message in messages]
        answer = workers.deliveries({"Records": records})
        return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}

    def done(self, message: Mapping[str, Any]) -> None:
        self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def put_back(self, message: Mapping[str, Any]) -> None:
        self.sqs.change_message_visibility(
            QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )

    def work(self) -> int:
        """Process one batch of the queue as Lambda's poller does, and return the number of messages in the batch."""
        messages = self.take()
        failed = self.run(messages)
        for message in messages:
            (self.put_back if message["MessageId"] in failed else self.done)(message)
        return len(messages)

    def work_off(self) -> None:
        """Relay the outbox and process the queue until no job is due at the clock's time."""
        self.catch_up()
        self.relay()
        while self.work() or self.outbox():
            self.relay()

    def work_until_killed(self) -> None:
        """Process messages one by one until a worker is killed, and put that worker's message back."""
        while True:
            (message,) = self.take(1)
            try:
                self.run([message])
            except Killed:
                self.put_back(message)
                return
            self.done(message)

    def persevere(self) -> None:
        """Repeat `work_off` until the relay no longer raises an error."""
        while True:
            try:
                self.work_off()
            except PortalError:
                continue
            return

    def minute(self) -> None:
        """Run the sweep of one minute, and then the jobs that the sweep queues."""
        self.services.scheduled_sweep.run()
        self.work_off()

    def next_due(self) -> None:
        """Move the clock past the next attempt of a message, and let the sweep start that attempt."""
        due = [delivery.next_attempt_at for delivery in self.deliveries() if delivery.next_attempt_at]
        self.clock.at = max(self.clock.at, min(due)) + OVERDUE_AFTER
        self.minute()

    def until_over(self) -> None:
        """Move the clock from attempt to attempt, over days, until no attempt is left."""
        for _ in range(ROUNDS):
            if not any(delivery.next_attempt_at for delivery in self.deliveries()):
                return
            self.next_due()
        raise AssertionError("attempts without end")

    # What there is

    @property
    def queue(self) -> str:
        return self.services.settings.delivery_jobs_url

    def deliveries(self) -> list[Delivery]:
        """Return all deliveries (emails, faxes and webhooks), oldest first."""
        pages = (
            self.stack.client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=self.services.settings.table_deliveries, ConsistentRead=True)
        )
        found = [codec.load(Delivery, item["record"]["S"]) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda item: (item.created_at, item.id))

    def webhooks(self, practice: SamplePractice) -> list[Delivery]:
        return [
            delivery
            for delivery in self.deliveries()
            if delivery.practice_id == practice.id and delivery.channel is Channel.WEBHOOK
        ]

    def notices(self, practice: SamplePractice) -> list[str]:
        """Return the kinds of the notices to the practice's staff, oldest first."""
        return [
            delivery.type
            for delivery in self.deliveries()
            if delivery.practice_id == practice.id and delivery.channel is Channel.NOTICE
        ]

    def links(self, mail: EmailMessage, path: str) -> list[str]:
        """Return the paths of the portal's links in the email that start with `path`."""
        text = mail.get_body(("plain",))
        assert text is not None
        found = re.findall(rf"{re.escape(self.stack.portal_url)}(\S+)", text.get_content())
        return [item for item in found if item.startswith(path)]

    def more_like(self, row: Delivery, count: int) -> list[str]:
        """Store copies of the webhook with new ids, and return these ids."""
        ids = [self.services.ids.new("evt") for _ in range(count)]
        made = [replace(row, version=1, id=f"dlv_{id_}", event_id=id_, message_id=id_) for id_ in ids]
        for start in range(0, count, LARGEST_CHANGE):
            self.services.store.commit(
                Change(at=self.clock.now(), deliveries=tuple(made[start : start + LARGEST_CHANGE]))
            )
        return ids

    def forget_everything(self) -> None:
        """Delete every delivery, outbox row and job of earlier tests."""
        dynamodb, settings = self.stack.client("dynamodb"), self.services.settings
        for table in (settings.table_deliveries, settings.table_outbox):
            for item in dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]:
                dynamodb.delete_item(TableName=table, Key={"id": item["id"]})
        self.sqs.purge_queue(QueueUrl=self.queue)

    # Faults

    @contextlib.contextmanager
    def replaced(self, part: str, **methods: Callable[..., Any]) -> Iterator[None]:
        """Replace methods of one service, such as `send` of `queues`, until the end of the block."""
        with pytest.MonkeyPatch.context() as patch:
            for name, method in methods.items():
                patch.setattr(getattr(self.services, part), name, method)
            yield

    @property
    def dynamodb(self) -> HierarchicalEmitter:
        """Return the event hooks of the store's DynamoDB client."""
        store: Any = self.services.store
        hooks: HierarchicalEmitter = store._connection.client.meta.events
        return hooks


def switch_off_workers(stack: Stack) -> None:
    """Switch off all event sources and schedules of the stack's functions."""
    functions = stack.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    events = stack.client("events")
    for rule in events.list_rules()["Rules"]:
        events.disable_rule(Name=rule["Name"])
    wait_until(lambda: _is_quiet(stack), 10, "the workers to be off")


def _is_quiet(stack: Stack) -> bool:
    mappings = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return all(mapping["State"] == "Disabled" for mapping in mappings)


@contextlib.contextmanager
def works_of(stack: Stack) -> Iterator[Works]:
    """Yield the workers of one test. Until the test ends, `bootstrap.services()` returns their services."""
    name = stack.outputs["ApiFunction"]
    environment = stack.client("lambda").get_function_configuration(FunctionName=name)["Environment"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", stack.aws_endpoint_url)
        patch.setenv("AWS_ACCESS_KEY_ID", emulator.ROOT_CREDENTIALS["aws_access_key_id"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", emulator.ROOT_CREDENTIALS["aws_secret_access_key"])
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        patch.delenv("AWS_PROFILE", raising=False)
        settings = from_environment({"AWS_REGION": emulator.REGION, **environment["Variables"]})
        clock = FakeClock(datetime.now(UTC))
        services = Services(replace(settings, region=emulator.REGION), clock=clock, ids=SteadyIds())
        bootstrap.install(services)
        works = Works(stack, services, clock)
        works.forget_everything()
        yield works
        bootstrap.install(None)
