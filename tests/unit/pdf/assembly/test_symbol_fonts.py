import io
import struct
from collections.abc import Sequence

import pytest
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, StreamObject
from reportlab.pdfbase.ttfonts import TTFontFile

from chalicelib.pdf.assembly.assemble import assemble_signed
from chalicelib.pdf.assembly.symbol_fonts import embed_symbols, fit_font
from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.reader import open_pdf, read_dictionary, read_number, walk_dictionaries
from chalicelib.pdf.rendering import render_pages
from chalicelib.pdf.signing.picture_check import compare_pages
from chalicelib.pdf.substitute_fonts import read_font
from tests.support.pdf import raw_pdf as raw
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.absent_fonts import NONSYMBOLIC, composite_text, simple_text

_TICKED = 0xFE
_TOLERANCE = 96
"""The largest difference of two gray levels (0 to 255) that can occur between two drawings of one symbol."""

_LINE = b"\xfe\xa8l"


def _embed(data: bytes) -> bytes:
    writer, target = PdfWriter(clone_from=io.BytesIO(data)), io.BytesIO()
    embed_symbols(writer)
    writer.write(target)
    return target.getvalue()


def _fonts(data: bytes) -> Sequence[str]:
    """Return the fonts of the first page as `Subtype`, and `file` for each font in the PDF."""
    (font,) = _list_fonts(data)
    return [str(font["/Subtype"]), *(["file"] if "/FontFile2" in read_dictionary(font.get("/FontDescriptor")) else [])]


def _list_fonts(data: bytes) -> list[DictionaryObject]:
    resources = read_dictionary(open_pdf(data).pages[0].get("/Resources"))
    return [read_dictionary(font) for font in read_dictionary(resources.get("/Font")).values()]


def _shown(data: bytes) -> bytes:
    (image,) = render_pages(data, (612,))
    return Image.open(io.BytesIO(image.data or b"")).convert("L").tobytes()


@pytest.mark.parametrize("width", [300, 700, 891, 1500])
@pytest.mark.parametrize(
    ("name", "flags", "encoding"),
    [
        ("Wingdings", 4, ""),
        ("ABCDEF+Wingdings-Regular", NONSYMBOLIC, "/Encoding /WinAnsiEncoding"),
        ("Webdings", 4, ""),
        ("MonotypeSorts", 4, ""),
    ],
)
def test_an_embedded_substitute_looks_as_it_was_shown(width: int, name: str, flags: int, encoding: str) -> None:
    before = simple_text(name, _LINE, flags=flags, encoding=encoding, width=width)
    after = _embed(before)
    assert _fonts(before) == ["/TrueType"]
    assert _fonts(after) == ["/TrueType", "file"]
    shown, wanted = _shown(after), _shown(before)
    assert max(wanted) - min(wanted) > _TOLERANCE
    assert max(abs(one - other) for one, other in zip(shown, wanted, strict=True)) < _TOLERANCE


