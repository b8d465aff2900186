"""An email as the RFC 5322 bytes that SES accepts. Text from outside, such as a name, cannot add a header."""

from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError, InvalidHeaderDefect, MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from chalicelib.domain.errors import Unprocessable
from chalicelib.services.delivery.email_parts import InlineLogo
from chalicelib.services.normalization import is_printable


@dataclass(frozen=True, kw_only=True)
class Mail:
    """An email. `name` is the sender's name that the mailbox shows. `pdf` is attached as `document.pdf`.

    `logo` is a picture in the HTML text."""

    to: str
    name: str
    subject: str
    text: str
    html: str | None = None
    pdf: bytes | None = None
    reply_to: str | None = None
    logo: InlineLogo | None = None


def mime(mail: Mail, *, sender: str, message_id: str, now: datetime) -> bytes:
    """Return the email as RFC 5322 bytes. Raises `Unprocessable` for an address that cannot receive email.

    `message_id` is the part before the @ of the Message-ID header, which SES replaces by an id of its own."""
    message = EmailMessage(policy=SMTP)
    origin = _address(sender, name=header_text(mail.name))
    message["From"] = origin
    message["To"] = _address(mail.to)
    if mail.reply_to:
        message["Reply-To"] = _address(mail.reply_to)
    message["Subject"] = header_text(mail.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{header_text(message_id)}@{origin.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte="quoted-printable")
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    if mail.logo is not None:
        _add_logo(message, mail.logo)
    if mail.pdf is not None:
        message.add_attachment(mail.pdf, maintype="application", subtype="pdf", filename="document.pdf")
    return message.as_bytes()


def _add_logo(message: EmailMessage, logo: InlineLogo) -> None:
    """Add the logo beside the HTML text, so that mailboxes show it in place and not as an attachment."""
    html = message.get_body(("html",))
    if isinstance(html, EmailMessage):
        html.add_related(logo.data, maintype="image", subtype=logo.subtype, cid=f"<{logo.cid}>", disposition="inline")


def header_text(text: str) -> str:
    """Return the text as one line of printable characters, so that a text from outside cannot add an email header.

    Joiners, invisible characters that shape the letters beside them, stay in the text."""
    return " ".join("".join(c if is_printable(c) else " " for c in text).split())


def _address(spec: str, *, name: str = "") -> Address:
    refused = Unprocessable("The address cannot be used for email.")
    if not spec.isascii() or not spec.isprintable():
        raise refused
    try:
        return Address(display_name=name, addr_spec=spec)
    except (MessageError, HeaderParseError, InvalidHeaderDefect, ValueError, IndexError):
        raise refused from None
