"""The damage that a page takes on its way to a provider and back: two faxes in one bit, and a scan between them."""

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

SHEET = (round(INCHES[0] * ACROSS), round(INCHES[1] * ACROSS))


class Look(StrEnum):
    """The look of a returned page."""

    CLEAN = "clean"
    NOISY = "noisy"
    FADED = "faded"
    BLURRED = "blurred"


@dataclass(frozen=True, kw_only=True)
class Damage:
    """The way of one page: the dots per inch down the page on both ways, the size, the skew in degrees, and the look.

    `size` is the part of the width that the page fills on the returned sheet."""

    sent: int
    returned: int
    size: float
    skew: float
    look: Look
    upside_down: bool


def choose_damage(random: Random) -> Damage:
    return Damage(
        sent=random.choice(DOWN),
        returned=random.choice(DOWN),
        size=random.uniform(0.5, 1),
        skew=random.uniform(-5, 5),
        look=random.choice(tuple(Look)),
        upside_down=random.random() < 0.25,
    )


def draw_pages(pdf: bytes) -> list[Image.Image]:
    """Return the pictures of a PDF's pages in grays, finer than a fax."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render(scale=300 / 72, grayscale=True).to_pil().convert("L") for page in document]


def fax(picture: Image.Image, down: int, *, threshold: int = 128) -> Image.Image:
    """Return the picture as a machine receives it: in one bit, with `down` dots per inch down the page."""
    dots = picture.resize((SHEET[0], round(INCHES[1] * down)), Image.Resampling.BOX)
    return dots.point([255 * (value >= threshold) for value in range(256)])


def send_and_return(picture: Image.Image, damage: Damage, random: Random) -> Image.Image:
    """Return the page at 204 dots per inch after a fax to the provider, a scan, and a fax back."""
    paper = fax(picture, damage.sent).resize(SHEET, Image.Resampling.BICUBIC)
    sheet = _scan(paper, damage, random)
    threshold = 128
    if damage.look is Look.FADED:
        sheet, threshold = sheet.point([min(255, int(60 + value * 0.9)) for value in range(256)]), 135
    if damage.look is Look.BLURRED:
        sheet = sheet.filter(ImageFilter.GaussianBlur(0.8))
    received = fax(sheet, damage.returned, threshold=threshold)
    if damage.look is Look.NOISY:
        received = _add_noise(received, random)
    turned = received.rotate(180) if damage.upside_down else received
    return turned.resize(SHEET, Image.Resampling.BICUBIC)


def _scan(paper: Image.Image, damage: Damage, random: Random) -> Image.Image:
    width, height = (round(side * damage.size) for side in SHEET)
    sheet = Image.new("L", SHEET, 255)
    small = paper.resize((width, height), Image.Resampling.BICUBIC)
    sheet.paste(small, (random.randint(0, SHEET[0] - width), random.randint(0, SHEET[1] - height)))
    return sheet.rotate(damage.skew, Image.Resampling.BICUBIC, fillcolor=255)


def _add_noise(picture: Image.Image, random: Random) -> Image.Image:
    """Return the picture with specks of two dots: white specks on up to 1.6 % of it, and black ones on up to 0.4 %."""
    amount = random.randint(1, 4)
    white = _specks(picture.size, random).point([255 * (value < amount) for value in range(256)])
    black = _specks(picture.size, random).point([255 * (value >= amount * 0.3) for value in range(256)])
    return ImageChops.darker(ImageChops.lighter(picture, white), black)


def _specks(size: tuple[int, int], random: Random) -> Image.Image:
    half = (size[0] // 2, size[1] // 2)
    return Image.frombytes("L", half, random.randbytes(half[0] * half[1])).resize(size, Image.Resampling.NEAREST)
