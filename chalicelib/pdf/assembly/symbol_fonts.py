"""The embedding of fonts of symbols (Wingdings and the like) that a signed PDF names and does not contain.

The signer saw the portal's substitutes (`pdf/substitute_fonts.py`). Another reader would use a font of its machine, or
show a ticked box as a letter. So the file that is sealed gets the substitute, fitted to the widths that the PDF states.
PDFium centers a narrower symbol in its width and compresses a wider one, and the fitted font does the same.

The fonts are simple: each glyph has one byte of flags and two 16-bit coordinates for each point, and its advance is the
width of its ink. So glyphs can be changed in place."""

import io
import struct
from functools import cache
from itertools import accumulate, pairwise

from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, IndirectObject, NameObject, NumberObject, StreamObject
from reportlab.pdfbase.ttfonts import TTFontFile

from chalicelib.pdf.reader import read_array, read_dictionary, read_number, walk_dictionaries
from chalicelib.pdf.substitute_fonts import SYMBOL_FONTS, find_substitute, read_font

Widths = tuple[tuple[int, int], ...]
"""The widths of a font's characters: pairs of a code and a width in thousandths of the text size."""

_FILES = ("/FontFile", "/FontFile2", "/FontFile3")
_EMBEDDED = frozenset(SYMBOL_FONTS) - {"SubstituteSymbol"}
"""The fonts of the portal that are embedded. Every reader has Symbol, which is one of the 14 standard fonts."""

_SYMBOLIC = 4
_PRIVATE = 0xF000
"""The first character of Unicode's private area in which a font of symbols has its codes."""

_CODES = 256
_WIDEST = 2**15
_BOUNDS, _METRIC = ">hhhhh", ">Hh"


def embed_symbols(writer: PdfWriter) -> None:
    """Embed a substitute in each font of symbols that the writer's file names and does not contain.

    Composite fonts, which are made for languages with many characters, stay as they are."""
    files: dict[tuple[str, Widths], IndirectObject] = {}
    for font in [item for item in walk_dictionaries([writer.root_object]) if _needs_substitute(item)]:
        key = (find_substitute(_name(font)) or "", _read_widths(font))
        if key not in files:
            files[key] = _add_file(writer, fit_font(*key))
        _embed(writer, font, files[key])


def _name(font: DictionaryObject) -> str:
    return str(font.get("/BaseFont", "/"))[1:]


def _needs_substitute(item: DictionaryObject) -> bool:
    if item.get("/Type") != "/Font" or item.get("/Subtype") not in ("/TrueType", "/Type1"):
        return False
    is_embedded = any(key in read_dictionary(item.get("/FontDescriptor")) for key in _FILES)
    return not is_embedded and find_substitute(_name(item)) in _EMBEDDED


def _read_widths(font: DictionaryObject) -> Widths:
    first = int(read_number(font.get("/FirstChar"), 0))
    widths = [round(read_number(width, 0)) for width in read_array(font.get("/Widths"))[:_CODES]]
    return tuple((code, width) for code, width in enumerate(widths, first) if 0 < width < _WIDEST)


def _add_file(writer: PdfWriter, data: bytes) -> IndirectObject:
    stream = StreamObject()
    stream.set_data(data)
    packed = stream.flate_encode()
    packed[NameObject("/Length1")] = NumberObject(len(data))
    return writer._add_object(packed)  # noqa: SLF001 - pypdf's way, if unofficial


def _embed(writer: PdfWriter, font: DictionaryObject, file: IndirectObject) -> None:
    descriptor = DictionaryObject(read_dictionary(font.get("/FontDescriptor")))
    descriptor[NameObject("/Flags")] = NumberObject(_SYMBOLIC)
    descriptor[NameObject("/FontFile2")] = file
    font[NameObject("/Subtype")] = NameObject("/TrueType")
    font[NameObject("/FontDescriptor")] = writer._add_object(descriptor)  # noqa: SLF001 - pypdf's way, if unofficial
    # Without an encoding, readers take the glyphs by the codes of the text.
    font.pop("/Encoding", None)


def fit_font(name: str, widths: Widths) -> bytes:
    """Return a font of symbols (its file's name without `.ttf`) whose glyphs have these widths."""
    parsed, data = _parse(name), bytearray(read_font(name))
    for code, width in widths:
        glyph = parsed.charToGlyph.get(_PRIVATE + code)
        if glyph is not None:
            _fit_glyph(parsed, data, glyph, width)
    return bytes(data)


@cache
def _parse(name: str) -> TTFontFile:
    return TTFontFile(io.BytesIO(read_font(name)))


def _fit_glyph(font: TTFontFile, data: bytearray, glyph: int, width: int) -> None:
    metric = font.get_table_pos("hmtx")[0] + glyph * struct.calcsize(_METRIC)
    ink, _ = struct.unpack_from(_METRIC, data, metric)
    if width < ink:
        _compress(data, font.get_table_pos("glyf")[0] + font.glyphPos[glyph], width / ink)
    struct.pack_into(_METRIC, data, metric, width, max(0, round((width - ink) / 2)))


def _compress(data: bytearray, start: int, factor: float) -> None:
    """Multiply the horizontal coordinates of the glyph that begins at `start` by the factor."""
    contours, left, bottom, right, top = struct.unpack_from(_BOUNDS, data, start)
    ends = start + struct.calcsize(_BOUNDS)
    points = struct.unpack_from(">H", data, ends + 2 * (contours - 1))[0] + 1
    steps = f">{points}h"
    # The glyph has no instructions, so only their length follows the contours.
    first = ends + 2 * contours + 2 + points
    places = [round(place * factor) for place in accumulate(struct.unpack_from(steps, data, first))]
    struct.pack_into(steps, data, first, *(place - last for last, place in pairwise([0, *places])))
    struct.pack_into(_BOUNDS, data, start, contours, round(left * factor), bottom, round(right * factor), top)
