"""A page that fills from top to bottom and goes on to the next; drawn only once all of it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.text.layout import BOLD, PLAIN, draw_text, wrap_paragraphs

WIDTH, HEIGHT = 612.0, 792.0
Operation = Callable[[Canvas], None]


class Flow:
    """Letter pages of recorded drawing, between `top` and `bottom`, from `left` to `right`, in points."""

    def __init__(self, *, left: float, right: float, top: float, bottom: float) -> None:
        self.left, self.right, self.top, self.bottom = left, right, top, bottom
        self.pages: list[list[Operation]] = [[]]
        self.y = top

    @property
    def across(self) -> float:
        return self.right - self.left

    def add(self, operation: Operation) -> None:
        self.pages[-1].append(operation)

    def next_page(self) -> None:
        self.pages.append([])
        self.y = self.top

    def need(self, height: float) -> bool:
        """Goes on to the next page where less than this is left; says whether it did."""
        if self.y - height >= self.bottom:
            return False
        self.next_page()
        return True

    def space(self, height: float) -> None:
        self.y -= height

    def text(self, x: float, y: float, line: str, *, face: str = PLAIN, size: float = 10) -> None:
        self.add(lambda canvas: ignore(draw_text(canvas, x, y, line, face=face, size=size)))

    def rule(self, *, weight: float = 0.5, left: float | None = None) -> None:
        """A horizontal line at the current height."""
        x, y = self.left if left is None else left, self.y

        def operation(canvas: Canvas) -> None:
            canvas.setLineWidth(weight)
            canvas.line(x, y, self.right, y)

        self.add(operation)

    def lines(
        self, lines: Sequence[str], *, x: float, face: str = PLAIN, size: float = 10, leading: float
    ) -> None:
        """Lines of text, page after page if need be."""
        for line in lines:
            self.need(leading)
            self.y -= leading
            self.text(x, self.y + 0.24 * leading, line, face=face, size=size)

    def heading(self, text: str, *, keep_with: float) -> None:
        """A section's heading, on the same page as the `keep_with` points that follow."""
        self.need(28 + keep_with)
        self.space(23)
        self.text(self.left, self.y, text, face=BOLD, size=12)
        self.space(6)
        self.rule(weight=0.75)
        self.space(4)

    def row(self, label: str, value: str, *, indent: float, size: float = 10.5) -> None:
        """A label, and beside it a value of as many lines as it takes."""
        leading = size * 1.32
        self.need(leading)
        self.text(self.left, self.y - 0.76 * leading, label, size=size)
        lines = wrap_paragraphs(value, PLAIN, size, self.across - indent)
        self.lines(lines, x=self.left + indent, size=size, leading=leading)
        self.space(1.5)


def ignore(_: object) -> None:
    """For operations whose answer nobody needs."""
