"""The requests to the functions without rights, which parse and draw PDFs and pictures, and their results.

A request carries presigned links to the few objects of its own piece of work. Requests and results travel as JSON, so
files never travel in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from chalicelib.pdf.models import (
    CertificateFacts,
    CertificateType,
    FaxCover,
    Level,
    SealSpec,
    SignatureBlock,
    SignatureBox,
)

LINK_SECONDS = 150
"""The time for which a link is valid. It is longer than the time limit of the function."""

WORK_PREFIX = "work/"
"""The prefix of the files that the function writes for its caller. They expire after a day."""

Attempt = Literal["as_is", "rebuilt", "pictures"]
"""The ways to make a sealed file, in order of preference: from the source as it is, from the content of the pages that
is shown, or from pictures of the pages."""


@dataclass(frozen=True)
class SourceLink:
    """A link to a file to read. Other bytes than those with this SHA-256 (hex) are refused."""

    url: str
    sha256: str


@dataclass(frozen=True)
class UploadLink:
    """A presigned POST request that writes one object, or objects with one prefix: its URL and form fields."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class RenderPages:
    """Make the images of the pages from `first` to `last` at these widths in pixels, and the texts of all pages.

    `images` writes objects named `<page>-<width>`. Without `texts`, no text is extracted."""

    source: SourceLink
    images: UploadLink
    texts: UploadLink | None
    widths: tuple[int, ...]
    pages: int
    first: int
    last: int


@dataclass(frozen=True)
class RenderedPages:
    """The numbers of the pages that cannot be rendered."""

    broken: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class PrepareDocument:
    """Make the file of a decided document, with a placeholder for the message of its seal, and write it to `target`.

    An approval has a `block`, which goes into `field`. If `field` is missing or on no page, the function searches for
    a place, unless `searched` is true. `found` is the result of that earlier search."""

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


@dataclass(frozen=True)
class PrepareCertificate:
    """Make the certificate of a signed document as a separate file with a placeholder, and write it to `target`."""

    target: UploadLink
    certificate: CertificateFacts
    seal: SealSpec
    block: SignatureBlock


@dataclass(frozen=True, kw_only=True)
class PreparedFile:
    """A file that waits for the message of its seal, or the `fault` for which there is no such file.

    `start` and `end` are the byte offsets of the placeholder's digits. `place` is the box of the signature block, the
    only part that looks different. `searched` and `found` belong to the next request, if there is one. `is_pdf`: the
    source is a PDF, so another attempt may succeed."""

    fault: str = ""
    start: int = 0
    end: int = 0
    pages: int = 0
    place: SignatureBox | None = None
    needs_certificate: bool = False
    searched: bool = False
    found: SignatureBox | None = None
    is_pdf: bool = True


@dataclass(frozen=True, kw_only=True)
class CheckRelease:
    """Insert the message (base64) into the prepared file, reopen the result, and compare its pages with the source.

    A separate certificate has no `source`. A source that nobody was `shown` is not compared. `unseen` are the pages of
    the source that could not be shown. `certificate` and `pins` are fingerprints."""

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


@dataclass(frozen=True)
class CheckTimestamp:
    """Insert the message (base64) with a timestamp into the sealed file, and verify the result."""

    sealed: SourceLink
    start: int
    end: int
    message: str
    pins: tuple[str, ...]


@dataclass(frozen=True)
class CheckedRelease:
    """The SHA-256 (hex) of the checked bytes, and their faults in words. Without faults, the bytes may be released."""

    sha256: str
    faults: tuple[str, ...]


@dataclass(frozen=True)
class ComposeFax:
    """Write the PDF to fax to `target`, unless the PDF has more than `max_bytes`: the cover page and the document."""

    source: SourceLink
    target: UploadLink
    cover: FaxCover
    max_bytes: int


@dataclass(frozen=True)
class ComposedFax:
    """The number of bytes of the PDF to fax, or 0 if the document cannot be made into a fax."""

    size: int


@dataclass(frozen=True)
class DrawPreview:
    """Draw a signature block in a box of these points."""

    block: SignatureBlock
    width: float
    height: float


@dataclass(frozen=True)
class Preview:
    """A PNG in base64."""

    picture: str


@dataclass(frozen=True)
class MeasureLogo:
    """Read the header of a picture (base64), whose sides may have this many pixels."""

    picture: str
    max_side: int


@dataclass(frozen=True)
class MeasuredLogo:
    """The media type and the size of a logo in pixels, or the reason for which the picture is refused."""

    media_type: str = ""
    width: int = 0
    height: int = 0
    refused: str = ""
