"""Test faxes that a clinic's fax service forwards by email: SES's report, the checks, and the practice's list."""

import hashlib
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from chalicelib.domain.carriers.fax_mails import FaxMail, Verdict
from chalicelib.domain.carriers.received_faxes import Arrival, PageMatch, ReceivedFax
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.pdf_function.mail_reading import NO_FAX
from chalicelib.services.pdf_requests import FaxReadings, PageReading, ReadFax
from chalicelib.services.returned_faxes import fax_mail_reception
from chalicelib.services.returned_faxes.fax_mail_reception import REFUSALS, TOO_LARGE_MAIL
from chalicelib.services.returned_faxes.fax_mail_reports import MAX_RECIPIENTS, FaxMailReports
from chalicelib.services.returned_faxes.received_faxes import is_file_shown
from chalicelib.services.transaction import Change, Job
from chalicelib.workers import run_delivery_job
from tests.support.fakes import START
from tests.support.pdf.fake_pdf import FakePdf
from tests.support.provider_fixtures import PRACTICE
from tests.support.worlds.returned_fax_world import DOCUMENT, ReturnedFaxWorld

DOMAIN = "faxes.example.com"
TOKENS = ("fax_new", "fax_old")
ADDRESS, OLD_ADDRESS = (f"prc_1.{token}@{DOMAIN}" for token in TOKENS)
OTHER = replace(PRACTICE, id="prc_2", fax_tokens=("fax_two",))
MAIL_ID = "d6iitobk75ur44p8kdnnp7g2n800"
PDF = b"%PDF-1.7 a forwarded fax"


class MailPdf(FakePdf):
    """The Lambda function `pdf` in memory, which takes emails apart, and returns chosen readings for each fax."""

    readings: tuple[PageReading, ...] = ()

    def run(self, request: object, result: type[Any]) -> Any:
        if isinstance(request, ReadFax):
            self.asked.append(request)
            return FaxReadings(self.readings, "")
        return super().run(request, result)


class MailWorld(ReturnedFaxWorld):
    """The portal's services in memory, with two practices that have addresses for forwarded faxes."""

    def __init__(self) -> None:
        super().__init__()
        self.mail_pdf = MailPdf(self.files)
        self.pdf = self.mail_pdf
        own = replace(self.practice, version=self.practice.version + 1, fax_tokens=TOKENS)
        self.store.commit(Change(at=START, practices=(own, OTHER)))
        self.mail_reports = FaxMailReports(store=self.store, clock=self.clock, ids=self.ids, fax_mail_domain=DOMAIN)

    def jobs_of(self, *recipients: str, **receipt: Any) -> list[Job]:
        """Return the jobs that SES's report on an email to these recipients queues."""
        before = len(self.store.jobs())
        self.mail_reports.record(a_report(*recipients, **receipt))
        return list(self.store.jobs()[before:])

    def forward(self, *files: bytes, to: str = ADDRESS, mail_id: str = MAIL_ID, message_id: str = "<1@fax>") -> None:
        """Let an email with these attachments come in, and do its jobs."""
        message = EmailMessage()
        message["From"], message["Message-ID"] = "anybody@fax.example", message_id
        message.set_content("A fax is attached.")
        for file in files:
            message.add_attachment(file, maintype="application", subtype="pdf", filename="fax.pdf")
        self.files.put(f"inbound/{mail_id}", message.as_bytes(), "message/rfc822")
        for job in self.jobs_of(to, mail_id=mail_id):
            run_delivery_job(job, self)

    def list_faxes(self, practice: Any = PRACTICE) -> tuple[ReceivedFax, ...]:
        return self.received_faxes.page(practice, limit=100, before=None).items


