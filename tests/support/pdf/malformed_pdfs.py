"""Malformed and hostile PDFs, each with the expected result: `sealed` (accepted), or the code of the refusal."""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache

from PIL import Image
from pypdf import PdfWriter

from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.raw_pdf import BOX, objects, pack_pdf, page, stream, update_pdf, write_pdf

MalformedPdf = tuple[str, bytes, str]
"""The name of a file, its bytes, and the expected result."""

_HUGE = b"/Width 100000 /Height 100000 /BitsPerComponent 8 /ColorSpace /DeviceRGB /Filter /FlateDecode"
_INK = b"0 0 0 rg 100 500 200 100 re f"


def tables() -> Iterator[MalformedPdf]:
    plain = objects()
    yield "packed", pack_pdf(plain), "sealed"
    yield "hybrid table", pack_pdf(plain, hybrid=True), "sealed"
    yield "places wrong by 7", write_pdf(plain, shift=7), "sealed"
    yield "places wrong by -3", write_pdf(plain, shift=-3), "sealed"
    yield "no table", write_pdf(plain).replace(b"xref\n0 7", b"xxxx\n0 7"), "damaged"
    yield "startxref 0", _startxref(write_pdf(plain), 0), "sealed"
    yield "startxref beyond", _startxref(write_pdf(plain), 10**12), "sealed"
    yield "table that follows itself", _prev_of_itself(write_pdf(plain)), "sealed"
    yield "too small a size", write_pdf(plain).replace(b"/Size 7", b"/Size 2"), "sealed"
    yield "too large a size", write_pdf(plain).replace(b"/Size 7", b"/Size 2147483647"), "sealed"
    yield "negative size", write_pdf(plain).replace(b"/Size 7", b"/Size -7"), "sealed"
    yield "no header line", write_pdf(plain, header=b"%PDF-1.4\r"), "sealed"
    yield "byte order mark", b"\xef\xbb\xbf" + write_pdf(plain), "sealed"
    yield "mail header before", b"Content-Type: application/pdf\r\n\r\n" + write_pdf(plain), "sealed"
    yield "rubbish after", write_pdf(plain, end=b"\0" * 900), "sealed"
    yield "far too much rubbish after", write_pdf(plain, end=b"\0" * 9000), "damaged"
    yield "version 2.0", write_pdf(plain, header=b"%PDF-2.0\n"), "sealed"
    yield "version 9.9", write_pdf(plain, header=b"%PDF-9.9\n"), "sealed"
    many = write_pdf(plain)
    for number in range(50):
        many = update_pdf(many, {4: stream(_INK + b" %% %d" % number)})
    yield "updated 50 times", many, "sealed"
    yield ("page removed by an update", update_pdf(many, {2: b"<< /Type /Pages /Kids [] /Count 0 >>"}), "no_pages")
    yield ("object written twice", write_pdf(plain).replace(b"6 0 obj", b"6 0 obj null endobj 6 0 obj"), "sealed")
    yield "carriage returns", write_pdf(plain).replace(b"endobj\n", b"endobj\r"), "sealed"


def _startxref(data: bytes, at: int) -> bytes:
    return data[: data.rindex(b"startxref")] + b"startxref\n%d\n%%%%EOF\n" % at


def _prev_of_itself(data: bytes) -> bytes:
    at = int(data[data.rindex(b"startxref") + 9 :].split()[0])
    return data.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % at)


