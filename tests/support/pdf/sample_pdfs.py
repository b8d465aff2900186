"""Sample PDFs and images for tests, and helpers that look at the PDFs that the portal makes."""

from __future__ import annotations

import ctypes
import datetime as dt
import io
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pypdfium2
import segno
from PIL import Image, ImageChops
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NullObject,
    NumberObject,
    PdfObject,
    TextStringObject,
)
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.models import CertificateFacts, FaxCover, FaxOnline, SignatureBlock, TrailEntry
from chalicelib.pdf.reader import read_dictionary

Size = tuple[float, float]
LETTER: Size = (612.0, 792.0)
NOW = dt.datetime(2026, 11, 22, 19, 5, 33, tzinfo=dt.UTC)
DOCUMENT_ID = "01JDB8Z5W0Q6H2K7M9X3C4V5B6"
BLOCK = SignatureBlock(
    signer_name="Luis Rivera-Muñoz",
    credential="MD",
    npi="1234567893",
    signed_at=NOW,
    time_zone="America/Chicago",
    document_id=DOCUMENT_ID,
    typed_name="Luis Rivera-Muñoz",
)
CERTIFICATE = CertificateFacts(
    certificate_type="signed",
    document_id=DOCUMENT_ID,
    title="Plan of Care, initial evaluation",
    kind="Plan of care",
    original_sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    practice_name="Hill Country Physical Therapy",
    signer_name="Luis Rivera-Muñoz",
    credential="MD",
    npi="1234567893",
    decided_at=NOW,
    time_zone="America/Chicago",
    verify_url="https://portal.example.com/verify",
    authentication="Password, entered again",
    consent_version="2026-11",
    note="Twice a week is fine.",
    pages_shown="1, 2, 3",
    patient_name="Ada Byron",
    patient_born=dt.date(1950, 12, 10),
    external_id="POC-1001",
    chain_head="60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    trail=(
        TrailEntry(NOW - dt.timedelta(hours=2), "Sent by Hill Country Physical Therapy"),
        TrailEntry(NOW, "Approved and signed", ip="203.0.113.24", device="Safari on iPhone"),
    ),
)
COVER = FaxCover(
    practice_name="Hill Country Physical Therapy",
    practice_phone="+1 512 555 0177",
    return_fax="+1 512 555 0199",
    provider_name="Luis Rivera-Muñoz, MD",
    provider_fax="+1 512 555 0100",
    sent_at=NOW,
    time_zone="America/Chicago",
    link_stem="HTTPS://PORTAL.EXAMPLE.COM/F/MFRGGZDFMZTWQ2LKNNWG23TPOA.9F86D0.",
    short_code="TJ4K-9Q2P",
    online=FaxOnline("https://portal.example.com/fax", "ACDE-FGHJ-KMNP"),
    due_on=dt.date(2026, 12, 20),
)


def named(name: str) -> SignatureBlock:
    return replace(BLOCK, signer_name=name, typed_name=name)


def certificate_of(events: int) -> CertificateFacts:
    entries = tuple(
        TrailEntry(NOW + dt.timedelta(minutes=index), f"Event {index} happened", ip="203.0.113.24", device="Firefox")
        for index in range(events)
    )
    return replace(CERTIFICATE, trail=entries)


def drawn_pdf(draw: Callable[[Canvas, int], object], *, pages: int = 1, size: Size = LETTER) -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=size, invariant=1)
    for page in range(1, pages + 1):
        draw(canvas, page)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def blank_pdf(*, pages: int = 1, size: Size = LETTER) -> bytes:
    return drawn_pdf(lambda canvas, _page: canvas.setFillGray(0), pages=pages, size=size)


def plan_of_care(
    pages: int = 3, *, signature_line: str = "Physician/Provider Signature: ____________________"
) -> bytes:
    def draw(canvas: Canvas, page: int) -> None:
        canvas.setFont("Helvetica", 10)
        for line in range(25):
            canvas.drawString(72, 700 - line * 15, f"Page {page}: the patient will walk 200 feet.")
        if page == pages:
            canvas.drawString(72, 120, signature_line)

    return drawn_pdf(draw, pages=pages)


