"""The copy of a document that came back by fax and was confirmed: its files and sheets, and where each page is from.

A document's decision names the faxes and their pages. The faxes themselves are in the practice's list of received
faxes."""

from collections.abc import Sequence

from chalicelib.domain.carriers.document_copies import ConfirmedCopy, CopySheet
from chalicelib.domain.carriers.received_faxes import (
    Arrival,
    PageMatch,
    ReceivedFax,
    ReceivedPage,
    read_received_fax_id,
)
from chalicelib.domain.documents import Document
from chalicelib.pdf.models import CopyOrigin, FaxedSheet, FaxOrigin
from chalicelib.services.normalization import display_phone
from chalicelib.services.ports import Store, StoredFileCorrupt

_WAYS = {Arrival.CARRIER: "fax", Arrival.EMAIL: "email"}


def read_faxes(store: Store, practice_id: str, copy: ConfirmedCopy) -> tuple[ReceivedFax, ...]:
    """Return the received faxes of which a confirmed copy consists, in the order of `ConfirmedCopy.fax_ids`.

    Raises `StoredFileCorrupt` if the practice has no such fax."""
    return tuple(_read_fax(store, practice_id, fax_id) for fax_id in copy.fax_ids)


def _read_fax(store: Store, practice_id: str, fax_id: str) -> ReceivedFax:
    place = read_received_fax_id(fax_id)
    fax = store.received_fax(practice_id, place) if place is not None else None
    if fax is None:
        raise StoredFileCorrupt("a fax of the confirmed copy is not stored")
    return fax


def faxed_sheets(copy: ConfirmedCopy) -> tuple[FaxedSheet, ...]:
    """Return the sheets of a confirmed copy for the PDF function, which knows the faxes only by their order."""
    places = {fax_id: index for index, fax_id in enumerate(copy.fax_ids)}
    return tuple(_locate(sheet, places.get(sheet.fax_id or "")) for sheet in copy.sheets)


def _locate(sheet: CopySheet, fax: int | None) -> FaxedSheet:
    number = sheet.page if fax is None else sheet.number
    if number is None:
        raise StoredFileCorrupt("a sheet of the confirmed copy names no page")
    return FaxedSheet(fax, number)


def name_ways(faxes: Sequence[ReceivedFax]) -> str:
    """Return in words how the faxes came: by `fax`, by `email`, or by `fax and email`."""
    found = {fax.arrival for fax in faxes}
    return " and ".join(word for arrival, word in _WAYS.items() if arrival in found)


def copy_origin(document: Document, copy: ConfirmedCopy, faxes: Sequence[ReceivedFax]) -> CopyOrigin:
    """Return what the certificate says about a confirmed copy: who read it, how it came, and where each page is from.

    `faxes` are those of `read_faxes`. The reader is named as `Sam Lee at Cedar Clinic`, or only by the clinic."""
    clinic = document.practice.name
    return CopyOrigin(
        confirmed_by=f"{copy.confirmed_by} at {clinic}" if copy.confirmed_by else clinic,
        signed_on=document.hand_signed_on,
        faxes=tuple(_fax_origin(copy, fax) for fax in faxes),
        original_pages=tuple(sheet.page for sheet in copy.sheets if sheet.fax_id is None and sheet.page is not None),
        way=name_ways(faxes),
    )


def _fax_origin(copy: ConfirmedCopy, fax: ReceivedFax) -> FaxOrigin:
    sheets = [sheet for sheet in copy.sheets if sheet.fax_id == fax.id]
    foreign = sum(map(_is_foreign, (fax.page(sheet.number or 0) for sheet in sheets if sheet.page is None)))
    pages = [sheet.page for sheet in sheets]
    return FaxOrigin(
        sender=display_phone(fax.sender) if fax.sender else None,
        received_at=fax.received_at,
        sha256=fax.sha256,
        pages=tuple(page for page in pages if page is not None),
        loose=pages.count(None) - foreign,
        foreign=foreign,
        by_email=fax.arrival is Arrival.EMAIL,
    )


def _is_foreign(page: ReceivedPage | None) -> bool:
    """Return True if the page names another version or document, although staff assigned it to this document."""
    return page is not None and page.match in (PageMatch.OLDER_VERSION, PageMatch.LEFT_OVER)