def shapes() -> Iterator[MalformedPdf]:
    for turn in (b"-90", b"450", b"-450", b"45", b"720", b"90.0", b"(90)", b"null"):
        yield f"turned by {turn.decode()}", _attributes(BOX + b" /Rotate " + turn), "sealed"
    for name, box in (
        ("cropped outside", b"[1000 1000 2000 2000]"),
        ("cropped to nothing", b"[100 100 100 100]"),
        ("cropped the wrong way round", b"[500 700 50 50]"),
        ("cropped with words", b"[(a) (b) (c) (d)]"),
        ("cropped larger", b"[-500 -500 2000 2000]"),
        ("cropped in part", b"[300 300 900 900]"),
    ):
        certificate_type = "damaged" if name == "cropped outside" else "sealed"
        yield name, _attributes(BOX + b" /CropBox " + box), certificate_type
    for name, box in (
        ("wrong way round", b"[612 792 0 0]"),
        ("far away", b"[100000 100000 100612 100792]"),
        ("negative", b"[-612 -792 0 0]"),
        ("of no size", b"[0 0 0 0]"),
        ("of no width", b"[0 0 0 792]"),
        ("of three numbers", b"[0 0 612]"),
        ("of a reference", b"7 0 R"),
        ("huge", b"[0 0 14400 14400]"),
        ("beyond measure", b"[0 0 1e30 1e30]"),
        ("a hair", b"[0 0 0.001 0.001]"),
        ("of references", b"[8 0 R 8 0 R 9 0 R 9 0 R]"),
    ):
        more = {"o7": b"[0 0 300 300]", "o8": b"0", "o9": b"600"}
        certificate_type = {"beyond measure": "damaged", "a hair": "damaged"}.get(name, "sealed")
        yield f"box {name}", _attributes(b"/MediaBox " + box, **more), certificate_type
    yield "no box at all", _attributes(b""), "sealed"
    for unit in (b"0", b"-1", b"10", b"0.01", b"(2)", b"1e9"):
        certificate_type = "damaged" if unit == b"1e9" else "sealed"
        yield f"unit {unit.decode()}", _attributes(BOX + b" /UserUnit " + unit), certificate_type


def _attributes(attributes: bytes, **more: bytes) -> bytes:
    return write_pdf(objects(o3=page(attributes=attributes), **more))


