"""Test that the faxes in an email are found by their bytes, and that a hostile email is refused or bounded."""

import hashlib
from email.message import EmailMessage
from typing import Any

import pytest

from chalicelib.services.linked_files import source_link, upload_link
from chalicelib.services.pdf_function import mail_reading
from chalicelib.services.pdf_function.mail_reading import (
    FILE_TOO_LARGE,
    MAX_FILES,
    MAX_PARTS,
    NO_FAX,
    TOO_MANY_FILES,
    TOO_MANY_PARTS,
    UNREADABLE,
)
from chalicelib.services.pdf_function.sandbox import SandboxKilled
from chalicelib.services.pdf_requests import MailContents, ReadMail
from tests.support.fakes import FakeFiles
from tests.support.pdf.fake_pdf import FakePdf

PDF = b"%PDF-1.7 a fax"
MESSAGE_ID = "<1@fax.example>"
MESSAGE_SHA256 = hashlib.sha256(MESSAGE_ID.encode()).hexdigest()


def mail(*files: bytes, subtype: str = "pdf", name: str = "fax.pdf", message_id: str = MESSAGE_ID) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "fax@service.example", "prc_1.fax_1@faxes.example.com"
    if message_id:
        message["Message-ID"] = message_id
    message.set_content("A fax is attached.")
    for file in files:
        message.add_attachment(file, maintype="application", subtype=subtype, filename=name)
    return message


def read(raw: bytes | EmailMessage, max_file_bytes: int = 1000) -> tuple[MailContents, FakeFiles]:
    files, data = FakeFiles(), raw if isinstance(raw, bytes) else raw.as_bytes()
    files.put("inbound/m1", data, "message/rfc822")
    request = ReadMail(
        source=source_link(files, "inbound/m1", hashlib.sha256(data).hexdigest()),
        files=upload_link(files, "work/faxes/m1.", content_type="application/octet-stream", max_bytes=10**8, many=True),
        max_file_bytes=max_file_bytes,
    )
    return FakePdf(files).run(request, MailContents), files


def refusal(raw: bytes | EmailMessage, **limits: Any) -> str:
    """Return the reason for which an email is refused. Nothing of a refused email is written."""
    contents, files = read(raw, **limits)
    assert contents.files == 0
    assert list(files.objects) == ["inbound/m1"]
    return contents.refused


def test_an_attached_pdf_is_written_with_its_bytes() -> None:
    contents, files = read(mail(PDF))
    assert contents == MailContents(1, MESSAGE_SHA256, "")
    assert files.objects["work/faxes/m1.1"] == (PDF, "application/octet-stream")


def test_several_pdfs_are_written_in_their_order() -> None:
    contents, files = read(mail(PDF, PDF + b" two"))
    assert contents.files == 2
    assert files.get("work/faxes/m1.2") == PDF + b" two"


def test_a_fax_counts_whatever_its_name_and_type_are() -> None:
    assert read(mail(PDF, subtype="octet-stream", name="fax"))[0].files == 1


def test_a_pdf_in_a_forwarded_email_is_found() -> None:
    outer = EmailMessage()
    outer["Message-ID"] = MESSAGE_ID
    outer.set_content("Forwarded.")
    outer.add_attachment(mail(PDF))
    assert read(outer)[0] == MailContents(1, MESSAGE_SHA256, "")


def test_an_email_that_is_only_a_pdf_is_read() -> None:
    message = EmailMessage()
    message.set_content(PDF, maintype="application", subtype="pdf")
    assert read(message)[0] == MailContents(1, "", "")


@pytest.mark.parametrize("data", [b"MZ a program", b"PK a zip file", b" %PDF-1.7 a blank first"])
def test_a_file_that_is_no_fax_is_refused_whatever_its_name_says(data: bytes) -> None:
    assert refusal(mail(data)) == NO_FAX


@pytest.mark.parametrize("data", [b"II*\0 a picture", b"MM\0* a picture"])
def test_a_tiff_is_a_fax_too(data: bytes) -> None:
    contents, files = read(mail(data))
    assert contents.files == 1
    assert files.get("work/faxes/m1.1") == data


def test_an_email_without_files_has_no_fax() -> None:
    assert refusal(mail()) == NO_FAX


def test_a_pdf_of_the_largest_size_is_accepted_and_a_larger_one_refused() -> None:
    assert read(mail(PDF), max_file_bytes=len(PDF))[0].files == 1
    assert refusal(mail(PDF), max_file_bytes=len(PDF) - 1) == FILE_TOO_LARGE


def test_the_limits_are_those_of_the_guide_and_fit_the_function() -> None:
    assert (MAX_FILES, MAX_PARTS) == (10, 100)
    assert (mail_reading.SECONDS, mail_reading.MEMORY) == (10.0, 512 * 1024 * 1024)


def test_an_email_may_have_ten_faxes_and_no_more() -> None:
    assert read(mail(*[PDF] * MAX_FILES))[0].files == MAX_FILES
    assert refusal(mail(*[PDF] * (MAX_FILES + 1))) == TOO_MANY_FILES


def test_two_hundred_attachments_are_refused() -> None:
    assert refusal(mail(*[PDF] * 200)) == TOO_MANY_PARTS


def test_the_number_of_parts_is_bounded() -> None:
    """The whole email and its text are parts too."""
    assert read(mail(PDF, *[b"a logo"] * (MAX_PARTS - 3)))[0].files == 1
    assert refusal(mail(PDF, *[b"a logo"] * (MAX_PARTS - 2))) == TOO_MANY_PARTS


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: application/pdf\r\n",
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!\r\n",
    ],
)
def test_a_broken_email_has_no_fax(raw: bytes) -> None:
    assert refusal(raw) == NO_FAX


def test_an_email_nested_without_end_cannot_be_read() -> None:
    levels = [b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000)]
    assert refusal(b"".join(levels)) == UNREADABLE


def test_an_unknown_character_set_cannot_stop_the_search() -> None:
    raw = b"Content-Type: text/plain; charset=x-none\r\nMessage-ID: =?x-none?b?AAAA?=\r\n\r\n" + PDF
    assert read(raw)[0].files == 1


def test_an_email_that_crashes_the_reader_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise SandboxKilled(by_time=True)

    monkeypatch.setattr(mail_reading, "run_sandboxed", crash)
    assert refusal(mail(PDF)) == UNREADABLE


def test_only_the_hash_of_the_message_id_leaves_the_function() -> None:
    assert read(mail(PDF, message_id=""))[0].message_sha256 == ""
    assert read(mail(PDF, message_id=f" {MESSAGE_ID} "))[0].message_sha256 == MESSAGE_SHA256
