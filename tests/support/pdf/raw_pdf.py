"""PDFs for tests, written byte by byte, in forms that other software writes but no Python library does."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

Objects = dict[int, bytes]

BOX = b"/MediaBox [0 0 612 792]"
_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
_TEXT = b"BT /F1 12 Tf 72 700 Td (The patient will walk 200 feet.) Tj ET"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(data), data)


def page(
    *, attributes: bytes = BOX, contents: bytes = b"/Contents 4 0 R", resources: bytes = b"/Resources 5 0 R"
) -> bytes:
    return b"<< /Type /Page /Parent 2 0 R %s %s %s >>" % (attributes, contents, resources)


def objects(**changed: bytes) -> Objects:
    """Return the parts (PDF objects) of a one-page PDF by number, for `write_pdf`.

    They are catalog (1), page tree (2), page (3), content (4), resources (5) and font (6). A keyword such as `o3=`
    replaces the object with that number."""
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: page(),
        4: stream(_TEXT),
        5: b"<< /Font << /F1 6 0 R >> >>",
        6: _FONT,
    }
    return objects | {int(name[1:]): body for name, body in changed.items()}


def write_pdf(
    parts: Mapping[int, bytes],
    *,
    header: bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    shift: int = 0,
    trailer: bytes = b"",
    end: bytes = b"",
) -> bytes:
    """Return a PDF file with these objects and a classic cross-reference table.

    Each offset in the table is wrong by `shift` bytes. `trailer` is added to the trailer, and `end` to the file's
    end."""
    out, places = bytearray(header), {}
    for number, body in parts.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return bytes(out) + _table(places, len(out), shift, trailer) + end


def _table(places: Mapping[int, int], at: int, shift: int, trailer: bytes) -> bytes:
    size = max(places) + 1
    rows = [b"0000000000 65535 f \n"]
    rows += [
        b"%010d 00000 n \n" % (places[number] + shift) if number in places else b"0000000000 00001 f \n"
        for number in range(1, size)
    ]
    return b"xref\n0 %d\n%strailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        b"".join(rows),
        size,
        trailer,
        at + shift,
    )


def update_pdf(data: bytes, changed: Mapping[int, bytes], *, size: int = 7) -> bytes:
    """Return the PDF with a change at its end (an incremental update) that replaces these objects."""
    out, places = bytearray(data), {}
    for number, body in changed.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at, before = len(out), int(data[data.rindex(b"startxref") + 9 :].split()[0])
    out += b"xref\n"
    for number, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (size, before, at)
    return bytes(out)


def pack_pdf(parts: Mapping[int, bytes], *, hybrid: bool = False) -> bytes:
    """Return a PDF file with these objects in the compact form of PDF 1.5 (object stream, cross-reference stream).

    A hybrid PDF also has the classic cross-reference table."""
    loose = {number: body for number, body in parts.items() if b"stream" in body}
    inside = {number: body for number, body in parts.items() if number not in loose}
    size = max(parts) + 3
    holder, table = size - 2, size - 1
    out, places = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"), {}
    for number, body in (loose | {holder: _object_stream(inside)}).items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at = places[table] = len(out)
    rows = _rows(places, list(inside), holder, size)
    entries = b"/Type /XRef /Size %d /W [1 4 2] /Root 1 0 R" % size
    out += b"%d 0 obj\n%s\nendobj\n" % (table, stream(rows, entries))
    if not hybrid:
        return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % at
    return bytes(out) + _table(places, len(out), 0, b"/XRefStm %d" % at)


def _object_stream(inside: Mapping[int, bytes]) -> bytes:
    index, bodies = b"", b""
    for number, body in inside.items():
        index += b"%d %d " % (number, len(bodies))
        bodies += body + b"\n"
    entries = b"/Type /ObjStm /N %d /First %d /Filter /FlateDecode" % (len(inside), len(index))
    return stream(zlib.compress(index + bodies), entries)


def _rows(places: Mapping[int, int], inside: Sequence[int], holder: int, size: int) -> bytes:
    rows = b""
    for number in range(size):
        kind, first, second = 0, 0, 0
        if number in places:
            kind, first = 1, places[number]
        elif number in inside:
            kind, first, second = 2, holder, inside.index(number)
        rows += bytes([kind]) + first.to_bytes(4, "big") + second.to_bytes(2, "big")
    return rows
