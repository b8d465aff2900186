"""The values that the PDF engine takes and returns, as plain frozen dataclasses."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from chalicelib.pdf.geometry import Box, Point

MAX_BYTES = 25 * 1024 * 1024
MAX_PAGES = 200
MAX_IMAGE_PIXELS = 64_000_000

RefusalCode = Literal[
    "not_a_pdf",
    "empty",
    "damaged",
    "no_pages",
    "encrypted",
    "too_many_pages",
    "too_large",
    "xfa",
    "portfolio",
    "certified_no_changes",
    "cannot_be_sealed",
    "not_a_scan",
    "unsigned_scan",
    "too_many_pixels",
]
ActiveContent = Literal[
    "javascript", "launch", "embedded_file", "submit_form", "import_data", "remote_go_to", "rich_media"
]
CertificateType = Literal["signed", "declined", "by_hand", "by_fax"]
Level = Literal["B-B", "B-T"]
"""The PAdES level (ETSI EN 319 142) of a digital signature: `B-T` has a timestamp by an authority, `B-B` does not."""


class PdfRefused(ValueError):
    """The error for a file that cannot be used. `code` is the machine-readable reason.

    `detail` is a sentence for a developer. It quotes no text of the file, which may hold patient data."""

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code: RefusalCode = code
        self.detail = detail


@dataclass(frozen=True)
class Inspection:
    """The facts of a PDF that can be signed, as found by the inspection of an upload.

    `page_sizes` are (width, height) in points, as displayed. `active_content` names the scripts, files and actions in
    the PDF. `signed` is True if the PDF already has a digital signature or certification. `undrawn_pages` are the
    numbers of the pages with a font that is not in the PDF and cannot be drawn."""

    pages: int
    page_sizes: tuple[tuple[float, float], ...]
    active_content: tuple[ActiveContent, ...]
    signed: bool
    undrawn_pages: tuple[int, ...] = ()


@dataclass(frozen=True)
class ScanKind:
    """The facts of a file that a provider returned as a scan of the document signed on paper.

    `pixels` is (width, height) of an image as displayed; None for a PDF."""

    media_type: Literal["application/pdf", "image/jpeg", "image/png"]
    pages: int
    pixels: tuple[int, int] | None


@dataclass(frozen=True)
class RenderedPage:
    """An image of page `number` (from 1), with its size in pixels; `data` is None if the page cannot be rendered.

    A very long page has several images: `piece` is the number of this slice (from 1, at the top) of `pieces`."""

    number: int
    width: int
    height: int
    data: bytes | None
    media_type: str
    piece: int = 1
    pieces: int = 1


@dataclass(frozen=True)
class SignatureParts:
    """The two boxes of a signature block that is split because only the signature has room on the line to sign.

    `words` is the box for the signer, the time and the document's id. The coordinates are in points from the lower
    left corner of the `SignatureBox` that surrounds both boxes."""

    signature: Box
    words: Box


@dataclass(frozen=True)
class SignatureBox:
    """The box on a page where the signature block is drawn.

    `page` counts from 1. The coordinates are in points from the lower left corner of the page as displayed. `parts`
    is set if the signature and its words are in separate boxes."""

    page: int
    x: float
    y: float
    width: float
    height: float
    parts: SignatureParts | None = None

    def is_on(self, pages: int) -> bool:
        """Return True if the box can be used in a document of `pages` pages: its page exists and it has an area."""
        return 1 <= self.page <= pages and self.width > 0 and self.height > 0


@dataclass(frozen=True)
class SignatureBlock:
    """The contents of a signature block: the visible signature, with words about the signer, time and document.

    `npi` is the signer's National Provider Identifier. `signed_at` is aware; `time_zone` is an IANA name. The
    signature is either `typed_name` or the drawn `strokes`: polylines with coordinates from 0 to 1 and the origin at
    the top left of the drawing pad. `strokes_aspect` is the pad's width divided by its height."""

    signer_name: str
    credential: str
    npi: str | None
    signed_at: dt.datetime
    time_zone: str
    document_id: str
    typed_name: str | None = None
    strokes: tuple[tuple[Point, ...], ...] | None = None
    strokes_aspect: float = 3.0


FieldFinder = Callable[[bytes, tuple[float, ...], SignatureBlock], SignatureBox | None]
"""Searches a PDF (bytes, UserUnit of each page) for the box to draw a signature block in; None if there is none."""


@dataclass(frozen=True)
class TrailEntry:
    """One event of a document's audit trail, as the certificate prints it.

    `at` is aware, `event` is a phrase for people, and `device` describes the browser."""

    at: dt.datetime
    event: str
    ip: str | None = None
    device: str | None = None


@dataclass(frozen=True)
class FaxOrigin:
    """A fax by which pages of a signed copy came back. `sender` is its number, or None if the number was withheld.

    `pages` are the numbers of the document's pages that are taken from this fax. `loose` is the count of its sheets
    whose page number could not be read, and `foreign` of those that name another version or document. `sha256` (hex)
    is the hash of the fax's file. `by_email` is true for a file in an email, whose sender nobody has verified."""

    sender: str | None
    received_at: dt.datetime
    sha256: str
    pages: tuple[int, ...]
    loose: int
    foreign: int = 0
    by_email: bool = False


