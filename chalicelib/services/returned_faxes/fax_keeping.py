"""The storage of faxes that came in, by a fax carrier or by email: each is stored, read and matched.

A page is matched with the document that its QR code names. A matched fax is not a signature: the document stays pending
until a person at the clinic says what is on the copy."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce

from chalicelib.domain.carriers.received_faxes import UNMATCHED, Arrival, ReceivedFax, received_fax_id
from chalicelib.domain.claim_keys import carrier_fax_claim
from chalicelib.domain.deliveries import NoticeKind
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.timestamps import sort_key
from chalicelib.pdf.fax_media import fax_media_type
from chalicelib.services.delivery_rows import outbox_row, staff_notice
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import PORTAL
from chalicelib.services.linked_files import source_link, upload_link
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.pdf_requests import FaxReadings, ReadFax
from chalicelib.services.ports import EVIDENCE, Clock, Files, PdfFunction, Store
from chalicelib.services.returned_faxes.page_matching import copy_pages, match_pages, named_documents
from chalicelib.services.returned_faxes.received_faxes import image_key
from chalicelib.services.returned_faxes.returned_copies import add_copy
from chalicelib.services.transaction import Change, Claim, merge

MAX_FAX_BYTES = 20 * 1024 * 1024
"""The largest file of a received fax that is stored. A fax of 40 pages has some 2 MB."""

_MAX_IMAGE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A fax that came in, before its file is read. `id` is the same for the same fax, so that it is stored once."""

    id: str
    at: datetime
    sender: str | None
    is_partial: bool
    arrival: Arrival


@dataclass(frozen=True, kw_only=True)
class FaxKeeper:
    """Service that stores a fax that came in, in whatever way, and matches its pages with documents.

    It needs no fax carrier, because an installation without one takes faxes by email."""

    store: Store
    files: Files
    pdf: PdfFunction
    clock: Clock
    writer: DocumentWriter

    def keep(
        self, fax: Arrived, practice_id: str, data: bytes | None, *, refused: str = "", claims: tuple[Claim, ...] = ()
    ) -> None:
        """Store, read and match a fax that came in to this practice. A fax with the same id is stored once.

        `data` has the bytes of its file, or is None for a fax that is `refused` for this reason. `claims` are stored in
        the same transaction."""
        key = carrier_fax_claim(fax.id)
        if key in self.store.claims([key]):
            return
        received = _describe(fax, practice_id, data)
        if data is None:
            readings = FaxReadings((), refused)
        else:
            self.files.put(received.file_key, data, fax_media_type(data))
            readings = self._read(received)
        retry_on_conflict(lambda: self._record(received, readings, claims), retry_on=frozenset({"document"}))

    def _read(self, received: ReceivedFax) -> FaxReadings:
        prefix = image_key(received, "")
        request = ReadFax(
            source=source_link(self.files, received.file_key, received.sha256),
            images=upload_link(self.files, prefix, content_type="image/", max_bytes=_MAX_IMAGE_BYTES, many=True),
        )
        return self.pdf.run(request, FaxReadings)

    def _record(self, received: ReceivedFax, readings: FaxReadings, claims: tuple[Claim, ...]) -> None:
        """Store the received fax, and add its pages to the documents that their QR codes name, in one transaction.

        If the fax then waits in the practice's list, a notice tells the practice's staff."""
        now, found = self.clock.now(), map(self.store.document, named_documents(readings.pages))
        documents = {document.id: document for document in found if document is not None}
        pages = match_pages(readings.pages, documents, received.practice_id)
        fax = replace(received, pages=pages, refused=readings.refused)
        copies = [(document, own) for document in documents.values() if (own := copy_pages(pages, document.id))]
        changes = [add_copy(self.writer, document, fax, own, actor=PORTAL, now=now) for document, own in copies]
        copied = {page.number for _, own in copies for page in own}
        stored = _storing(fax, now, claims, waits=_is_for_staff(fax, copied))
        try:
            self.store.commit(reduce(merge, changes, stored))
        except ConcurrentUpdate:
            # A repeated job may have stored the fax in the meantime. Any other conflict must not lose the fax.
            other = self.store.received_fax(fax.practice_id, fax.sort_key)
            if other is None or other.carrier_id != fax.carrier_id:
                raise


def _describe(fax: Arrived, practice_id: str, data: bytes | None) -> ReceivedFax:
    """Return the row of a fax that came in, before its pages are read. `data` has the bytes of the fax's file."""
    place = sort_key(fax.at, fax.id)
    sha256 = hashlib.sha256(data).hexdigest() if data is not None else ""
    return ReceivedFax(
        id=received_fax_id(place),
        practice_id=practice_id,
        sort_key=place,
        carrier_id=fax.id,
        received_at=fax.at,
        sender=fax.sender,
        file_key=f"{EVIDENCE}faxes/{practice_id}/{sha256}" if sha256 else "",
        sha256=sha256,
        is_partial=fax.is_partial,
        pages=(),
        arrival=fax.arrival,
    )


def _is_for_staff(fax: ReceivedFax, copied: Collection[int]) -> bool:
    """Return True if staff must look at the fax in the practice's list: it is incomplete, or not all of it was read.

    The same is true of a fax with pages that match no document. `copied` has the numbers of the fax's pages that belong
    to a document's copy."""
    is_open = any(page.match in UNMATCHED and page.number not in copied for page in fax.pages)
    return fax.is_partial or bool(fax.refused) or is_open


def _storing(fax: ReceivedFax, now: datetime, claims: tuple[Claim, ...], *, waits: bool) -> Change:
    """Return the change that stores a received fax, with a notice to the practice's staff if the fax waits for them."""
    claim = Claim(key=carrier_fax_claim(fax.carrier_id), owner=fax.id)
    stored = Change(at=now, received_faxes=(fax,), claims=(claim, *claims))
    if not waits:
        return stored
    notice = staff_notice(NoticeKind.FAX_WAITS, event_id=fax.id, practice_id=fax.practice_id, now=now)
    return replace(stored, deliveries=(notice,), outbox=(outbox_row(notice),))
