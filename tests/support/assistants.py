"""Sample assistants of providers, for the tests of what an assistant sees and does."""

from dataclasses import replace

from chalicelib.domain.assistants import AccountKind, Assistant
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.providers import Provider
from chalicelib.services.authentication.passwords import hash_password
from chalicelib.services.transaction import Change, Claim
from tests.support.accounts import PASSWORD
from tests.support.fakes import START
from tests.support.portal import Portal

ASSISTANT = Provider(
    id="prv_susan",
    version=1,
    kind=AccountKind.ASSISTANT,
    first_name="Susan",
    last_name="Park",
    email="susan@office.example",
    emails=("susan@office.example",),
    password_hash=hash_password(PASSWORD),
)
OTHER_ASSISTANT = replace(
    ASSISTANT,
    id="prv_omar",
    first_name="Omar",
    last_name="Diaz",
    email="omar@office.example",
    emails=("omar@office.example",),
)


def assist(portal: Portal, assistant: Provider, *providers: Provider) -> Provider:
    """Store an assistant's account as one whom these stored providers have invited, and return the account."""
    stored = replace(assistant, assists=tuple(provider.id for provider in providers))
    claim = Claim(key=email_claim(assistant.email or ""), owner=assistant.id)
    rows = []
    for provider in providers:
        latest = portal.store.provider(provider.id)
        assert latest is not None
        entries = (*latest.assistants, entry_of(assistant))
        rows.append(replace(latest, version=latest.version + 1, assistants=entries))
    portal.store.commit(Change(at=START, providers=(stored, *rows), claims=(claim,)))
    return stored


def entry_of(assistant: Provider) -> Assistant:
    """Return the entry in a provider's list of an assistant who has accepted the invitation."""
    return Assistant(
        id=f"ast_{assistant.id}",
        name=assistant.name,
        email=assistant.email or "",
        invited_at=START,
        invitation=f"dlv_{assistant.id}",
        account_id=assistant.id,
    )
