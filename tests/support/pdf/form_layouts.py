"""Sample pages with the signature lines of clinics' forms, and the box where each signature belongs.

Tests use them to check where the portal places a signature."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, NameObject, NumberObject, TextStringObject
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.geometry import Box
from tests.support.pdf import sample_pdfs as samples

Draw = Callable[[Canvas], object]
Text = tuple[float, float, str]
_BODY = "The patient presents with low back pain. Goals: walk 400 m, climb stairs, return to work."


@dataclass(frozen=True)
class Layout:
    """A sample page, with the boxes in which signing may change the page.

    The signature must be in the box `mark`, all changes must be in the box `block`, and the boxes in `free` must not
    change."""

    name: str
    data: bytes
    mark: Box
    block: Box
    free: tuple[Box, ...] = ()


def page(*texts: Text, drawn: Draw | None = None, font: float = 10) -> bytes:
    def draw(canvas: Canvas, _page: int) -> None:
        canvas.setFont("Helvetica", 10)
        for line in range(25):
            canvas.drawString(54, 700 - line * 18, _BODY)
        canvas.setFont("Helvetica", font)
        if drawn is not None:
            drawn(canvas)
        for text in texts:
            canvas.drawString(*text)

    return samples.drawn_pdf(draw)


def lines() -> Iterator[Layout]:
    data = page(
        (54, 180, "I certify the need for these services."),
        (54, 150, "Provider's signature ______________________  Date ________"),
    )
    yield Layout("short line", data, (138, 149, 275, 178), (138, 110, 420, 178), ((275, 149, 340, 160),))
    data = page(
        (54, 172, "By signing I certify the need for services furnished under this plan of treatment."),
        (54, 160, "Physician Signature: ___________________ Date: ________"),
        (54, 148, "Please fax back to (512) 555-0100 within 30 days, thank you very much."),
    )
    yield Layout("tight form", data, (146, 158, 260, 171), (146, 100, 594, 230))
    rows = [
        (54.0, 174.0 - 24 * index, f"{who} Signature: {'_' * 28}  Date: ________")
        for index, who in enumerate(("Therapist", "Physician", "Patient"))
    ]
    others = ((54.0, 173.0, 380.0, 230.0), (54.0, 120.0, 380.0, 138.0))
    yield Layout("row between rows", page(*rows), (146, 149, 310, 172), (146, 120, 594, 210), others)
    data = page(
        (54, 170, "Therapist signature: Electronically signed by Sam Lee, PT"),
        (54, 150, "Physician signature:"),
        (54, 120, "Date:"),
    )
    yield Layout("twenty points apart", data, (140, 120, 420, 170), (140, 100, 540, 180))
    under = "Physician Signature               Date"
    data = page((54, 170, "X______________________________   ____________"), (54, 156, under))
    yield Layout("after the X", data, (60, 168, 234, 230), (60, 168, 234, 240), ((235, 168, 310, 182),))
    data = page(
        (54, 156, under), (55, 173, "X"), drawn=lambda c: (c.line(54, 170, 220, 170), c.line(240, 170, 310, 170))
    )
    yield Layout("after the X on a drawn line", data, (60, 168, 238, 240), (60, 168, 238, 240))
    data = page((54, 150, "Physician Signature:"), (390, 150, "Date:"), drawn=lambda c: c.line(150, 148, 380, 148))
    yield Layout("drawn line", data, (149, 148, 388, 209), (149, 148, 388, 209))


def columns() -> Iterator[Layout]:
    ruled = [(54.0, 160.0, "_" * 30), (320.0, 160.0, "_" * 30)]
    names = [(54.0, 128.0, "Sam Lee, PT, DPT"), (320.0, 128.0, "Luis Rivera, MD")]
    left, right = (54.0, 146.0), (320.0, 146.0)
    data = page(*ruled, (*left, "Therapist's Signature"), (*right, "Physician's Signature"), *names)
    yield Layout("provider right", data, (319, 158, 575, 220), (319, 158, 594, 220))
    data = page(*ruled, (*left, "Physician's Signature"), (*right, "Therapist's Signature"))
    yield Layout("provider left", data, (53, 158, 310, 220), (53, 158, 316, 220))

    def drawn(canvas: Canvas) -> None:
        canvas.line(54, 160, 260, 160)
        canvas.line(320, 160, 560, 160)

    data = page((*left, "Provider Signature / Date"), (*right, "Patient Signature / Date"), drawn=drawn)
    yield Layout("patient right", data, (53, 159, 310, 220), (53, 159, 318, 220))
    data = page(
        (54, 150, "Therapist Signature: ________________"),
        (320, 150, "Physician Signature: ________________"),
        (54, 120, "Date: __________"),
        (320, 120, "Date: __________"),
    )
    yield Layout("side by side", data, (410, 148, 594, 210), (410, 148, 595, 210))


def _boxes(canvas: Canvas) -> None:
    canvas.rect(54, 90, 240, 70)
    canvas.rect(310, 90, 240, 70)


def _table(canvas: Canvas) -> None:
    canvas.grid([54, 160, 400, 450, 560], [90, 140, 190])


def _low_table(canvas: Canvas) -> None:
    canvas.grid([54, 350, 560], [120, 150, 180])


def boxes() -> Iterator[Layout]:
    inside = (54.0, 90.0, 294.0, 160.0)
    data = page((58, 150, "Physician's signature"), (314, 150, "Date"), drawn=_boxes, font=8)
    yield Layout("boxes", data, inside, inside)
    data = page((58, 94, "Physician's signature"), (314, 94, "Date"), drawn=_boxes, font=8)
    yield Layout("label at the foot of its box", data, inside, inside)
    texts = [(58.0, 160.0, "Therapist signature"), (58.0, 110.0, "Physician signature"), (404.0, 110.0, "Date")]
    data = page(*texts, drawn=_table)
    yield Layout("cell beside", data, (160, 90, 400, 140), (160, 90, 400, 140))
    data = page(
        (58, 160, "Therapist Signature:"), (58, 130, "Physician Signature:"), (354, 130, "Date:"), drawn=_low_table
    )
    yield Layout("low cell", data, (150, 120, 350, 150), (54, 80, 594, 150), ((354, 120, 560, 180),))

    def flat(canvas: Canvas) -> None:
        canvas.grid([54, 160, 400, 450, 560], [90, 122, 154])

    texts = [(58.0, 132.0, "Therapist signature"), (58.0, 100.0, "Physician signature"), (404.0, 100.0, "Date")]
    data = page(*texts, drawn=flat)
    yield Layout("low cell beside", data, (160, 90, 400, 122), (54, 50, 594, 122), ((54, 90, 160, 154),))

    def hidden(canvas: Canvas) -> None:
        canvas.beginForm("frame")
        _boxes(canvas)
        canvas.endForm()
        canvas.doForm("frame")

    data = page((58, 150, "Physician's signature"), (314, 150, "Date"), drawn=hidden, font=8)
    yield Layout("boxes of a form within the page", data, inside, inside)

    def shaded(canvas: Canvas) -> None:
        canvas.setFillGray(0.93)
        canvas.rect(54, 90, 240, 70, fill=1)
        canvas.setFillGray(0)

    yield Layout("shaded box", page((58, 150, "Physician's signature"), drawn=shaded, font=8), inside, inside)


def _picture(canvas: Canvas) -> None:
    canvas.drawImage(ImageReader(Image.new("L", (60, 30), 250)), 200, 130, 120, 60)


def _curve(canvas: Canvas) -> None:
    canvas.circle(260, 160, 30)


def _band(canvas: Canvas) -> None:
    canvas.setFillColorRGB(0.2, 0.4, 0.8)
    canvas.rect(200, 90, 400, 120, stroke=0, fill=1)
    canvas.setFillGray(0)


def obstacles() -> Iterator[Layout]:
    label = (54, 150, "Physician Signature:")
    anywhere = (50.0, 90.0, 594.0, 260.0)
    beside = (54.0, 120.0, 330.0, 220.0)
    yield Layout("picture", page(label, drawn=_picture), beside, anywhere, ((200, 130, 320, 190),))
    yield Layout("curve", page(label, drawn=_curve), beside, anywhere, ((230, 130, 290, 190),))
    yield Layout("dark band", page(label, drawn=_band), (54, 100, 200, 220), anywhere, ((200, 90, 594, 210),))


def form(name: str, rect: Box, *, kind: str = "Tx", value: str = "", label: str = "Physician Signature:") -> bytes:
    """Return a sample PDF page with a label and one form field, such as a field in which to sign.

    `name` and `kind` are the field's PDF name and type (`Sig` is a signature field). `rect` is its box."""

    def change(writer: PdfWriter) -> None:
        entries: dict[str, Any] = {
            "Type": samples.name("Annot"),
            "Subtype": samples.name("Widget"),
            "FT": samples.name(kind),
            "T": TextStringObject(name),
            "Rect": samples.floats(*rect),
            "F": NumberObject(4),
            "DA": TextStringObject("/Helv 10 Tf 0 g"),
        }
        if value:
            entries["V"] = TextStringObject(value)
        font = samples.pdf_dict(
            Type=samples.name("Font"), Subtype=samples.name("Type1"), BaseFont=samples.name("Helvetica")
        )
        fonts = samples.pdf_dict(Font=samples.pdf_dict(Helv=font))
        place = writer._add_object(samples.pdf_dict(**entries))
        writer.pages[0][NameObject("/Annots")] = ArrayObject([place])
        writer.root_object[NameObject("/AcroForm")] = samples.pdf_dict(Fields=ArrayObject([place]), DR=fonts)

    return samples.edited(page((54, 150, label)), change)


def fields() -> Iterator[Layout]:
    box = (160.0, 145.0, 340.0, 165.0)
    yield Layout("text field", form("sig", box), box, (160, 100, 500, 240))
    tall = (160.0, 110.0, 420.0, 165.0)
    yield Layout("tall field", form("text7", tall), tall, tall)
    away = (300.0, 60.0, 520.0, 110.0)
    yield Layout("signature field", form("Physician", away, kind="Sig", label="Plan of care"), away, away)


def all_layouts() -> list[Layout]:
    return [*lines(), *columns(), *boxes(), *obstacles(), *fields()]
