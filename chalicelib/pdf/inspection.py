"""The inspection of untrusted files: whether a file is a PDF that can be signed, or a scan of signed pages.

A hostile file may hang or crash the inspection, so the caller runs the inspection in a sandbox with a time limit."""

import io
import zlib
from collections.abc import Callable, Iterator

import pypdfium2
from PIL import ExifTags, Image, UnidentifiedImageError
from pypdf import PageObject, PdfReader
from pypdf.filters import ASCII85Decode, ASCIIHexDecode
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, NullObject, PdfObject, StreamObject
from pypdfium2 import raw

from chalicelib.pdf.earlier_signatures import forbids_changes, is_signed
from chalicelib.pdf.missing_fonts import find_undrawn_pages
from chalicelib.pdf.models import (
    MAX_BYTES,
    MAX_IMAGE_PIXELS,
    MAX_PAGES,
    ActiveContent,
    Inspection,
    PdfRefused,
    RefusalCode,
    ScanKind,
)
from chalicelib.pdf.reader import (
    open_pdf,
    read_dictionary,
    read_display,
    read_number,
    refuse_malformed,
    resolve,
    walk_dictionaries,
)

_ACTIONS: dict[str, ActiveContent] = {
    "/JavaScript": "javascript",
    "/Launch": "launch",
    "/SubmitForm": "submit_form",
    "/ImportData": "import_data",
    "/GoToR": "remote_go_to",
    "/GoToE": "embedded_file",
    "/RichMediaExecute": "rich_media",
}
_SUBTYPES: dict[str, ActiveContent] = {"/RichMedia": "rich_media", "/FileAttachment": "embedded_file"}
_DETAILS: dict[RefusalCode, str] = {
    "empty": "The file is empty.",
    "too_large": f"The file is larger than {MAX_BYTES // 2**20} MB.",
    "not_a_pdf": "The file is not a PDF: it does not begin with %PDF-.",
    "encrypted": "The PDF is encrypted, perhaps only against changes. Send it without a password.",
    "no_pages": "The PDF has no pages.",
    "too_many_pages": f"The PDF has more than {MAX_PAGES} pages.",
    "xfa": "The PDF is an XFA form, which most viewers cannot show. Print it to a plain PDF, and send that.",
    "portfolio": "The PDF is a portfolio: it holds other files, and its pages are only a cover. Send each PDF in it "
    "as a document of its own.",
    "certified_no_changes": "An earlier signature locks the PDF against all changes (certified with DocMDP level 1, "
    "or *Lock document after signing*): it cannot be signed.",
    "cannot_be_sealed": "The PDF could not be made into a signed PDF: that failed or took too long. Print it to a new "
    "PDF, and send the new PDF.",
    "not_a_scan": "A signed scan must be a PDF, JPEG or PNG file.",
    "unsigned_scan": "This is the document as it was sent, without a signature. Print it, sign and date it on paper, "
    "and upload a scan or photo of the signed pages.",
    "too_many_pixels": "The image has more than 64 million pixels.",
}
_DEFLATED = ("/FlateDecode", "/Fl")
# The filters allowed for the content of a page. With any other filter, readers show an empty page.
_FILTERS = frozenset(
    {*_DEFLATED, "/ASCII85Decode", "/A85", "/ASCIIHexDecode", "/AHx", "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL"}
)
_TEXT_FILTERS: dict[str, Callable[[bytes], bytes]] = {
    "/ASCII85Decode": ASCII85Decode.decode,
    "/A85": ASCII85Decode.decode,
    "/ASCIIHexDecode": ASCIIHexDecode.decode,
    "/AHx": ASCIIHexDecode.decode,
}
_HEADER_WITHIN, _END_WITHIN = 1024, 4096
_NARROWEST, _WIDEST = 3.0, 1_000_000.0
"""The least and the largest side of a page in points. Acrobat shows nothing on a narrower page, and a signature is
invisible on a wider page (350 m)."""
_TOLERANCE = 1.5
_TRIAL = 200.0
"""The shorter side in pixels of the image when a page is rendered only to see if that succeeds."""
_QUARTER_TURNS = (5, 6, 7, 8)


def refuse(code: RefusalCode) -> PdfRefused:
    return PdfRefused(code, _DETAILS[code])


def _check_size(data: bytes) -> None:
    if not data.strip(b"\0\t\n\f\r "):
        raise refuse("empty")
    if len(data) > MAX_BYTES:
        raise refuse("too_large")


def is_pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:_HEADER_WITHIN]


def _check_envelope(data: bytes) -> None:
    if not is_pdf(data):
        raise refuse("not_a_pdf")
    if b"startxref" not in data[-_END_WITHIN:]:
        raise PdfRefused("damaged", "The PDF is cut off: its end is missing, perhaps lost in a transfer.")


