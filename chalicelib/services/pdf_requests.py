"""The requests to the Lambda functions without AWS rights, which parse and draw PDFs and pictures, and their results.

A request carries presigned links to the few files that the work needs. Requests and results travel as JSON, so files
never travel in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from chalicelib.pdf.models import (
    CertificateFacts,
    CertificateType,
    FaxCover,
    FaxedSheet,
    Level,
    ProofSheet,
    SealSpec,
    SignatureBlock,
    SignatureBox,
)

LINK_SECONDS = 150
"""The time for which a link is valid. It is longer than the time limit of the function."""

WORK_PREFIX = "work/"
"""The prefix of the files that the function writes for its caller. They expire after a day."""

MAX_WORK_BYTES = 256 * 1024 * 1024
"""The most bytes of a file that the function reads, and of a file that it prepares for a seal.

A sealed PDF made from pictures may be larger than its original PDF."""

Attempt = Literal["as_is", "rebuilt", "pictures"]
"""The ways to make a sealed file, in order of preference.

The file is made from the source as it is, from the shown content of its pages, or from pictures of its pages."""


@dataclass(frozen=True)
class SourceLink:
    """A presigned link to a file to read. The function refuses bytes whose SHA-256 (hex) differs."""

    url: str
    sha256: str


@dataclass(frozen=True)
class UploadLink:
    """A presigned POST request that writes one object, or objects with one prefix: its URL and form fields."""

    url: str
    fields: Mapping[str, str]


def image_name(page: int, width: int, piece: int = 1) -> str:
    """Return the last part of the key of a page image, such as `2-750`, or `2-750-3` for the third slice of a page."""
    return f"{page}-{width}" if piece == 1 else f"{page}-{width}-{piece}"


@dataclass(frozen=True)
class RenderPages:
    """Make the images of the pages from `first` to `last` in these widths in pixels, and the texts of all pages.

    The images show the document to its provider. `images` writes objects with the names of `image_name`. Only the
    request for the document's last page has `texts`. Without `texts`, no text is extracted."""

    source: SourceLink
    images: UploadLink
    texts: UploadLink | None
    widths: tuple[int, ...]
    first: int
    last: int


@dataclass(frozen=True)
class RenderedPages:
    """The result of `RenderPages`: the numbers of the pages that cannot be rendered.

    `sliced` has a pair for each very long page: its number, and the number of slices in which it is shown."""

    broken: tuple[int, ...]
    sliced: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class PrepareDocument:
    """Write the file of a decided document to `target`, with a placeholder for its seal.

    The seal is a digital signature, which the caller makes afterwards. An approval has a `block` (the visible
    signature), which goes into the box `field`. If `field` is missing or on no page, the function searches the document
    for a place to sign. `searched` is true if an earlier request has already made this search, and `found` is its
    result. A copy that came back by fax consists of `sheets`, whose files are `faxes` and, for the pages that came with
    no fax, the source."""

    decision: CertificateType
    attempt: Attempt
    source: SourceLink
    target: UploadLink
    pages: int
    certificate: CertificateFacts
    seal: SealSpec
    block: SignatureBlock | None = None
    field: SignatureBox | None = None
    searched: bool = False
    found: SignatureBox | None = None
    faxes: tuple[SourceLink, ...] = ()
    sheets: tuple[FaxedSheet, ...] = ()


@dataclass(frozen=True)
class PrepareCertificate:
    """Make the certificate page of a signed document as a separate file in `target`, with a placeholder for a seal."""

    target: UploadLink
    certificate: CertificateFacts
    seal: SealSpec
    block: SignatureBlock


@dataclass(frozen=True)
class PrepareProof:
    """Draw a proof of transmission as a file in `target`, with a placeholder for a seal."""

    target: UploadLink
    sheet: ProofSheet
    seal: SealSpec


@dataclass(frozen=True, kw_only=True)
class PreparedFile:
    """The result of a request to prepare a file: a file whose seal is still missing, or the `fault` that prevented it.

    `start` and `end` are the byte offsets of the digits of the seal's placeholder. `place` is the box of the signature
    block, the only part that looks different from the source. `searched` and `found` are the result of the search for a
    place to sign, which the caller copies to its next request, so that the search runs only once. `is_pdf` is false if
    the source is no PDF, so that another attempt cannot succeed. `by_time` is true for a fault that is the time limit.
    `lost` is the number of the source's valid signatures that the file has no more, as its certificate says."""

    fault: str = ""
    start: int = 0
    end: int = 0
    pages: int = 0
    place: SignatureBox | None = None
    needs_certificate: bool = False
    searched: bool = False
    found: SignatureBox | None = None
    is_pdf: bool = True
    by_time: bool = False
    lost: int = 0