def a_report(*recipients: str, mail_id: str = MAIL_ID, virus: str = "PASS", spam: str = "PASS") -> dict[str, Any]:
    """Return SES's report on an email that came in and was stored."""
    return {
        "notificationType": "Received",
        "mail": {"messageId": mail_id, "source": "anybody@fax.example", "commonHeaders": {"subject": "Ada Byron"}},
        "receipt": {
            "timestamp": START.isoformat().replace("+00:00", "Z"),
            "recipients": list(recipients),
            "virusVerdict": {"status": virus},
            "spamVerdict": {"status": spam},
            "action": {"type": "S3", "objectKey": f"inbound/{mail_id}"},
        },
    }


@pytest.fixture
def world() -> MailWorld:
    return MailWorld()


def only_fax(world: MailWorld) -> ReceivedFax:
    (fax,) = world.list_faxes()
    return fax


# SES's report


@pytest.mark.parametrize("address", [ADDRESS, OLD_ADDRESS, ADDRESS.upper()])
def test_an_email_to_a_live_address_becomes_a_job_without_its_sender(world: MailWorld, address: str) -> None:
    (job,) = world.jobs_of(address)
    mail = FaxMail(id=MAIL_ID, practice_id="prc_1", at=START, verdict=Verdict.CLEAN)
    assert job == Job(queue=QueueName.DELIVERIES, name=JobName.RECEIVE_FAX_MAIL, event_id=MAIL_ID, fax_mail=mail)


@pytest.mark.parametrize(
    "address",
    [
        f"prc_1.fax_two@{DOMAIN}",
        f"prc_2.fax_new@{DOMAIN}",
        f"prc_1.fax_wrong@{DOMAIN}",
        f"prc_3.fax_new@{DOMAIN}",
        f"postmaster@{DOMAIN}",
        "prc_1.fax_new@other.example",
    ],
)
def test_an_email_to_another_practices_token_or_no_address_is_ignored(world: MailWorld, address: str) -> None:
    assert world.jobs_of(address) == []


def test_one_email_to_two_practices_and_twice_to_one_becomes_two_jobs(world: MailWorld) -> None:
    jobs = world.jobs_of(ADDRESS, f"prc_2.fax_two@{DOMAIN}", OLD_ADDRESS)
    assert [job.fax_mail and job.fax_mail.practice_id for job in jobs] == ["prc_1", "prc_2"]


