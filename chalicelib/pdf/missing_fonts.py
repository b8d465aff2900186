"""The search for fonts that a PDF names and does not contain, and whose characters the portal cannot draw.

PDFium draws Latin letters of any font with its own fonts, and the portal has fonts of symbols and of Chinese, Japanese
and Korean (`substitute_fonts`). Other characters of such a font are missing on the page, or are shown as letters. The
search reads only what fonts say about themselves, because drawing each character would take too long."""

import re
from collections.abc import Iterable, Iterator, Sequence

from pypdf import PageObject
from pypdf._codecs.adobe_glyphs import adobe_glyphs
from pypdf.generic import DictionaryObject, NameObject, PdfObject, StreamObject

from chalicelib.pdf.reader import read_array, read_dictionary, read_number, resolve, walk_dictionaries
from chalicelib.pdf.substitute_fonts import find_substitute

_FILES = ("/FontFile", "/FontFile2", "/FontFile3")
_SIMPLE = ("/TrueType", "/Type1", "/MMType1")
_SYMBOLIC, _NONSYMBOLIC = 4, 32
_CJK = ("GB1", "CNS1", "Japan1", "Korea1", "KR")
_DINGBATS = "ZapfDingbats"
_OF_WINDOWS = bytes(range(32, 256)).decode("cp1252", "ignore")
_DRAWN = frozenset(_OF_WINDOWS + "\t\r\n\u0131\u0141\u0142\u2044\u2212\ufb01\ufb02")
"""The characters of PDFium's own fonts, and blanks: those of Windows, and a few others of the standard encoding."""

_LATIN_FAMILIES = re.compile(
    "(.*[+])?(arial|book|brush|calibri|cambria|candara|century|comic|consolas|constantia|corbel|courier|franklin|"
    "garamond|georgia|gill|helvetica|impact|liberation|lucida|microsoftsans|monotypecorsiva|myriad|palatino|roboto|"
    "segoe|tahoma|times|trebuchet|univers|verdana)",
    re.IGNORECASE,
)
_UNICODE_NAME = re.compile("/(?:uni|u)([0-9A-F]{4,6})$")
_MAX_MAP = 2**20
_CHARACTERS = re.compile(rb"<[0-9A-Fa-f\s]*>\s*<([0-9A-Fa-f\s]*)>")
_RANGES = re.compile(rb"<([0-9A-Fa-f]{1,8})>\s*<([0-9A-Fa-f]{1,8})>\s*(?:<([0-9A-Fa-f]*)>|\[([^\]]*)\])")


def find_undrawn_pages(catalog: DictionaryObject, pages: Sequence[PageObject]) -> tuple[int, ...]:
    """Return the numbers (from 1) of the pages that use a font whose characters cannot be drawn."""
    fonts = {id(font) for font in _list_fonts([catalog]) if is_undrawn(font)}
    # Almost no file has such a font, so the pages are rarely searched.
    return tuple(number for number, page in enumerate(pages, 1) if fonts and not fonts.isdisjoint(_list_used(page)))


def _list_used(page: PageObject) -> Iterator[int]:
    appearances = [read_dictionary(note).get("/AP") for note in read_array(page.get("/Annots"))]
    return map(id, _list_fonts([page.get("/Resources"), *appearances]))


def _list_fonts(parts: list[PdfObject | None]) -> Iterator[DictionaryObject]:
    return (item for item in walk_dictionaries(parts) if item.get("/Type") == "/Font")


def is_undrawn(font: DictionaryObject) -> bool:
    """Return True if the font is not in its PDF, and the portal cannot draw all of its characters."""
    name = str(font.get("/BaseFont", "/"))[1:]
    if find_substitute(name) or _DINGBATS in name:
        return False
    if font.get("/Subtype") == "/Type0":
        child = read_dictionary(next(iter(read_array(font.get("/DescendantFonts"))), None))
        return not _is_embedded(child) and not _is_drawn_composite(font, child)
    if font.get("/Subtype") not in _SIMPLE or _is_embedded(font):
        return False
    return not _is_drawn_simple(font, name)


def _is_embedded(font: DictionaryObject) -> bool:
    return any(key in read_dictionary(font.get("/FontDescriptor")) for key in _FILES)


def _is_drawn_composite(font: DictionaryObject, child: DictionaryObject) -> bool:
    if str(resolve(read_dictionary(child.get("/CIDSystemInfo")).get("/Ordering"))) in _CJK:
        return True
    unicode = resolve(font.get("/ToUnicode"))
    return isinstance(unicode, StreamObject) and _DRAWN.issuperset(_read_unicode(unicode.get_data()[:_MAX_MAP]))


def _is_drawn_simple(font: DictionaryObject, name: str) -> bool:
    encoding = resolve(font.get("/Encoding"))
    if isinstance(encoding, DictionaryObject):
        names = [item for item in read_array(encoding.get("/Differences")) if isinstance(item, NameObject)]
        return _DRAWN.issuperset("".join(map(_read_name, names)))
    flags = int(read_number(read_dictionary(font.get("/FontDescriptor")).get("/Flags"), _NONSYMBOLIC))
    is_symbolic = flags & _SYMBOLIC and not flags & _NONSYMBOLIC
    says_nothing = encoding is None and "/ToUnicode" not in font
    return not (is_symbolic and says_nothing) or _LATIN_FAMILIES.match(name) is not None


def _read_name(name: str) -> str:
    """Return the character that a glyph's name means, or a character that nothing draws for an unknown name."""
    if name == "/.notdef":
        return ""
    by_number = _UNICODE_NAME.match(name)
    return chr(int(by_number[1], 16) % 0x110000) if by_number else adobe_glyphs.get(name, "\ufffd")


def _read_unicode(text: bytes) -> Iterable[str]:
    """Yield all characters to which a map from codes to Unicode (`/ToUnicode`) leads."""
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", text, re.DOTALL):
        for target in _CHARACTERS.findall(block):
            yield from _decode(target)
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", text, re.DOTALL):
        for low, high, target, targets in _RANGES.findall(block):
            yield from _decode(b"".join(re.findall(rb"[0-9A-Fa-f]+", targets)))
            first = _decode(target)
            yield from first
            # The last character of a range shows whether the range leaves the drawn characters.
            yield from (chr((ord(first[-1]) + int(high, 16) - int(low, 16)) % 0x110000) for _ in first[-1:])


def _decode(digits: bytes) -> str:
    plain = b"".join(digits.split())
    return bytes.fromhex(plain[: len(plain) // 4 * 4].decode()).decode("utf-16-be", "replace")
