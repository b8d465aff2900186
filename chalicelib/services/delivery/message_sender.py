"""The common part of the senders of emails and faxes, which both leave by SES."""

from abc import ABC, abstractmethod

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.services.accounts.setup_links import SetupLinks
from chalicelib.services.delivery.message_facts import MessageFacts, cancellation_reason, look_up
from chalicelib.services.delivery.mime import Mail, mime
from chalicelib.services.ports import Clock, Files, Ids, Mailer, Store, Switches
from chalicelib.settings import Settings

PORTAL = "Provider Portal"


class MessageSender(ABC):
    """Base class of the senders. Only faxes read `files`, and only emails use `setup_links`."""

    def __init__(
        self,
        *,
        store: Store,
        files: Files,
        mailer: Mailer,
        switches: Switches,
        clock: Clock,
        ids: Ids,
        setup_links: SetupLinks,
        settings: Settings,
    ) -> None:
        self._store = store
        self._files = files
        self._mailer = mailer
        self._switches = switches
        self._clock = clock
        self._ids = ids
        self._setup_links = setup_links
        self._settings = settings

    def send(self, delivery: Delivery) -> AttemptResult:
        """Compose the message and send it by SES, or cancel a message that is no longer wanted."""
        facts = look_up(delivery, self._store, self._clock.now())
        reason = cancellation_reason(facts)
        if reason:
            return AttemptResult(verdict=Verdict.CANCELLED, detail=reason)
        mail = self._compose(facts)
        message = mime(
            mail, sender=self._settings.mail_from, message_id=f"{delivery.id}.{len(delivery.attempts)}", now=facts.now
        )
        carrier_id = self._mailer.send(to=mail.to, message=message)
        return AttemptResult(verdict=Verdict.SENT, detail="Accepted by the email service.", carrier_id=carrier_id)

    @abstractmethod
    def _compose(self, facts: MessageFacts) -> Mail:
        """Return the message. Raises `Unprocessable` if the message cannot be composed."""

    def _url(self, path: str) -> str:
        return self._settings.portal_url + path
