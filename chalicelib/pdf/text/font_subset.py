"""TrueType fonts for reportlab, with a cache of their subsets and with support for glyphs that have no character.

The cache saves time, because reportlab makes a subset of the font for every document, and most documents use the same
characters. reportlab draws only characters. So a glyph without a character, such as a conjunct, gets one of Unicode's
private characters (planes 15 and 16), together with the text that PDF readers should extract for the glyph."""

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
    """A TrueType font for reportlab, which is always embedded in the PDF as a subset of the glyphs in use."""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(name, file)
        self.texts: dict[int, str] = {}
        self._private: dict[tuple[int, str], str] = {}
        self._codes = count(_FIRST_PRIVATE)

    def has(self, char: str) -> bool:
        """Return True if the font itself has a glyph for this character of a text.

        Return False for Unicode's private characters (planes 15 and 16). `character` uses these only as substitutes for
        glyphs without a character, so in a text they have no meaning."""
        return ord(char) < _FIRST_PRIVATE and ord(char) in self.face.charToGlyph

    def width(self, char: str) -> int:
        """Return the width of the character's glyph in thousandths of the text size, rounded as in the PDF."""
        return round(float(self.face.getCharWidth(ord(char))))

    def character(self, glyph: int, text: str) -> str:
        """Return the character to draw for a glyph number. PDF readers extract `text` where the character is drawn.

        The result is `text` itself if possible, else a private character that the font remembers."""
        if len(text) == 1 and self.face.charToGlyph.get(ord(text)) == glyph:
            return text
        return self._private.get((glyph, text)) or self._new_private(glyph, text)

    def _new_private(self, glyph: int, text: str) -> str:
        code = next(self._codes)
        if code < _SECOND_PRIVATE:
            self._private[glyph, text] = chr(code)
        else:
            # No real names need so many glyphs. The glyphs beyond this limit are visible, but have no text.
            code, text = _SECOND_PRIVATE + glyph, ""
        self.texts[code] = text
        self.face.charWidths[code] = self.pdfScale(self.face.hmetrics[glyph][0])
        self.face.charToGlyph[code] = glyph
        return chr(code)

    def addObjects(self, doc: PDFDocument) -> None:  # noqa: N802 - reportlab's name
        """Add the font's subsets to a PDF document: their objects, and their names in the document's list of fonts.

        reportlab calls this method when it saves the document."""
        subsets = self.state[doc].subsets
        for number, subset in enumerate(subsets):
            name = self.getSubsetInternalName(number, doc)[1:]
            objects = _make_objects(self, number, tuple(subset))
            font = _add_font(doc, objects, name)
            doc.Reference(font, name)
            doc.idToObject["BasicFonts"].dict[name] = font
        del self.state[doc]


@dataclass(frozen=True)
class _SubsetObjects:
    """The PostScript name, the serialized PDF objects and the character widths of one font subset, for the cache."""

    name: bytes
    file: bytes
    to_unicode: bytes
    descriptor: bytes
    widths: bytes


class _Serialized(PDFObject):  # type: ignore[misc]  # - reportlab is untyped
    """A PDF object in bytes that reportlab writes unchanged and refers to by its number."""

    __RefOnly__ = True

    def __init__(self, text: bytes) -> None:
        self._text = text

    def format(self, _document: PDFDocument) -> bytes:
        return self._text


@lru_cache(maxsize=64)
def _make_objects(font: Face, number: int, subset: tuple[int, ...]) -> _SubsetObjects:
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
    """Return the ToUnicode map of a font subset, by which PDF readers extract text.

    reportlab's map supports only the characters of Unicode's first plane, so this function corrects the others."""

    def text(match: re.Match[str]) -> str:
        code = int(match[1], 16)
        return f"<{font.texts.get(code, chr(code)).encode('utf-16-be').hex()}>"

    return re.sub("<([0-9A-F]{5,6})>", text, makeToUnicodeCMap(name, list(subset)))


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    packed = zlib.compress(data)
    return b"<< /Filter /FlateDecode /Length %d %s >>\nstream\n%s\nendstream" % (len(packed), entries, packed)


def _add_font(doc: PDFDocument, subset: _SubsetObjects, name: str) -> _Serialized:
    """Add the objects of a font subset to the PDF document, and return the font dictionary that refers to them."""

    def place(text: bytes, kind: str) -> bytes:
        return bytes(doc.Reference(_Serialized(text), f"{kind} {name}").format(doc))

    file, to_unicode = place(subset.file, "file"), place(subset.to_unicode, "unicode")
    described = b"<< %s /FontName /%s /FontFile2 %s >>" % (subset.descriptor, subset.name, file)
    descriptor = place(described, "descriptor")
    return _Serialized(
        b"<< /Type /Font /Subtype /TrueType /Name /%s /BaseFont /%s /FirstChar 0 /LastChar %d /Widths [%s]"
        b" /ToUnicode %s /FontDescriptor %s >>"
        % (name.encode(), subset.name, subset.widths.count(b" "), subset.widths, to_unicode, descriptor)
    )
