"""The copies of a document that came back by fax, and the sheets of the copy that a person at the clinic confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

MAX_EXTRA_SHEETS = 40
"""The most sheets of a confirmed copy beside one for each page of the document. One fax has at most as many pages."""


@dataclass(frozen=True, kw_only=True)
class CopyPage:
    """A page of a copy that came back by fax: its number in the fax, and its number in the document.

    The latter is None if the page's QR code could not be read."""

    number: int
    page: int | None


@dataclass(frozen=True, kw_only=True)
class ReturnedCopy:
    """A copy of the document that came back to the clinic by fax. Nobody at the clinic has yet said what is on it.

    `is_partial` is true if the fax's call ended too early, so that pages may be missing."""

    fax_id: str
    received_at: datetime
    pages: tuple[CopyPage, ...]
    is_partial: bool = False

    def missing_pages(self, pages: int) -> tuple[int, ...]:
        """Return the numbers of the document's pages that this copy lacks. The document has this many `pages`.

        A page whose QR code could not be read counts as missing."""
        known = {page.page for page in self.pages}
        return tuple(number for number in range(1, pages + 1) if number not in known)


@dataclass(frozen=True, kw_only=True)
class CopySheet:
    """A sheet of a confirmed copy. `page` is the page of the document, or None if the sheet's QR code is unreadable.

    `fax_id` and `number` name the page of a fax. Both are None for a page that came with no fax: the sheet is then the
    page of the original."""

    page: int | None
    fax_id: str | None = None
    number: int | None = None


@dataclass(frozen=True, kw_only=True)
class ConfirmedCopy:
    """The copy on which a person at the clinic read a dated signature: its sheets, in the order of the sealed file.

    `confirmed_by` is the person's name, or None if the clinic did not give it."""

    sheets: tuple[CopySheet, ...]
    confirmed_by: str | None = None

    @property
    def fax_ids(self) -> tuple[str, ...]:
        """The ids of the faxes from which the sheets come, in the order in which the sheets first name them."""
        return tuple(dict.fromkeys(sheet.fax_id for sheet in self.sheets if sheet.fax_id is not None))


def choose_sheets(copies: Sequence[ReturnedCopy], pages: int) -> tuple[CopySheet, ...]:
    """Return the sheets of the confirmed copy of a document with this many pages, made from the copies that came back.

    Each page comes from the newest fax that has it. A complete fax comes before one whose call ended too early. A page
    that this fax has twice is in the result twice, because the signature may be on either. A page that no fax has comes
    from the original. Sheets whose page number could not be read follow, because the signature may be on them. If no
    page came by fax, the result is empty. Several faxes may have more sheets than `MAX_EXTRA_SHEETS` allows."""
    newest = sorted(copies, key=attrgetter("received_at"), reverse=True)
    ranked = sorted(newest, key=attrgetter("is_partial"))
    # Staff may have assigned a sheet that already belonged to the copy.
    loose = dict.fromkeys(sheet for copy in newest for sheet in _sheets(copy, None))
    numbered = [sheet for page in range(1, pages + 1) for sheet in _find_page(ranked, page)]
    sheets = (*numbered, *loose)
    return sheets if any(sheet.fax_id for sheet in sheets) else ()


def _find_page(ranked: Sequence[ReturnedCopy], page: int) -> Sequence[CopySheet]:
    """Return the sheets with this page of the document, from the first copy that has it, or else from the original."""
    found = (_sheets(copy, page) for copy in ranked)
    return next(filter(None, found), [CopySheet(page=page)])


def _sheets(copy: ReturnedCopy, page: int | None) -> list[CopySheet]:
    return [CopySheet(page=page, fax_id=copy.fax_id, number=own.number) for own in copy.pages if own.page == page]
