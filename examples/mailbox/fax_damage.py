"""A simulation of what a page suffers when it is faxed to a provider, scanned there, and faxed back.

The mailbox's fax machine sends pages back with this damage. Tests use the same damage to check that the portal can
still read the QR code on the page."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

import pypdfium2
from PIL import Image, ImageChops, ImageFilter

INCHES = (8.5, 11)
ACROSS = 204
"""The dots per inch across a page, in every fax."""

DOWN = (98, 196)
"""The dots per inch down a page, in normal and in fine resolution."""

CUT_AT = 0.7
"""The part of a cut sheet's height that arrives."""

SHEET = (round(INCHES[0] * ACROSS), round(INCHES[1] * ACROSS))


class Look(StrEnum):
    """The look of a page that was faxed back, such as faded or covered with specks."""

    CLEAN = "clean"
    NOISY = "noisy"
    FADED = "faded"
    BLURRED = "blurred"


@dataclass(frozen=True, kw_only=True)
class Damage:
    """The damage of one page that is faxed to a provider and back.

    `sent` and `returned` are the dots per inch down the page in the first and the second fax. `size` is the part of the
    width that the page fills on the returned sheet. `skew` is in degrees. With `is_cut`, the bottom of the returned
    sheet is missing, and the QR code with it."""

    sent: int
    returned: int
    size: float
    skew: float
    look: Look
    upside_down: bool
    is_cut: bool = False


def draw_pages(pdf: bytes) -> list[Image.Image]:
    """Return gray pictures of a PDF's pages, with more dots per inch than a fax has."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [draw_page(page) for page in document]


def draw_page(page: pypdfium2.PdfPage) -> Image.Image:
    """Return a gray picture of an open PDF's page, with more dots per inch than a fax has."""
    picture: Image.Image = page.render(scale=300 / 72, grayscale=True).to_pil()
    return picture.convert("L")


def fax(picture: Image.Image, down: int, *, threshold: int = 128) -> Image.Image:
    """Return the picture of a page as a fax machine receives it: only black and white, with few dots per inch.

    `down` is the number of dots per inch down the page. A gray value below `threshold` becomes black."""
    dots = picture.resize((SHEET[0], round(INCHES[1] * down)), Image.Resampling.BOX)
    return dots.point([255 * (value >= threshold) for value in range(256)])


def send_and_return(picture: Image.Image, damage: Damage, random: Random) -> Image.Image:
    """Return the picture of a page after a fax to the provider, a scan there, and a fax back, at 204 dots per inch."""
    received = fax_back(print_page(picture, damage.sent), damage, random)
    height = round(received.height * ACROSS / damage.returned)
    return received.resize((SHEET[0], height), Image.Resampling.BICUBIC)


def print_page(picture: Image.Image, down: int) -> Image.Image:
    """Return the picture of a page as the provider's fax machine prints it, at 204 dots per inch.

    `down` is the number of dots per inch down the page in the fax."""
    return fax(picture, down).resize(SHEET, Image.Resampling.BICUBIC)


def fax_back(paper: Image.Image, damage: Damage, random: Random) -> Image.Image:
    """Return the picture of a printed page after a scan and a fax, only black and white, as the receiver gets it.

    The picture has 204 dots per inch across and `damage.returned` dots per inch down."""
    sheet = _scan(paper, damage, random)
    threshold = 128
    if damage.look is Look.FADED:
        sheet, threshold = sheet.point([min(255, int(60 + value * 0.9)) for value in range(256)]), 135
    if damage.look is Look.BLURRED:
        sheet = sheet.filter(ImageFilter.GaussianBlur(0.8))
    received = fax(sheet, damage.returned, threshold=threshold)
    if damage.look is Look.NOISY:
        received = _add_noise(received, random)
    if damage.is_cut:
        received = received.crop((0, 0, received.width, round(received.height * CUT_AT)))
    return received.rotate(180) if damage.upside_down else received


def _scan(paper: Image.Image, damage: Damage, random: Random) -> Image.Image:
    width, height = (round(side * damage.size) for side in SHEET)
    sheet = Image.new("L", SHEET, 255)
    small = paper.resize((width, height), Image.Resampling.BICUBIC)
    sheet.paste(small, (random.randint(0, SHEET[0] - width), random.randint(0, SHEET[1] - height)))
    return sheet.rotate(damage.skew, Image.Resampling.BICUBIC, fillcolor=255)


def _add_noise(picture: Image.Image, random: Random) -> Image.Image:
    """Return the picture with specks, as of a bad telephone line: white ones on up to 1.6 % of it, black ones on up to
    0.4 %.

    A speck is two dots wide."""
    amount = random.randint(1, 4)
    white = _specks(picture.size, random).point([255 * (value < amount) for value in range(256)])
    black = _specks(picture.size, random).point([255 * (value >= amount * 0.3) for value in range(256)])
    return ImageChops.darker(ImageChops.lighter(picture, white), black)


def _specks(size: tuple[int, int], random: Random) -> Image.Image:
    half = (size[0] // 2, size[1] // 2)
    return Image.frombytes("L", half, random.randbytes(half[0] * half[1])).resize(size, Image.Resampling.NEAREST)