def test_a_symbol_is_centered_or_compressed_to_the_width_of_the_pdf() -> None:
    ink = _metrics(fit_font("SubstituteWingdings", ()), _TICKED)[0]
    for width, wanted in ((ink + 201, (ink + 201, 100)), (ink, (ink, 0)), (ink // 2, (ink // 2, 0))):
        font = fit_font("SubstituteWingdings", ((_TICKED, width),))
        assert _metrics(font, _TICKED) == wanted
        assert _bounds(font, _TICKED)[2] == min(width, ink)


def test_other_symbols_and_unknown_codes_are_left_alone() -> None:
    before, after = fit_font("SubstituteWingdings", ()), fit_font("SubstituteWingdings", ((_TICKED, 300), (3, 300)))
    assert _metrics(after, _TICKED) != _metrics(before, _TICKED)
    for code in (_TICKED - 1, _TICKED - 2, 0x6C):
        assert _metrics(after, code) == _metrics(before, code)
        assert _bounds(after, code) == _bounds(before, code)


def _glyph(font: bytes, code: int) -> tuple[TTFontFile, int]:
    parsed = TTFontFile(io.BytesIO(font))
    return parsed, parsed.charToGlyph[0xF000 + code]


def _metrics(font: bytes, code: int) -> tuple[int, ...]:
    parsed, glyph = _glyph(font, code)
    return struct.unpack_from(">Hh", font, parsed.get_table_pos("hmtx")[0] + 4 * glyph)


def _bounds(font: bytes, code: int) -> tuple[int, ...]:
    parsed, glyph = _glyph(font, code)
    return struct.unpack_from(">hhhh", font, parsed.get_table_pos("glyf")[0] + parsed.glyphPos[glyph] + 2)


@pytest.mark.parametrize(
    "data",
    [
        simple_text("Symbol", _LINE),
        simple_text("ZapfDingbats", _LINE),
        simple_text("Arial", _LINE),
        simple_text("Wingdings", _LINE, file=read_font("SubstituteWingdings")),
        composite_text("Wingdings", b"\0\x04", ordering="Identity", encoding="Identity-H"),
    ],
    ids=["symbol", "dingbats", "letters", "embedded", "composite"],
)
def test_other_fonts_are_left_alone(data: bytes) -> None:
    assert _fonts(_embed(data)) == _fonts(data)


def test_a_font_without_widths_and_descriptor_is_embedded() -> None:
    bare = raw.write_pdf(raw.objects(o6=b"<< /Type /Font /Subtype /TrueType /BaseFont /Wingdings >>"))
    assert _fonts(_embed(bare)) == ["/TrueType", "file"]


def test_the_embedded_font_is_the_fitted_one_and_needs_no_encoding() -> None:
    data = simple_text("Wingdings", _LINE, width=700, encoding="/Encoding /WinAnsiEncoding")
    (font,) = _list_fonts(_embed(data))
    stream = read_dictionary(font.get("/FontDescriptor"))["/FontFile2"]
    assert isinstance(stream, StreamObject)
    widths = tuple((code, 700) for code in range(32, 256))
    assert stream.get_data() == fit_font("SubstituteWingdings", widths)
    assert read_number(stream.get("/Length1"), 0) == len(stream.get_data())
    assert "/Encoding" not in font


def test_widths_without_a_first_code_begin_at_zero() -> None:
    font = b"<< /Type /Font /Subtype /TrueType /BaseFont /Wingdings /Widths [%s 321] >>" % (b"/None " * 108)
    (embedded,) = _list_fonts(_embed(raw.write_pdf(raw.objects(o6=font))))
    file = read_dictionary(embedded.get("/FontDescriptor"))["/FontFile2"]
    assert isinstance(file, StreamObject)
    assert file.get_data() == fit_font("SubstituteWingdings", ((108, 321),))


@pytest.mark.parametrize(("width", "fitted"), [(0, None), (1, 1), (32_767, 32_767), (32_768, None)])
def test_only_usable_widths_count(width: int, fitted: int | None) -> None:
    entry = b"/FirstChar 254 /Widths [%d]" % width
    font = b"<< /Type /Font /Subtype /TrueType /BaseFont /Wingdings %s >>" % entry
    (embedded,) = _list_fonts(_embed(raw.write_pdf(raw.objects(o6=font))))
    file = read_dictionary(embedded.get("/FontDescriptor"))["/FontFile2"]
    assert isinstance(file, StreamObject)
    wanted = _metrics(fit_font("SubstituteWingdings", ()), _TICKED)[0] if fitted is None else fitted
    assert _metrics(file.get_data(), _TICKED)[0] == wanted


def test_fonts_with_equal_widths_share_a_file() -> None:
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Wingdings /FirstChar 108 /Widths [%s] >>"
    parts = raw.objects(o5=b"<< /Font << /F1 6 0 R /F2 7 0 R /F3 8 0 R >> >>", o6=font % b"500", o7=font % b"500")
    data = _embed(raw.write_pdf(parts | {8: font % b"501"}))
    files = [read_dictionary(font.get("/FontDescriptor")).raw_get("/FontFile2") for font in _list_fonts(data)]
    assert files[0] == files[1] != files[2]


def test_a_signed_file_has_the_font_of_the_ticked_box_that_the_signer_saw() -> None:
    source, box = simple_text("Wingdings", _LINE, width=891), SignatureBox(1, 72, 72, 300, 60)
    signed = assemble_signed(source, block=samples.BLOCK, field=box, certificate=samples.CERTIFICATE)
    fonts = [
        item for item in walk_dictionaries([open_pdf(signed).root_object]) if item.get("/BaseFont") == "/Wingdings"
    ]
    assert ["/FontFile2" in read_dictionary(font.get("/FontDescriptor")) for font in fonts] == [True]
    assert list(compare_pages(source, signed, box)) == ["", ""]
