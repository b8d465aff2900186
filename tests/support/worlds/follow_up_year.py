"""A simulated year of documents, providers and clinics, to test reminders and calls for unsigned documents as a whole.

Providers open, sign and ignore their messages at random, but the same seed always gives the same year. The rates are
rough figures from the field: a quarter of the emails are opened, and paper is acted on more often than email."""

import heapq
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.adapters import json_codec as codec
from chalicelib.adapters.dynamodb_rows import waiting_key
from chalicelib.domain.carriers.email_receipts import Receipt, ReceiptKind
from chalicelib.domain.certification.facts import CallResult, Certification, Payer, PayerKind, TransmissionChannel
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document, Patient, ReturnedMethod
from chalicelib.domain.follow_up.preferences import ReminderChannel, ReminderPreferences
from chalicelib.domain.follow_up.schedule import has_ended
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable
from chalicelib.services.delivery.carrier_faxes import CarrierFaxes
from chalicelib.services.delivery.message_sender import MessageFacts
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.idempotent_events import InboundEvent
from chalicelib.services.documents.incoming_pdf import PdfSource
from chalicelib.services.documents.lifecycle_events import ReturnCommand
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.documents.staff_reports import CallCommand
from chalicelib.services.transaction import Change, Claim
from chalicelib.workers import run_delivery_job
from examples.fax_carrier.exchange import Plan
from tests.support.emr_fixtures import PDF, sent
from tests.support.fake_store import FakeStore
from tests.support.fakes import FakeInspector
from tests.support.worlds.fax_world import FaxWorld, store_pdf

ZONES = (
    ("America/New_York", "212"),
    ("America/Chicago", "312"),
    ("America/Denver", "303"),
    ("America/Los_Angeles", "310"),
)
"""The four time zones, each with one of its area codes."""

FIRST_DAY = date(2026, 1, 5)
WORKING_DAYS = 230
"""The first day of the year and the days, from it on, on which documents are sent. The rest of the year is for
their follow-up. The year has both changes of daylight saving time and every holiday."""

OPENS_EMAIL, SIGNS_OPENED = 0.25, 0.45
SIGNS_FAX, SIGNS_REMINDED, SIGNS_CALLED = 0.25, 0.2, 0.5
CHOICES: tuple[dict[str, Any], ...] = (
    {"hour": 8, "weekdays": (4,), "channel": ReminderChannel.EMAIL},
    {"weekdays": (0, 2)},
    {"hour": 16, "weekdays": (1, 3), "channel": ReminderChannel.FAX},
    {"hour": 11},
)
"""The choices for reminders that providers with an account have made, in turn. Every third provider has one."""

LINK = re.compile(r"https://portal\.test/(?:documents|by-hand)/(doc_\w+)")


class IndexedStore(FakeStore):
    """The database in memory with an index of what is due, so that a simulated year does not read all rows every
    minute."""

    def __init__(self) -> None:
        super().__init__()
        self._due: dict[str, dict[str, str]] = {"documents": {}, "deliveries": {}}
        self._carriers: dict[str, str] = {}
        self.arrived: list[str] = []

    def _apply(self, write: Any) -> None:
        super()._apply(write)
        if write.table in self._due and write.row is not None:
            at = write.row.follow_up_at if write.table == "documents" else write.row.due_at
            self._due[write.table].pop(write.key, None)
            if at:
                self._due[write.table][write.key] = at
        if write.table == "deliveries" and write.row is not None and write.row.status == DeliveryStatus.DELIVERED:
            self.arrived.append(write.key)
        if write.table == "deliveries" and write.row is not None and write.row.carrier_id:
            self._carriers[write.row.carrier_id] = write.key

    def next_due(self) -> datetime | None:
        """Return the earliest time at which a document must be checked or a message must be sent, or None if there is
        none."""
        times = [min(due.values()) for due in self._due.values() if due]
        return datetime.fromisoformat(min(times)) if times else None

    def follow_up_documents(self, before: datetime, *, limit: int) -> tuple[Document, ...]:
        return self._load_due(Document, "documents", before, limit)

    def due_deliveries(self, before: datetime, *, limit: int) -> tuple[Delivery, ...]:
        return self._load_due(Delivery, "deliveries", before, limit)

    def waiting_messages(
        self, channel: Channel, practice_id: str, recipient: str, *, limit: int
    ) -> tuple[Delivery, ...]:
        key, rows = waiting_key(channel, practice_id, recipient), self.tables["deliveries"]
        waiting = [rows[row_id] for row_id in self._due["deliveries"] if rows[row_id].practice_held == key]
        return tuple(codec.load(Delivery, row.record) for row in waiting[:limit])

    def delivery_by_carrier(self, carrier_id: str) -> Delivery | None:
        key = self._carriers.get(carrier_id)
        return self.delivery(key) if key else None

    def _load_due(self, kind: type[Any], table: str, before: datetime, limit: int) -> tuple[Any, ...]:
        due = sorted((at, key) for key, at in self._due[table].items() if datetime.fromisoformat(at) <= before)
        return tuple(codec.load(kind, self.tables[table][key].record) for _, key in due[:limit])


