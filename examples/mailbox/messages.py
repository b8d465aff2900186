"""The emails of the mailbox, parsed from the bytes in their files."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from html.parser import HTMLParser

TO = "X-Mailbox-To"
RECEIVED = "X-Mailbox-ReceivedWebhook"
SOURCE = "X-Mailbox-Source"

SAFE_ID = re.compile(r"[A-Za-z0-9_-]{8,80}")
WEB_ADDRESS = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True)
class Attachment:
    """A file that is attached to an email in the mailbox."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Message:
    """An email in the mailbox. `complete` is False if its attachments are missing, because only its text is known."""

    id: str
    to: tuple[str, ...]
    sender: str
    subject: str
    received_at: datetime
    text: str
    html: str
    links: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    complete: bool


def message_id(header: str) -> str:
    """Return an id for an email, made from its Message-ID header, that is safe in file names and URLs."""
    local = header.strip().strip("<>").partition("@")[0]
    if SAFE_ID.fullmatch(local):
        return local
    return hashlib.sha256(header.encode()).hexdigest()[:32]


def stamp(raw: bytes, *, to: Sequence[str], received_at: datetime, source: str) -> bytes:
    """Return the email's bytes with three more headers, by which its file has all that the mailbox must know.

    They are the recipients, the time of arrival, and the source (`smtp` for a complete email)."""
    # An address with a line break could forge the other headers.
    recipients = ", ".join(" ".join(address.split()) for address in to)
    lines = (f"{TO}: {recipients}", f"{RECEIVED}: {received_at.astimezone(UTC).isoformat()}", f"{SOURCE}: {source}")
    return "".join(f"{line}\r\n" for line in lines).encode() + raw


def parse(name: str, stamped: bytes) -> Message:
    """Return the email in the bytes of a file of the mailbox, which `stamp` has made.

    `name` is the email's id. Raises `ValueError` if the headers of `stamp` are missing."""
    mail = message_from_bytes(stamped, policy=policy.default)
    text, html = _body(mail, "plain"), _body(mail, "html")
    return Message(
        id=name,
        to=tuple(address.lower() for _, address in getaddresses([str(mail[TO] or "")])),
        sender=str(mail["From"] or ""),
        subject=str(mail["Subject"] or ""),
        received_at=datetime.fromisoformat(str(mail[RECEIVED])),
        text=text,
        html=html,
        links=links(html, text),
        attachments=tuple(_attachment(part) for part in mail.iter_attachments()),
        complete=mail[SOURCE] == "smtp",
    )


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""


def _attachment(part: EmailMessage) -> Attachment:
    content = part.get_payload(decode=True)
    return Attachment(
        name=part.get_filename() or "attachment",
        content_type=part.get_content_type(),
        content=content if isinstance(content, bytes) else b"",
    )


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]


def links(html: str, text: str) -> tuple[str, ...]:
    """Return every web address in an email once: first those of the links in its HTML, then those in its text."""
    anchors = _Anchors()
    anchors.feed(html)
    plain = [address.rstrip(".,;:!?)]}") for address in WEB_ADDRESS.findall(text)]
    web = [link for link in (*anchors.links, *plain) if WEB_ADDRESS.match(link)]
    return tuple(dict.fromkeys(web))
