"""The look of a sample plan of care as a PDF: letterhead, tables and signature lines, readable on a fax."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from typing import IO, Any

from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from examples.clinic.sample_plans.content import Author, Diagnosis, Goal, Intervention
from examples.clinic.sample_plans.content import Table as Measurements

CLINIC_NAME = "Cedar Clinic"
CLINIC_LINE = "Physical, Occupational and Speech Therapy"
CLINIC_ADDRESS = "4100 Cedar Bend Drive, Suite 210, Austin, TX 78758"
CLINIC_PHONE = "(512) 555-0170"
CLINIC_FAX = "(512) 555-0171"

GREEN = HexColor("#1d4a39")
RULE = HexColor("#8fa79b")
TINT = HexColor("#eaf1ed")
INK = HexColor("#16201b")

PAGE_WIDTH, PAGE_HEIGHT = LETTER
MARGIN = 50.0
WIDTH = PAGE_WIDTH - 2 * MARGIN

BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.2, leading=12.4, textColor=INK)
CELL = ParagraphStyle("cell", parent=BODY, fontSize=8.8, leading=11.4)
STRONG = ParagraphStyle("strong", parent=CELL, fontName="Helvetica-Bold")
HEAD = ParagraphStyle("head", parent=CELL, fontName="Helvetica-Bold", fontSize=8.2, textColor=GREEN)
LABEL = ParagraphStyle("label", parent=BODY, fontSize=7.2, leading=9, textColor=HexColor("#3f5249"))
TITLE = ParagraphStyle("title", parent=BODY, fontName="Helvetica-Bold", fontSize=17, leading=20, textColor=GREEN)
SUBTITLE = ParagraphStyle("subtitle", parent=BODY, fontSize=10.5, leading=14)
SECTION = ParagraphStyle("section", parent=BODY, fontName="Helvetica-Bold", fontSize=9.6, leading=12, textColor=GREEN)


def us_date(day: date) -> str:
    """Return a calendar day as American clinics write it: 11/20/2026."""
    return day.strftime("%m/%d/%Y")


def paragraph(text: str, style: ParagraphStyle = BODY) -> Flowable:
    """Return a paragraph of plain text for reportlab, in which characters such as `<` are no markup."""
    return Paragraph(escape(text), style)


def heading(title: str, subtitle: str) -> list[Flowable]:
    """Return the title and subtitle of a plan, which come under the letterhead, as parts of a reportlab page."""
    return [paragraph(title, TITLE), paragraph(subtitle, SUBTITLE), Spacer(0, 8)]


def section(title: str, *body: Flowable) -> list[Flowable]:
    """Return a section of a plan (title and content) that is not split between two pages."""
    title_row = Table([[paragraph(title, SECTION)]], colWidths=[WIDTH])
    title_row.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.8, GREEN),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
                ("TOPPADDING", (0, 0), (-1, -1), 8),
            ]
        )
    )
    return [KeepTogether([title_row, Spacer(0, 4), *body])]


def fact_grid(facts: Sequence[tuple[str, str]], columns: int = 4) -> Flowable:
    """Return a grid of boxes, each with a label and a value, for facts such as the patient's name.

    A row has `columns` boxes."""
    cells = [[paragraph(label.upper(), LABEL), paragraph(value, STRONG)] for label, value in facts]
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    grid = Table(rows, colWidths=[WIDTH * share for share in (0.28, 0.2, 0.3, 0.22)])
    grid.setStyle(
        TableStyle(
            [
                ("BOX", (0, 0), (-1, -1), 0.8, GREEN),
                ("INNERGRID", (0, 0), (-1, -1), 0.4, RULE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ]
        )
    )
    return grid


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> Flowable:
    cells = [[paragraph(text, HEAD) for text in head]]
    cells += [[paragraph(text, STRONG if not at else CELL) for at, text in enumerate(row)] for row in rows]
    table = Table(cells, colWidths=[WIDTH * share for share in widths], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), TINT),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, GREEN),
                ("LINEBELOW", (0, 1), (-1, -1), 0.4, RULE),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 2.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return table


def data_table(table: Measurements) -> Flowable:
    """Return a table of measurements for a page of the plan."""
    return _grid(table.columns, table.rows, table.widths)


def diagnosis_table(diagnoses: Sequence[Diagnosis]) -> Flowable:
    """Return a table of diagnoses for a page of the plan: ICD-10-CM codes and their texts."""
    rows = [(diagnosis.code, diagnosis.text, diagnosis.use) for diagnosis in diagnoses]
    return _grid(("ICD-10-CM", "Description", "Use"), rows, (0.16, 0.68, 0.16))


def intervention_table(interventions: Sequence[Intervention]) -> Flowable:
    """Return a table of treatments for a page of the plan, with their billing codes (CPT)."""
    rows = [(treatment.code, treatment.name, treatment.detail) for treatment in interventions]
    return _grid(("CPT", "Intervention", "Detail"), rows, (0.11, 0.4, 0.49))


def goals(items: Sequence[Goal], starts_on: date) -> Flowable:
    """Return the plan's goals, numbered and with their due dates. `starts_on` is the first day of the plan's period."""
    rows = [
        (str(at), goal.text, us_date(starts_on + timedelta(weeks=goal.weeks))) for at, goal in enumerate(items, start=1)
    ]
    return _grid(("No.", "Goal", "By"), rows, (0.07, 0.77, 0.16))


def pairs(items: Sequence[tuple[str, str]]) -> Flowable:
    """Return a table whose rows have a label and a text."""
    table = Table(
        [[paragraph(label, STRONG), paragraph(text, CELL)] for label, text in items],
        colWidths=[WIDTH * 0.24, WIDTH * 0.76],
    )
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("LINEBELOW", (0, 0), (-1, -2), 0.4, RULE),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return table


class TherapistSignature(Flowable):  # type: ignore[misc]  # - reportlab is untyped
    """The therapist's own electronic signature on a plan, drawn above a line."""

    def __init__(self, author: Author, signed_on: date) -> None:
        super().__init__()
        self.width, self.height = WIDTH, 52.0
        self._author, self._signed_on = author, signed_on

    def draw(self) -> None:
        """Draw the signature. reportlab calls this method, with the origin at this part's bottom left corner."""
        canvas: Canvas = self.canv
        name = f"{self._author.name}, {self._author.credential}"
        canvas.setFillColor(HexColor("#0d2c6b"))
        canvas.setFont("Times-Italic", 17)
        canvas.drawString(6, 27, self._author.name)
        canvas.setFillColor(INK)
        _rule(canvas, 0, 22, 270)
        _rule(canvas, 300, 22, WIDTH)
        canvas.setFont("Helvetica", 9.2)
        canvas.drawString(306, 27, us_date(self._signed_on))
        canvas.setFont("Helvetica", 7.6)
        canvas.drawString(0, 12, f"Therapist: {name}, Texas license {self._author.license}")
        canvas.drawString(0, 2, f"Electronically signed in the clinic's record. Phone {_phone(self._author.phone)}")
        canvas.drawString(300, 12, "Date")


