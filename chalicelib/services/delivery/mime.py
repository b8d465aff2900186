"""An email as the bytes that SES is handed (RFC 5322). No text from outside can add a header."""

from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError, InvalidHeaderDefect, MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from chalicelib.domain.errors import Unprocessable
from chalicelib.services.normalization import is_shown


@dataclass(frozen=True, kw_only=True)
class Mail:
    """`html` and `pdf` (attached as `document.pdf`) are optional. `name` is shown as the sender."""

    to: str
    name: str
    subject: str
    text: str
    html: str | None = None
    pdf: bytes | None = None
    reply_to: str | None = None


def mime(mail: Mail, *, sender: str, message_id: str, now: datetime) -> bytes:
    """The message. `Unprocessable` for an address that mail cannot be sent to.

    `message_id` is the part before the @; SES puts its own in front of the receiver.
    """
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
    if mail.pdf is not None:
        message.add_attachment(mail.pdf, maintype="application", subtype="pdf", filename="document.pdf")
    return message.as_bytes()


def header_text(text: str) -> str:
    """Printable characters and joiners only, so that nothing can end a header and begin another."""
    return " ".join("".join(c if is_shown(c) else " " for c in text).split())


def _address(spec: str, *, name: str = "") -> Address:
    refused = Unprocessable("The address cannot be used for mail.")
    if not spec.isascii() or not spec.isprintable():
        raise refused
    try:
        return Address(display_name=name, addr_spec=spec)
    except (MessageError, HeaderParseError, InvalidHeaderDefect, ValueError, IndexError):
        raise refused from None