def test_the_log_counts_practices_and_names_no_person(world: MailWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.jobs_of(ADDRESS)
    (record,) = (record for record in caplog.records if record.getMessage() == "fax mail")
    assert vars(record)["practices"] == 1
    assert not any(secret in str(vars(record)) for secret in ("Ada", "anybody", TOKENS[0]))


def test_the_number_of_recipients_is_bounded(world: MailWorld) -> None:
    assert MAX_RECIPIENTS == 10
    others = [f"person{number}@{DOMAIN}" for number in range(MAX_RECIPIENTS)]
    assert len(world.jobs_of(*others[1:], ADDRESS)) == 1
    assert world.jobs_of(*others, ADDRESS) == []


@pytest.mark.parametrize("mail_id", ["../evidence/x", "short", "a" * 129, ""])
def test_an_id_that_could_name_another_file_is_ignored(world: MailWorld, mail_id: str) -> None:
    assert world.jobs_of(ADDRESS, mail_id=mail_id) == []


@pytest.mark.parametrize(
    ("virus", "spam", "verdict"),
    [
        ("PASS", "PASS", Verdict.CLEAN),
        ("PASS", "GRAY", Verdict.CLEAN),
        ("PASS", "PROCESSING_FAILED", Verdict.CLEAN),
        ("PASS", "FAIL", Verdict.SPAM),
        ("FAIL", "FAIL", Verdict.VIRUS),
        ("PROCESSING_FAILED", "PASS", Verdict.VIRUS),
        ("DISABLED", "PASS", Verdict.VIRUS),
    ],
)
def test_the_verdicts_of_ses_travel_with_the_job(world: MailWorld, virus: str, spam: str, verdict: Verdict) -> None:
    (job,) = world.jobs_of(ADDRESS, virus=virus, spam=spam)
    assert job.fax_mail is not None
    assert job.fax_mail.verdict is verdict


def test_an_email_without_verdicts_counts_as_unchecked(world: MailWorld) -> None:
    report = a_report(ADDRESS)
    del report["receipt"]["virusVerdict"]
    world.mail_reports.record(report)
    mail = world.store.jobs()[-1].fax_mail
    assert mail is not None
    assert mail.verdict is Verdict.VIRUS


# The faxes in an email


def test_a_forwarded_fax_is_matched_like_one_of_the_carrier(world: MailWorld) -> None:
    world.mail_pdf.readings = (world.reading(1, 2),)
    world.forward(PDF)
    fax, sha256 = only_fax(world), hashlib.sha256(PDF).hexdigest()
    assert (fax.arrival, fax.sender, fax.received_at, fax.refused) == (Arrival.EMAIL, None, START, "")
    assert (fax.sha256, fax.file_key) == (sha256, f"evidence/faxes/prc_1/{sha256}")
    assert fax.carrier_id == f"mail-prc_1-{sha256}"
    assert [(page.match, page.document_id, page.page) for page in fax.pages] == [(PageMatch.MATCHED, DOCUMENT.id, 2)]
    assert world.files.get(fax.file_key) == PDF
    assert [copy.fax_id for copy in world.document.copies] == [fax.id]
    assert world.notices() == ["needs_attention"]
    assert [key for key in world.files.objects if key.startswith("work/")] == []


def test_an_installation_without_a_fax_carrier_takes_faxes_by_email(world: MailWorld) -> None:
    del world.fax_carrier
    world.forward(PDF)
    assert only_fax(world).arrival is Arrival.EMAIL


def test_a_fax_of_another_practices_document_is_reported_and_not_shown(world: MailWorld) -> None:
    world.mail_pdf.readings = (world.reading(1, 2),)
    world.forward(PDF, to=f"prc_2.fax_two@{DOMAIN}")
    (fax,) = world.list_faxes(OTHER)
    assert [(page.match, page.document_id) for page in fax.pages] == [(PageMatch.OTHER_PRACTICE, None)]
    assert not is_file_shown(fax)
    assert world.document.copies == ()
    assert world.list_faxes() == ()


def test_what_matches_nothing_waits_in_the_practices_list(world: MailWorld) -> None:
    world.mail_pdf.readings = (PageReading(number=1, is_blank=False),)
    world.forward(PDF)
    assert only_fax(world).pages[0].match is PageMatch.UNREADABLE
    assert is_file_shown(only_fax(world))
    assert world.notices() == ["fax_waits"]


def test_each_file_of_an_email_is_a_fax(world: MailWorld) -> None:
    world.forward(PDF, PDF + b" two")
    assert len(world.list_faxes()) == 2


@pytest.mark.parametrize(("mail_id", "message_id"), [(MAIL_ID, "<1@fax>"), ("another-mail-id", "<2@fax>")])
def test_the_same_file_is_stored_once(world: MailWorld, mail_id: str, message_id: str) -> None:
    world.mail_pdf.readings = (world.reading(1, 2),)
    world.forward(PDF)
    world.forward(PDF, mail_id=mail_id, message_id=message_id)
    assert len(world.list_faxes()) == 1
    assert len(world.document.copies) == 1


def test_a_copy_of_an_email_is_ignored_whatever_it_has(world: MailWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.forward(PDF)
    world.forward(PDF + b" two", mail_id="another-mail-id")
    assert len(world.list_faxes()) == 1
    assert "fax mail came before" in caplog.messages


def test_a_message_id_means_nothing_in_another_practice(world: MailWorld) -> None:
    world.forward(PDF)
    world.forward(PDF, to=f"prc_2.fax_two@{DOMAIN}", mail_id="another-mail-id")
    assert len(world.list_faxes(OTHER)) == 1


def test_emails_without_a_message_id_are_not_copies_of_each_other(world: MailWorld) -> None:
    world.forward(PDF, message_id="")
    world.forward(PDF + b" two", message_id="", mail_id="another-mail-id")
    assert len(world.list_faxes()) == 2


def test_a_crash_between_two_faxes_of_an_email_loses_none(world: MailWorld) -> None:
    world.forward(PDF)
    (job,) = [job for job in world.store.jobs() if job.name is JobName.RECEIVE_FAX_MAIL]
    world.forward(PDF, PDF + b" two")
    run_delivery_job(job, world)
    assert len(world.list_faxes()) == 2


# Refused emails


def refused(world: MailWorld) -> str:
    """Return the reason in the practice's list, for an email of which nothing is stored."""
    fax = only_fax(world)
    assert (fax.pages, fax.file_key, fax.sha256) == ((), "", "")
    assert not is_file_shown(fax)
    assert world.notices() == ["fax_waits"]
    assert not any(isinstance(request, ReadFax) for request in world.mail_pdf.asked)
    return fax.refused


@pytest.mark.parametrize("verdict", [Verdict.VIRUS, Verdict.SPAM])
def test_an_email_that_failed_a_check_of_ses_is_not_opened(world: MailWorld, verdict: Verdict) -> None:
    failed = {"virus": "FAIL"} if verdict is Verdict.VIRUS else {"spam": "FAIL"}
    (job,) = world.jobs_of(ADDRESS, **failed)
    for _ in range(2):
        run_delivery_job(job, world)
    assert refused(world) == REFUSALS[verdict]
    assert world.mail_pdf.asked == []


def test_a_file_that_is_no_fax_is_refused(world: MailWorld) -> None:
    world.forward(b"MZ a program")
    assert refused(world) == NO_FAX


def test_a_refused_email_that_comes_twice_is_listed_once(world: MailWorld) -> None:
    world.forward(b"MZ a program")
    world.forward(b"MZ a program", mail_id="another-mail-id")
    assert refused(world) == NO_FAX


@pytest.mark.parametrize(("spare", "is_opened"), [(0, True), (-1, False)])
def test_an_email_over_the_limit_is_not_opened(
    world: MailWorld, monkeypatch: pytest.MonkeyPatch, spare: int, *, is_opened: bool
) -> None:
    world.forward(PDF, mail_id="sample-mail-id", to=f"postmaster@{DOMAIN}")
    size = len(world.files.get("inbound/sample-mail-id"))
    monkeypatch.setattr(fax_mail_reception, "MAX_MAIL_BYTES", size + spare)
    world.forward(PDF)
    if is_opened:
        assert only_fax(world).refused == ""
    else:
        assert refused(world) == TOO_LARGE_MAIL
        assert world.mail_pdf.asked == []


def test_the_limits_are_those_of_the_guide() -> None:
    assert fax_mail_reception.MAX_MAIL_BYTES == 30 * 1024 * 1024


def test_an_email_that_is_not_stored_yet_is_tried_again(world: MailWorld) -> None:
    (job,) = world.jobs_of(ADDRESS)
    with pytest.raises(Unavailable):
        run_delivery_job(job, world)
    assert world.list_faxes() == ()


def test_a_job_without_an_email_is_an_error(world: MailWorld) -> None:
    job = Job(queue=QueueName.DELIVERIES, name=JobName.RECEIVE_FAX_MAIL, event_id=MAIL_ID)
    with pytest.raises(LookupError):
        run_delivery_job(job, world)


def test_the_function_without_rights_gets_links_to_this_email_only(world: MailWorld) -> None:
    world.forward(PDF)
    request: Any = world.mail_pdf.asked[0]
    assert f"inbound/{MAIL_ID}" in request.source.url
    assert request.files.fields["key"] == f"work/faxes/prc_1.{MAIL_ID}.${{filename}}"
    assert request.files.fields["content_type_prefix"] == "application/octet-stream"
    assert request.max_file_bytes == 20 * 1024 * 1024