def _open_unencrypted(data: bytes) -> PdfReader:
    try:
        reader = open_pdf(data)
    except PdfRefused:
        # pypdf cannot open some encrypted files without another library.
        if b"/Encrypt" in data:
            raise refuse("encrypted") from None
        raise
    if reader.is_encrypted:
        raise refuse("encrypted")
    return reader


def _read_catalog(reader: PdfReader) -> DictionaryObject:
    root = resolve(reader.trailer.get("/Root"))
    if not isinstance(root, DictionaryObject):
        raise PdfRefused("damaged", "The PDF is damaged: it has no document catalog.")
    return root


def _read_pages(reader: PdfReader, catalog: DictionaryObject) -> list[PageObject]:
    if read_number(read_dictionary(catalog.get("/Pages")).get("/Count"), 0) > MAX_PAGES:
        raise refuse("too_many_pages")
    pages = list(reader.pages)
    if not pages:
        raise refuse("no_pages")
    if len(pages) > MAX_PAGES:
        raise refuse("too_many_pages")
    return pages


def _is_missing(value: PdfObject | None) -> bool:
    return isinstance(value, IndirectObject) and isinstance(value.get_object(), (NullObject, type(None)))


def _check_pages_agree(data: bytes, pages: list[PageObject]) -> None:
    """Refuse a file if PDFium and pypdf read different pages in it, because people must sign the pages that they see.

    PDFium draws the pages for display, and pypdf reads them for signing. Raise `PdfRefused` (damaged) if the number or
    the size of the pages differs, or if content is missing."""
    if any(_is_missing(page.get("/Contents")) for page in pages):
        raise PdfRefused("damaged", "The PDF is damaged: the content of a page is missing.")
    try:
        with pypdfium2.PdfDocument(data) as document:
            sizes = [document.get_page_size(index) for index in range(len(document))]
    except pypdfium2.PdfiumError as error:
        raise PdfRefused("damaged", "The PDF is damaged: it cannot be displayed.") from error
    if len(sizes) != len(pages):
        raise PdfRefused("damaged", "The PDF is damaged: readers do not agree on its pages.")
    if not all(map(_has_size, pages, sizes)):
        raise PdfRefused("damaged", "The PDF is damaged: readers do not agree on the visible part of a page.")


def _has_size(page: PageObject, shown: tuple[float, float]) -> bool:
    """Return True if pypdf and PDFium agree on the page's size. PDFium ignores UserUnit, so this check does too."""
    display = read_display(page)
    return all(abs(edge / display.unit - other) <= _TOLERANCE for edge, other in zip(display.size, shown, strict=True))


def _check_sizes(pages: list[PageObject]) -> None:
    if not all(_NARROWEST <= edge <= _WIDEST for page in pages for edge in read_display(page).size):
        raise PdfRefused("damaged", "The PDF is damaged: a page is too small, or too large, to be displayed.")


def _check_drawing(data: bytes, pages: list[PageObject]) -> None:
    """Load each page for drawing, so that a page that costs too much time or memory fails now and not when it is shown.

    A page with nested patterns or nested masks is rendered too, since the cost of nested parts may multiply. Raise
    `PdfRefused` (damaged) if PDFium draws objects on a page that has no content for pypdf."""
    with pypdfium2.PdfDocument(data) as document:
        for page, displayed in zip(pages, document, strict=True):
            if any(map(_may_multiply, walk_dictionaries([page.get("/Resources")]))):
                displayed.render(scale=min(_TRIAL / edge for edge in displayed.get_size()))
            if page.get("/Contents") is None and raw.FPDFPage_CountObjects(displayed):
                raise PdfRefused("damaged", "The PDF is damaged: readers do not agree on the content of a page.")
            displayed.close()


def _may_multiply(item: DictionaryObject) -> bool:
    """Return True if the dictionary is a pattern or a mask that uses more patterns or masks: its cost may multiply."""
    resources = read_dictionary(item.get("/Resources"))
    inner = "/Pattern" in resources or "/ExtGState" in resources
    is_mask = read_dictionary(item.get("/Group")).get("/S") == "/Transparency"
    return inner and (item.get("/PatternType") == 1 or is_mask)


def _check_images(catalog: DictionaryObject) -> None:
    for item in walk_dictionaries([catalog]):
        if item.get("/Subtype") == "/Image" and _unpacked_bytes(item) > MAX_IMAGE_PIXELS:
            raise PdfRefused("damaged", "The PDF cannot be displayed: an image in it has more than 64 million pixels.")


def _unpacked_bytes(image: DictionaryObject) -> float:
    """Return the size in bytes of one color channel of the unpacked image. The inspection refuses a too large image.

    The size comes from the image's dictionary."""
    sides = read_number(image.get("/Width"), 0) * read_number(image.get("/Height"), 0)
    return sides * read_number(image.get("/BitsPerComponent"), 8) / 8


