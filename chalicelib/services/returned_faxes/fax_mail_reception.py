"""The reception of faxes that a clinic's fax service forwarded by email to the practice's address.

The email is taken apart in the function without rights. Each fax is then stored, read and matched like a fax from the
carrier, but only with the documents of the practice that owns the address."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from chalicelib.domain.carriers.fax_mails import FaxMail, Verdict
from chalicelib.domain.carriers.received_faxes import Arrival
from chalicelib.domain.claim_keys import fax_mail_claim
from chalicelib.domain.errors import Unavailable
from chalicelib.services.linked_files import source_link, upload_link
from chalicelib.services.pdf_requests import FILE_TYPE, WORK_PREFIX, MailContents, ReadMail
from chalicelib.services.ports import Files, PdfFunction, Store
from chalicelib.services.returned_faxes.fax_keeping import MAX_FAX_BYTES, Arrived, FaxKeeper
from chalicelib.services.transaction import Claim, Job

INBOUND_PREFIX = "inbound/"
"""The prefix under which SES stores the emails that come in. They expire after a week."""

MAX_MAIL_BYTES = 30 * 1024 * 1024
"""The largest email that is opened. A file in an email takes a third more bytes than the file itself."""

REFUSALS: Mapping[Verdict, str] = {
    Verdict.VIRUS: "The email was not opened, because it did not pass the check for viruses.",
    Verdict.SPAM: "The email was not opened, because it looks like spam.",
}
TOO_LARGE_MAIL = "The email is larger than 30 MB."

logger = Logger(service="portal", child=True)


@dataclass(frozen=True, kw_only=True)
class FaxMailReception:
    """Service that does the `receive_fax_mail` jobs: it takes the faxes out of an email, and has them matched."""

    store: Store
    files: Files
    pdf: PdfFunction
    keeper: FaxKeeper

    def receive(self, job: Job) -> None:
        """Take the faxes out of one email, and store, read and match them. A refused email is shown in the practice's
        list of faxes, with the reason.

        A repeated job, a copy of the email and a file that came before change nothing. Raises `Unavailable` if the
        email is not stored yet, so that the job runs again."""
        if job.fax_mail is None:
            raise LookupError("a fax mail job without an email")
        mail = job.fax_mail
        refused = REFUSALS.get(mail.verdict)
        contents = MailContents(0, "", refused) if refused else self._open(mail)
        claim = _claim(mail, contents)
        owner = self.store.claims([claim.key]).get(claim.key, mail.id) if claim else mail.id
        if owner != mail.id:
            logger.info("fax mail came before")
        elif contents.refused:
            self._keep(mail, None, claim, contents.refused)
        else:
            self._keep_files(mail, contents.files, claim)

    def _open(self, mail: FaxMail) -> MailContents:
        """Have the email's faxes written by the function without rights, unless the email is too large."""
        key = f"{INBOUND_PREFIX}{mail.id}"
        data = self.files.find(key)
        if data is None:
            raise Unavailable("the email is not stored")
        if len(data) > MAX_MAIL_BYTES:
            return MailContents(0, "", TOO_LARGE_MAIL)
        prefix = _work_prefix(mail)
        request = ReadMail(
            source=source_link(self.files, key, hashlib.sha256(data).hexdigest()),
            files=upload_link(self.files, prefix, content_type=FILE_TYPE, max_bytes=MAX_FAX_BYTES, many=True),
            max_file_bytes=MAX_FAX_BYTES,
        )
        return self.pdf.run(request, MailContents)

    def _keep_files(self, mail: FaxMail, count: int, claim: Claim | None) -> None:
        for number in range(1, count + 1):
            key = f"{_work_prefix(mail)}{number}"
            self._keep(mail, self.files.get(key), claim)
            self.files.delete(key)

    def _keep(self, mail: FaxMail, data: bytes | None, claim: Claim | None, refused: str = "") -> None:
        """Store one fax of the email, or an email that is refused. The same file is stored once for a practice."""
        sha256 = hashlib.sha256(data).hexdigest() if data is not None else mail.id
        fax = Arrived(
            id=f"mail-{mail.practice_id}-{sha256}", at=mail.at, sender=None, is_partial=False, arrival=Arrival.EMAIL
        )
        self.keeper.keep(fax, mail.practice_id, data, refused=refused, claims=(claim,) if claim else ())


def _work_prefix(mail: FaxMail) -> str:
    return f"{WORK_PREFIX}faxes/{mail.practice_id}.{mail.id}."


def _claim(mail: FaxMail, contents: MailContents) -> Claim | None:
    """Return the claim on the email's Message-ID within the practice, or None for an email without one."""
    sha256 = contents.message_sha256
    return Claim(key=fax_mail_claim(mail.practice_id, sha256), owner=mail.id) if sha256 else None