class ProviderSignature(Flowable):  # type: ignore[misc]  # - reportlab is untyped
    """The line on which the provider is to sign the plan. The object remembers where on the pages it was drawn."""

    LINE = 74.0
    SIGN_WIDTH = 288.0

    def __init__(self, name: str, npi: str) -> None:
        super().__init__()
        self.width, self.height = WIDTH, 140.0
        self._name, self._npi = name, npi
        self._drawn: Mapping[str, int] = {}

    def draw(self) -> None:
        """Draw the line to sign on, and store its position.

        reportlab calls this method, with the origin at this part's bottom left corner."""
        canvas: Canvas = self.canv
        _box(canvas, self.width, self.height)
        canvas.setFillColor(INK)
        canvas.setFont("Helvetica-Bold", 9.2)
        canvas.drawString(10, self.LINE, "Physician/Provider Signature:")
        _rule(canvas, 146, self.LINE - 2, 146 + self.SIGN_WIDTH - 76)
        canvas.drawString(376, self.LINE, "Date:")
        _rule(canvas, 404, self.LINE - 2, WIDTH - 10)
        canvas.setFont("Helvetica", 9.2)
        canvas.drawString(10, 50, f"Print name: {self._name}")
        canvas.drawString(376, 50, f"NPI: {self._npi or '_' * 16}")
        canvas.drawString(10, 30, "Changes to the plan, if any:")
        _rule(canvas, 134, 28, WIDTH - 10)
        canvas.setFont("Helvetica", 8)
        canvas.drawString(
            10, 10, f"Please sign, date and return within 30 days. Fax {CLINIC_FAX}, phone {CLINIC_PHONE}."
        )
        self._remember(canvas)

    def _remember(self, canvas: Canvas) -> None:
        x, y = canvas.absolutePosition(146, self.LINE - 2)
        self._drawn = {
            "page": canvas.getPageNumber(),
            "x": round(x),
            "y": round(y),
            "width": round(self.SIGN_WIDTH - 76),
            "height": 60,
        }

    def field(self) -> Mapping[str, int]:
        """Return the position of the line as the field `signature_field` of an event, which tells the portal where to
        sign.

        The result is empty before the line is drawn."""
        return self._drawn


