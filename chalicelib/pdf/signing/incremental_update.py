"""Drawing onto a PDF without touching a byte of it: an incremental update (ISO 32000-1, 7.5.6)."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pypdf import PageObject
from pypdf.generic import FloatObject, NameObject

from chalicelib.pdf.assembly.flatten import float_array
from chalicelib.pdf.geometry import Matrix, multiply
from chalicelib.pdf.reader import Display, read_display
from chalicelib.pdf.signing.reportlab_import import DrawnPage, parse_drawing, renumber

_INHERITED = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")
_DEEPEST = 64

MALFORMED_PDF_ERRORS = (
    PdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What a strict reader raises on a part that is missing, or not of its type, often only when it is used."""


class NotExtensible(ValueError):
    """The file is laid out in a way that cannot be added to."""


@dataclass(frozen=True)
class UpdatablePage:
    """A page of the file being extended. `inherited` are the attributes that its ancestors give it."""

    reference: Any
    content: Any
    inherited: dict[str, Any]

    def get(self, name: str) -> Any:
        """The attribute, its own or inherited, with references resolved; None where there is none."""
        found = self.content.get(name) if name in self.content else self.inherited.get(name)
        return found.get_object() if isinstance(found, generic.IndirectObject) else found

    def raw(self, name: str) -> Any:
        """The attribute as it stands there: perhaps a reference."""
        return self.content.raw_get(name) if name in self.content else self.inherited.get(name)


def open_to_extend(data: bytes) -> IncrementalPdfFileWriter:
    """A writer of the update, around a file that is read strictly; `CannotExtend` if that fails."""
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(data), strict=True)
        _root_pages(writer)
    except MALFORMED_PDF_ERRORS as error:
        raise NotExtensible("the file is not laid out as the standard says") from error
    return writer


def _root_pages(writer: IncrementalPdfFileWriter) -> Any:
    pages = writer.root["/Pages"]
    if not isinstance(pages["/Kids"], generic.ArrayObject) or not isinstance(pages["/Count"], int):
        raise NotExtensible("the page tree has no children, or does not say how many")
    return pages


def declared_page_count(writer: IncrementalPdfFileWriter) -> int:
    """How many pages the file says that it has."""
    return int(_root_pages(writer)["/Count"])


def find_page(writer: IncrementalPdfFileWriter, index: int) -> UpdatablePage:
    """The page of that index, without reading the others."""
    node, inherited = _root_pages(writer), {}
    for _ in range(_DEEPEST):
        inherited.update({name: node.raw_get(name) for name in _INHERITED if name in node})
        reference, index = _child(node, index)
        node = reference.get_object()
        if "/Kids" not in node:
            break
    if node.get("/Type") != "/Page" or index != 0:
        raise NotExtensible("the page is not where the page tree says")
    return UpdatablePage(reference, node, inherited)


def _child(node: Any, index: int) -> tuple[Any, int]:
    """The child that holds the page, and the page's index within it."""
    kids = node["/Kids"]
    if node["/Count"] == len(kids) > index:
        return kids.raw_get(index), 0
    for position in range(len(kids)):
        held = kids[position].get("/Count", 1)
        if index < held:
            return kids.raw_get(position), index
        index -= held
    raise NotExtensible("the page tree has fewer pages than it says")


def page_display(page: UpdatablePage) -> Display:
    """How viewers show the page."""
    found = PageObject()
    for name in ("/MediaBox", "/CropBox"):
        edges = page.get(name)
        if isinstance(edges, generic.ArrayObject):
            found[NameObject(name)] = float_array(float(edge) for edge in edges)
    for name in ("/Rotate", "/UserUnit"):
        value = page.get(name)
        # A number in quotes is none: other readers leave it out.
        if isinstance(value, (int, float, Decimal)):
            found[NameObject(name)] = FloatObject(float(value))
    return read_display(found)


# Parts


def _stream(data: bytes, entries: dict[str, Any] | None = None) -> Any:
    stream = generic.StreamObject(encoded_data=zlib.compress(data, 6))
    stream[pdf_name("/Filter")] = pdf_name("/FlateDecode")
    for name, value in (entries or {}).items():
        stream[pdf_name(name)] = value
    return stream


def _numbers(values: Any) -> Any:
    return generic.ArrayObject(generic.FloatObject(f"{value:.5f}") for value in values)


def _form_entries(bounds: Any, resources: Any) -> dict[str, Any]:
    return {
        "/Type": pdf_name("/XObject"),
        "/Subtype": pdf_name("/Form"),
        "/BBox": _numbers(bounds),
        "/Resources": resources,
    }


