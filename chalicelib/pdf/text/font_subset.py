"""TrueType fonts for reportlab whose parts are made once for the same characters, and then kept.

reportlab cuts a font down to the characters that a document uses, each time anew; most documents use the
same ones. It draws characters only: a glyph that is none, such as a conjunct, gets one of Unicode's private
ones (plane 15 and 16), with the text that it reads as.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from reportlab.pdfbase.pdfdoc import PDFDocument, PDFObject
from reportlab.pdfbase.ttfonts import SUBSETN, TTFont, makeToUnicodeCMap

_SYMBOLIC, _NONSYMBOLIC = 4, 32
_FIRST_PRIVATE, _SECOND_PRIVATE = 0xF0000, 0x100000


class Face(TTFont):  # type: ignore[misc]  # - reportlab is untyped
    """A font that is always embedded, cut down to what is used."""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(name, file)
        self.texts: dict[int, str] = {}
        self._private: dict[tuple[int, str], str] = {}
        self._codes = count(_FIRST_PRIVATE)

    def has(self, char: str) -> bool:
        """Whether the font has a glyph for the character; no text has private ones of ours."""
        return ord(char) < _FIRST_PRIVATE and ord(char) in self.face.charToGlyph

    def width(self, char: str) -> int:
        """How wide its glyph is, in thousandths of the size, as it stands in the PDF."""
        wide: float = self.face.getCharWidth(ord(char))
        return round(wide)

    def character(self, glyph: int, text: str) -> str:
        """A character that is drawn as the glyph, and is read out of the PDF as the text."""
        if len(text) == 1 and self.face.charToGlyph.get(ord(text)) == glyph:
            return text
        known = self._private.get((glyph, text))
        return known or self._new_private(glyph, text)

    def _new_private(self, glyph: int, text: str) -> str:
        code = next(self._codes)
        if code < _SECOND_PRIVATE:
            self._private[glyph, text] = chr(code)
        else:
            # So many different ones are nobody's names. Those after them can be seen, but not read.
            code, text = _SECOND_PRIVATE + glyph, ""
        self.texts[code] = text
        self.face.charWidths[code] = self.pdfScale(self.face.hmetrics[glyph][0])
        self.face.charToGlyph[code] = glyph
        return chr(code)

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
class _SubsetObjects:
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
def _parts(font: Face, number: int, subset: tuple[int, ...]) -> _SubsetObjects:
    face: Any = font.face
    name = b"".join((SUBSETN(number), b"+", face.name, face.subfontNameX))
    file = face.makeSubset(list(subset))
    entries = (
        ("Ascent", face.ascent),
        ("CapHeight", face.capHeight),
        ("Descent", face.descent),
        ("Flags", face.flags & ~_NONSYMBOLIC | _SYMBOLIC),
        ("ItalicAngle", face.italicAngle),
        ("StemV", face.stemV),
        ("MissingWidth", face.defaultWidth),
    )
    numbers = " ".join(f"/{key} {round(value)}" for key, value in entries)
    bounds = " ".join(str(round(edge)) for edge in face.bbox)
    return _SubsetObjects(
        name=name,
        file=_stream(file, b"/Length1 %d" % len(file)),
        to_unicode=_stream(_to_unicode(font, name.decode(), subset).encode()),
        descriptor=f"/Type /FontDescriptor /FontBBox [{bounds}] {numbers}".encode(),
        widths=" ".join(str(round(face.getCharWidth(code))) for code in subset).encode(),
    )


def _to_unicode(font: Face, name: str, subset: tuple[int, ...]) -> str:
    """What each code reads as, in UTF-16; reportlab knows the first plane only."""

    def text(found: re.Match[str]) -> str:
        code = int(found[1], 16)
        return f"<{font.texts.get(code, chr(code)).encode('utf-16-be').hex()}>"

    return re.sub("<([0-9A-F]{5,6})>", text, makeToUnicodeCMap(name, list(subset)))


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    packed = zlib.compress(data)
    return b"<< /Filter /FlateDecode /Length %d %s >>\nstream\n%s\nendstream" % (len(packed), entries, packed)


def _font(doc: PDFDocument, parts: _SubsetObjects, name: str) -> _Written:
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
            name.encode(),
            parts.name,
            parts.widths.count(b" "),
            parts.widths,
            to_unicode,
            place(descriptor, "descriptor"),
        )
    )
