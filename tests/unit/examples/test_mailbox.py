import smtplib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient

from examples.clinic import forms
from examples.clinic.sample_plans.pdfs import SAMPLES, build_pdf
from examples.mailbox import smtp
from examples.mailbox.app import create_app
from examples.mailbox.box import Box
from examples.mailbox.emulator import GRACE, MAILS, Emulator
from examples.mailbox.fax import number_of
from examples.mailbox.fax_carrier import FaxCarrier
from examples.mailbox.messages import links, message_id, parse, stamp
from examples.mailbox.reader import Reader

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
PROVIDER = "dr.rivera@example.com"
HTML = (
    '<html><head></head><body><a href="http://portal.localhost:4566/documents/d1">Review</a>'
    "<script>alert(1)</script></body></html>"
)


class LocalAws:
    """A fake of the local AWS with its lists of sent emails and sent text messages."""

    def __init__(self) -> None:
        self.mails: list[dict[str, Any]] = []
        self.texts: dict[str, list[dict[str, Any]]] = {}
        self.away = False

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("nobody there", request=request)
        if request.url.path == MAILS:
            return httpx.Response(200, json={"messages": {"000000000000": self.mails}})
        return httpx.Response(200, json={"sms_messages": self.texts, "region": "us-east-1"})

    def send(self, name: str, *, to: str = PROVIDER, ago: timedelta = 2 * GRACE, **rest: object) -> None:
        self.mails.append(
            {
                "MessageId": f"{name}@email.amazonses.com",
                "Source": "Portal <portal@portal.example>",
                "To": [to],
                "CC": [],
                "BCC": [],
                "Subject": "A document is ready",
                "BodyText": "Open http://portal.localhost:4566/documents/d1.",
                "BodyHtml": HTML,
                "Timestamp": (NOW - ago).timestamp(),
                "Type": "SendRawEmail",
                **rest,
            }
        )


@pytest.fixture
def aws() -> LocalAws:
    return LocalAws()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def mailbox(aws: LocalAws, box: Box) -> FlaskClient:
    transport = httpx.MockTransport(aws.handle)
    emulator = Emulator("http://127.0.0.1:4566", box, transport=transport, clock=lambda: NOW)
    return create_app(Reader(box, emulator, "fax.example.net", "http://127.0.0.1:4576")).test_client()


@pytest.fixture
def smtp_port(box: Box) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    controller = smtp.listen(box, port=port)
    yield port
    controller.stop()


def mail(to: str, pdf: bytes | None = None) -> EmailMessage:
    message = EmailMessage()
    message["Message-ID"] = "<whole-mail-1@email.amazonses.com>"
    message["From"] = "Portal <portal@portal.example>"
    message["To"] = to
    message["Subject"] = "A document is ready"
    message.set_content("Open http://portal.localhost:4566/documents/d1.")
    if pdf is not None:
        message.add_attachment(pdf, maintype="application", subtype="pdf", filename="fax.pdf")
    return message


def plan() -> bytes:
    sample = SAMPLES["pt-knee"]
    values = forms.propose_values(sample, number=1001, today=NOW.date())
    return build_pdf(sample, forms.sample_facts(sample, values)).content


