"""Accounts whose owners add and remove email addresses, with the portal's services in memory."""

from dataclasses import dataclass, field, replace

from chalicelib.domain.account_events import AccountEvent, Origin
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.jobs import JobName
from chalicelib.domain.providers import Provider
from chalicelib.domain.visibility import opens_to
from chalicelib.services.accounts.account_changes import AccountOwner, AccountWriter
from chalicelib.services.accounts.account_emails import AccountEmails
from chalicelib.services.accounts.address_codes import AddressCodes
from chalicelib.services.authentication.sessions import Sessions
from chalicelib.services.documents.document_moves import DocumentMoves
from chalicelib.services.practices.visibility_report import VisibilityReport
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import PORTAL_URL, RIVERA, Emr, sent, with_account
from tests.support.fakes import FakeKeys

HOME, WORK = "dr.rivera@example.com", "luis@clinic.example"
PHONE = Origin("198.51.100.7", "Safari on iPhone")


@dataclass
class EmailWorld:
    """The portal's services for an account's email addresses, in memory, with the EMR that sends documents.

    `done` counts the background jobs that have run."""

    emr: Emr = field(default_factory=Emr)
    done: int = 0

    def __post_init__(self) -> None:
        self.store, self.ids, self.clock = self.emr.store, self.emr.ids, self.emr.clock
        self.sessions = Sessions(self.store, FakeKeys(), self.ids, issuer=PORTAL_URL)
        self.emails = AccountEmails(self.store, self.ids, AccountWriter(self.store, self.ids, self.sessions))
        self.codes = AddressCodes(self.store, self.ids)

    # People

    def account(self, email: str = HOME, addressee: Addressee = RIVERA) -> Provider:
        """Return a new account with this username. Its owner is the `addressee` of a document that was sent there."""
        document = self.send(email, addressee=addressee)
        return with_account(self.emr, document, email)

    def provider(self, provider_id: str) -> Provider:
        provider = self.store.provider(provider_id)
        assert provider is not None
        return provider

    def owner(self, account: Provider) -> AccountOwner:
        """Return the owner of the account, logged in with a new session, as the services for account changes take
        it."""
        latest = self.provider(account.id)
        row, _ = self.sessions.start(latest, self.clock.now())
        self.store.commit(Change(at=self.clock.now(), secrets=(row,)))
        return AccountOwner(row, latest, self.clock.now(), PHONE)

    # Addresses

    def ask(self, account: Provider, email: str = WORK) -> Delivery:
        """Request a code to add an email address to the account. Return the queued email that will contain the code."""
        self.emails.ask_for_code(self.owner(account), email)
        return self.mails()[-1]

    def code(self, account: Provider, email: str = WORK) -> str:
        """Request a code to add an email address to the account, and return the code as the email would contain it."""
        return self.codes.create_code(self.ask(account, email), self.clock.now())

    def add(self, account: Provider, email: str = WORK) -> Provider:
        """Add the email address to the account with its code, run the jobs that follow, and return the account."""
        self.emails.add(self.owner(account), self.code(account, email), "198.51.100.7")
        self.settle()
        return self.provider(account.id)

    def remove(self, account: Provider, email: str = WORK) -> Provider:
        """Remove the email address from the account, run the jobs that follow, and return the account."""
        self.emails.remove(self.owner(account), email)
        self.settle()
        return self.provider(account.id)

    # Documents

    def send(self, email: str | None, *, addressee: Addressee = RIVERA, **changes: object) -> Document:
        named = replace(addressee, email=email)
        event = sent(
            external_id=self.ids.new("poc"),
            addressee=named,
            delivery=DeliveryChoice.EMAIL if email else DeliveryChoice.FAX,
        )
        document = self.emr.send(event, **changes)  # type: ignore[arg-type]  # - the practice
        self.settle()
        return document

    def latest(self, document: Document) -> Document:
        stored = self.store.document(document.id)
        assert stored is not None
        return stored

    def is_open(self, account: Provider, document: Document) -> bool:
        return opens_to(self.provider(account.id), self.latest(document))

    def settle(self) -> None:
        """Run the waiting jobs that move documents to the right provider (`move`) or check them (`check`).

        Jobs that these jobs queue are run too."""
        work = {
            JobName.MOVE: DocumentMoves(self.emr.writer, self.clock).move,
            JobName.CHECK: VisibilityReport(self.store, self.ids, self.clock).check,
        }
        while jobs := [job for job in self.store.jobs() if job.name in work][self.done :]:
            self.done += len(jobs)
            for job in jobs:
                work[job.name](job)

    # What the portal stored

    def mails(self) -> tuple[Delivery, ...]:
        return tuple(delivery for delivery in self.emr.deliveries() if delivery.channel == "email")

    def sent_mails(self, *types: str) -> list[tuple[str, str]]:
        return [(mail.type, mail.recipient) for mail in self.mails() if mail.type in types]

    def events(self, account: Provider) -> list[AccountEvent]:
        return list(self.store.account_events(account.id, limit=100, before=None).items)[::-1]

    def secrets(self) -> tuple[Secret, ...]:
        return self.store.every(Secret, "secrets")
