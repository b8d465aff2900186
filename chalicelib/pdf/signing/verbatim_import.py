"""A fast parser for PDF files that reportlab drew, whose objects are copied verbatim into the file to seal.

The regular expressions match only the exact form that reportlab writes. Any other form raises `ValueError`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.pdf.geometry import Box

_PAGES = re.compile(rb"/Kids \[ ([\d R]*)\]")
_PAGE = re.compile(
    rb"<<\s*/Contents (\d+) 0 R /MediaBox \[ ([\d. -]+)\] /Parent \d+ 0 R /Resources (<<.*?>>) /Rotate 0", re.DOTALL
)
_CONTENT = re.compile(rb"<<\s*/Filter \[ /FlateDecode \] /Length (\d+)\s*>>\s*stream\r?\n")
_REFERENCE = re.compile(rb"\b(\d+) 0 R\b")


@dataclass(frozen=True)
class DrawnPage:
    """A page that reportlab drew: the deflated content stream, the resources as written, and the media box."""

    content: bytes
    resources: bytes
    box: Box


@dataclass(frozen=True)
class ParsedDrawing:
    """The pages of a PDF that reportlab drew, and the other PDF objects that the pages need.

    `objects` maps an object's number to its bytes, and lists an object after the objects that it refers to."""

    pages: tuple[DrawnPage, ...]
    objects: dict[int, bytes]


def parse_drawing(pdf: bytes) -> ParsedDrawing:
    """Return the pages and objects of a PDF that reportlab drew; raise `ValueError` for any other form."""
    bodies = _object_bodies(pdf)
    root = _find_number(rb"/Pages (\d+) 0 R", bodies[_find_number(rb"/Root (\d+) 0 R", pdf[-1024:])])
    kids = _PAGES.search(bodies[root])
    if kids is None:
        raise ValueError("a drawing without pages")
    pages = tuple(_parse_page(bodies, int(kid)) for kid in kids[1].split()[::3])
    objects: dict[int, bytes] = {}
    for page in pages:
        _collect_objects(page.resources, bodies, objects)
    return ParsedDrawing(pages, objects)


def _find_number(pattern: bytes, text: bytes) -> int:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError("a drawing of another form")
    return int(match[1])


def _object_bodies(pdf: bytes) -> dict[int, bytes]:
    """Return the bytes of each object by its number. The cross-reference table gives the places of the objects."""
    table = _find_number(rb"startxref\s+(\d+)", pdf[-64:])
    rows = pdf[table:].split(b"trailer", 1)[0].splitlines()[3:]
    places = sorted((int(row[:10]), number) for number, row in enumerate(rows, start=1))
    ends = [*(place for place, _ in places[1:]), table]
    return {
        number: pdf[place:end].split(b"obj", 1)[1].strip().removesuffix(b"endobj").rstrip(b"\r\n")
        for (place, number), end in zip(places, ends, strict=True)
    }


def _parse_page(bodies: dict[int, bytes], number: int) -> DrawnPage:
    page = _PAGE.match(bodies[number])
    content = _CONTENT.match(bodies[int(page[1])]) if page else None
    if page is None or content is None:
        raise ValueError("a page of another form")
    left, bottom, right, top = (float(edge) for edge in page[2].split())
    data = bodies[int(page[1])][content.end() : content.end() + int(content[1])]
    return DrawnPage(data, page[3], (left, bottom, right, top))


def _collect_objects(text: bytes, bodies: dict[int, bytes], objects: dict[int, bytes]) -> None:
    """Add every object that `text` refers to, directly or through other objects, from `bodies` to `objects`."""
    for number in map(int, _REFERENCE.findall(_before_stream(text))):
        if number not in objects:
            _collect_objects(bodies[number], bodies, objects)
            objects[number] = bodies[number]


def _before_stream(text: bytes) -> bytes:
    return text.split(b"stream", 1)[0]


def renumber(text: bytes, numbers: Callable[[int], int]) -> bytes:
    """Return the bytes of an object with its references changed for another file: `numbers` maps the object numbers."""
    head = _before_stream(text)
    return _REFERENCE.sub(lambda match: b"%d 0 R" % numbers(int(match[1])), head) + text[len(head) :]
