"""What a provider writes on a printed page: a signature, a date, or a refusal, in ink."""

import math
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from random import Random

import pypdfium2
from PIL import Image, ImageDraw, ImageFont

from examples.mailbox.fax_damage import ACROSS

POINTS_PER_INCH = 72
_INK = 25
_PEN = 6
_SIGNATURE = (430, 100)
"""The width and height of a signature, in dots."""

_GAP = 24
"""The dots between a label and the writing beside it."""

_STRIP_POINTS = 110
"""The height of the strip at the bottom of a faxed page, in points. The portal prints the QR code there."""

_SAME_LINE_POINTS = 12

Dots = tuple[int, int]
"""A place on a printed page, in dots from the left and from the top."""


class Writing(StrEnum):
    """What the provider writes on the pages before they go back."""

    SIGNED_AND_DATED = "signed_and_dated"
    SIGNED = "signed"
    REFUSED = "refused"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Lines:
    """The places at which the provider writes on a page: the left ends of the lines for the signature and the date."""

    signature: Dots
    date: Dots


def beside(signature: Dots) -> Lines:
    """Return the lines of a page on which the date has no line. It is then beside the signature."""
    return Lines(signature, (signature[0] + _SIGNATURE[0] + 3 * _GAP, signature[1]))


def find_lines(page: pypdfium2.PdfPage) -> Lines | None:
    """Return the places for the signature and the date on a page, right of its last labels, or None without a label.

    The text in the strip with the QR code is no label."""
    signatures = [label for label in _find_labels(page, "signature") if label[1] > _STRIP_POINTS]
    if not signatures:
        return None
    right, bottom = signatures[-1]
    dates = [label for label in _find_labels(page, "date") if label[0] > right]
    on_line = [label for label in dates if abs(label[1] - bottom) < _SAME_LINE_POINTS]
    signature = _to_dots(page, (right, bottom))
    return Lines(signature, _to_dots(page, on_line[-1])) if on_line else beside(signature)


def _find_labels(page: pypdfium2.PdfPage, word: str) -> list[tuple[float, float]]:
    """Return the right end and the bottom of each place with this word on a page, in points from the lower left."""
    text, labels = page.get_textpage(), []
    finder = text.search(word)
    while (found := finder.get_next()) is not None:
        _, bottom, right, _ = text.get_charbox(found[0] + found[1] - 1)
        labels.append((right, bottom))
    return labels


def _to_dots(page: pypdfium2.PdfPage, label: tuple[float, float]) -> Dots:
    scale = ACROSS / POINTS_PER_INCH
    return round(label[0] * scale) + _GAP, round((page.get_height() - label[1]) * scale)


def write(paper: Image.Image, writing: Writing, lines: Lines, today: date, random: Random) -> Image.Image:
    """Return the printed page with the provider's writing in ink."""
    written = paper.copy()
    if writing in (Writing.SIGNED_AND_DATED, Writing.SIGNED):
        _draw_signature(written, lines.signature, random)
    if writing is Writing.SIGNED_AND_DATED:
        _write_text(written, f"{today.month}/{today.day}/{today:%y}", lines.date, size=60)
    if writing is Writing.REFUSED:
        _write_text(written, "No, please call me", lines.signature, size=76)
    return written


def _draw_signature(paper: Image.Image, at: Dots, random: Random) -> None:
    """Draw one stroke of a pen that looks like a hurried name: loops that get smaller from left to right."""
    width, height = _SIGNATURE
    loops, lean = random.uniform(5, 7), random.uniform(0.2, 0.5)
    points = []
    for step in range(241):
        part = step / 240
        angle = 2 * math.pi * loops * part
        size = height / 2 * (1 - 0.75 * part)
        up = size * (1 + math.sin(angle))
        points.append((at[0] + width * part + lean * up + 28 * math.cos(angle), at[1] - up))
    ImageDraw.Draw(paper).line(points, fill=_INK, width=_PEN, joint="curve")


def _write_text(paper: Image.Image, text: str, at: Dots, *, size: int) -> None:
    """Write words in a slanted hand."""
    font = ImageFont.load_default(size)
    box = ImageDraw.Draw(paper).textbbox((0, 0), text, font=font)
    sheet = Image.new("L", (round(box[2]) + size, round(box[3])), 0)
    ImageDraw.Draw(sheet).text((0, 0), text, font=font, fill=255, stroke_width=1)
    slant = 0.3
    leaning = sheet.transform(
        sheet.size, Image.Transform.AFFINE, (1, slant, -slant * sheet.height, 0, 1, 0), Image.Resampling.BICUBIC
    )
    paper.paste(_INK, (at[0], at[1] - leaning.height), leaning)