@dataclass(frozen=True)
class CopyOrigin:
    """The facts about a copy that was signed on paper and came back by fax, for its certificate.

    `confirmed_by` says who read the copy, and `signed_on` is the date that this person read beside the signature.
    `original_pages` are the pages that came with no fax and are taken from the original. `way` says in words how the
    copy came: by `fax`, `email`, or `fax and email`."""

    confirmed_by: str
    signed_on: dt.date | None
    faxes: tuple[FaxOrigin, ...]
    original_pages: tuple[int, ...]
    way: str = "fax"


@dataclass(frozen=True)
class CertificateFacts:
    """The contents of a certificate: the page that records who signed or declined a document, when and how.

    Times are aware, and values that are None or empty are not printed. `patient_name`, `patient_born` and
    `external_id` (the clinic's id) identify a certificate page that got separated from the document. `identity` says
    how the signer's identity was established. `addressed_to` is the person to whom the clinic sent the document, if
    that is not the signer for certain: on a certificate of a signature by hand, the uploader named the signer.
    `handed_over` says who handed the document over to whom. `copy` says where the pages of a copy that came back by
    fax are from. `chain_head` is the hash of the last audit event. `signed_sha256` (hex) names the signed file if the
    certificate is a separate file. `lost_signatures` are the signers of digital signatures that the source has and the
    signed file shows only as pictures."""

    certificate_type: CertificateType
    document_id: str
    title: str
    kind: str
    original_sha256: str
    practice_name: str
    signer_name: str
    credential: str
    npi: str | None
    decided_at: dt.datetime
    time_zone: str
    verify_url: str
    authentication: str | None = None
    consent_version: str | None = None
    consent_text: str | None = None
    identity: str | None = None
    addressed_to: str | None = None
    copy: CopyOrigin | None = None
    handed_over: str | None = None
    note: str | None = None
    decline_reason: str | None = None
    pages_shown: str | None = None
    read_statement: str | None = None
    chain_head: str | None = None
    trail: tuple[TrailEntry, ...] = ()
    signed_sha256: str | None = None
    patient_name: str | None = None
    patient_born: dt.date | None = None
    external_id: str | None = None
    lost_signatures: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaxedSheet:
    """A sheet of a copy that came back by fax. `number` counts the pages of its file from 1.

    The file is a fax, which `fax` names by its index from 0 in a list of faxes. If `fax` is None, the file is the
    original."""

    fax: int | None
    number: int


@dataclass(frozen=True)
class SheetRow:
    """A row of a table: one text for each column (with line breaks), and a text `below` across all columns."""

    cells: tuple[str, ...]
    below: str = ""


@dataclass(frozen=True)
class SheetSection:
    """A section of a proof: a heading, a statement in bold, labels with values, a table, and sentences.

    Empty parts are left out. `columns` are the headings of the table's columns."""

    heading: str
    statement: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    table: tuple[SheetRow, ...] = ()
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProofSheet:
    """The contents of a proof of transmission in words. `statement` says in a sentence what the proof shows."""

    document_id: str
    practice_name: str
    statement: str
    verify_url: str
    sections: tuple[SheetSection, ...]


@dataclass(frozen=True)
class SealSpec:
    """The contents of a seal, the portal's digital signature of a whole PDF.

    `reason` says who signed the document, and `at` is the aware time of sealing. `reserved_bytes` is the room in the
    file for the CMS message that holds the signature."""

    reason: str
    document_id: str
    at: dt.datetime
    reserved_bytes: int


@dataclass(frozen=True)
class FaxOnline:
    """The way to open a faxed document online: type `code` on the page `portal_url`.

    `signs_there` is true if the document can be signed on that page without an account."""

    portal_url: str
    code: str
    signs_there: bool = False

    @property
    def address(self) -> str:
        """The page's URL as people type it: without the scheme."""
        return self.portal_url.removeprefix("https://").removeprefix("http://").rstrip("/")


@dataclass(frozen=True)
class FaxCover:
    """The contents of a fax's cover page, without patient data.

    `link_stem` is the link in the QR code of each page, without the page number (`pdf/fax_pages.py`). `short_code` is
    the document's id in a form that people read to each other. `provider_name` includes the credential (such as MD).
    `online` is None if the practice has turned the setting Electronic Signature off. `due_on` is the day by which the
    practice needs the signature. `is_reminder` is true if the same document was faxed to this number before. `kind` is
    the document's kind in words, which the cover of several documents lists."""

    practice_name: str
    practice_phone: str | None
    return_fax: str
    provider_name: str
    provider_fax: str
    sent_at: dt.datetime
    time_zone: str
    link_stem: str
    short_code: str
    online: FaxOnline | None = None
    due_on: dt.date | None = None
    is_reminder: bool = False
    kind: str = "Document"
