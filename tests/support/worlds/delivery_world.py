"""The deliveries function, which sends emails, faxes, webhooks and notices, in memory: tests control its clock."""

import base64
from dataclasses import fields, replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

from chalicelib import bootstrap
from chalicelib.domain.audit import DocumentEventType, Event
from chalicelib.domain.deliveries import Channel, Delivery, MessageType, delivery_id
from chalicelib.domain.documents import Document
from chalicelib.domain.jobs import QueueName
from chalicelib.domain.practices import Endpoint, Practice, WebhookSecret
from chalicelib.services.delivery_rows import delivery_job
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.ports import HttpResult
from chalicelib.services.transaction import Change, Job, OutboxRow
from chalicelib.settings import Settings, from_environment
from chalicelib.workers import run_delivery_job
from tests.support.fake_store import FakeStore
from tests.support.fakes import (
    START,
    FakeClock,
    FakeFiles,
    FakeIds,
    FakeMailer,
    FakeNotifier,
    FakeQueues,
    FakeSwitches,
    FakeWebhookSender,
)
from tests.support.pdf.fake_pdf import FakePdf
from tests.support.provider_fixtures import PRACTICE, PROVIDER, a_document

SECRET = "whsec_" + base64.b64encode(b"a secret of the clinic, 24 bytes or more").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"the secret before, which still lives").decode()
ENDPOINT = Endpoint(url="https://emr.example.com/hooks")
THE_PRACTICE = replace(
    PRACTICE,
    endpoint=ENDPOINT,
    reply_to="desk@hillcountry.example",
    webhook_secrets=(WebhookSecret(value=SECRET, created_at=START),),
)
NAMES = [field.name.upper() for field in fields(Settings)]


def some_settings() -> Settings:
    """Return settings of a deployment for tests. As in the local run, faxes leave at any hour."""
    return from_environment(
        dict.fromkeys([*NAMES, "AWS_REGION"], "unused")
        | {
            "PORTAL_URL": "https://portal.test",
            "MAIL_FROM": "no-reply@portal.test",
            "FAX_DOMAIN": "fax.test",
            "FAX_COUNTRIES": "US,CA",
            "SUPPORT_CONTACT": "help@portal.test",
            "SENDS_AT_ANY_HOUR": "true",
            "NOTICE_WAIT_SECONDS": "0",
        }
    )


SERVICES = {
    name
    for name, part in vars(bootstrap.Services).items()
    if isinstance(part, bootstrap._Part) and part._module.startswith("chalicelib.services.")
}