def _check_contents(pages: list[PageObject]) -> None:
    """Refuse a file if the content of a page cannot be unpacked: a page that is only partly visible must not be signed.

    Raise `PdfRefused` (damaged)."""
    for page in pages:
        content = resolve(page.get("/Contents"))
        parts = content if isinstance(content, ArrayObject) else [content]
        if not all(_can_be_unpacked(resolve(part)) for part in parts):
            raise PdfRefused("damaged", "The PDF is damaged: the content of a page cannot be read.")


def _can_be_unpacked(stream: PdfObject | None) -> bool:
    if not isinstance(stream, StreamObject):
        return stream is None or isinstance(stream, NullObject)
    if "/Filter" not in stream:
        return True
    filters = resolve(stream["/Filter"])
    names = [resolve(name) for name in (filters if isinstance(filters, ArrayObject) else [filters])]
    if not all(isinstance(name, NameObject) and name in _FILTERS for name in names):
        return False
    return str(names[-1]) not in _DEFLATED or _can_be_inflated(stream, [str(name) for name in names[:-1]])


def _can_be_inflated(stream: StreamObject, before: list[str]) -> bool:
    data = stream._data  # noqa: SLF001 - get_data hides errors
    for name in before:
        if name not in _TEXT_FILTERS:
            return True
        data = _TEXT_FILTERS[name](data)
    try:
        zlib.decompressobj().decompress(data)
    except zlib.error as error:
        # Only the checksum at the end is wrong or missing. The content itself is complete.
        return "incorrect data check" in str(error)
    return True


def _refuse_what_is_not_shown(catalog: DictionaryObject) -> None:
    """Refuse a file whose pages are only a cover for the real content: other files inside it, or an XFA form."""
    if _is_set(catalog.get("/Collection")):
        raise refuse("portfolio")
    if _is_set(read_dictionary(catalog.get("/AcroForm")).get("/XFA")):
        raise refuse("xfa")


def _is_set(value: PdfObject | None) -> bool:
    return not isinstance(resolve(value), (type(None), NullObject))


def _active_kinds(item: DictionaryObject) -> Iterator[ActiveContent]:
    for key, table in (("/S", _ACTIONS), ("/Subtype", _SUBTYPES)):
        value = item.get(key)
        if isinstance(value, str) and value in table:
            yield table[value]
    if "/EF" in item or item.get("/Type") == "/EmbeddedFile":
        yield "embedded_file"


def inspect_pdf(data: bytes) -> Inspection:
    """Return the facts of a PDF that can be signed; raise `PdfRefused` with a code and a reason for any other file."""
    _check_size(data)
    _check_envelope(data)
    reader = _open_unencrypted(data)
    with refuse_malformed():
        catalog = _read_catalog(reader)
        _refuse_what_is_not_shown(catalog)
        pages = _read_pages(reader, catalog)
        if forbids_changes(catalog):
            raise refuse("certified_no_changes")
        _check_sizes(pages)
        _check_pages_agree(data, pages)
        _check_contents(pages)
        _check_images(catalog)
        _check_drawing(data, pages)
        return Inspection(
            pages=len(pages),
            page_sizes=tuple(read_display(page).size for page in pages),
            active_content=tuple(
                sorted({kind for item in walk_dictionaries([catalog]) for kind in _active_kinds(item)})
            ),
            signed=is_signed(catalog),
            undrawn_pages=find_undrawn_pages(catalog, pages),
        )


def recheck_pages(data: bytes) -> int:
    """Return the number of pages of a PDF that this engine made, as a last check before the file is released.

    Raise `PdfRefused` (damaged) if pypdf and PDFium disagree on the pages. The limits on size and pages do not
    apply, since a certificate may follow an original of 200 pages."""
    _check_envelope(data)
    reader = open_pdf(data)
    with refuse_malformed():
        pages = list(reader.pages)
        _check_pages_agree(data, pages)
    return len(pages)


def _inspect_image(data: bytes) -> ScanKind:
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
    except UnidentifiedImageError as error:
        raise refuse("not_a_scan") from error
    with image:
        if image.width * image.height > MAX_IMAGE_PIXELS:
            raise refuse("too_many_pixels")
        is_png = image.format == "PNG"
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in _QUARTER_TURNS
        size = (image.height, image.width) if turned else image.size
        image.draft("L", (image.width // 8, image.height // 8))
        image.load()
    return ScanKind(media_type="image/png" if is_png else "image/jpeg", pages=1, pixels=size)


def inspect_scan(data: bytes) -> ScanKind:
    """Return the facts of a scan of a document signed on paper (PDF, JPEG or PNG).

    Raise `PdfRefused` with a code and a reason for any other, damaged or too large file."""
    _check_size(data)
    if is_pdf(data):
        return ScanKind(media_type="application/pdf", pages=inspect_pdf(data).pages, pixels=None)
    try:
        return _inspect_image(data)
    except Image.DecompressionBombError as error:
        raise refuse("too_many_pixels") from error
    except (OSError, SyntaxError, ValueError, MemoryError) as error:
        if isinstance(error, PdfRefused):
            raise
        raise PdfRefused("damaged", "The image is damaged: it cannot be read to its end.") from error
