"""Faxes: cover and document as one PDF, mailed to the email-to-fax gateway. The mail itself says nothing."""

from typing import Protocol

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.domain.documents import Addressee, Document
from chalicelib.domain.errors import Unprocessable
from chalicelib.domain.practices import Practice
from chalicelib.pdf.models import FaxCover, FaxOnline
from chalicelib.services.delivery import emails as messages
from chalicelib.services.delivery.emails import About
from chalicelib.services.delivery.mime import Mail, mime
from chalicelib.services.normalization import display_phone
from chalicelib.services.ports import Files
from chalicelib.services.review.by_hand import create_fax_code

MAX_PDF_BYTES = 7 * 1024 * 1024
"""SES takes a raw message of 10 MB, in which a PDF is a third longer."""


class Parts(messages.Parts, Protocol):
    @property
    def files(self) -> Files: ...


def send(delivery: Delivery, parts: Parts) -> AttemptResult:
    """Composes the fax and hands it to SES; cancels what has been overtaken by events."""
    about = messages.look_up(delivery, parts)
    overtaken = messages.why_not(about)
    if overtaken:
        return AttemptResult(verdict=Verdict.CANCELLED, detail=overtaken)
    if about.document is None or about.practice is None:
        raise LookupError("a fax of a document that does not exist")
    pdf = compose(about, about.document, about.practice, parts)
    to = gateway_address(delivery.recipient, parts.settings.fax_domain)
    mail = Mail(to=to, name=messages.PORTAL, subject="Fax", text="The fax is attached.\n", pdf=pdf)
    message = mime(
        mail,
        sender=parts.settings.mail_from,
        message_id=f"{delivery.id}.{len(delivery.attempts)}",
        now=about.now,
    )
    carrier_id = parts.mailer.send(to=to, message=message)
    return AttemptResult(verdict=Verdict.SENT, detail="Handed to the fax gateway.", carrier_id=carrier_id)


def compose(about: About, document: Document, practice: Practice, parts: Parts) -> bytes:
    """The PDF to fax, a few seconds of work. `Unprocessable` when it cannot be faxed as it stands."""
    from chalicelib.pdf.assembly.fax import compose_fax

    cover = cover_of(about, document, practice, parts)
    pdf = compose_fax(cover, parts.files.get(document.original.key))
    if len(pdf) > MAX_PDF_BYTES:
        raise Unprocessable("The PDF is too large to fax: 7 MB at most. Send it by email.")
    return pdf


def cover_of(about: About, document: Document, practice: Practice, parts: Parts) -> FaxCover:
    """What the cover says; with Electronic Signature off, nothing of the web."""
    if not practice.fax:
        raise Unprocessable("The practice has no fax number for the signed page. Set it: PUT /v1/practice.")
    return FaxCover(
        practice_name=practice.name,
        practice_phone=display_phone(practice.phone) if practice.phone else None,
        return_fax=display_phone(practice.fax),
        provider_name=_titled(document.addressee),
        provider_fax=display_phone(about.delivery.recipient),
        sent_at=about.now,
        time_zone=practice.time_zone,
        mark=document.id,
        short_code=short_code(document.id),
        online=_online(about, document, parts),
    )


def short_code(document_id: str) -> str:
    """The opaque id as people read it out: its first eight characters, `MFRG-GZDF`."""
    start = document_id.rpartition("_")[2][:8].upper()
    return f"{start[:4]}-{start[4:]}"


def gateway_address(number: str, domain: str) -> str:
    """`15125550100@fax.example.com` for +15125550100."""
    digits = "".join(c for c in number if c.isdigit() and c.isascii())
    if not digits:
        raise Unprocessable("The fax number cannot be used.")
    return f"{digits}@{domain}"


def _titled(who: Addressee) -> str:
    return f"{who.name}, {who.credential}" if who.credential else who.name


def _online(about: About, document: Document, parts: Parts) -> FaxOnline | None:
    if not parts.switches.electronic_signature(document.practice_id):
        return None
    link = f"{parts.settings.portal_url}/by-hand/{document.id}"
    code = create_fax_code(parts.store, document, about.delivery, about.now, parts.ids)
    return FaxOnline(portal_url=link, link=link, code=code)