class World(bootstrap.Services):
    """The container of the portal's services (`bootstrap.Services`) with fakes that send nothing, for tests of
    delivery.

    It has one practice, one provider and one document. Helpers queue messages and run the jobs that send them."""

    store: FakeStore
    queues: FakeQueues
    files: FakeFiles
    mailer: FakeMailer
    notifier: FakeNotifier
    webhook_sender: FakeWebhookSender
    switches: FakeSwitches
    clock: FakeClock
    ids: FakeIds

    def __init__(self) -> None:
        super().__init__(some_settings(), clock=FakeClock(), ids=FakeIds())
        self.store = FakeStore()
        self.queues = FakeQueues()
        self.files = FakeFiles()
        self.mailer = FakeMailer()
        self.notifier = FakeNotifier()
        self.webhook_sender = FakeWebhookSender()
        self.switches = FakeSwitches()
        self.files.clock = self.clock
        self.pdf = FakePdf(self.files)
        self.switches.on.add(PRACTICE.id)
        new = replace(PROVIDER, password_hash=None, email=None)
        self.store.commit(Change(at=START, practices=(THE_PRACTICE,), providers=(new,), documents=(a_document(),)))

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, such as a fake. All services are created again, because they may hold the old value."""
        super().__setattr__(name, value)
        for service in SERVICES - {name}:
            self.__dict__.pop(service, None)

    # The current state

    @property
    def document(self) -> Document:
        document = self.store.document(a_document().id)
        assert document is not None
        return document

    @property
    def practice(self) -> Practice:
        practice = self.store.practice(PRACTICE.id)
        assert practice is not None
        return practice

    @property
    def endpoint(self) -> Endpoint:
        endpoint = self.practice.endpoint
        assert endpoint is not None
        return endpoint

    def row(self, row_id: str) -> Delivery:
        delivery = self.store.delivery(row_id)
        assert delivery is not None
        return delivery

    def webhooks(self) -> list[str]:
        return self._types(Channel.WEBHOOK)

    def notices(self) -> list[str]:
        return self._types(Channel.NOTICE)

    def _types(self, channel: Channel) -> list[str]:
        deliveries = self.store.every(Delivery, "deliveries")
        return [delivery.type for delivery in deliveries if delivery.channel is channel]

    def events(self) -> list[Event]:
        return list(self.store.events(self.document.id))

    def mail(self, number: int = -1) -> EmailMessage:
        message = message_from_bytes(self.mailer.sent[number][1], policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message

    # Events

    def message(self, channel: Channel, type: MessageType, recipient: str = "dr.rivera@example.com") -> str:
        """Queue an email or fax to the provider about the document, and return the id of its delivery."""
        change = self._recorder().event(DocumentEventType.SENT).message(channel, type, recipient).change()
        self.store.commit(change)
        return change.deliveries[0].id

    def webhook(self, event: DocumentEventType = DocumentEventType.VIEWED) -> str:
        """Queue a webhook about the document to the practice's EMR, and return the id of its delivery."""
        change = self._recorder().event(event, webhook=True).change()
        self.store.commit(change)
        return change.deliveries[0].id

    def _recorder(self) -> Recorder:
        return Recorder(
            self.document,
            practice=self.practice,
            now=self.clock.now(),
            ids=self.ids,
            portal_url=self.settings.portal_url,
            actor=PORTAL,
        )

    def own_message(self, type: str) -> str:
        """Queue an email of this type about the provider's account (not about a document). Return the id of its
        delivery."""
        row = Delivery(
            id=delivery_id(self.ids.new("evt"), Channel.EMAIL, type, "dr.rivera@example.com"),
            version=1,
            practice_id="portal",
            document_id=None,
            event_id="evt_own",
            channel=Channel.EMAIL,
            type=type,
            recipient="dr.rivera@example.com",
            created_at=self.clock.now(),
            provider_id=PROVIDER.id,
            next_attempt_at=self.clock.now(),
        )
        self.store.commit(Change(at=self.clock.now(), deliveries=(row,)))
        return row.id

    def deliver(self, row_id: str) -> Delivery:
        """Run the job that sends this delivery, as the deliveries function does. Return the delivery afterwards."""
        run_delivery_job(delivery_job(self.row(row_id)), self)
        return self.row(row_id)

    def deliver_later(self, row_id: str, **parts: float) -> Delivery:
        self.clock.pass_time(**parts)
        return self.deliver(row_id)

    def when_due(self, row_id: str) -> Delivery:
        """Move the clock to the delivery's next attempt, and run the job that sends it. Return the delivery
        afterwards."""
        due = self.row(row_id).next_attempt_at
        assert due is not None
        self.clock.at = max(self.clock.at, due)
        return self.deliver(row_id)

    def answers(self, *answers: HttpResult) -> None:
        self.webhook_sender.answers = list(answers)

    def change_practice(self, **changes: object) -> None:
        practice = self.practice
        changed = replace(practice, version=practice.version + 1, **changes)  # type: ignore[arg-type]  # - a test's own names
        self.store.commit(Change(at=self.clock.now(), practices=(changed,)))

    def change_document(self, **changes: object) -> None:
        document = self.document
        changed = replace(document, version=document.version + 1, **changes)  # type: ignore[arg-type]  # - a test's own names
        self.store.commit(Change(at=self.clock.now(), documents=(changed,)))

    def relay(self) -> list[Job]:
        """Take all background jobs out of the outbox, as the relay does, and return the jobs. They are not run."""
        jobs = list(self.store.jobs())
        for row in self.store.every(OutboxRow, "outbox"):
            self.store.drop_outbox(row.id)
        return jobs

    def work_off(self) -> None:
        """Run the jobs that the outbox holds for the deliveries function, and the jobs that follow, until none is
        left."""
        while jobs := self.relay():
            for job in jobs:
                if job.queue is QueueName.DELIVERIES:
                    run_delivery_job(job, self)


def after(moment: datetime | None, start: datetime = START) -> timedelta:
    assert moment is not None
    return moment - start
