"""A provider's account and the invitations to assistants, in memory, for the tests of the services."""

from dataclasses import replace

from chalicelib.domain.account_events import Origin
from chalicelib.domain.assistants import Assistant
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.account_changes import AccountOwner, AccountWriter
from chalicelib.services.accounts.assistance import Assistance
from chalicelib.services.accounts.assistant_invitations import Invitations
from chalicelib.services.accounts.assistant_list import AssistantList
from chalicelib.services.authentication.sessions import Sessions
from chalicelib.services.transaction import Change, Claim
from tests.support.fakes import START, FakeClock, FakeIds, FakeKeys
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, a_store

SUSAN, PASSWORD = "susan@office.example", "violet tractor onion"
PHONE = Origin("198.51.100.7", "Mozilla/5.0 (iPhone)")


class AssistantWorld:
    def __init__(self) -> None:
        self.store = a_store()
        self.clock, self.ids = FakeClock(), FakeIds()
        self.sessions = Sessions(self.store, FakeKeys(), self.ids, issuer="https://portal.test")
        self.writer = AccountWriter(self.store, self.ids, self.sessions)
        self.list = AssistantList(self.store, self.ids, self.writer)
        self.invitations = Invitations(self.store, self.ids)
        self.assistance = Assistance(self.store)
        for provider in (PROVIDER, OTHER_PROVIDER):
            own = replace(provider, version=2, practices=(PRACTICE.id,))
            claim = Claim(key=email_claim(provider.email or ""), owner=provider.id)
            self.store.commit(Change(at=START, providers=(own,), claims=(claim,)))

    def provider(self, provider_id: str = PROVIDER.id) -> Provider:
        provider = self.store.provider(provider_id)
        assert provider is not None
        return provider

    def owner(self, provider_id: str = PROVIDER.id) -> AccountOwner:
        """Return the provider as the owner of a new session."""
        provider = self.provider(provider_id)
        session, _ = self.sessions.start(provider, self.clock.now())
        self.store.commit(Change(at=self.clock.now(), secrets=(session,)))
        return AccountOwner(session, provider, self.clock.now(), PHONE)

    def invite(self, email: str = SUSAN, name: str = "Susan Park", *, by: str = PROVIDER.id) -> Assistant:
        self.clock.pass_time(minutes=20)
        self.list.invite(self.owner(by), name, email)
        return self.provider(by).assistants[-1]

    def mails(self, kind: str) -> list[Delivery]:
        return [mail for mail in self.store.every(Delivery, "deliveries") if mail.type == kind]

    def token(self) -> str:
        """Return the token of the link in the newest invitation, as the deliveries function makes it."""
        return self.invitations.create_token(self.mails("invitation")[-1], self.clock.now())

    def join(self, email: str = SUSAN, name: str = "Susan Park") -> Provider:
        """Invite an assistant without an account, and return the account with which the assistant has accepted."""
        self.invite(email, name)
        return self.invitations.create_account(self.token(), PASSWORD, self.clock.now(), PHONE, confirmed=True)

    def events(self, account: Provider) -> list[tuple[str, str | None]]:
        page = self.store.account_events(account.id, limit=50, before=None)
        return [(event.type.value, event.email) for event in page.items]