def _content_form(page: UpdatablePage, display: Display) -> Any:
    """The page's content as a form, so that nothing it leaves open reaches what is drawn after it."""
    resources = page.raw("/Resources")
    entries = _form_entries(display.box, generic.DictionaryObject() if resources is None else resources)
    group = page.raw("/Group")
    if group is not None:
        entries["/Group"] = group
    content: Any = page.get("/Contents")
    if isinstance(content, (type(None), generic.ArrayObject)):
        parts: list[Any] = [] if content is None else [part.get_object() for part in content]
        return _stream(b"\n".join(part.data for part in parts), entries)
    form = generic.StreamObject(
        {key: value for key, value in content.items() if key != "/Length"}, encoded_data=content.encoded_data
    )
    for name, value in entries.items():
        form[pdf_name(name)] = value
    return form


@dataclass(frozen=True)
class ImportedPages:
    """Newly drawn pages inside the file being extended: the content and resources of each, and its box."""

    parts: tuple[tuple[Any, Any, Any], ...]


class _Verbatim(generic.PdfObject):
    """An object that is written as it was drawn."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def write_to_stream(self, stream: Any, handler: Any = None, container_ref: Any = None) -> None:  # noqa: ARG002 - pyHanko's signature
        stream.write(self._text)


def import_pages(writer: IncrementalPdfFileWriter, drawn: bytes) -> ImportedPages:
    """Copies the pages of a small PDF of our own making."""
    drawing = parse_drawing(drawn)
    numbers: dict[int, int] = {}
    for number, text in drawing.objects.items():
        place = writer.add_object(_Verbatim(renumber(text, numbers.__getitem__)))
        numbers[number] = place.idnum
    return ImportedPages(tuple(_brought(writer, sheet, numbers) for sheet in drawing.sheets))


def _brought(
    writer: IncrementalPdfFileWriter, sheet: DrawnPage, numbers: dict[int, int]
) -> tuple[Any, Any, Any]:
    content = generic.StreamObject(encoded_data=sheet.content)
    content[pdf_name("/Filter")] = pdf_name("/FlateDecode")
    resources = _Verbatim(renumber(sheet.resources, numbers.__getitem__))
    return writer.add_object(content), resources, _numbers(sheet.box)


def to_xobject(sheets: ImportedPages, index: int, matrix: Matrix | None = None) -> Any:
    """The reference of one of those pages made into a form."""
    reference, resources, bounds = sheets.parts[index]
    form = reference.get_object()
    for name, value in _form_entries(map(float, bounds), resources).items():
        form[pdf_name(name)] = value
    if matrix is not None:
        form[pdf_name("/Matrix")] = _numbers(matrix)
    return reference


# Changes


def stamp(writer: IncrementalPdfFileWriter, index: int, form: Any, place: Matrix) -> None:
    """Draws a form over the page of that index, at a place in displayed points."""
    page = find_page(writer, index)
    display = page_display(page)
    under = writer.add_object(_content_form(page, display))
    matrix = multiply(place, display.to_user)
    numbers = " ".join(f"{value:.5f}".rstrip("0").rstrip(".") for value in matrix)
    drawing = f"q /L0 Do Q\nq {numbers} cm /L1 Do Q".encode()
    layers = generic.DictionaryObject({pdf_name("/L0"): under, pdf_name("/L1"): form})
    page.content[pdf_name("/Contents")] = writer.add_object(_stream(drawing))
    page.content[pdf_name("/Resources")] = generic.DictionaryObject({pdf_name("/XObject"): layers})
    writer.mark_update(page.reference)


def append(writer: IncrementalPdfFileWriter, sheets: ImportedPages, start: int) -> Any:
    """Appends those pages from `start` on; answers the reference of the first."""
    pages = _root_pages(writer)
    parent = writer.root.raw_get("/Pages")
    added = [writer.add_object(_new_page(parent, *part)) for part in sheets.parts[start:]]
    kids = pages["/Kids"]
    kids.extend(added)
    pages[pdf_name("/Count")] = generic.NumberObject(pages["/Count"] + len(added))
    writer.update_container(kids)
    writer.mark_update(parent)
    return added[0]


def _new_page(parent: Any, content: Any, resources: Any, bounds: Any) -> Any:
    """Says for itself whatever it could inherit."""
    return generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Page"),
            pdf_name("/Parent"): parent,
            pdf_name("/MediaBox"): bounds,
            pdf_name("/CropBox"): bounds,
            pdf_name("/Rotate"): generic.NumberObject(0),
            pdf_name("/Resources"): resources,
            pdf_name("/Contents"): content,
        }
    )
