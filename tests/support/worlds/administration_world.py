"""The actions of support on providers' accounts, with the services of all functions in memory."""

from dataclasses import replace
from typing import Any

from chalicelib.domain.account_events import AccountEvent
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.documents import Addressee, Document
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator
from chalicelib.domain.visibility import opens_to
from chalicelib.services.accounts.new_logins import NewLoginForm, Submission
from chalicelib.services.transaction import Change, Claim
from tests.support.emr_fixtures import RIVERA, Emr, sent, with_account
from tests.support.fakes import START
from tests.support.portal import Portal

DESK, OTHER, NEW = "desk@office.example", "second@office.example", "dr.new@example.com"
LUIS = replace(RIVERA, email=DESK, fax=None)
JANE = replace(LUIS, first_name="Jane", last_name="Okafor")
JANES_NPI = "1000000004"
FORM = NewLoginForm(password="violet tractor onion", credential="MD", confirmed=True)


class Support(Emr):
    """An employee of support, with the portal's services in memory and the EMR that sends documents."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.portal = Portal(self.store)
        self.portal.clock, self.portal.ids = self.clock, self.ids

    def run(self, action: str, **payload: Any) -> Any:
        return self.portal.admin_actions.run({"action": action, "operator": "Dana Ruiz", **payload})

    def do(self, action: str, provider: Provider, **payload: Any) -> None:
        """Run the action of support on the provider twice, and after each run the jobs that move documents.

        The second run must change nothing."""
        for _ in range(2):
            assert self.run(action, provider_id=provider.id, **payload) == {"id": provider.id}
            self.settle()

    def separate(self, provider: Provider, person: Addressee, **payload: Any) -> None:
        names = {"first_name": person.first_name, "last_name": person.last_name, "npi": person.npi}
        self.do("separate_people", provider, **names, **payload)

    def settle(self) -> None:
        for job in self.store.jobs():
            if job.name == "move":
                self.portal.document_moves.move(job)

    def mail(self, addressee: Addressee, external_id: str, **changes: Any) -> Document:
        return self.send(sent(addressee=addressee, external_id=external_id), **changes)

    def latest(self, document: Document) -> Document:
        stored = self.store.document(document.id)
        assert stored is not None
        return stored

    def provider(self, provider_id: str) -> Provider:
        provider = self.store.provider(provider_id)
        assert provider is not None
        return provider

    def owner(self, document: Document) -> Provider:
        return self.provider(self.latest(document).provider_id)

    def account(self, document: Document, email: str = DESK, **changes: Any) -> Provider:
        """Give the document's provider an account with this username, and return the provider.

        `changes` replace fields of the provider."""
        account = with_account(self, document, email)
        changed = replace(account, version=account.version + 1, **changes)
        claims = tuple(Claim(key=email_claim(other), owner=changed.id) for other in changed.emails)
        self.store.commit(Change(at=self.now, providers=(changed,), claims=claims))
        return changed

    def is_shown(self, document: Document) -> bool:
        return opens_to(self.owner(document), self.latest(document))

    def trail(self, provider: Provider) -> list[AccountEvent]:
        return list(reversed(self.store.account_events(provider.id, limit=50, before=None).items))

    def reports(self) -> list[tuple[str, str]]:
        """Return the type and the recipient of each queued email that informs somebody about a change of an account."""
        return [
            (delivery.type, delivery.recipient)
            for delivery in self.deliveries()
            if delivery.practice_id == "portal" and delivery.type != "setup"
        ]

    def new_address_link(self) -> str:
        """Return the token of the newest link with which the reader of a new address takes over an account."""
        mail = [delivery for delivery in self.deliveries() if delivery.type == "new_address"][-1]
        return self.portal.setup_links.create_token(mail, self.now)

    def take_over(self, token: str) -> Provider:
        return self.portal.new_logins.choose(token, FORM, Submission(now=self.now)).provider


def a_full_account(support: Support, document: Document) -> Provider:
    app = Authenticator(secret="JBSWY3DPEHPK3PXP", since=START)
    facts: dict[str, Any] = {"saved_signature": "{}", "authenticator": app, "recovery": ("hash",), "link": "dlv_1"}
    return support.account(document, emails=(DESK, OTHER), consent_version="1", **facts)
