"""The portal's background workers in this process, over the tables, queues and bucket of a deployed stack.

The deployed workers are switched off. So a test sets the time, and decides when, and how often, each job runs."""

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
    """The simulated death of a worker's process. It is no `Exception`, so no error handler of the worker catches it."""


class SteadyIds(RandomIds):
    """A source of real random ids, but with a constant random part (jitter) of waits.

    So a test can predict the times of retries."""

    def jitter(self) -> float:
        return 0.5


@dataclass
class CountingSender:
    """A real sender of webhooks that counts its posts. After each post, it calls `after` with the count.

    A test can kill the worker in `after`."""

    real: HttpsWebhookSender
    after: Callable[[int], None] = lambda _: None
    posts: int = 0

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpResult:
        answer = self.real.post(url, headers=headers, body=body)
        self.posts += 1
        self.after(self.posts)
        return answer


class Works:
    """The portal's background workers, which a test runs step by step.

    They are the relay (from the outbox to the queues), the workers of the queues, and the sweep of each minute. `clock`
    is the time that the workers see."""

    def __init__(self, stack: Stack, services: Services, clock: FakeClock) -> None:
        self.stack = stack
        self.services = services
        self.clock = clock
        self.sender = CountingSender(HttpsWebhookSender(allow_loopback=True, seconds=SECONDS_FOR_AN_ANSWER))
        services.webhook_sender = self.sender
        self.sqs = stack.client("sqs")

    # Steps

    def catch_up(self) -> None:
        """Move the workers' clock forward to the real time, which the deployed API uses.

        Without this, a message that the API has just stored would not be due."""
        self.clock.at = max(self.clock.at, datetime.now(UTC))

    def outbox(self) -> tuple[OutboxRow, ...]:
        return self.services.store.outbox(datetime.max.replace(tzinfo=UTC), limit=200)

    def relay(self) -> None:
        """Put the jobs of all outbox rows on their queues, as the relay function does with one batch of the table's
        stream."""
        relay_rows(self.outbox(), store=self.services.store, queues=self.services.queues)

    def relay_now(self) -> None:
        self.catch_up()
        self.relay()

    def take(self, most: int = BATCH) -> list[dict[str, Any]]:
        """Receive at most `most` messages of the queue of delivery jobs, without running the jobs.

        SQS hides the messages until a test puts them back or deletes them."""
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=most, VisibilityTimeout=600)
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def run(self, messages: list[dict[str, Any]]) -> set[str]:
        """Run the deliveries function on a batch of queue messages. Return the ids of the messages that it reports as
        failed."""
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
        """Receive one batch of delivery jobs from the queue, run them, and return their number.

        Messages of failed jobs return to the queue, as with Lambda."""
        messages = self.take()
        failed = self.run(messages)
        for message in messages:
            (self.put_back if message["MessageId"] in failed else self.done)(message)
        return len(messages)

    def work_off(self) -> None:
        """Move stored jobs to the queue and run them, until no job is left that is due at the clock's time."""
        self.catch_up()
        self.relay()
        while self.work() or self.outbox():
            self.relay()

    def work_until_killed(self) -> None:
        """Run delivery jobs one by one until a job raises `Killed`, and put the message of this job back into the
        queue."""
        while True:
            (message,) = self.take(1)
            try:
                self.run([message])
            except Killed:
                self.put_back(message)
                return
            self.done(message)

    def persevere(self) -> None:
        """Repeat `work_off` until it raises no error, as the stream and the queue do after a fault."""
        while True:
            try:
                self.work_off()
            except PortalError:
                continue
            return

    def minute(self) -> None:
        """Run the sweep of one minute, which queues overdue work, and then the queued jobs."""
        self.services.scheduled_sweep.run()
        self.work_off()

    def next_due(self) -> None:
        """Move the clock past the next attempt of any message, and let the sweep of that minute start the attempt."""
        due = [delivery.next_attempt_at for delivery in self.deliveries() if delivery.next_attempt_at]
        self.clock.at = max(self.clock.at, min(due)) + OVERDUE_AFTER
        self.minute()

    def until_over(self) -> None:
        """Move the clock from attempt to attempt, over days, until no message waits for another attempt.

        The test fails if the attempts do not end."""
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
        """Return all stored deliveries (emails, faxes, webhooks and notices), oldest first."""
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
        """Return the paths of the links to the portal in an email, if they start with `path`."""
        text = mail.get_body(("plain",))
        assert text is not None
        found = re.findall(rf"{re.escape(self.stack.portal_url)}(\S+)", text.get_content())
        return [item for item in found if item.startswith(path)]

    def more_like(self, row: Delivery, count: int) -> list[str]:
        """Store `count` copies of a webhook's delivery with new ids, and return the `webhook-id` of each copy."""
        ids = [self.services.ids.new("evt") for _ in range(count)]
        made = [replace(row, version=1, id=f"dlv_{id_}", event_id=id_, message_id=id_) for id_ in ids]
        for start in range(0, count, LARGEST_CHANGE):
            self.services.store.commit(
                Change(at=self.clock.now(), deliveries=tuple(made[start : start + LARGEST_CHANGE]))
            )
        return ids

    def forget_everything(self) -> None:
        """Delete every stored message, outbox row and queued job that earlier tests have left."""
        dynamodb, settings = self.stack.client("dynamodb"), self.services.settings
        for table in (settings.table_deliveries, settings.table_outbox):
            for item in dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]:
                dynamodb.delete_item(TableName=table, Key={"id": item["id"]})
        self.sqs.purge_queue(QueueUrl=self.queue)

    # Faults

    @contextlib.contextmanager
    def replaced(self, part: str, **methods: Callable[..., Any]) -> Iterator[None]:
        """Replace methods of one service until the end of the block, for example `send` of the service `queues`.

        The replacements simulate faults."""
        with pytest.MonkeyPatch.context() as patch:
            for name, method in methods.items():
                patch.setattr(getattr(self.services, part), name, method)
            yield

    @property
    def dynamodb(self) -> HierarchicalEmitter:
        """Return the event hooks of the database's boto3 client, with which `aws_faults` injects faults."""
        store: Any = self.services.store
        hooks: HierarchicalEmitter = store._connection.client.meta.events
        return hooks


def switch_off_workers(stack: Stack) -> None:
    """Stop the deployed workers: no queue, stream or schedule invokes a function any more."""
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
    """Yield the workers that one test runs, over the tables and queues of the deployed stack.

    Until the test ends, `bootstrap.services()` returns their services."""
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
