"""Fonts that a PDF names and does not contain, as the pages show them.

`render_pages` never uses a font of the machine, so these tests have the same result on Lambda."""

import io

import pytest
from PIL import Image, ImageChops, ImageStat
from pypdfium2 import raw

from chalicelib.pdf.rendering import render_pages
from chalicelib.pdf.substitute_fonts import find_substitute, read_font
from tests.support.pdf.absent_fonts import NONSYMBOLIC, composite_text, simple_text

_WIN_ANSI = "/Encoding /WinAnsiEncoding"
_TICKED, _CROSSED, _EMPTY = b"\xfe", b"\xfd", b"\xa8"
_ALIKE = 40.0
"""The largest mean difference of two pictures of one shape. Two different boxes differ by 90 or more."""


def _shown(data: bytes) -> Image.Image:
    (image,) = render_pages(data, (612,))
    return Image.open(io.BytesIO(image.data or b"")).convert("L").crop((72, 140, 612, 220))


def _ink(picture: Image.Image) -> int:
    return sum(picture.histogram()[:128])


def _shape(picture: Image.Image) -> Image.Image:
    """Return the ink in a square of fixed size, so that shapes can be compared wherever a character is placed."""
    ink = picture.point(lambda level: 255 - level)
    return ink.crop(ink.getbbox()).resize((40, 40))


def _are_alike(first: Image.Image, second: Image.Image) -> bool:
    return ImageStat.Stat(ImageChops.difference(_shape(first), _shape(second))).mean[0] < _ALIKE


def _embedded(codes: bytes, font: str) -> Image.Image:
    return _shown(simple_text("Embedded", codes, file=read_font(font)))


@pytest.mark.parametrize(
    "data",
    [
        simple_text("Wingdings", _TICKED),
        simple_text("Wingdings-Regular", _TICKED, encoding=_WIN_ANSI),
        simple_text("ABCDEF+Wingdings", _TICKED, flags=NONSYMBOLIC, encoding=_WIN_ANSI),
        simple_text("Wingdings", _TICKED, encoding="/Encoding << /Differences [254 /Wingding254] >>"),
        composite_text(
            "Wingdings-Regular", b"\0\x04", ordering="Identity", encoding="Identity-H", unicode={4: "\uf0fe"}
        ),
        composite_text("Wingdings-Regular", b"\0\x04", ordering="Identity", encoding="Identity-H", unicode={4: "☑"}),
        composite_text("Wingdings-Regular", b"\0\xe0", ordering="Identity", encoding="Identity-H"),
    ],
    ids=["plain", "win-ansi", "not-symbolic", "differences", "private-unicode", "unicode", "glyph-numbers"],
)
def test_a_ticked_box_of_wingdings_is_a_ticked_box(data: bytes) -> None:
    assert _are_alike(_shown(data), _embedded(_TICKED, "SubstituteWingdings"))


@pytest.mark.parametrize("other", [_CROSSED, _EMPTY])
def test_a_ticked_box_differs_from_other_boxes(other: bytes) -> None:
    assert not _are_alike(_shown(simple_text("Wingdings", _TICKED)), _shown(simple_text("Wingdings", other)))


@pytest.mark.parametrize(
    ("name", "code", "font"),
    [
        ("Wingdings2", b"R", "SubstituteWingdings2"),
        ("Wingdings#203", b"_", "SubstituteWingdings3"),
        ("Webdings", b"a", "SubstituteWebdings"),
        ("SymbolMT", b"a", "SubstituteSymbol"),
        ("MonotypeSorts", b"4", "SubstituteDingbats"),
    ],
)
def test_fonts_of_symbols_have_substitutes(name: str, code: bytes, font: str) -> None:
    assert _are_alike(_shown(simple_text(name, code)), _embedded(code, font))


@pytest.mark.parametrize(
    ("name", "ordering", "encoding", "codes"),
    [
        ("STSong-Light", "GB1", "UniGB-UCS2-H", "王小".encode("utf-16-be")),
        ("SimSun", "GB1", "GBK-EUC-H", "王小".encode("gbk")),
        ("MingLiU", "CNS1", "ETen-B5-H", "王小".encode("big5")),
        ("MS-Gothic", "Japan1", "90ms-RKSJ-H", "山田".encode("shift_jis")),
        ("Batang", "Korea1", "KSCms-UHC-H", "김철".encode("cp949")),
        ("Unheard-Of", "GB1", "GBK-EUC-H", "王小".encode("gbk")),
    ],
)
def test_chinese_japanese_and_korean_names_are_drawn(name: str, ordering: str, encoding: str, codes: bytes) -> None:
    first, second = (
        _shown(composite_text(name, code, ordering=ordering, encoding=encoding)) for code in (codes[:2], codes[2:])
    )
    assert _ink(first) > 50
    assert _ink(second) > 50
    assert first.tobytes() != second.tobytes()


def test_a_chinese_font_is_found_by_its_name_alone() -> None:
    data = composite_text("SimSun", b"\0\x04", ordering="Identity", encoding="Identity-H", unicode={4: "王"})
    wanted = composite_text("SimSun", "王".encode("gbk"), ordering="GB1", encoding="GBK-EUC-H")
    assert _ink(_shown(wanted)) > 50
    assert _shown(data).tobytes() == _shown(wanted).tobytes()


def test_fonts_of_the_machine_are_not_used() -> None:
    # DejaVu is on most Linux machines.
    shown = [_shown(simple_text(name, b"Plan", flags=NONSYMBOLIC)) for name in ("DejaVuSansMono", "NoSuchFont")]
    assert _ink(shown[0]) > 50
    assert shown[0].tobytes() == shown[1].tobytes()


@pytest.mark.parametrize(
    ("name", "font"),
    [
        ("Wingdings", "SubstituteWingdings"),
        ("wingdings,Bold", "SubstituteWingdings"),
        ("ABCDEF+Wingdings-Regular", "SubstituteWingdings"),
        ("Wingdings_2", "SubstituteWingdings2"),
        ("Symbol,BoldItalic", "SubstituteSymbol"),
        ("PMingLiU", "DroidSansFallback"),
        ("Microsoft YaHei-Bold", "DroidSansFallback"),
        ("Helvetica", None),
        ("MyWingdings", None),
        ("", None),
    ],
)
def test_a_substitute_is_found_by_the_font_name(name: str, font: str | None) -> None:
    assert find_substitute(name) == font


@pytest.mark.parametrize(
    ("charset", "font"),
    [
        (raw.FXFONT_GB2312_CHARSET, "DroidSansFallback"),
        (raw.FXFONT_CHINESEBIG5_CHARSET, "DroidSansFallback"),
        (raw.FXFONT_SHIFTJIS_CHARSET, "DroidSansFallback"),
        (raw.FXFONT_HANGEUL_CHARSET, "DroidSansFallback"),
        (raw.FXFONT_SYMBOL_CHARSET, None),
    ],
)
def test_a_substitute_is_found_by_the_character_set(charset: int, font: str | None) -> None:
    assert find_substitute("Unheard-Of", charset) == font