def certification_block(
    *, statement: str, therapist: TherapistSignature, provider: ProviderSignature
) -> list[Flowable]:
    """Return the end of a plan: the statement that the provider certifies, and the places of both signatures.

    They stay together on one page."""
    return section(
        "Certification of medical necessity", paragraph(statement), Spacer(0, 8), therapist, Spacer(0, 10), provider
    )


def _rule(canvas: Canvas, left: float, y: float, right: float) -> None:
    canvas.setStrokeColor(black)
    canvas.setLineWidth(0.7)
    canvas.line(left, y, right, y)


def _box(canvas: Canvas, width: float, height: float) -> None:
    canvas.setStrokeColor(GREEN)
    canvas.setLineWidth(1)
    canvas.roundRect(0, 0, width, height, 4, stroke=1, fill=0)


def _phone(e164: str) -> str:
    digits = e164.removeprefix("+1")
    if len(digits) != 10:  # noqa: PLR2004 - a number from elsewhere, or free text
        return e164
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"


@dataclass(frozen=True)
class Running:
    """The facts in the footer of every page of a plan, by which staff can file a loose page."""

    patient: str
    born: str
    record: str
    document: str


class _CountingCanvas(Canvas):  # type: ignore[misc]  # - reportlab is untyped
    """A canvas that writes its pages only at the end, when the number of pages is known (for "page 2 of 3")."""

    def __init__(self, *args: Any, running: Running, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running = running
        self._held: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """Keep a finished page in memory until the number of all pages is known."""
        self._held.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Write all pages to the PDF, each with its footer (such as "page 2 of 3")."""
        held = self._held
        for number, page in enumerate(held, start=1):
            self.__dict__.update(page)
            _foot(self, self._running, number, len(held))
            super().showPage()
        super().save()


def _foot(canvas: Canvas, running: Running, number: int, count: int) -> None:
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, 38, PAGE_WIDTH - MARGIN, 38)
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica", 7.6)
    left = f"{running.patient}   born {running.born}   record {running.record}   document {running.document}"
    canvas.drawString(MARGIN, 27, left)
    canvas.drawRightString(PAGE_WIDTH - MARGIN, 27, f"Page {number} of {count}")


def _letterhead(canvas: Canvas, _template: BaseDocTemplate) -> None:
    top = PAGE_HEIGHT - 34
    canvas.saveState()
    _cedar(canvas, MARGIN, top - 34)
    canvas.setFillColor(GREEN)
    canvas.setFont("Times-Bold", 19)
    canvas.drawString(MARGIN + 40, top - 16, CLINIC_NAME)
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica", 8.4)
    canvas.drawString(MARGIN + 40, top - 29, CLINIC_LINE)
    canvas.drawRightString(PAGE_WIDTH - MARGIN, top - 12, CLINIC_ADDRESS)
    canvas.drawRightString(PAGE_WIDTH - MARGIN, top - 24, f"Phone {CLINIC_PHONE}   Fax {CLINIC_FAX}")
    canvas.setStrokeColor(GREEN)
    canvas.setLineWidth(1.6)
    canvas.line(MARGIN, top - 42, PAGE_WIDTH - MARGIN, top - 42)
    canvas.restoreState()


def _cedar(canvas: Canvas, left: float, bottom: float) -> None:
    canvas.setFillColor(GREEN)
    canvas.circle(left + 17, bottom + 17, 17, stroke=0, fill=1)
    canvas.setFillColor(white)
    for base, half in ((9, 10), (15, 8), (21, 6)):
        tree = canvas.beginPath()
        tree.moveTo(left + 17 - half, bottom + base)
        tree.lineTo(left + 17 + half, bottom + base)
        tree.lineTo(left + 17, bottom + base + 8)
        tree.close()
        canvas.drawPath(tree, stroke=0, fill=1)
    canvas.rect(left + 15.7, bottom + 5, 2.6, 4, stroke=0, fill=1)


def render(output: IO[bytes], *, story: list[Flowable], title: str, running: Running) -> None:
    """Write a plan as a PDF to `output`, with the letterhead and the footer on every page.

    `story` are the parts of the plan in order."""
    template = BaseDocTemplate(
        output, pagesize=LETTER, title=title, author=CLINIC_NAME, subject="Plan of care", invariant=1
    )
    frame = Frame(MARGIN, 46, WIDTH, PAGE_HEIGHT - 46 - 84, leftPadding=0, rightPadding=0, topPadding=4)
    template.addPageTemplates([PageTemplate(frames=[frame], onPage=_letterhead)])

    def canvas(*args: Any, **kwargs: Any) -> Canvas:
        return _CountingCanvas(*args, running=running, **kwargs)

    template.build(story, canvasmaker=canvas)
