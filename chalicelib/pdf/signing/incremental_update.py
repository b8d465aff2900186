"""Changes to a PDF by an incremental update (ISO 32000-1, 7.5.6): new bytes at the end, and no old byte changes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pypdf import PageObject
from pypdf.generic import FloatObject, NameObject

from chalicelib.pdf.geometry import Matrix, multiply
from chalicelib.pdf.reader import Display, float_array, read_display
from chalicelib.pdf.signing.verbatim_import import ParsedDrawing, parse_drawing, renumber

_INHERITED = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")
_MAX_TREE_DEPTH = 64

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
"""The errors that pyHanko's strict reader raises, often on first use, for a part that is missing or mistyped."""


class NotExtensible(ValueError):
    """The error for a file that no incremental update may extend. The caller rebuilds such a file instead."""


@contextmanager
def requires_extensible() -> Iterator[None]:
    """Raise `NotExtensible` in place of any error that a malformed file causes in the block, so that it is rebuilt."""
    try:
        yield
    except MALFORMED_PDF_ERRORS as error:
        raise NotExtensible("the file is not laid out as the standard says") from error


@dataclass(frozen=True)
class UpdatablePage:
    """A page of the file being extended: a reference to the page, its dictionary, and its inherited attributes."""

    reference: Any
    content: Any
    inherited: dict[str, Any]

    def get(self, name: str) -> Any:
        """Return the value of the page's own or inherited attribute; None if there is none.

        If the value is a reference, return the object that it refers to."""
        value = self.content.get(name) if name in self.content else self.inherited.get(name)
        return value.get_object() if isinstance(value, generic.IndirectObject) else value

    def raw(self, name: str) -> Any:
        """Return the page's own or inherited attribute as it is in the file; None if there is none.

        The result may be a reference to another object, to be written again. The method `get` follows the reference."""
        return self.content.raw_get(name) if name in self.content else self.inherited.get(name)


def open_to_extend(data: bytes) -> IncrementalPdfFileWriter:
    """Read a PDF strictly, and return a writer that adds an incremental update to it.

    Raise `NotExtensible` if the file breaks the standard, because PDF readers repair such a file differently."""
    with requires_extensible():
        writer = IncrementalPdfFileWriter(io.BytesIO(data), strict=True)
        _root_pages(writer)
    return writer


def _root_pages(writer: IncrementalPdfFileWriter) -> Any:
    pages = writer.root["/Pages"]
    if not isinstance(pages["/Kids"], generic.ArrayObject) or not isinstance(pages["/Count"], int):
        raise NotExtensible("the page tree has no children, or does not say how many")
    return pages


def declared_page_count(writer: IncrementalPdfFileWriter) -> int:
    """Return the number of pages that the file's page tree declares, including pages appended by the writer."""
    return int(_root_pages(writer)["/Count"])


def find_page(writer: IncrementalPdfFileWriter, index: int) -> UpdatablePage:
    """Return the page with that index (from 0) without reading the other pages, to save time.

    Raise `NotExtensible` if the page is not where the page tree says."""
    node, inherited = _root_pages(writer), {}
    for _ in range(_MAX_TREE_DEPTH):
        inherited.update({name: node.raw_get(name) for name in _INHERITED if name in node})
        reference, index = _find_child(node, index)
        node = reference.get_object()
        if "/Kids" not in node:
            break
    if node.get("/Type") != "/Page" or index != 0:
        raise NotExtensible("the page is not where the page tree says")
    return UpdatablePage(reference, node, inherited)


def _find_child(node: Any, index: int) -> tuple[Any, int]:
    """Return the child of a page tree node that contains the page `index`, and the page's index within that child.

    Raise `NotExtensible` if the node has too few pages."""
    kids = node["/Kids"]
    if node["/Count"] == len(kids) > index:
        return kids.raw_get(index), 0
    for position in range(len(kids)):
        count = kids[position].get("/Count", 1)
        if index < count:
            return kids.raw_get(position), index
        index -= count
    raise NotExtensible("the page tree has fewer pages than it says")


def page_display(page: UpdatablePage) -> Display:
    """Return how viewers show the page: its visible box, its rotation and its unit of length."""
    attributes = PageObject()
    for name in ("/MediaBox", "/CropBox"):
        edges = page.get(name)
        if isinstance(edges, generic.ArrayObject):
            attributes[NameObject(name)] = float_array(float(edge) for edge in edges)
    for name in ("/Rotate", "/UserUnit"):
        value = page.get(name)
        # Other readers ignore a number that is written as a string.
        if isinstance(value, (int, float, Decimal)):
            attributes[NameObject(name)] = FloatObject(float(value))
    return read_display(attributes)