def trees() -> Iterator[MalformedPdf]:
    bare = b"<< /Parent 2 0 R %s /Contents 4 0 R /Resources 5 0 R >>" % BOX
    yield "page without a type", write_pdf(objects(o3=bare)), "sealed"
    yield "tree without a type", write_pdf(objects(o2=b"<< /Kids [3 0 R] /Count 1 >>")), "sealed"
    inherited = b"<< /Type /Pages /Kids [3 0 R] /Count 1 %s /Rotate 90 /Resources 5 0 R >>" % BOX
    yield ("all inherited", write_pdf(objects(o2=inherited, o3=page(attributes=b"", resources=b""))), "sealed")
    for count in (0, -1, 2, 150, 201, 10**9):
        certificate_type = "too_many_pages" if count > 200 else "damaged" if count > 1 else "sealed"
        yield (
            f"count says {count}",
            write_pdf(objects(o2=b"<< /Type /Pages /Kids [3 0 R] /Count %d >>" % count)),
            certificate_type,
        )
    yield "count is missing", write_pdf(objects(o2=b"<< /Type /Pages /Kids [3 0 R] >>")), "sealed"
    yield (
        "tree that holds itself",
        write_pdf(objects(o2=b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>")),
        "damaged",
    )
    yield (
        "child that is nothing",
        write_pdf(objects(o2=b"<< /Type /Pages /Kids [9 0 R 3 0 R] /Count 2 >>")),
        "damaged",
    )
    yield ("child that is null", write_pdf(objects(o2=b"<< /Type /Pages /Kids [null 3 0 R] /Count 1 >>")), "damaged")
    yield ("same page twice", write_pdf(objects(o2=b"<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>")), "sealed")
    yield (
        "page in the tree itself",
        write_pdf(objects(o2=b"<< /Type /Pages /Kids [%s] /Count 1 >>" % page())),
        "sealed",
    )
    yield "no kids", write_pdf(objects(o2=b"<< /Type /Pages /Count 1 >>")), "no_pages"
    yield "no catalog", write_pdf(objects(o1=b"null")), "damaged"
    yield "catalog without a type", write_pdf(objects(o1=b"<< /Pages 2 0 R >>")), "sealed"
    yield "catalog says other pages", write_pdf(objects(o1=b"<< /Type /Catalog /Pages 3 0 R >>")), "sealed"
    yield "deep tree", _deep(60), "sealed"
    yield "tree deeper than any", _deep(5000), "damaged"
    yield "wide tree", _wide(200), "sealed"


def _deep(levels: int) -> bytes:
    parts = objects(o2=b"<< /Type /Pages /Kids [10 0 R] /Count 1 >>")
    for number in range(10, 10 + levels):
        below = b"%d 0 R" % (number + 1) if number < 9 + levels else b"3 0 R"
        parts[number] = b"<< /Type /Pages /Kids [%s] /Count 1 /Parent %d 0 R >>" % (below, number - 1)
    return write_pdf(parts)


def _wide(pages: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % number for number in range(10, 10 + pages))
    parts = objects(o2=b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, pages))
    return write_pdf(parts | dict.fromkeys(range(10, 10 + pages), page()))


def contents() -> Iterator[MalformedPdf]:
    for name, given in (
        ("missing", b""),
        ("an empty array", b"/Contents []"),
        ("an array with nulls", b"/Contents [null 4 0 R null]"),
        ("null", b"/Contents null"),
    ):
        yield f"contents {name}", write_pdf(objects(o3=page(contents=given))), "sealed"
    for name, given in (
        ("of nothing", b"/Contents 99 0 R"),
        ("an array with a lost part", b"/Contents [99 0 R 4 0 R]"),
        ("a dictionary", b"/Contents << /A 1 >>"),
        ("a number", b"/Contents 7"),
        ("an array in an array", b"/Contents [[4 0 R]]"),
        ("an array of itself", b"/Contents 7 0 R"),
    ):
        certificate_type = "sealed" if name == "an array with a lost part" else "damaged"
        yield (f"contents {name}", write_pdf(objects(o3=page(contents=given), o7=b"[7 0 R 4 0 R]")), certificate_type)
    doubled = page(attributes=BOX + b" /MediaBox [0 0 100 100] /Rotate 0 /Rotate 90")
    yield "keys given twice", write_pdf(objects(o3=doubled)), "damaged"
    yield "no resources", write_pdf(objects(o3=page(resources=b""))), "sealed"
    yield "resources of nothing", write_pdf(objects(o3=page(resources=b"/Resources 77 0 R"))), "sealed"
    yield (
        "operators that go wrong",
        write_pdf(objects(o4=stream(b"q q q Q Q Q Q Q BT ET ET ) > ]] 5 Tf " + _INK))),
        "sealed",
    )
    yield (
        "content that turns all after it",
        write_pdf(objects(o4=stream(b"0 1 -1 0 612 0 cm 5 0 0 5 0 0 cm " + _INK))),
        "sealed",
    )
    yield ("content that clips all after it", write_pdf(objects(o4=stream(b"0 0 1 1 re W n " + _INK))), "sealed")
    yield ("content left in a text object", write_pdf(objects(o4=stream(b"BT /F1 9 Tf 3 Tr " + _INK))), "sealed")
    yield from _lengths_and_sizes()


def _lengths_and_sizes() -> Iterator[MalformedPdf]:
    for name, wrong in (("short", b"/Length 3"), ("long", b"/Length 99999"), ("negative", b"/Length -1")):
        yield f"length too {name}", _with_length(wrong), "sealed"
    yield "no length", _with_length(b""), "sealed"
    yield "length of itself", _with_length(b"/Length 4 0 R"), "damaged"
    yield ("huge name", write_pdf(objects(o5=b"<< /Font << /%s 6 0 R /F1 6 0 R >> >>" % (b"x" * 500_000))), "damaged")
    yield ("huge string", write_pdf(objects(o7=b"(" + b"(" * 400 + b"x" * 500_000 + b")" * 400 + b")")), "sealed")
    yield "nested arrays", write_pdf(objects(o7=b"[" * 20_000 + b"]" * 20_000)), "sealed"
    yield (
        "nested arrays that are used",
        write_pdf(
            objects(o5=b"<< /Font << /F1 6 0 R >> /Properties 7 0 R >>", o7=b"<</A" * 3000 + b" 1" + b">>" * 3000)
        ),
        "sealed",
    )
    yield "form that draws itself", _drawing_itself(), "sealed"
    yield "unknown filter", write_pdf(objects(o4=stream(_INK, b"/Filter /Unknown"))), "damaged"
    yield "cryptic filter", write_pdf(objects(o4=stream(_INK, b"/Filter /Crypt"))), "damaged"


def _with_length(entry: bytes) -> bytes:
    plain = stream(_INK)
    return write_pdf(objects(o4=plain.replace(b"/Length %d" % len(_INK), entry)))


def _drawing_itself() -> bytes:
    form = stream(b"/X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 99 99] /Resources << /XObject << /X 7 0 R >> >>")
    return write_pdf(objects(o4=stream(b"/X Do"), o5=b"<< /XObject << /X 7 0 R >> >>", o7=form))


def _bomb() -> bytes:
    import zlib

    packer = zlib.compressobj(9)
    data = b"".join([packer.compress(b"0 0 m " * 1_000_000) for _ in range(300)]) + packer.flush()
    return stream(data, b"/Filter /FlateDecode")


def harmful() -> Iterator[MalformedPdf]:
    """Yield PDFs that would keep a reader busy for hours or fill its memory, and that must be refused."""
    yield "a billion forms", _laughs(), "damaged"
    yield "content that unpacks to gigabytes", write_pdf(objects(o4=_bomb())), "damaged"
    yield "patterns in patterns", patterns(6), "damaged"
    yield "masks in masks", masks(12), "damaged"
    yield "picture of 30 GB", _picture(b"x\x9c\x03\x00\x00\x00\x00\x01", _HUGE), "damaged"


def _laughs() -> bytes:
    """Return a small PDF whose drawing has a trillion parts: each drawing shows the next one ten times."""
    parts = objects(o4=stream(b"/X Do"), o5=b"<< /XObject << /X 10 0 R >> >>")
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 99 99] "
    for number in range(10, 22):
        entries = form + b"/Resources << /XObject << /X %d 0 R >> >>" % (number + 1)
        parts[number] = stream(b"/X Do " * 10, entries)
    parts[22] = stream(b"0 0 9 9 re f", form)
    return write_pdf(parts)