def deliver(port: int, message: EmailMessage, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(message, "portal@portal.example", [to])


def messages(mailbox: FlaskClient, to: str = PROVIDER) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = mailbox.get("/api/messages", query_string={"to": to}).get_json()
    return rows


def test_sent_mail_is_listed_with_its_links(mailbox: FlaskClient, aws: LocalAws) -> None:
    aws.send("mail-0001")
    assert messages(mailbox) == [
        {
            "id": "mail-0001",
            "to": PROVIDER,
            "from": "Portal <portal@portal.example>",
            "subject": "A document is ready",
            "received_at": "2026-11-22T18:59:58+00:00",
            "text": "Open http://portal.localhost:4566/documents/d1.\n",
            "html": HTML + "\n",
            "links": ["http://portal.localhost:4566/documents/d1"],
            "attachments": [],
        }
    ]


def test_the_list_contains_only_the_requested_address_and_ends_with_the_newest(
    mailbox: FlaskClient, aws: LocalAws
) -> None:
    aws.send("mail-0002", ago=timedelta(seconds=5))
    aws.send("mail-0001", ago=timedelta(seconds=9))
    aws.send("mail-0003", to="other@example.com")
    assert [row["id"] for row in messages(mailbox)] == ["mail-0001", "mail-0002"]
    assert [row["id"] for row in messages(mailbox, "DR.Rivera@Example.com")] == ["mail-0001", "mail-0002"]
    assert len(mailbox.get("/api/messages").get_json()) == 3


def test_copies_survive_a_restart(mailbox: FlaskClient, aws: LocalAws, tmp_path: Path) -> None:
    aws.send("mail-0001")
    messages(mailbox)
    aws.mails.clear()
    assert len(messages(mailbox)) == 1
    assert [mail.id for mail in Box(tmp_path).mails(PROVIDER)] == ["mail-0001"]


def test_a_listed_email_waits_for_its_complete_copy(mailbox: FlaskClient, aws: LocalAws) -> None:
    aws.send("mail-0001", ago=GRACE - timedelta(milliseconds=1))
    assert messages(mailbox) == []
    aws.send("mail-0002", ago=GRACE)
    assert [row["id"] for row in messages(mailbox)] == ["mail-0002"]


def test_fax_comes_by_smtp_with_its_pages(mailbox: FlaskClient, smtp_port: int) -> None:
    to = "15125550100@fax.example.net"
    pdf = plan()
    deliver(smtp_port, mail(to, pdf), to)
    row = messages(mailbox, to)[0]
    assert row["attachments"] == [{"name": "fax.pdf", "content_type": "application/pdf", "size": len(pdf)}]
    assert mailbox.get(f"/api/messages/{row['id']}/attachments/0").data == pdf
    page = mailbox.get("/fax?to=%2B15125550100").text
    assert "3 pages" in page
    assert mailbox.get(f"/messages/{row['id']}/pages/3.png").data.startswith(b"\x89PNG")
    assert mailbox.get(f"/messages/{row['id']}/pages/4.png").status_code == 404
    assert mailbox.get(f"/api/messages/{row['id']}/attachments/1").status_code == 404


@pytest.mark.parametrize("whole_first", [True, False])
def test_a_complete_email_replaces_its_listed_copy(
    mailbox: FlaskClient, aws: LocalAws, smtp_port: int, *, whole_first: bool
) -> None:
    if whole_first:
        deliver(smtp_port, mail(PROVIDER, b"%PDF"), PROVIDER)
    aws.send("whole-mail-1")
    messages(mailbox)
    if not whole_first:
        deliver(smtp_port, mail(PROVIDER, b"%PDF"), PROVIDER)
    assert [len(row["attachments"]) for row in messages(mailbox)] == [1]


def test_a_fax_without_its_pages_shows_a_notice(mailbox: FlaskClient, aws: LocalAws) -> None:
    aws.send("mail-0001", to="15125550100@fax.example.net")
    assert "The pages are missing" in mailbox.get("/fax?to=%2B15125550100").text


def test_a_fax_that_is_not_a_pdf_shows_a_notice(mailbox: FlaskClient, smtp_port: int) -> None:
    to = "15125550100@fax.example.net"
    deliver(smtp_port, mail(to, b"not a PDF"), to)
    assert "No pages. The fax contains" in mailbox.get("/fax?to=%2B15125550100").text


def test_formatted_mail_is_framed_without_scripts_and_its_links_open_a_tab(mailbox: FlaskClient, aws: LocalAws) -> None:
    aws.send("mail-0001")
    page = mailbox.get("/messages/mail-0001").text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox' in page
    assert "allow-scripts" not in page
    frame = mailbox.get("/messages/mail-0001/html")
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert '<head><base target="_blank"></head>' in frame.text


def test_subject_and_text_are_escaped(mailbox: FlaskClient, aws: LocalAws) -> None:
    aws.send("mail-0001", Subject="<b>x</b>", BodyText='<i> http://a.example/"><script>', BodyHtml=None)
    page = mailbox.get("/messages/mail-0001").text
    assert "<b>x</b>" not in page
    assert "<i>" not in page
    assert "<script>" not in page
    assert '<a href="http://a.example/" target="_blank"' in page


def test_inbox_leaves_faxes_out(mailbox: FlaskClient, aws: LocalAws) -> None:
    aws.send("mail-0001", Subject="Plain mail")
    aws.send("mail-0002", to="15125550100@fax.example.net", Subject="To the gateway")
    page = mailbox.get("/").text
    assert "Plain mail" in page
    assert "To the gateway" not in page
    assert "/fax?to=%2B15125550100" in page


def test_text_messages_show_on_the_phone_once(mailbox: FlaskClient, aws: LocalAws) -> None:
    aws.texts = {"+15125550100": [{"MessageId": "text-0001", "Message": "A document waits."}]}
    for _ in range(2):
        texts = mailbox.get("/api/texts?to=%2B15125550100").get_json()
    assert [(row["to"], row["text"]) for row in texts] == [("+15125550100", "A document waits.")]
    assert "A document waits." in mailbox.get("/phone?to=%2B15125550100").text


def test_pages_show_that_the_local_aws_does_not_respond(mailbox: FlaskClient, aws: LocalAws) -> None:
    aws.away = True
    assert "does not respond" in mailbox.get("/").text
    aws.away = False
    assert "does not respond" not in mailbox.get("/").text


def test_lists_refresh_automatically_and_an_open_email_does_not(mailbox: FlaskClient, aws: LocalAws) -> None:
    aws.send("mail-0001")
    assert mailbox.get(f"/inbox?to={PROVIDER}").headers["Refresh"] == "4"
    assert "Refresh" not in mailbox.get("/messages/mail-0001").headers


def test_unknown_mail_is_not_found(mailbox: FlaskClient) -> None:
    assert mailbox.get("/messages/none-such").status_code == 404


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("15125550100@fax.example.net", "+15125550100"),
        ("dr.rivera@fax.example.net", None),
        ("15125550100@fax.example.net.evil.example", None),
    ],
)
def test_fax_number_is_read_from_the_gateways_address(address: str, number: str | None) -> None:
    assert number_of(address, "fax.example.net") == number