# Pages drawn by reportlab, copied into the file


@dataclass(frozen=True)
class ImportedPage:
    """A page drawn by the portal and copied into the file being extended, not yet visible on any page of the file.

    `content` is a reference to the content stream, and `box` is the page's media box."""

    content: Any
    resources: Any
    box: Any


class _Verbatim(generic.PdfObject):
    """A PDF object whose bytes pyHanko writes exactly as reportlab wrote them."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def write_to_stream(self, stream: Any, handler: Any = None, container_ref: Any = None) -> None:  # noqa: ARG002 - pyHanko's signature
        stream.write(self._text)


def import_pages(writer: IncrementalPdfFileWriter, pdf: bytes) -> tuple[ImportedPage, ...]:
    """Copy the pages of a PDF that reportlab drew into the file being extended, for `to_xobject` or `append`.

    The objects are copied verbatim, which is fast. If the PDF does not have reportlab's usual form, pyHanko parses
    and copies the objects."""
    try:
        return _import_verbatim(writer, parse_drawing(pdf))
    except (ValueError, LookupError):
        return _import_parsed(writer, pdf)


def _import_verbatim(writer: IncrementalPdfFileWriter, drawing: ParsedDrawing) -> tuple[ImportedPage, ...]:
    numbers: dict[int, int] = {}
    for number, text in drawing.objects.items():
        numbers[number] = writer.add_object(_Verbatim(renumber(text, numbers.__getitem__))).idnum
    pages = []
    for page in drawing.pages:
        content = generic.StreamObject(encoded_data=page.content)
        content[pdf_name("/Filter")] = pdf_name("/FlateDecode")
        resources = _Verbatim(renumber(page.resources, numbers.__getitem__))
        pages.append(ImportedPage(writer.add_object(content), resources, _numbers(page.box)))
    return tuple(pages)


def _import_parsed(writer: IncrementalPdfFileWriter, pdf: bytes) -> tuple[ImportedPage, ...]:
    pages = []
    for reference in PdfFileReader(io.BytesIO(pdf)).root["/Pages"]["/Kids"]:
        page = reference.get_object()
        content = writer.add_object(writer.import_object(page["/Contents"]))
        resources = writer.import_object(page["/Resources"])
        pages.append(ImportedPage(content, resources, _numbers(map(float, page["/MediaBox"]))))
    return tuple(pages)


def to_xobject(page: ImportedPage, matrix: Matrix | None = None) -> Any:
    """Turn an imported page into a form XObject (a drawing that pages can show), and return the form's reference.

    The page's content stream itself becomes the form. `matrix` maps the page to the form's space."""
    form = page.content.get_object()
    for name, value in _form_entries(map(float, page.box), page.resources).items():
        form[pdf_name(name)] = value
    if matrix is not None:
        form[pdf_name("/Matrix")] = _numbers(matrix)
    return page.content


# Streams and forms


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
    """Return a page's content as a form XObject (a separate drawing), so that other drawings can follow on the page.

    A form restores the graphics state at its end, so the content cannot affect what is drawn after it."""
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


# Changes


def stamp(writer: IncrementalPdfFileWriter, index: int, form: Any, place: Matrix) -> None:
    """Draw a form XObject on top of the page with that index (from 0), such as the signature block.

    The matrix `place` maps the form to points on the displayed page. Raise `NotExtensible` if there is no such page."""
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


def append(writer: IncrementalPdfFileWriter, imported: tuple[ImportedPage, ...]) -> Any:
    """Append the imported pages (the certificate) to the file, and return the reference of the first appended page."""
    pages = _root_pages(writer)
    parent = writer.root.raw_get("/Pages")
    added = [writer.add_object(_new_page(parent, page)) for page in imported]
    kids = pages["/Kids"]
    kids.extend(added)
    pages[pdf_name("/Count")] = generic.NumberObject(pages["/Count"] + len(added))
    writer.update_container(kids)
    writer.mark_update(parent)
    return added[0]


def _new_page(parent: Any, page: ImportedPage) -> Any:
    """Return a page dictionary that sets every inheritable attribute, so that the page inherits none from the file."""
    return generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Page"),
            pdf_name("/Parent"): parent,
            pdf_name("/MediaBox"): page.box,
            pdf_name("/CropBox"): page.box,
            pdf_name("/Rotate"): generic.NumberObject(0),
            pdf_name("/Resources"): page.resources,
            pdf_name("/Contents"): page.content,
        }
    )