def patterns(levels: int) -> bytes:
    """Return a PDF page filled with a pattern that consists of patterns, and so on for `levels` levels.

    To draw the page would take very long."""
    parts = objects(o4=stream(b"/Pattern cs /P scn 0 0 612 792 re f"), o5=b"<< /Pattern << /P 10 0 R >> >>")
    for number in range(10, 10 + levels):
        entries = (
            b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 600 700] /XStep 5 /YStep 5"
            b" /Resources << /Pattern << /P %d 0 R >> >>" % (number + 1)
        )
        parts[number] = stream(b"/Pattern cs /P scn 0 0 600 700 re f " * 3, entries)
    return write_pdf(parts)


def masks(levels: int) -> bytes:
    """Return a PDF page behind a transparency mask that has a mask itself, and so on for `levels` levels.

    To draw the page would take very long."""
    parts = objects(o4=stream(b"/G gs 0 0 612 792 re f"), o5=b"<< /ExtGState << /G 10 0 R >> >>")
    for number in range(10, 10 + 2 * levels, 2):
        parts[number] = b"<< /SMask << /S /Luminosity /G %d 0 R >> >>" % (number + 1)
        entries = (
            b"/Subtype /Form /BBox [0 0 612 792] /Group << /S /Transparency /CS /DeviceGray >>"
            b" /Resources << /ExtGState << /G %d 0 R >> >>" % (number + 2)
        )
        parts[number + 1] = stream(b"/G gs 0 0 612 792 re f " * 10, entries)
    return write_pdf(parts)


