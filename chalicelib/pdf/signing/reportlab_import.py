"""What reportlab drew, taken apart by its own table: to be put into another file without reading it in full.

Only for what is drawn here: its form is known, and anything else raises `ValueError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_PAGES = re.compile(rb"/Kids \[ ([\d R]*)\]")
_PAGE = re.compile(
    rb"<<\s*/Contents (\d+) 0 R /MediaBox \[ ([\d. -]+)\] /Parent \d+ 0 R /Resources (<<.*?>>) /Rotate 0",
    re.DOTALL,
)
_CONTENT = re.compile(rb"<<\s*/Filter \[ /FlateDecode \] /Length (\d+)\s*>>\s*stream\r?\n")
_REFERENCE = re.compile(rb"\b(\d+) 0 R\b")


@dataclass(frozen=True)
class DrawnPage:
    """A page: its content, deflated; its resources as they are written; its box."""

    content: bytes
    resources: bytes
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Drawing:
    """Pages, and the objects that their resources refer to, as they are written, each after what it uses."""

    sheets: tuple[DrawnPage, ...]
    objects: dict[int, bytes]


def parse_drawing(drawn: bytes) -> Drawing:
    bodies = _bodies(drawn)
    root = _named(rb"/Pages (\d+) 0 R", bodies[_named(rb"/Root (\d+) 0 R", drawn[-1024:])])
    kids = _PAGES.search(bodies[root])
    if kids is None:
        raise ValueError("a drawing without pages")
    sheets = tuple(_sheet(bodies, int(kid)) for kid in kids[1].split()[::3])
    found: dict[int, bytes] = {}
    for sheet in sheets:
        _gather(sheet.resources, bodies, found)
    return Drawing(sheets, found)


def _named(pattern: bytes, text: bytes) -> int:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError("a drawing of another form")
    return int(found[1])


def _bodies(drawn: bytes) -> dict[int, bytes]:
    """The text of each object."""
    at = _named(rb"startxref\s+(\d+)", drawn[-64:])
    rows = drawn[at:].split(b"trailer", 1)[0].splitlines()[3:]
    places = sorted((int(row[:10]), number) for number, row in enumerate(rows, start=1))
    ends = [*(place for place, _ in places[1:]), at]
    return {
        number: drawn[place:end].split(b"obj", 1)[1].strip().removesuffix(b"endobj").rstrip(b"\r\n")
        for (place, number), end in zip(places, ends, strict=True)
    }


def _sheet(bodies: dict[int, bytes], number: int) -> DrawnPage:
    page = _PAGE.match(bodies[number])
    content = _CONTENT.match(bodies[int(page[1])]) if page else None
    if page is None or content is None:
        raise ValueError("a page of another form")
    left, bottom, right, top = (float(edge) for edge in page[2].split())
    body = bodies[int(page[1])]
    data = body[content.end() : content.end() + int(content[1])]
    return DrawnPage(data, page[3], (left, bottom, right, top))


def _gather(text: bytes, bodies: dict[int, bytes], found: dict[int, bytes]) -> None:
    """Puts what the text refers to into `found`."""
    for number in map(int, _REFERENCE.findall(_head(text))):
        if number not in found:
            _gather(bodies[number], bodies, found)
            found[number] = bodies[number]


def _head(text: bytes) -> bytes:
    """All but the data of a stream."""
    return text.split(b"stream", 1)[0]


def renumber(text: bytes, numbers: Callable[[int], int]) -> bytes:
    """The text of an object with other numbers in its references."""
    head = _head(text)
    return _REFERENCE.sub(lambda found: b"%d 0 R" % numbers(int(found[1])), head) + text[len(head) :]
