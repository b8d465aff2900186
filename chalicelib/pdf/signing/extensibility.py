"""The decision whether a PDF may be extended by an incremental update, or must be rebuilt from its visible pages.

An update is faster and preserves every byte of the original. But nothing active or conditional may stay in a sealed
document, and PDF readers disagree on the look of an extended file if they have to repair the original first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.reader import PdfFileReader
from pypdf.generic import DictionaryObject

from chalicelib.pdf.assembly.pictures import has_conditional_content
from chalicelib.pdf.reader import open_pdf, read_array, read_dictionary, refuse_malformed, walk_dictionaries
from chalicelib.pdf.signing.incremental_update import MALFORMED_PDF_ERRORS, requires_extensible

# Names of actions, files, fields, annotations, layers and other conditions, and any name spelled with escapes.
_NOT_EXTENSIBLE = re.compile(
    rb"/(?:AA|AF|AcroForm|Annots|Collection|EF|EmbeddedFiles?|Encrypt|GoTo3DView|GoToE|GoToR|Hide|ImportData|JS"
    rb"|JavaScript|Launch|Movie|OpenAction|Perms|Rendition|ResetForm|RichMedia|RichMediaExecute|SetOCGState|Sound"
    rb"|SubmitForm|Thread|URI|XFA|XRefStm"
    rb"|Alternates|OC|OCG|OCGs|OCMD|OCProperties|OP|OPI|op|PS|PrintArea|PrintClip|TransferFunction|Usage|ViewArea"
    rb"|ViewClip)(?![A-Za-z0-9_.+-])"
    rb"|/TR2?\s*[\d<\[]|/[^\s()<>\[\]{}/%#]*#"
)
_FIELDS = frozenset({b"/AcroForm", b"/Annots"})
_ACTIVE_KEYS = frozenset({"/AA", "/AF", "/EF", "/JS", "/JavaScript", "/XFA"})
_ACTION = re.compile(
    "/(?:GoTo3DView|GoToE|GoToR|Hide|ImportData|JavaScript|Launch|Movie|Named|Rendition|ResetForm|RichMediaExecute"
    "|SetOCGState|Sound|SubmitForm|Thread|Trans|URI)"
)
_OBJECT = re.compile(rb"\s*(\d+)\s+(\d+)\s+obj\b")
_STREAM = re.compile(rb">>\s*stream\r?\n")
_LENGTH = re.compile(rb"/Length\s+(\d+)(?!\s*\d|\s+\d+\s+R)")
_END = re.compile(rb"\s*endstream\b")
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_ENDS = re.compile(rb"startxref\s+\d+\s+%%EOF\s*\Z")
_TAIL = 64
_OBJECT_HEADER = 32


def is_extensible(data: bytes, reader: PdfFileReader, *, with_fields: bool = False) -> bool:
    """Return True if the file can be signed by an incremental update, because nothing must be removed from it.

    Return False for a file that is damaged or may have active or conditional content. The check is cautious: a word
    inside a string counts if the word looks like such content. `reader` reads `data` and must be strict. `with_fields`:
    fields and annotations may stay, so that the caller must check them (`may_change_later`)."""
    if not data.startswith(b"%PDF-1.") or not _ENDS.search(data[-_TAIL:]):
        return False
    try:
        parts = (*_structure(data, reader), *_compressed(reader))
        return not any(_names_unsafe_content(part, with_fields=with_fields) for part in parts)
    except MALFORMED_PDF_ERRORS:
        return False


def _names_unsafe_content(part: bytes, *, with_fields: bool) -> bool:
    names = (match[0] for match in _NOT_EXTENSIBLE.finditer(part))
    return any(not with_fields or name not in _FIELDS for name in names)


def may_change_later(data: bytes) -> bool:
    """Return True if a digitally signed file must be rebuilt, because its pages may look different later.

    They may look different after the portal's seal, or in another PDF reader. Pages and signature fields are safe.
    Other fields, other annotations, actions and conditional content are not safe. Raise `NotExtensible` if the file is
    malformed."""
    with requires_extensible(), refuse_malformed():
        reader = open_pdf(data)
        annotations = [read_dictionary(item) for page in reader.pages for item in read_array(page.get("/Annots"))]
        return (
            has_conditional_content(reader)
            or any(map(_is_active, walk_dictionaries([reader.trailer["/Root"]])))
            or not all(map(_is_signature_widget, annotations))
        )


def _is_active(item: DictionaryObject) -> bool:
    """Return True if a PDF object can act or change by itself, so that a sealed document must not contain it.

    Such an object is an action, an object that holds actions or files, or a form field that is not a signature."""
    other_field = item.get("/FT", "/Sig") != "/Sig"
    return bool(_ACTIVE_KEYS & item.keys()) or bool(_ACTION.fullmatch(str(item.get("/S")))) or other_field


def _is_signature_widget(annotation: DictionaryObject) -> bool:
    parent = read_dictionary(annotation.get("/Parent"))
    return annotation.get("/Subtype") == "/Widget" and "/Sig" in (annotation.get("/FT"), parent.get("/FT"))


def _structure(data: bytes, reader: PdfFileReader) -> Iterator[bytes]:
    """Yield all bytes of a file outside its streams, so that the caller can search for names of active content.

    Raise `ValueError` if an object is not where the cross-reference table says, since bytes could be missed."""
    sections = [reader.xrefs.get_xref_data(number) for number in range(reader.xrefs.total_revisions)]
    places = {
        at: (number, generation) for section in sections for number, (generation, at) in section.standard_xrefs.items()
    }
    for at, named in places.items():
        header = _OBJECT.match(data, at, at + _OBJECT_HEADER)
        if header is None or (int(header[1]), int(header[2])) != named:
            raise ValueError("an object is not where the file says")
    for start, end in pairwise((0, *sorted(places), len(data))):
        yield from _outside_stream(data[start:end])


def _outside_stream(chunk: bytes) -> Iterator[bytes]:
    """Yield the bytes of an object before and after its stream, or the whole object if it has no stream.

    Raise `ValueError` if the beginning or the length of the stream is unclear."""
    begins = _STREAM.search(chunk)
    if begins is None:
        yield chunk
        return
    head = chunk[: begins.start()]
    bare = _ESCAPED.sub(b"", head)
    # If the word `stream` is inside a string, a search for it would hide the bytes after that string.
    if b"%" in bare or bare.count(b"(") != bare.count(b")"):
        raise ValueError("the beginning of a stream is ambiguous")
    _check_length(chunk, head, begins.end())
    yield head
    yield chunk[chunk.rindex(b"endstream") :]


def _check_length(chunk: bytes, head: bytes, begins: int) -> None:
    """Raise `ValueError` if the length of a stream is wrong, because PDF readers repair wrong lengths differently.

    `chunk` are the bytes of the PDF object with the stream, and `head` is the part before the stream, which declares
    the length. `begins` is the index in `chunk` at which the stream begins."""
    length = _LENGTH.search(head)
    if length is not None and not _END.match(chunk, begins + int(length[1])):
        raise ValueError("a stream is not as long as it says")


def _compressed(reader: PdfFileReader) -> Iterator[bytes]:
    """Yield the unpacked content of the file's object streams (streams that contain other PDF objects)."""
    for revision in range(reader.xrefs.total_revisions):
        for number in reader.xrefs.get_xref_data(revision).obj_streams_used:
            yield reader.get_object(Reference(number, 0, reader)).data