@dataclass(frozen=True, kw_only=True)
class CheckRelease:
    """Insert the seal's message (base64) into the prepared file, verify the seal, and compare pages with the source.

    The seal is a digital signature. The source is the document's original or its scan. A separate certificate has no
    `source`. If `shown` is false, nobody saw the source before, and the pages are not compared with it. `unseen` are
    the numbers of the source's pages that could not be shown. `lost` is that of the prepared file. `certificate` is the
    fingerprint of the sealing certificate, and `pins` are the fingerprints of the timestamp authority's certificates.
    """

    prepared: SourceLink
    start: int
    end: int
    message: str
    pages: int
    level: Level
    certificate: str
    pins: tuple[str, ...]
    source: SourceLink | None = None
    shown: bool = False
    place: SignatureBox | None = None
    unseen: tuple[int, ...] = ()
    lost: int = 0


@dataclass(frozen=True)
class CheckTimestamp:
    """Insert the seal's message (base64) with its late timestamp into the sealed file, and verify the result."""

    sealed: SourceLink
    start: int
    end: int
    message: str
    pins: tuple[str, ...]


@dataclass(frozen=True)
class CheckedRelease:
    """The result of a check: the SHA-256 (hex) of the file's bytes, and its first fault in words.

    If `fault` is empty, the file may be released."""

    sha256: str
    fault: str


@dataclass(frozen=True)
class FaxPart:
    """A further document in a fax, and the contents that its own cover page would have.

    From these contents come the document's row on the joint cover, and the marks on its pages."""

    source: SourceLink
    cover: FaxCover


@dataclass(frozen=True)
class ComposeFax:
    """Write the PDF to fax to `target`, unless the PDF has more than `max_bytes`.

    The PDF has one cover page, the document, and then the documents of `others`."""

    source: SourceLink
    target: UploadLink
    cover: FaxCover
    max_bytes: int
    others: tuple[FaxPart, ...] = ()


@dataclass(frozen=True)
class ComposedFax:
    """The result of `ComposeFax`: the number of bytes of the PDF, or 0 if the document cannot be made into a fax."""

    size: int


@dataclass(frozen=True)
class ReadFax:
    """Read the QR code of every page of a received fax. `images` writes a picture of each page, named by its number."""

    source: SourceLink
    images: UploadLink


@dataclass(frozen=True)
class PageReading:
    """What was read on a page of a received fax: the document, version and page that its QR code names.

    `number` counts the fax's pages from 1. Without a readable QR code, `document_id` is None."""

    number: int
    is_blank: bool
    document_id: str | None = None
    version: str = ""
    page: int = 0


@dataclass(frozen=True)
class FaxReadings:
    """The result of `ReadFax`: for each page of the fax, what its QR code names.

    `refused` says in words why the file, or its further pages, could not be read. It is empty if all were read."""

    pages: tuple[PageReading, ...]
    refused: str


FILE_TYPE = "application/octet-stream"
"""The media type of the faxes that `ReadMail` writes, before anybody has looked at what they are."""


@dataclass(frozen=True)
class ReadMail:
    """Find the faxes (PDFs and TIFFs) in an email that came in. `files` writes them, named by their numbers from 1."""

    source: SourceLink
    files: UploadLink
    max_file_bytes: int


@dataclass(frozen=True)
class MailContents:
    """The result of `ReadMail`: the number of faxes that were written, and the hash (hex) of the email's Message-ID.

    `message_sha256` is empty for an email without a Message-ID. `refused` says in words why no fax was written, and is
    empty if all were written."""

    files: int
    message_sha256: str
    refused: str


@dataclass(frozen=True)
class DrawPreview:
    """Draw a signature block as a picture, in a box of this size in points, to show the signer how it will look."""

    block: SignatureBlock
    width: float
    height: float


@dataclass(frozen=True)
class Preview:
    """The result of `DrawPreview`: a PNG in base64."""

    picture: str


@dataclass(frozen=True)
class MeasureLogo:
    """Read the media type and the size in pixels of a practice's logo (base64), which pages need to reserve its space.

    A picture with a side of more than `max_side` pixels is refused."""

    picture: str
    max_side: int


@dataclass(frozen=True)
class MeasuredLogo:
    """The result of `MeasureLogo`: a logo's media type and size in pixels, or the reason for which it is `refused`."""

    media_type: str = ""
    width: int = 0
    height: int = 0
    refused: str = ""
