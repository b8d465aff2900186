"""What the PDF modules are told and what they answer: plain frozen values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

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
    "too_many_pixels",
]
ActiveContent = Literal[
    "javascript", "launch", "embedded_file", "submit_form", "import_data", "remote_go_to", "rich_media"
]
CertificateType = Literal["signed", "declined", "by_hand"]
Point = tuple[float, float]
Area = tuple[float, float, float, float]
"""x, y, width and height, in points."""


class PdfRefused(ValueError):
    """A file that cannot be used. `detail` is a sentence for a developer and quotes nothing of the file."""

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code: RefusalCode = code
        self.detail = detail


@dataclass(frozen=True)
class Inspection:
    """A PDF that can be signed. `page_sizes` are (width, height) in points, as displayed."""

    pages: int
    page_sizes: tuple[tuple[float, float], ...]
    active_content: tuple[ActiveContent, ...]
    signed: bool


@dataclass(frozen=True)
class ScanKind:
    """A signed scan that came back. `pixels` is (width, height) as displayed, None for a PDF."""

    media_type: Literal["application/pdf", "image/jpeg", "image/png"]
    pages: int
    pixels: tuple[int, int] | None


@dataclass(frozen=True)
class RenderedPage:
    """One page at one width in pixels; `data` is None where the page cannot be rendered."""

    number: int
    width: int
    height: int
    data: bytes | None
    media_type: str


@dataclass(frozen=True)
class SignatureParts:
    """Where the line has room for the signature alone: where in the field it goes, and where its words."""

    signature: Area
    words: Area


@dataclass(frozen=True)
class SignatureField:
    """Where to sign: PDF points, origin bottom left, of the page (counted from 1) as displayed."""

    page: int
    x: float
    y: float
    width: float
    height: float
    parts: SignatureParts | None = None

    def is_on(self, pages: int) -> bool:
        """Whether it is on a page of so many, and has a size."""
        return 1 <= self.page <= pages and self.width > 0 and self.height > 0


@dataclass(frozen=True)
class SignatureBlock:
    """A signature and what it says.

    `signed_at` is aware; `time_zone` is an IANA name. Of `typed_name` and `strokes` one is given. Strokes
    are polylines in 0..1 of the drawing pad, origin top left, y down; `strokes_aspect` is the pad's
    width / height.
    """

    signer_name: str
    credential: str
    npi: str | None
    signed_at: dt.datetime
    time_zone: str
    document_id: str
    typed_name: str | None = None
    strokes: tuple[tuple[Point, ...], ...] | None = None
    strokes_aspect: float = 3.0


FieldFinder = Callable[[bytes, tuple[float, ...], SignatureBlock], SignatureField | None]
"""Where a file asks for the signature: of its bytes, each page's UserUnit, and what has to fit."""


@dataclass(frozen=True)
class TrailEntry:
    """One event of the audit trail: when (aware), what in words, and from where."""

    at: dt.datetime
    what: str
    ip: str | None = None
    device: str | None = None


@dataclass(frozen=True)
class CertificateFacts:
    """Everything that the certificate prints, as text and aware times. What is None or empty is left out.

    `patient_name`, `patient_born` and `external_id` are for whoever finds the page parted from the rest.
    `signed_sha256` (hex) names the signed file where the certificate is a file of its own.
    """

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
class FaxOnline:
    """How to sign online: the portal's address to type, the link behind the QR, and the one-time code."""

    portal_url: str
    link: str
    code: str


@dataclass(frozen=True)
class FaxCover:
    """A fax's cover, without patient data. `mark` is the opaque id in each page's QR, `short_code` its
    printed form; `provider_name` carries the credential, as it is to be addressed.

    `online` is None where Electronic Signature is off.
    """

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