class QuickFaxes(CarrierFaxes):
    """The sender of faxes, without the slow drawing of the pages."""

    def _store_pdf(self, facts: MessageFacts, max_megabytes: int, companions: Sequence[MessageFacts] = ()) -> str:
        return store_pdf(self, facts, max_megabytes, companions)


@dataclass(frozen=True, kw_only=True)
class Person:
    """A provider in the simulated year. `bounces` and `has_dead_fax` say that emails or faxes to the provider never
    arrive. `reminders` are the choices of a provider with an account, and `own_fax` is the fax number of the provider's
    own, or None."""

    addressee: Addressee
    zone: str
    bounces: bool
    has_dead_fax: bool
    reminders: ReminderPreferences | None = None
    own_fax: str | None = None


@dataclass(frozen=True, kw_only=True)
class SentMessage:
    """A message that the portal sent in the simulated year, and the ids of the documents that it names or carries.

    `is_reminder` is true for a reminder by email or by fax."""

    at: datetime
    channel: Channel
    type: str
    recipient: str
    documents: tuple[str, ...]
    is_reminder: bool


@dataclass(kw_only=True)
class Year:
    """A simulated year: the portal's services in memory, and clinics and providers who use them.

    `run` lets the year pass. It fills `messages`, and `ended`: the time at which nobody needed to be reminded of a
    document any more, by the document's id."""

    documents: int
    providers: int
    practices: int
    seed: int = 1
    world: FaxWorld = field(default_factory=FaxWorld)
    messages: list[SentMessage] = field(default_factory=list)
    ended: dict[str, datetime] = field(default_factory=dict)
    sent_by: dict[str, Person] = field(default_factory=dict)
    signed_after: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - not a secret
        self._order = count()
        self._plans: list[tuple[datetime, int, Callable[[], object]]] = []
        self._reported: set[str] = set()
        self.store = IndexedStore()
        world = self.world
        world.store, world.inspector = self.store, FakeInspector()
        world.settings = replace(world.settings, sends_at_any_hour=False, notice_wait_seconds=120)
        world.carrier_faxes = QuickFaxes(
            **{name: getattr(world.carrier_faxes, name) for name in CarrierFaxes.__dataclass_fields__}
        )
        self.clinics = [self._practice(number) for number in range(self.practices)]
        self.people = [self._person(number) for number in range(self.providers)]
        world.clock.at = datetime.combine(FIRST_DAY, time(0), UTC)
        world.store.commit(Change(at=world.clock.at, practices=tuple(self.clinics)))
        for number, person in enumerate(self.people):
            if person.reminders:
                self._open_account(number, person)
        world.switches.on |= {clinic.id for clinic in self.clinics}

    def run(self) -> None:
        """Let the simulated year pass: jump from one event to the next. The services work at full minutes only."""
        for number in range(self.documents):
            self._send_later(number)
        while self._plans or self.store.next_due():
            times = [at for at in (self.store.next_due(), *(plan[0] for plan in self._plans[:1])) if at]
            self.world.clock.at = max(self.world.clock.at, _full_minute(min(times)))
            self._pass_minute()

    def _pass_minute(self) -> None:
        now = self.world.clock.at
        while self._plans and self._plans[0][0] <= now:
            heapq.heappop(self._plans)[2]()
        for document in self.store.follow_up_documents(now, limit=500):
            self.world.follow_ups.take_steps(document, now)
        self._deliver_due(now)
        self.world.clock.at = now + timedelta(seconds=5)
        for webhook in self.world.exchange.due_webhooks(self.world.clock.at):
            self.world.post_webhooks([webhook])
        self._work_off_outbox()
        self.world.clock.at = now + timedelta(seconds=30)
        self._react()

    def _deliver_due(self, now: datetime) -> None:
        self._work_off_outbox()
        for delivery in self.store.due_deliveries(now, limit=500):
            self._attempt(delivery.id)

    def _work_off_outbox(self) -> None:
        for job in self.world.relay():
            if job.name is JobName.DELIVER:
                self._attempt(job.delivery_id or "")
            elif job.queue is QueueName.DELIVERIES:
                run_delivery_job(job, self.world)

    def _attempt(self, delivery_id: str) -> None:
        before, faxes = len(self.world.mailer.sent), len(self.world.exchange.faxes)
        after = self.world.deliver(delivery_id)
        if len(self.world.mailer.sent) > before or len(self.world.exchange.faxes) > faxes:
            self._note(after, self.world.mail().as_string() if after.channel is Channel.EMAIL else "")

    def _note(self, delivery: Delivery, text: str) -> None:
        named = tuple(dict.fromkeys(LINK.findall(text.replace("=\n", ""))))
        together = delivery.call.deliveries if delivery.call else delivery.joint
        joined = [self.world.row(other).document_id for other in together]
        documents = tuple(filter(None, joined)) or ((delivery.document_id,) if delivery.document_id else named)
        self.messages.append(
            SentMessage(
                at=self.world.clock.at,
                channel=delivery.channel,
                type=delivery.type,
                recipient=delivery.recipient,
                documents=documents,
                is_reminder=delivery.type == MessageType.REMINDER
                or any(self.world.row(other).follows_up for other in together or (delivery.id,)),
            )
        )
        if delivery.channel is Channel.EMAIL and delivery.type in (MessageType.READY, MessageType.REMINDER):
            self._read_email(delivery, documents)

    # What people do

    def _read_email(self, delivery: Delivery, documents: tuple[str, ...]) -> None:
        person = self.sent_by[documents[0]]
        if person.bounces:
            receipt = Receipt(
                carrier_id=delivery.carrier_id or "", kind=ReceiptKind.BOUNCED, at=self.world.clock.at, detail="Gone."
            )
            self._after(timedelta(minutes=3), partial(self.world.ses_feedback.apply, receipt))
            return
        is_reminder = delivery.type == MessageType.REMINDER
        if self._random.random() >= (SIGNS_REMINDED if is_reminder else OPENS_EMAIL):
            return
        delay = timedelta(hours=self._random.uniform(0.5, 30))
        for document_id in documents:
            self._after(delay, partial(self._open, document_id))
            if is_reminder or self._random.random() < SIGNS_OPENED:
                self._after(delay + timedelta(minutes=9), partial(self._sign, document_id, delivery.type))

    def _react(self) -> None:
        """Let people react to what has just happened: providers to faxes that arrived, and staff to requests to call.

        They act some hours later."""
        arrived, self.store.arrived = self.store.arrived, []
        for delivery_id in dict.fromkeys(arrived):
            if delivery_id in self._reported:
                continue
            self._reported.add(delivery_id)
            delivery = self.world.row(delivery_id)
            if delivery.channel is Channel.FAX and self._random.random() < SIGNS_FAX:
                delay = timedelta(hours=self._random.uniform(2, 70))
                self._after(delay, partial(self._sign, delivery.document_id or "", MessageType.FAX))
            elif delivery.channel is Channel.NOTICE and delivery.type == "needs_attention":
                self._after(
                    timedelta(hours=self._random.uniform(1, 6)), partial(self._call, delivery.document_id or "")
                )

    def _open(self, document_id: str) -> None:
        document = self._read(document_id)
        practice, actor = self.world.document_writer.practice_of(document), Actor("provider:prv_1")
        via, now = TransmissionChannel.EMAILED_CODE, self.world.clock.at
        self.world.document_writer.record_first_view(document, practice, actor, now, lambda _: None, via=via)
        self._note_end(document_id)

    def _sign(self, document_id: str, after: str) -> None:
        """Let the provider sign the document by hand: the clinic gets the signed original and marks it as returned.

        `after` is the type of the message, or `call`, that made the provider sign."""
        if not is_decidable(self._read(document_id).status):
            return
        command = ReturnCommand(document=DocumentRef(document_id=document_id), method=ReturnedMethod.FAX)
        self.world.lifecycle_events.mark_returned(self._inbound(document_id), command)
        self.signed_after[document_id] = after
        self._note_end(document_id)

    def _call(self, document_id: str) -> None:
        if not is_decidable(self._read(document_id).status):
            return
        will_sign = self._random.random() < SIGNS_CALLED
        result = CallResult.WILL_SIGN if will_sign else CallResult.LEFT_A_MESSAGE
        command = CallCommand(
            document=DocumentRef(document_id=document_id), at=self.world.clock.at, by="Sam Lee", result=result
        )
        self.world.staff_reports.note_call(self._inbound(document_id), command)
        if will_sign:
            delay = timedelta(hours=self._random.uniform(3, 60))
            self._after(delay, partial(self._sign, document_id, "call"))

    def _note_end(self, document_id: str) -> None:
        if has_ended(self._read(document_id), self.world.clock.at):
            self.ended.setdefault(document_id, self.world.clock.at)

    def _read(self, document_id: str) -> Document:
        document = self.store.document(document_id)
        assert document is not None
        return document

    def _inbound(self, document_id: str) -> InboundEvent:
        practice = self.world.document_writer.practice_of(self._read(document_id))
        return self._event_of(practice)

    def _event_of(self, practice: Practice) -> InboundEvent:
        actor = Actor(f"practice:{practice.id}", "192.0.2.10")
        now = self.world.clock.at
        return InboundEvent(practice=practice, webhook_id=self.world.ids.new("msg"), body=b"{}", now=now, actor=actor)

    def _after(self, delay: timedelta, act: Callable[[], object]) -> None:
        heapq.heappush(self._plans, (self.world.clock.at + delay, next(self._order), act))

    # What the year consists of

    def _practice(self, number: int) -> Practice:
        zone, area = ZONES[number % len(ZONES)]
        return Practice(
            id=f"prc_{number + 10}",
            version=1,
            name=f"Clinic {number}",
            created_at=datetime.combine(FIRST_DAY, time(0), UTC),
            phone=f"+1{area}555{1000 + number}",
            fax=f"+1{area}555{2000 + number}",
            time_zone=zone,
        )

    def _open_account(self, number: int, person: Person) -> None:
        """Store the account in which a provider has made choices for reminders."""
        email = person.addressee.email or ""
        account = Provider(
            id=f"prv_{number}",
            version=1,
            first_name=person.addressee.first_name,
            last_name=person.addressee.last_name,
            email=email,
            password_hash="x",
            reminders=person.reminders,
            fax=person.own_fax,
        )
        claim = Claim(key=email_claim(email), owner=account.id)
        self.store.commit(Change(at=self.world.clock.at, providers=(account,), claims=(claim,)))

    def _person(self, number: int) -> Person:
        zone, area = ZONES[self._random.randrange(len(ZONES))]
        fax = f"+1{area}555{3000 + number}"
        person = Person(
            addressee=Addressee(
                first_name="Pat",
                last_name=f"Provider{number}",
                credential="MD",
                email=f"p{number}@example.com",
                fax=fax,
            ),
            zone=zone,
            bounces=number % 10 == 3,
            has_dead_fax=number % 10 in (3, 4) and number % 20 != 3,
            own_fax=f"+1{area}555{4000 + number}" if number % 6 == 3 else None,
            reminders=None
            if number % 3
            else ReminderPreferences(time_zone=zone, **CHOICES[number // 3 % len(CHOICES)]),
        )
        if person.has_dead_fax:
            self.world.plan(*[Plan(failure="receiver_unallocated_number")] * 2_000, number=fax)
        else:
            busy = [Plan(failure="user_busy") if self._random.random() < 0.1 else Plan() for _ in range(400)]
            self.world.plan(*busy, number=fax)
        return person

    def _send_later(self, number: int) -> None:
        """Plan that a clinic sends one document in the year, at a random time.

        The channel, and whether the clinic has a signed order (a referral), are random too. Every third
        document goes to the same provider on the same day as the one before, from any clinic."""
        clinic = self.clinics[self._random.randrange(len(self.clinics))]
        is_one_of_several = number % 3 == 1
        if not is_one_of_several:
            self._day = FIRST_DAY + timedelta(days=self._random.randrange(WORKING_DAYS * 7 // 5))
            self._recipient = self.people[self._random.randrange(len(self.people))]
        at = datetime.combine(
            self._day, time(self._random.randrange(24), self._random.randrange(60)), ZoneInfo(clinic.time_zone)
        )
        delivery = self._random.choice(
            (DeliveryChoice.BOTH, DeliveryChoice.BOTH, DeliveryChoice.EMAIL, DeliveryChoice.FAX)
        )
        has_order = self._random.random() < 0.4
        act: Callable[[], object] = partial(self._send, number, clinic, self._recipient, delivery, has_order=has_order)
        heapq.heappush(self._plans, (at.astimezone(UTC), next(self._order), act))

    def _send(
        self, number: int, clinic: Practice, person: Person, delivery: DeliveryChoice, *, has_order: bool
    ) -> None:
        today = self.world.clock.at.astimezone(ZoneInfo(clinic.time_zone)).date()
        addressee = replace(person.addressee, npi="1234567893") if has_order else person.addressee
        order: dict[str, Any] = (
            {"order_signed_on": today, "order_discipline": "PT", "order_npi": "1234567893"} if has_order else {}
        )
        command = sent(
            external_id=f"POC-{number}",
            patient=Patient(
                external_id=f"PT-{number}", first_name="Ada", last_name="Byron", date_of_birth=date(1950, 12, 10)
            ),
            addressee=addressee,
            delivery=delivery,
            payer=Payer(kind=PayerKind.MEDICARE),
            certification=Certification(initial_visit_on=today, **order),
            content=PdfSource(data=PDF),
        )
        answer = self.world.intake.receive(self._event_of(clinic), command)
        self.sent_by[answer["document_id"]] = person


def _full_minute(moment: datetime) -> datetime:
    floor = moment.replace(second=0, microsecond=0)
    return floor if floor == moment else floor + timedelta(minutes=1)
