"""TrueType fonts for reportlab whose parts are made once for the same characters, and then kept.

reportlab cuts a font down to the characters that a document uses, each time anew; most documents use the
same ones.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reportlab.pdfbase.pdfdoc import PDFDocument, PDFObject
from reportlab.pdfbase.ttfonts import SUBSETN, TTFont, makeToUnicodeCMap

_SYMBOLIC, _NONSYMBOLIC = 4, 32


class Face(TTFont):  # type: ignore[misc]  # - reportlab is untyped
    """A font that is always embedded, cut down to what is used."""

    def addObjects(self, doc: PDFDocument) -> None:  # noqa: N802 - reportlab's name
        """Adds the objects of each subset to the document, and to its dictionary of fonts."""
        subsets = self.state[doc].subsets
        for number, subset in enumerate(subsets):
            name = self.getSubsetInternalName(number, doc)[1:]
            parts = _parts(self, number, tuple(subset))
            font = _font(doc, parts, name)
            doc.Reference(font, name)
            doc.idToObject["BasicFonts"].dict[name] = font
        del self.state[doc]


@dataclass(frozen=True)
class _Parts:
    """Of a subset: its PostScript name, its objects as they are written, and the codes' widths."""

    name: bytes
    file: bytes
    to_unicode: bytes
    descriptor: bytes
    widths: bytes


class _Written(PDFObject):  # type: ignore[misc]  # - reportlab is untyped
    """An object that reportlab writes as it is, and refers to by its number."""

    __RefOnly__ = True

    def __init__(self, text: bytes) -> None:
        self._text = text

    def format(self, _document: PDFDocument) -> bytes:
        return self._text


@lru_cache(maxsize=64)
def _parts(font: Face, number: int, subset: tuple[int, ...]) -> _Parts:
    face: Any = font.face
    name = b"".join((SUBSETN(number), b"+", face.name, face.subfontNameX))
    file = face.makeSubset(list(subset))
    entries = (
        ("Ascent", face.ascent), ("CapHeight", face.capHeight), ("Descent", face.descent),
        ("Flags", face.flags & ~_NONSYMBOLIC | _SYMBOLIC), ("ItalicAngle", face.italicAngle),
        ("StemV", face.stemV), ("MissingWidth", face.defaultWidth),
    )  # fmt: skip
    numbers = " ".join(f"/{key} {round(value)}" for key, value in entries)
    bounds = " ".join(str(round(edge)) for edge in face.bbox)
    return _Parts(
        name=name,
        file=_stream(file, b"/Length1 %d" % len(file)),
        to_unicode=_stream(makeToUnicodeCMap(name.decode(), list(subset)).encode()),
        descriptor=f"/Type /FontDescriptor /FontBBox [{bounds}] {numbers}".encode(),
        widths=" ".join(str(round(face.getCharWidth(code))) for code in subset).encode(),
    )


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    packed = zlib.compress(data)
    return b"<< /Filter /FlateDecode /Length %d %s >>\nstream\n%s\nendstream" % (len(packed), entries, packed)


def _font(doc: PDFDocument, parts: _Parts, name: str) -> _Written:
    """The font's dictionary, after what it refers to."""

    def place(text: bytes, kind: str) -> bytes:
        reference: bytes = doc.Reference(_Written(text), f"{kind} {name}").format(doc)
        return reference

    file, to_unicode = place(parts.file, "file"), place(parts.to_unicode, "unicode")
    descriptor = b"<< %s /FontName /%s /FontFile2 %s >>" % (parts.descriptor, parts.name, file)
    return _Written(
        b"<< /Type /Font /Subtype /TrueType /Name /%s /BaseFont /%s /FirstChar 0 /LastChar %d /Widths [%s]"
        b" /ToUnicode %s /FontDescriptor %s >>"
        % (
            name.encode(), parts.name, parts.widths.count(b" "), parts.widths, to_unicode,
            place(descriptor, "descriptor"),
        )
    )  # fmt: skip
