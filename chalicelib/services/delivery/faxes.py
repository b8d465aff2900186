"""Faxes to providers: one PDF, emailed to a gateway that faxes it. The email says nothing about the document."""

from collections.abc import Collection, Sequence

from chalicelib.domain.deliveries import AttemptStatus, Channel, Delivery, DeliveryStatus
from chalicelib.domain.documents import DeliveryLine, Document
from chalicelib.domain.errors import Unavailable, Unprocessable
from chalicelib.domain.practices import Practice
from chalicelib.pdf.fax_pages import link_stem
from chalicelib.pdf.models import FaxCover, FaxOnline
from chalicelib.services.delivery.fax_calls import mark_of
from chalicelib.services.delivery.message_sender import PORTAL, MessageFacts, MessageSender
from chalicelib.services.delivery.mime import Mail
from chalicelib.services.documents.closed_numbers import is_closed
from chalicelib.services.labels import KINDS
from chalicelib.services.linked_files import source_link, upload_link
from chalicelib.services.normalization import FAX_COUNTRIES, display_phone, normalize_fax
from chalicelib.services.pdf_requests import WORK_PREFIX, ComposedFax, ComposeFax, FaxPart
from chalicelib.services.review.hand_codes import reuse_fax_code

MEGABYTE = 1024 * 1024
MAX_PDF_MEGABYTES = 7
"""The largest PDF to email to the fax gateway. SES accepts an email of 10 MB, and its encoding makes a PDF a third
longer.
"""

_CLOSED = (
    "The recipient of an earlier fax reported that this fax number is wrong. Correct the number, or confirm it with "
    "document.resend."
)
NO_FAX = "The document could not be made into a fax."

_ENDED = frozenset({DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED})


class Faxes(MessageSender):
    def cover(self, facts: MessageFacts, document: Document, practice: Practice) -> FaxCover:
        """Return the contents of the cover page, with a link and a code for signing online if the practice allows that.

        The practice's setting Electronic Signature decides. Raises `Unprocessable` if the practice has no fax number to
        which the provider can return the signed page."""
        if not practice.fax:
            raise Unprocessable("The practice has no fax number for the signed page. Set it with PUT /v1/practice.")
        return FaxCover(
            practice_name=practice.name,
            practice_phone=display_phone(practice.phone) if practice.phone else None,
            return_fax=display_phone(practice.fax),
            provider_name=document.addressee.name_and_credential,
            provider_fax=display_phone(facts.delivery.recipient),
            sent_at=facts.now,
            time_zone=practice.time_zone,
            link_stem=link_stem(self._url(""), document.id, document.original.sha256),
            short_code=short_code(document.id),
            kind=KINDS[document.kind],
            online=self._online(facts, document),
            due_on=document.due_on,
            is_reminder=is_repeated(facts.delivery, document),
        )

    def _compose(self, facts: MessageFacts) -> Mail:
        self._check_number(facts.delivery)
        to = gateway_address(facts.delivery.recipient, self.settings.fax_domain, self.settings.fax_countries)
        pdf = self.files.get(self._store_pdf(facts, MAX_PDF_MEGABYTES))
        return Mail(to=to, name=PORTAL, subject="Fax", text="The fax is attached.\n", pdf=pdf)

    def _check_number(self, delivery: Delivery) -> None:
        """Raise `Unprocessable` if somebody reported to the practice that this fax number is wrong."""
        if is_closed(self.store, delivery.practice_id, delivery.recipient):
            raise Unprocessable(_CLOSED)

    def _store_pdf(self, facts: MessageFacts, max_megabytes: int, companions: Sequence[MessageFacts] = ()) -> str:
        """Store the PDF to fax, and return the PDF's key. The PDF function, which has no AWS rights, makes the PDF.

        The PDF has one cover page, and then the documents of the fax and of its companions, the faxes in the same call.
        Raises `Unprocessable` if the PDF is too large, and `Unavailable` if the PDF could not be made now."""
        key, max_bytes = pdf_key(facts.delivery), max_megabytes * MEGABYTE
        first, *others = (self._part(fax) for fax in (facts, *companions))
        request = ComposeFax(
            source=first.source,
            target=upload_link(self.files, key, content_type="application/pdf", max_bytes=max_bytes),
            cover=first.cover,
            max_bytes=max_bytes,
            others=tuple(others),
        )
        composed = self.pdf.run(request, ComposedFax)
        if not composed.size:
            raise Unavailable(NO_FAX)
        if composed.size > max_bytes:
            raise Unprocessable(f"The PDF is too large to fax. The limit is {max_megabytes} MB. Send it by email.")
        return key

    def _part(self, facts: MessageFacts) -> FaxPart:
        document, practice = facts.require_document()
        original = document.original
        source = source_link(self.files, original.key, original.sha256)
        return FaxPart(source=source, cover=self.cover(facts, document, practice))

    def _online(self, facts: MessageFacts, document: Document) -> FaxOnline | None:
        if not self.switches.electronic_signature(document.practice_id):
            return None
        original = self.files.find(document.original.key)
        if original is None:
            raise Unavailable(NO_FAX)
        code = reuse_fax_code(self.store, document, facts.delivery, facts.now, self.ids, original=original)
        signs_there = self.switches.sign_without_account(document.practice_id)
        return FaxOnline(portal_url=self._url("/fax"), code=code, signs_there=signs_there)


def is_repeated(delivery: Delivery, document: Document) -> bool:
    """Return True if the document was faxed to the same number before, so that this fax is marked as a reminder.

    The practice, or the follow-up of an unsigned document, has asked for the second fax. Another attempt to send the
    same fax after a failure is no reminder."""
    is_asked_again = any(attempt.status == AttemptStatus.ASKED_AGAIN for attempt in delivery.attempts)
    return is_asked_again or any(_is_earlier_fax(line, delivery) for line in document.deliveries)


def _is_earlier_fax(line: DeliveryLine, delivery: Delivery) -> bool:
    is_fax = line.channel == Channel.FAX and line.recipient == delivery.recipient
    return is_fax and line.id != delivery.id and line.status in _ENDED


def pdf_key(delivery: Delivery) -> str:
    """Return the key of the PDF of the delivery's last attempt. All faxes of a call have the same PDF.

    Every attempt has a PDF of its own, so that the late end of an attempt never deletes the PDF of the next one."""
    return f"{WORK_PREFIX}faxes/{mark_of(delivery)}.pdf"


def short_code(document_id: str) -> str:
    """Return the first eight characters of a document's id, in the form that people read to each other: `MFRG-GZDF`."""
    start = document_id.rpartition("_")[2][:8].upper()
    return f"{start[:4]}-{start[4:]}"


def gateway_address(number: str, domain: str, countries: Collection[str] = FAX_COUNTRIES) -> str:
    """Return the gateway's email address for a fax number: `15125550100@fax.example.com` for +15125550100.

    Raises `Unprocessable` for a number outside of the allowed countries, or a number with extra charges."""
    return f"{check_fax_number(number, countries).removeprefix('+')}@{domain}"


def check_fax_number(number: str, countries: Collection[str]) -> str:
    """Return the fax number in international form. Raises `Unprocessable` if the portal must not send a fax there.

    The number must be in one of the `countries`, and must not have extra charges."""
    try:
        return normalize_fax(number, countries)
    except ValueError as error:
        raise Unprocessable(f"The fax number cannot be used: it {error}.") from error
