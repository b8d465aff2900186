"""The fonts that PDFium draws with if a PDF names a font and does not contain it.

PDFium would search the machine for fonts, and Lambda has none. So a page would look different on each machine. With
this module PDFium asks the portal alone, which has fonts of symbols and of Chinese, Japanese and Korean. For all other
names PDFium uses its own copies of Helvetica, Times, Courier, Symbol and ZapfDingbats."""

import ctypes
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pypdfium2 import raw

_FOLDER = Path(__file__).parent / "fonts"
_CJK = "DroidSansFallback"
_BY_NAME: Mapping[str, str] = {
    "wingdings": "SubstituteWingdings",
    "wingdingsooenc": "SubstituteWingdings",
    "wingdings2": "SubstituteWingdings2",
    "wingdings3": "SubstituteWingdings3",
    "webdings": "SubstituteWebdings",
    "symbol": "SubstituteSymbol",
    "symbolmt": "SubstituteSymbol",
    "itczapfdingbats": "SubstituteDingbats",
    "monotypesorts": "SubstituteDingbats",
    "dingbats": "SubstituteDingbats",
}
"""The font files for names of fonts of symbols, without `.ttf`. A name is in lower case, without blanks and styles."""

SYMBOL_FONTS = tuple(dict.fromkeys(_BY_NAME.values()))
"""The names of the font files with symbols, without `.ttf`."""

_CJK_NAMES = re.compile(
    "adobe(fangsong|heiti|kaiti|song|ming|gothic|myungjo)|arialunicodems|batang|dengxian|dfkai|dotum|fangsong|gulim|"
    "gungsuh|heisei|hygothic|hysmyeongjo|kaiti|kozgo|kozmin|malgungothic|meiryo|microsoft(jhenghei|yahei)|"
    "mhei|mingliu|ms(gothic|mincho|pgothic|pmincho|uigothic)|msung|noto(sans|serif)(cjk|jp|kr|sc|tc)|nsimsun|"
    "p?mingliu|simhei|simsun|sourcehan|st(fangsong|heiti|kaiti|song|xihei)|yu(gothic|mincho)"
)
_CJK_CHARSETS = (
    raw.FXFONT_GB2312_CHARSET,
    raw.FXFONT_CHINESEBIG5_CHARSET,
    raw.FXFONT_SHIFTJIS_CHARSET,
    raw.FXFONT_HANGEUL_CHARSET,
)
_STYLES = re.compile("(,|-)?(regular|normal|bold|italic|oblique|roman)*$")
_SUBSET = re.compile("^[A-Z]{6}\\+")


def find_substitute(name: str, charset: int = raw.FXFONT_ANSI_CHARSET) -> str | None:
    """Return the name of the font file (without `.ttf`) that replaces a font that is not in its PDF.

    `name` is the font's name in the PDF, and `charset` the character set that PDFium derives for it (`FXFONT_…`).
    Return None if PDFium has to use one of its own fonts."""
    plain = _STYLES.sub("", re.sub("[ _]", "", _SUBSET.sub("", name)).lower())
    if plain in _BY_NAME:
        return _BY_NAME[plain]
    return _CJK if charset in _CJK_CHARSETS or _CJK_NAMES.match(plain) else None


@cache
def read_font(name: str) -> bytes:
    """Return the bytes of the font file with that name (without `.ttf`)."""
    return (_FOLDER / f"{name}.ttf").read_bytes()


_FONTS = (_CJK, *SYMBOL_FONTS)
"""The names of all font files. PDFium knows a font by its position in this table, counted from 1."""


def _map_font(
    _self: object, _weight: int, _italic: int, charset: int, _pitch: int, name: Any, _exact: object
) -> int | None:
    found = find_substitute(ctypes.string_at(name).decode("latin-1"), charset)
    return None if found is None else _FONTS.index(found) + 1


def _copy_font(_self: object, number: int, table: int, buffer: Any, size: int) -> int:
    """Copy the bytes of a whole font into PDFium's buffer if there is room, and return the size of the font in bytes.

    Return 0 for a single table of the font, so that PDFium asks for the whole font."""
    if table:
        return 0
    data = read_font(_FONTS[number - 1])
    if buffer and size >= len(data):
        ctypes.memmove(buffer, data, len(data))
    return len(data)


_CALLBACKS: Mapping[str, Callable[..., Any]] = {
    "Release": lambda *_: None,
    "EnumFonts": lambda *_: None,
    "MapFont": _map_font,
    "GetFont": lambda *_: None,
    "GetFontData": _copy_font,
    "GetFaceName": lambda *_: 0,
    "GetFontCharset": lambda *_: raw.FXFONT_SYMBOL_CHARSET,
    "DeleteFont": lambda *_: None,
}
"""The functions that PDFium calls to find fonts (`FPDF_SYSFONTINFO` in PDFium's `fpdf_sysfontinfo.h`)."""


@cache
def use_own_fonts() -> object:
    """Make PDFium use the portal's fonts, and no fonts of the machine, in this process.

    The result is cached, because PDFium holds pointers into the returned structure."""
    types = dict(raw.FPDF_SYSFONTINFO._fields_)
    callbacks = {name: types[name](function) for name, function in _CALLBACKS.items()}
    own = raw.FPDF_SYSFONTINFO(version=1, **callbacks)
    raw.FPDF_SetSystemFontInfo(ctypes.byref(own))
    return own
