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
    "certified_no_changes",
    "not_a_scan",
    "unsigned_scan",
    "too_many_pixels",
]
ActiveContent = Literal[
    "javascript", "launch", "embedded_file", "submit_form", "import_data", "remote_go_to", "rich_media"
]
CertificateType = Literal["signed", "declined", "by_hand"]
Level = Literal["B-B", "B-T"]
"""The PAdES level: `B-T` has a timestamp by an authority over the signature, `B-B` has none."""


class PdfRefused(ValueError):
    """The error for an unusable file. `detail` is a sentence for a developer, without text of the file."""

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code: RefusalCode = code
        self.detail = detail


@dataclass(frozen=True)
class Inspection:
    """The facts of a PDF that can be signed. `page_sizes` are (width, height) in points, as displayed."""

    pages: int
    page_sizes: tuple[tuple[float, float], ...]
    active_content: tuple[ActiveContent, ...]
    signed: bool


@dataclass(frozen=True)
class ScanKind:
    """The facts of a returned scan. `pixels` is (width, height) as displayed; None for a PDF."""

    media_type: Literal["application/pdf", "image/jpeg", "image/png"]
    pages: int
    pixels: tuple[int, int] | None


@dataclass(frozen=True)
class RenderedPage:
    """An image of one page, with its size in pixels; `data` is None if the page cannot be rendered."""

    number: int
    width: int
    height: int
    data: bytes | None
    media_type: str


@dataclass(frozen=True)
class SignatureParts:
    """The separate boxes of the signature and of the words, if only the signature has room on its line.

    The coordinates are in points from the lower left corner of the `SignatureBox`."""

    signature: Box
    words: Box


@dataclass(frozen=True)
class SignatureBox:
    """The box to sign in, in points from the lower left corner of a page (counted from 1) as displayed."""

    page: int
    x: float
    y: float
    width: float
    height: float
    parts: SignatureParts | None = None

    def is_on(self, pages: int) -> bool:
        """Return True if the box has an area and its page is in a document of `pages` pages."""
        return 1 <= self.page <= pages and self.width > 0 and self.height > 0


@dataclass(frozen=True)
class SignatureBlock:
    """The contents of a signature block.

    `signed_at` is aware; `time_zone` is an IANA name. Either `typed_name` or `strokes` is given. Strokes are
    polylines on the drawing pad, with coordinates from 0 to 1 and the origin at the top left.
    `strokes_aspect` is the pad's width divided by its height."""

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
"""Searches a file (bytes, UserUnit of each page) for the box where the given block should go."""


@dataclass(frozen=True)
class TrailEntry:
    """One event of the audit trail: an aware time, the event in words, the IP address and the device."""

    at: dt.datetime
    event: str
    ip: str | None = None
    device: str | None = None


@dataclass(frozen=True)
class CertificateFacts:
    """The contents of a certificate, as text and aware times. Values that are None or empty are not printed.

    `patient_name`, `patient_born` and `external_id` identify a certificate page that got separated from the
    document. `identity` says how the signer's identity was established. On a certificate of a signature by hand,
    the signer is whom the uploader named, and `addressed_to` is the person to whom the clinic sent the document.
    `signed_sha256` (hex) names the signed file if the certificate is a separate file."""

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


@dataclass(frozen=True)
class SealSpec:
    """The contents of a seal: the reason (who signed), the document's id, and the aware time of sealing.

    `reserved_bytes` is the room for the message of the seal."""

    reason: str
    document_id: str
    at: dt.datetime
    reserved_bytes: int


@dataclass(frozen=True)
class FaxOnline:
    """The ways to sign online from a fax: the page to type the code on, the link in the QR code, and the code."""

    portal_url: str
    link: str
    code: str


@dataclass(frozen=True)
class FaxCover:
    """The contents of a fax's cover page, without patient data.

    `mark` is the opaque id in the QR code of each page, and `short_code` is its printed form. `provider_name`
    includes the credential. `online` is None if Electronic Signature is off."""

    practice_name: str
    practice_phone: str | None
    return_fax: str
    provider_name: str
    provider_fax: str
    sent_at: dt.datetime
    time_zone: str
    mark: str
    short_code: str
    online: FaxOnline | None = None
