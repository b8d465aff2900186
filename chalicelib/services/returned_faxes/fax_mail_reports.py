"""The reports of SES on emails that came in at the addresses of practices, with faxes that a fax service forwarded."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger

from chalicelib.domain.carriers.fax_addresses import read_fax_address
from chalicelib.domain.carriers.fax_mails import FaxMail, Verdict
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.timestamps import from_text
from chalicelib.services.ports import Clock, Ids, Store
from chalicelib.services.transaction import Change, Job, OutboxRow

MAX_RECIPIENTS = 10
"""The most recipients of one email that are looked at."""

_PASSED, _FAILED = "PASS", "FAIL"
_MESSAGE_ID = re.compile("[A-Za-z0-9_-]{8,128}")

logger = Logger(service="portal", child=True)


@dataclass(frozen=True, kw_only=True)
class FaxMailReports:
    """Service that queues a job for each email with faxes that came in. The sender of an email is never looked at."""

    store: Store
    clock: Clock
    ids: Ids
    fax_mail_domain: str

    def record(self, notification: Mapping[str, Any]) -> None:
        """Queue a job for each practice to whose address an email was sent. Ignore an email to any other address.

        `notification` is the report of SES, in which the key `receipt` has the recipients and the results of SES's
        checks. A report that comes twice queues two jobs, and the second changes nothing."""
        mails = tuple(self._mails(notification["mail"]["messageId"], notification["receipt"]))
        jobs = tuple(_job(mail) for mail in mails)
        if jobs:
            now = self.clock.now()
            row = OutboxRow(id=self.ids.new("out"), created_at=now, jobs=jobs)
            self.store.commit(Change(at=now, outbox=(row,)))
        logger.info("fax mail", extra={"practices": len(jobs)})

    def _mails(self, message_id: str, receipt: Mapping[str, Any]) -> Iterator[FaxMail]:
        if not _MESSAGE_ID.fullmatch(message_id):
            return
        at, verdict = from_text(receipt["timestamp"]), _read_verdict(receipt)
        for practice_id in self._practices(receipt["recipients"][:MAX_RECIPIENTS]):
            yield FaxMail(id=message_id, practice_id=practice_id, at=at, verdict=verdict)

    def _practices(self, recipients: list[str]) -> list[str]:
        """Return the ids of the practices whose addresses are among the recipients, each once."""
        found = []
        for recipient in recipients:
            address = read_fax_address(recipient, self.fax_mail_domain)
            practice = self.store.practice(address.practice_id) if address else None
            if address and practice and address.is_of(practice):
                found.append(practice.id)
        return list(dict.fromkeys(found))


def _read_verdict(receipt: Mapping[str, Any]) -> Verdict:
    """Return what the checks of SES found. An email that SES could not check for viruses counts as one with a virus."""
    if receipt.get("virusVerdict", {}).get("status") != _PASSED:
        return Verdict.VIRUS
    return Verdict.SPAM if receipt.get("spamVerdict", {}).get("status") == _FAILED else Verdict.CLEAN


def _job(mail: FaxMail) -> Job:
    return Job(queue=QueueName.DELIVERIES, name=JobName.RECEIVE_FAX_MAIL, event_id=mail.id, fax_mail=mail)
