"""The offer of an account to a person who has just signed a document with an emailed code.

The code has proved that the person reads the mailbox, as the link of a setup email would. So the setup page opens
without another email. A code on a fax proves no mailbox, and leads to no account."""

from datetime import datetime

from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.deliveries import Channel, MessageType
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict, MessageOutdated
from chalicelib.services.accounts.setup_links import SetupLinks
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.delivery_rows import PORTAL_PRACTICE, new_delivery
from chalicelib.services.ports import Ids, Store

_NOT_OFFERED = "This page can't create an account. Use Forgot password on the login page."


class GuestAccounts:
    """Service that lets a person who signed a document with an emailed code create an account at that address."""

    def __init__(self, store: Store, ids: Ids, setup_links: SetupLinks) -> None:
        self._store = store
        self._ids = ids
        self._setup_links = setup_links

    def is_offered(self, document: Document, email: str | None) -> bool:
        """Return True if the person who has signed the document may create an account at this email address.

        `email` is the address at which the person has proved to read email, or None. Neither the person nor the address
        may have an account yet."""
        if email is None:
            return False
        provider, owners = run_concurrently(
            lambda: self._store.provider(document.provider_id), lambda: self._store.claims([email_claim(email)])
        )
        is_free = provider is not None and not provider.has_account and provider.closed_at is None
        return is_free and not owners

    def create_link(self, document: Document, email: str | None, now: datetime) -> str:
        """Store a setup link, and return its token. The token has the rules of an emailed link: one use, and an expiry.

        `email` is the address at which the person has proved to read email, or None. Raises `Conflict` if no account is
        offered."""
        if email is None or not self.is_offered(document, email):
            raise Conflict(_NOT_OFFERED)
        link = new_delivery(
            Channel.EMAIL,
            MessageType.SETUP,
            email,
            event_id=self._ids.new("evt"),
            practice_id=PORTAL_PRACTICE,
            now=now,
            document_id=document.id,
            provider_id=document.provider_id,
            access=document.access,
        )
        try:
            return self._setup_links.create_token(link, now)
        except MessageOutdated as outdated:
            raise Conflict(_NOT_OFFERED) from outdated