def loops() -> Iterator[MalformedPdf]:
    """Yield files whose objects contain themselves, or are streams where only a dictionary makes sense.

    An annotation makes the portal rebuild each file."""
    note = b"/Annots [<< /Type /Annot /Subtype /Stamp /Rect [300 300 400 340] /AP << /N 7 0 R >> %s >>]"
    look = stream(b"0 0 20 10 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 20 10] %s")
    for name, resources, group, parent, own in (
        ("resources that are the content", b"4 0 R", b"", b"", b""),
        ("resources that are the page", b"3 0 R", b"", b"", b""),
        ("resources that are a picture", b"8 0 R", b"", b"", b""),
        ("group that is the content", b"5 0 R", b"/Group 4 0 R", b"", b""),
        ("group that is the page", b"5 0 R", b"/Group 3 0 R", b"", b""),
        ("look whose resources are itself", b"5 0 R", b"", b"", b"/Resources 7 0 R"),
        ("look whose resources are the content", b"5 0 R", b"", b"", b"/Resources 4 0 R"),
        ("look whose group is itself", b"5 0 R", b"", b"", b"/Group 7 0 R"),
        ("note that is its own parent", b"5 0 R", b"", b"/Parent 3 0 R", b""),
        ("drawings that are a drawing", b"<< /XObject 7 0 R /Font 7 0 R /ColorSpace 7 0 R >>", b"", b"", b""),
    ):
        attributes = BOX + b" %s %s" % (group, note % parent)
        picture = stream(b"", b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /SMask 8 0 R")
        body = page(attributes=attributes, resources=b"/Resources %s" % resources)
        yield name, write_pdf(objects(o3=body, o7=look % own, o8=picture)), "sealed"
    deep = b"[" * 10_000 + b"]" * 10_000
    for name, entry in (("resources", b"/Resources << /A 7 0 R >>"), ("group", b"/Group << /A 7 0 R >>")):
        yield (
            f"deep {name}",
            write_pdf(objects(o3=page(attributes=BOX + b" " + entry, resources=b""), o7=deep)),
            "damaged",
        )


def pictures() -> Iterator[MalformedPdf]:
    target = io.BytesIO()
    Image.new("RGB", (64, 64), "black").save(target, "JPEG2000")
    yield "JPEG 2000", _picture(target.getvalue(), b"/Filter /JPXDecode /Width 64 /Height 64"), "sealed"
    target = io.BytesIO()
    Image.new("L", (64, 64), 0).save(target, "JPEG")
    yield (
        "JPEG",
        _picture(
            target.getvalue(), b"/Filter /DCTDecode /Width 64 /Height 64 /BitsPerComponent 8 /ColorSpace /DeviceGray"
        ),
        "sealed",
    )
    for name, kind in (
        ("JBIG2", b"JBIG2"),
        ("broken JPEG 2000", b"JPX"),
        ("broken JPEG", b"DCT"),
        ("broken fax", b"CCITTFax"),
    ):
        entries = b"/Filter /%sDecode /Width 64 /Height 64 /BitsPerComponent 1 /ColorSpace /DeviceGray" % kind
        yield f"{name} picture", _picture(b"\x00\x01rubbish", entries), "sealed"


def _picture(data: bytes, entries: bytes) -> bytes:
    image = stream(data, b"/Type /XObject /Subtype /Image " + entries)
    drawing = stream(b"q 200 0 0 200 100 400 cm /P Do Q")
    return write_pdf(objects(o4=drawing, o5=b"<< /XObject << /P 7 0 R >> >>", o7=image))


def features() -> Iterator[MalformedPdf]:
    layers = b"<< /Type /Catalog /Pages 2 0 R /OCProperties << /OCGs [7 0 R] /D << /OFF [7 0 R] /Order [7 0 R] >> >> >>"
    hidden = stream(b"/OC /L BDC " + _INK + b" EMC")
    yield (
        "hidden layer",
        write_pdf(
            objects(o1=layers, o4=hidden, o5=b"<< /Properties << /L 7 0 R >> >>", o7=b"<< /Type /OCG /Name (A) >>")
        ),
        "sealed",
    )
    labels = b"<< /Type /Catalog /Pages 2 0 R /PageLabels << /Nums [0 << /S /r >>] >> >>"
    yield "page labels", write_pdf(objects(o1=labels)), "sealed"
    portfolio = (
        b"<< /Type /Catalog /Pages 2 0 R /Collection << /View /D >> /Names << /EmbeddedFiles << /Names"
        b" [(a) << /Type /Filespec /F (a.txt) /EF << /F 7 0 R >> >>] >> >> >>"
    )
    yield ("portfolio", write_pdf(objects(o1=portfolio, o7=stream(b"inside", b"/Type /EmbeddedFile"))), "portfolio")
    yield (
        "portfolio and nothing in it",
        write_pdf(objects(o1=portfolio.replace(b"<< /View /D >>", b"null"))),
        "sealed",
    )
    form = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [] /XFA [(template) 7 0 R] >> >>"
    yield "XFA", write_pdf(objects(o1=form, o7=stream(b"<xdp/>"))), "xfa"
    yield ("XFA and nothing in it", write_pdf(objects(o1=form.replace(b"[(template) 7 0 R]", b"null"))), "sealed")
    own = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields 8 0 R >> >>"
    yield (
        "field of itself",
        write_pdf(objects(o1=own, o8=b"[8 0 R 9 0 R]", o9=b"<< /T (a) /Kids [9 0 R] >>")),
        "sealed",
    )
    yield (
        "tagged",
        write_pdf(objects(o1=b"<< /Type /Catalog /Pages 2 0 R /MarkInfo << /Marked true >> /Lang (en) >>")),
        "sealed",
    )
    yield (
        "needs rendering",
        write_pdf(objects(o1=b"<< /Type /Catalog /Pages 2 0 R /NeedsRendering true >>")),
        "sealed",
    )
    yield ("another version", write_pdf(objects(o1=b"<< /Type /Catalog /Pages 2 0 R /Version /2.0 >>")), "sealed")
    yield "encrypted with nothing", write_pdf(objects(), trailer=b"/Encrypt 99 0 R"), "encrypted"
    yield (
        "encrypted with an unknown handler",
        write_pdf(objects(), trailer=b"/Encrypt << /Filter /Own /V 9 >>"),
        "encrypted",
    )
    yield "FDF", write_pdf(objects(), header=b"%FDF-1.2\n"), "not_a_pdf"


@cache
def _by_qpdf(data: bytes, *options: str) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        file.write(data)
        file.flush()
        return subprocess.run(["qpdf", *options, file.name, "-"], capture_output=True, check=True).stdout


def _touched(data: bytes) -> bytes:
    """Return the PDF with a harmless change at its end (a title), as another program would add it."""
    writer = PdfWriter(io.BytesIO(data), incremental=True)
    writer.add_metadata({"/Title": "Plan"})
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def ciphers() -> Iterator[MalformedPdf]:
    for bits in ("40", "128", "256"):
        weak = ["--allow-weak-crypto"] if bits != "256" else []
        ways = ([], ["--use-aes=y"]) if bits == "128" else ([],)
        for way in ways:
            for user in ("", "secret"):
                encrypted = _by_qpdf(samples.plan_of_care(1), *weak, "--encrypt", user, "owner", bits, *way, "--")
                yield f"encrypted {bits} {way} {user!r}", encrypted, "encrypted"
    linear = _by_qpdf(samples.plan_of_care(3), "--linearize")
    yield "linearised, then updated", _touched(linear), "sealed"
    yield (
        "linearised, object streams",
        _by_qpdf(samples.plan_of_care(3), "--linearize", "--object-streams=generate"),
        "sealed",
    )