def edited(data: bytes, change: Callable[[PdfWriter], None]) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    change(writer)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def shaped(data: bytes, *, rotate: int = 0, crop: tuple[float, ...] | None = None, unit: float = 1) -> bytes:
    """Return the PDF with each page rotated (degrees), cropped (a box) and enlarged (`unit`, the PDF's UserUnit)."""

    def change(writer: PdfWriter) -> None:
        for page in writer.pages:
            page[NameObject("/Rotate")] = NumberObject(rotate)
            if crop is not None:
                page[NameObject("/CropBox")] = floats(*crop)
            if unit != 1:
                page[NameObject("/UserUnit")] = FloatObject(unit)

    return edited(data, change)


def pdf_dict(**entries: PdfObject) -> DictionaryObject:
    return DictionaryObject({NameObject(f"/{key}"): value for key, value in entries.items()})


def floats(*values: float) -> ArrayObject:
    return ArrayObject(FloatObject(value) for value in values)


def name(text: str) -> NameObject:
    return NameObject(f"/{text}")


def with_catalog(**entries: PdfObject) -> bytes:
    """Return a one-page sample PDF with these additional entries in its catalog, the root object of a PDF."""
    return edited(plan_of_care(1), lambda writer: writer.root_object.update(pdf_dict(**entries)))


def xfa() -> bytes:
    form = pdf_dict(Fields=ArrayObject(), XFA=ArrayObject([TextStringObject("template"), NumberObject(1)]))
    return with_catalog(AcroForm=form)


def certified(level: int) -> bytes:
    """Return a sample PDF that its author has certified, so that only some later changes are allowed.

    `level` is the DocMDP level: 1 allows no change, 2 filling in forms, 3 also annotations."""
    reference = pdf_dict(
        Type=name("SigRef"),
        TransformMethod=name("DocMDP"),
        TransformParams=pdf_dict(Type=name("TransformParams"), P=NumberObject(level)),
    )
    signature = pdf_dict(Type=name("Sig"), Reference=ArrayObject([reference]))
    field = pdf_dict(FT=name("Sig"), T=TextStringObject("Signature1"), V=signature)
    return with_catalog(AcroForm=pdf_dict(Fields=ArrayObject([field])), Perms=pdf_dict(DocMDP=signature))


def encrypted(*, user_password: str) -> bytes:
    def change(writer: PdfWriter) -> None:
        writer.encrypt(user_password=user_password, owner_password="owner", algorithm="RC4-128")

    return edited(plan_of_care(1), change)


def active() -> bytes:
    """Return a sample PDF with active content: JavaScript on opening, an action that starts a program, an embedded
    file."""

    def change(writer: PdfWriter) -> None:
        script = pdf_dict(S=name("JavaScript"), JS=TextStringObject("app.alert('boo')"))
        writer.root_object[name("OpenAction")] = script
        writer.pages[0][name("AA")] = pdf_dict(O=pdf_dict(S=name("Launch"), F=TextStringObject("evil.exe")))
        writer.add_attachment("secret.txt", b"attached")

    return edited(plan_of_care(1), change)


def _appearance(writer: PdfWriter, size: tuple[float, float]) -> PdfObject:
    stream = DecodedStreamObject()
    stream.set_data(f"0 g 0 0 {size[0]} {size[1]} re f".encode())
    stream.update(pdf_dict(Type=name("XObject"), Subtype=name("Form"), BBox=floats(0, 0, *size)))
    return writer._add_object(stream)


def with_annotation(*, flags: int = 4) -> bytes:
    """Return a blank PDF page with one annotation, a black box.

    Its drawing is half the size of its rectangle, so a viewer must enlarge it. `flags` are the annotation's flags."""
    rect = (300.0, 400.0, 400.0, 440.0)

    def change(writer: PdfWriter) -> None:
        appearance = _appearance(writer, ((rect[2] - rect[0]) / 2, (rect[3] - rect[1]) / 2))
        annotation = pdf_dict(
            Type=name("Annot"),
            Subtype=name("Stamp"),
            Rect=floats(*rect),
            F=NumberObject(flags),
            AP=pdf_dict(N=appearance),
        )
        writer.pages[0][name("Annots")] = ArrayObject([writer._add_object(annotation)])

    return edited(blank_pdf(), change)