def test_links_are_found_once_in_html_and_text() -> None:
    html = '<a href="https://a.example/1">x</a><a href="mailto:b@c.example">y</a>'
    assert links(html, "See https://a.example/1 (or https://a.example/2).") == (
        "https://a.example/1",
        "https://a.example/2",
    )


def test_message_id_cannot_name_a_file_elsewhere() -> None:
    assert message_id("<0101-abc_D@email.amazonses.com>") == "0101-abc_D"
    assert "/" not in message_id("<../../etc/passwd@x>")


def test_a_recipient_with_a_line_break_cannot_forge_headers() -> None:
    forged = "a@b.example\r\nX-Mailbox-Source: smtp"
    assert not parse("m", stamp(b"Subject: x\r\n\r\n", to=[forged], received_at=NOW, source="list")).complete


def test_a_fax_of_the_carrier_comes_out_of_the_fax_machine_once(tmp_path: Path) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/arrived":
            row = {"id": "f8338808-0001", "to": "+15125550100", "updated_at": "2026-11-22T19:00:00.000000Z"}
            return httpx.Response(200, json=[row])
        assert request.url.path == "/arrived/f8338808-0001.pdf"
        return httpx.Response(200, content=b"%PDF-1.7")

    box = Box(tmp_path)
    carrier = FaxCarrier("http://carrier.test", box, "fax.example.net", httpx.MockTransport(handle))
    carrier.poll()
    carrier.poll()
    (mail,) = box.mails("15125550100@fax.example.net")
    assert mail.received_at == NOW
    assert mail.attachments[0].content_type == "application/pdf"
