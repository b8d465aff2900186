"""Whether a file can be kept as it is and added to, or has to be made anew.

Adding is quicker and keeps every byte that was sent; but nothing active may stay in what is derived, and a
file that readers have to repair cannot be extended in a way that all of them understand alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.reader import PdfFileReader

from chalicelib.pdf.signing.incremental_update import MALFORMED_PDF_ERRORS

# Names that bring actions, files, fields or annotations; and any name that is spelled with escapes.
_NOT_PLAIN = re.compile(
    rb"/(?:AA|AF|AcroForm|Annots|Collection|EF|EmbeddedFiles?|Encrypt|GoTo3DView|GoToE|GoToR|Hide|ImportData|JS"
    rb"|JavaScript|Launch|Movie|OpenAction|Perms|Rendition|ResetForm|RichMedia|RichMediaExecute|SetOCGState|Sound"
    rb"|SubmitForm|Thread|URI|XFA|XRefStm)(?![A-Za-z0-9_.+-])"
    rb"|/[^\s()<>\[\]{}/%#]*#"
)
_OBJECT = re.compile(rb"\s*(\d+)\s+(\d+)\s+obj\b")
_STREAM = re.compile(rb">>\s*stream\r?\n")
_LENGTH = re.compile(rb"/Length\s+(\d+)(?!\s*\d|\s+\d+\s+R)")
_END = re.compile(rb"\s*endstream\b")
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_ENDS = re.compile(rb"startxref\s+\d+\s+%%EOF\s*\Z")
_TAIL = 64
_OBJECT_HEADER = 32


def is_plain(data: bytes, reader: PdfFileReader) -> bool:
    """Whether pages can be stamped and added without anything else of the file having to go.

    `reader` has read it strictly. Cautious: what only looks active (a word inside a string) counts as active
    too.
    """
    if not data.startswith(b"%PDF-1.") or not _ENDS.search(data[-_TAIL:]):
        return False
    try:
        return not any(_NOT_PLAIN.search(part) for part in (*_structure(data, reader), *_compressed(reader)))
    except MALFORMED_PDF_ERRORS:
        return False


def _structure(data: bytes, reader: PdfFileReader) -> Iterator[bytes]:
    """All of the file but what is inside streams; `ValueError` where an object is not in its place."""
    sections = [reader.xrefs.get_xref_data(number) for number in range(reader.xrefs.total_revisions)]
    places = {
        at: (number, generation)
        for section in sections
        for number, (generation, at) in section.standard_xrefs.items()
    }
    for at, named in places.items():
        header = _OBJECT.match(data, at, at + _OBJECT_HEADER)
        if header is None or (int(header[1]), int(header[2])) != named:
            raise ValueError("an object is not where the file says")
    for start, end in pairwise((0, *sorted(places), len(data))):
        yield from _outside_stream(data[start:end])


def _outside_stream(chunk: bytes) -> Iterator[bytes]:
    """What stands before and after the stream of an object, if it has one."""
    begins = _STREAM.search(chunk)
    if begins is None:
        yield chunk
        return
    head = chunk[: begins.start()]
    bare = _ESCAPED.sub(b"", head)
    # The word could stand inside a string, which would hide what follows it.
    if b"%" in bare or bare.count(b"(") != bare.count(b")"):
        raise ValueError("it cannot be told where a stream begins")
    _check_length(chunk, head, begins.end())
    yield head
    yield chunk[chunk.rindex(b"endstream") :]


def _check_length(chunk: bytes, head: bytes, begins: int) -> None:
    """A length that is given directly has to be right: readers that mend it do not all mend it alike."""
    length = _LENGTH.search(head)
    if length is not None and not _END.match(chunk, begins + int(length[1])):
        raise ValueError("a stream is not as long as it says")


def _compressed(reader: PdfFileReader) -> Iterator[bytes]:
    """What is inside the file's object streams."""
    for revision in range(reader.xrefs.total_revisions):
        for number in reader.xrefs.get_xref_data(revision).obj_streams_used:
            yield reader.get_object(Reference(number, 0, reader)).data
