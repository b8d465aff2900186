"""Letter pages that fill from top to bottom, such as a certificate.

The content is recorded first and drawn later, because the footer of each page needs the total number of pages."""

from collections.abc import Callable, Sequence

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.text.layout import BOLD, PLAIN, draw_text, wrap_paragraphs

WIDTH, HEIGHT = 612.0, 792.0
Operation = Callable[[Canvas], object]


class Flow:
    """Letter pages of recorded drawing operations, which the caller later performs on a canvas.

    The content fills the pages inside the given edges (in points). `y` is the height at which the next content goes."""

    def __init__(self, *, left: float, right: float, top: float, bottom: float) -> None:
        self.left, self.right, self.top, self.bottom = left, right, top, bottom
        self.pages: list[list[Operation]] = [[]]
        self.y = top

    @property
    def width(self) -> float:
        return self.right - self.left

    def add(self, operation: Operation) -> None:
        self.pages[-1].append(operation)

    def need(self, height: float) -> bool:
        """Make room for content that is `height` points high: start the next page if the current page is too full.

        Return True if a page was started."""
        if self.y - height >= self.bottom:
            return False
        self.pages.append([])
        self.y = self.top
        return True

    def text(self, x: float, y: float, line: str, *, face: str = PLAIN, size: float = 10) -> None:
        self.add(lambda canvas: draw_text(canvas, x, y, line, face=face, size=size))

    def rule(self, *, weight: float = 0.5, left: float | None = None) -> None:
        """Add a horizontal line at the current height, from `left` or the left edge to the right edge."""
        x, y = self.left if left is None else left, self.y

        def operation(canvas: Canvas) -> None:
            canvas.setLineWidth(weight)
            canvas.line(x, y, self.right, y)

        self.add(operation)

    def lines(self, lines: Sequence[str], *, x: float, face: str = PLAIN, size: float = 10, leading: float) -> None:
        """Add lines of text below the present content, on more pages if necessary.

        Each line starts `x` points from the page's left edge and takes `leading` points of height. `face` is the
        font."""
        for line in lines:
            self.need(leading)
            self.y -= leading
            self.text(x, self.y + 0.24 * leading, line, face=face, size=size)

    def heading(self, text: str, *, keep_with: float) -> None:
        """Add the heading of a section, on a page that has room for `keep_with` points of content below the heading."""
        self.need(25 + keep_with)
        self.y -= 20
        self.text(self.left, self.y, text, face=BOLD, size=12)
        self.y -= 6
        self.rule(weight=0.75)
        self.y -= 4

    def row(self, label: str, value: str, *, indent: float, size: float = 10.5) -> None:
        """Add a label at the left edge, and `indent` points to the right its value, wrapped into lines."""
        leading = size * 1.26
        self.need(leading)
        self.text(self.left, self.y - 0.76 * leading, label, size=size)
        lines = wrap_paragraphs(value, PLAIN, size, self.width - indent)
        self.lines(lines, x=self.left + indent, size=size, leading=leading)
        self.y -= 1
