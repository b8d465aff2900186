"""PDFs for tests whose text is in fonts that the PDF names and does not contain."""

from tests.support.pdf import raw_pdf as raw

NONSYMBOLIC, SYMBOLIC = 32, 4
_FIRST, _LAST = 32, 255


def _descriptor(name: str, flags: int, file: str = "") -> bytes:
    metrics = "/FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 900 /Descent -200 /CapHeight 700 /StemV 80"
    return f"<< /Type /FontDescriptor /FontName /{name} /Flags {flags} {metrics} {file} >>".encode()


def _one_line(codes: bytes, font: bytes, **others: bytes) -> bytes:
    line = raw.stream(b"BT /F1 40 Tf 72 600 Td <%s> Tj ET" % codes.hex().encode())
    return raw.write_pdf(raw.objects(o4=line, o6=font, **others))


def simple_text(
    name: str, codes: bytes, *, flags: int = SYMBOLIC, encoding: str = "", width: int = 1000, file: bytes = b""
) -> bytes:
    """Return a PDF with one line of text in a TrueType font, which is in the PDF only if its `file` is given.

    `encoding` is the font's entry `/Encoding`, and `width` the width of each character in thousandths."""
    widths = " ".join([str(width)] * (_LAST - _FIRST + 1))
    font = (
        f"<< /Type /Font /Subtype /TrueType /BaseFont /{name} /FirstChar {_FIRST} /LastChar {_LAST} "
        f"/Widths [{widths}] /FontDescriptor 7 0 R {encoding} >>"
    )
    if not file:
        return _one_line(codes, font.encode(), o7=_descriptor(name, flags))
    embedded = raw.stream(file, b"/Length1 %d" % len(file))
    return _one_line(codes, font.encode(), o7=_descriptor(name, flags, "/FontFile2 8 0 R"), o8=embedded)


def composite_text(
    name: str, codes: bytes, *, ordering: str, encoding: str, unicode: dict[int, str] | None = None
) -> bytes:
    """Return a PDF with one line of text in a composite font (as for Chinese) that is not in the PDF.

    `ordering` is the character collection, such as `GB1`, and `encoding` the name of the CMap. `unicode` maps codes to
    characters in the font's entry `/ToUnicode`, which is left out without it."""
    child = (
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /DW 1000 /FontDescriptor 7 0 R "
        f"/CIDSystemInfo << /Registry (Adobe) /Ordering ({ordering}) /Supplement 0 >> >>"
    )
    entry = "/ToUnicode 9 0 R" if unicode else ""
    font = f"<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /{encoding} /DescendantFonts [8 0 R] {entry} >>"
    others = {"o7": _descriptor(name, SYMBOLIC), "o8": child.encode()}
    if unicode:
        others["o9"] = raw.stream(_to_unicode(unicode))
    return _one_line(codes, font.encode(), **others)


def _to_unicode(unicode: dict[int, str]) -> bytes:
    rows = "\n".join(f"<{code:04x}> <{text.encode('utf-16-be').hex()}>" for code, text in unicode.items())
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n"
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{len(unicode)} beginbfchar\n{rows}\nendbfchar endcmap end end"
    ).encode()
