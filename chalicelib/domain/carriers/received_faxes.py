"""Faxes that came in to a practice's own number, and what the portal read on their pages."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_ID = re.compile(r"fax_([0-9]{1,30})")


class PageMatch(StrEnum):
    """What the portal read on a page of a fax that came in to a practice's number.

    - `MATCHED`: a page of one of the practice's documents. `DUPLICATE`: such a page that came before in the same fax.
    - `LEFT_OVER`: a page of such a document, after pages of as many other documents as one fax can be matched with.
    - `COVER`: the cover page of such a document's fax.
    - `OLDER_VERSION`: a page of a document that was recalled or replaced, or whose PDF was another.
    - `OTHER_PRACTICE`: a page of another practice's document, or of a document that does not exist.
    - `UNREADABLE`: a page without a QR code that can be read. `BLANK`: a page without ink."""

    MATCHED = "matched"
    DUPLICATE = "duplicate"
    LEFT_OVER = "left_over"
    COVER = "cover"
    OLDER_VERSION = "older_version"
    OTHER_PRACTICE = "other_practice"
    UNREADABLE = "unreadable"
    BLANK = "blank"


UNMATCHED = frozenset({PageMatch.LEFT_OVER, PageMatch.OLDER_VERSION, PageMatch.UNREADABLE})
"""The pages that staff can assign to a document. Another practice's page is reported and not shown."""


class Arrival(StrEnum):
    """The way by which a fax came to the portal: `CARRIER` by a number of the fax carrier, `EMAIL` as a file in an
    email from a clinic's fax service."""

    CARRIER = "carrier"
    EMAIL = "email"


@dataclass(frozen=True, kw_only=True)
class ReceivedPage:
    """A page of a fax that came in. `number` counts the fax's pages from 1, and `page` those of the document.

    `match` says what the portal read on the page, such as the QR code of one of the practice's documents."""

    number: int
    match: PageMatch
    document_id: str | None = None
    page: int | None = None


@dataclass(frozen=True, kw_only=True)
class ReceivedFax:
    """A fax that came in to a practice's number, or by email to the practice's address.

    `sender` is the number from which it came, if the carrier knows it. It is None for an email, because anybody can
    write any sender into an email. `carrier_id` is the carrier's id of the fax, and for an email a name of the email or
    of the hash of its file. `file_key` is the S3 key of the fax's file as it came, and `sha256` (hex) the hash of its
    bytes. Both are empty without a stored file. `is_partial` is true if the call ended too early. `refused` says in
    words why the file, or the pages after those of `pages`, could not be read; it is empty for a file that was read."""

    id: str
    practice_id: str
    sort_key: int
    carrier_id: str
    received_at: datetime
    sender: str | None
    file_key: str
    sha256: str
    is_partial: bool
    pages: tuple[ReceivedPage, ...]
    refused: str = ""
    arrival: Arrival = Arrival.CARRIER

    def page(self, number: int) -> ReceivedPage | None:
        """Return the page with this number, which counts from 1, or None if the fax has no such page."""
        return next((page for page in self.pages if page.number == number), None)


def received_fax_id(sort_key: int) -> str:
    """Return the id of a received fax. It contains the fax's `sort_key`, its place in the list of the practice's
    faxes."""
    return f"fax_{sort_key}"


def read_received_fax_id(fax_id: str) -> int | None:
    """Return the number in the id of a received fax, which is the `sort_key` of the `ReceivedFax`.

    Faxes with larger numbers came in later. Return None for a text that is not such an id."""
    match = _ID.fullmatch(fax_id)
    return int(match[1]) if match else None