def with_bare_field(value: str) -> bytes:
    """Return a PDF page with a text field that has this value but no drawing, so that a viewer must draw the value
    itself."""

    def change(writer: PdfWriter) -> None:
        font = pdf_dict(Type=name("Font"), Subtype=name("Type1"), BaseFont=name("Helvetica"))
        field = pdf_dict(
            Type=name("Annot"),
            Subtype=name("Widget"),
            FT=name("Tx"),
            T=TextStringObject("goal"),
            V=TextStringObject(value),
            DA=TextStringObject("/Helv 12 Tf 0 g"),
            Rect=floats(100, 500, 400, 520),
            F=NumberObject(4),
        )
        place = writer._add_object(field)
        writer.pages[0][name("Annots")] = ArrayObject([place])
        writer.root_object[name("AcroForm")] = pdf_dict(
            Fields=ArrayObject([place]),
            DR=pdf_dict(Font=pdf_dict(Helv=font)),
            NeedAppearances=BooleanObject(value=True),
        )

    return edited(blank_pdf(), change)


def without_pages() -> bytes:
    target = io.BytesIO()
    PdfWriter().write(target)
    return target.getvalue()


def miscounted(pages: int, count: int) -> bytes:
    """Return a sample PDF of `pages` pages that declares the wrong number `count` of pages."""

    def change(writer: PdfWriter) -> None:
        read_dictionary(writer._pages)[name("Count")] = NumberObject(count)

    return edited(plan_of_care(pages), change)


def with_lost_content() -> bytes:
    def change(writer: PdfWriter) -> None:
        writer.pages[0][name("Contents")] = writer._add_object(NullObject())

    return edited(plan_of_care(1), change)


def picture(kind: str, size: tuple[int, int] = (300, 400), **options: Any) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, "white").save(target, kind, **options)
    return target.getvalue()


def raster(data: bytes, page: int = 1, *, scale: float = 1) -> Image.Image:
    """Return a page of the PDF, as a viewer shows it, as a gray image.

    The image has `scale` pixels for each point, before the page's UserUnit enlarges the points."""
    with pypdfium2.PdfDocument(data) as document:
        document.init_forms()
        shown: Image.Image = document[page - 1].render(scale=scale).to_pil().convert("L")
        return shown


def changed_box(before: bytes, after: bytes, page: int = 1, *, scale: float = 2) -> tuple[float, ...] | None:
    """Return the box around everything that looks different on a page of two PDFs, or None if the page looks the same.

    The box is in displayed points, before the page's UserUnit enlarges the points."""
    old, new = raster(before, page, scale=scale), raster(after, page, scale=scale)
    assert old.size == new.size
    box = ImageChops.difference(old, new).point([255 if value > 40 else 0 for value in range(256)]).getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    return left / scale, (old.height - bottom) / scale, right / scale, (old.height - top) / scale


def texts(data: bytes) -> list[str]:
    with pypdfium2.PdfDocument(data) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def lines_as_drawn(data: bytes, number: int = 1) -> list[str]:
    """Return the lines of text on a PDF page, with their letters in the order of their positions from left to right.

    So a test sees how text of both directions is drawn. Spaces are left out."""
    lines: dict[float, list[tuple[float, str]]] = defaultdict(list)
    with pypdfium2.PdfDocument(data) as document:
        page = document[number - 1].get_textpage()
        x, y = ctypes.c_double(), ctypes.c_double()
        for index in range(page.count_chars()):
            pypdfium2.raw.FPDFText_GetCharOrigin(page, index, x, y)
            char = chr(pypdfium2.raw.FPDFText_GetUnicode(page, index))
            if not char.isspace():
                lines[round(y.value, 1)].append((x.value, char))
    return ["".join(char for _, char in sorted(line)) for line in lines.values()]


def one_line(text: str) -> str:
    return " ".join(text.split())


def grey(picture: Image.Image, spot: tuple[int, int]) -> int:
    """Return the brightness (0 is black, 255 is white) of a gray image at (x, y) from the upper left corner."""
    return picture.crop((*spot, spot[0] + 1, spot[1] + 1)).tobytes()[0]


def extremes(picture: Image.Image) -> tuple[int, int]:
    """Return the darkest and the lightest brightness (0 to 255) of a gray image."""
    values = picture.tobytes()
    return min(values), max(values)


def shows_code(sheet: Image.Image, corner: tuple[float, float], side: float, payload: str) -> bool:
    """Return True if the image of a page shows the QR code of the text `payload` at this place.

    `corner` is the upper left corner of the code, and `side` its width, both in pixels."""
    matrix = segno.make(payload, error="m", micro=False).matrix
    step = side / len(matrix)
    spots = [int((index + 0.5) * step) for index in range(len(matrix))]
    return all(
        (grey(sheet, (int(corner[0]) + spots[x], int(corner[1]) + spots[y])) < 128) == bool(dark)
        for y, row in enumerate(matrix)
        for x, dark in enumerate(row)
    )
