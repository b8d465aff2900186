"""Flat copies of PDF pages: the same visible content, without anything active that could change a signed document.

A page becomes a form XObject (a drawing that pages can show) of its content, with the appearance of each visible
annotation on top. Actions, scripts, files, outlines, tags and fields are not copied, and any of these inside resources
are removed."""

from __future__ import annotations

import hashlib
import io
import zlib
from datetime import UTC, datetime
from typing import cast

from pypdf import PageObject, PdfWriter
from pypdf.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    FloatObject,
    IndirectObject,
    NameObject,
    NumberObject,
    PdfObject,
    StreamObject,
)

from chalicelib.pdf.assembly.symbol_fonts import embed_symbols
from chalicelib.pdf.geometry import IDENTITY, TURNS, Box, Matrix, invert, multiply, transform_box
from chalicelib.pdf.reader import Display, float_array, read_array, read_box, read_dictionary, read_number, resolve

_HIDDEN, _NO_ROTATE, _NO_VIEW = 2, 16, 32
_NOT_DRAWN = ("/Popup", "/Link", "/Movie", "/Sound", "/Screen", "/RichMedia", "/3D")
_XOBJECT_EXTRAS = frozenset(
    {"/AF", "/Alternates", "/Metadata", "/OPI", "/PieceInfo", "/Ref", "/StructParent", "/StructParents"}
)
_HOLDERS = frozenset({"/A", "/AA", "/AF", "/Annots", "/EF", "/Names", "/OpenAction"})
_HOLDER_TYPES = ("/Page", "/Annot", "/Filespec", "/F", "/Catalog")
_ACTIONS = (
    "/JavaScript",
    "/Launch",
    "/SubmitForm",
    "/ImportData",
    "/GoToR",
    "/GoToE",
    "/Rendition",
    "/RichMediaExecute",
)

_STREAM_KEYS = frozenset({"/Length", "/Filter", "/DecodeParms", "/F"})

PlacedForm = tuple[IndirectObject, Matrix]
"""A reference to a form XObject, and the matrix from the form to the page's user space."""


def _reference(writer: PdfWriter, item: PdfObject) -> IndirectObject:
    """Return the reference to a PDF object in the writer's file. An object without a reference is first added."""
    reference = getattr(item, "indirect_reference", None)
    return reference or writer._add_object(item)  # noqa: SLF001 - pypdf's way, if unofficial


def _make_form(stream: StreamObject, bounds: Box, resources: PdfObject) -> StreamObject:
    stream.update(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Form"),
            NameObject("/BBox"): float_array(bounds),
            NameObject("/Resources"): resources,
        }
    )
    return stream


def _join_content(page: PageObject) -> StreamObject:
    parts = [resolve(part) for part in read_array(page.get("/Contents"))]
    data = b"\n".join(part.get_data() for part in parts if isinstance(part, StreamObject))
    return deflate(data)


def deflate(data: bytes) -> StreamObject:
    """Return a PDF stream of the data, compressed by deflate. Equal data gives equal bytes."""
    stream = StreamObject()
    stream._data = zlib.compress(data, 6)  # noqa: SLF001 - set_data would deflate at another level
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    return stream


def import_page_form(writer: PdfWriter, page: PageObject, display: Display) -> IndirectObject:
    """Copy a page's content (without annotations) into the writer as a form XObject, and return the form's reference.

    The form is clipped to the visible box and has the coordinates of the page's user space."""
    content = resolve(page.get("/Contents"))
    if isinstance(content, StreamObject):
        # Pages may share a content stream but differ in box and resources.
        stream = cast("StreamObject", content.clone(writer, force_duplicate=True))
    else:
        stream = _join_content(page)
    form = _make_form(stream, display.box, _clone_dictionary(writer, page.get("/Resources")))
    if page.get("/Group") is not None:
        form[NameObject("/Group")] = _clone_dictionary(writer, page.get("/Group"))
    return _reference(writer, form)


def _clone_dictionary(writer: PdfWriter, value: PdfObject | None) -> PdfObject:
    """Copy a dictionary into the writer. Of a stream, which only a hostile file has here, copy just its entries.

    The stream itself may be the very stream that gets the copy, and an object inside itself cannot be written."""
    source = read_dictionary(value)
    if isinstance(source, StreamObject):
        source = DictionaryObject({key: entry for key, entry in source.items() if key not in _STREAM_KEYS})
    return source.clone(writer)


def _appearance(annotation: DictionaryObject) -> StreamObject | None:
    """Return the drawing of an annotation or form field in its current state, such as checked; None if it has none."""
    normal = resolve(read_dictionary(annotation.get("/AP")).get("/N"))
    if isinstance(normal, DictionaryObject) and not isinstance(normal, StreamObject):
        normal = resolve(normal.get(str(annotation.get("/AS", "/Off"))))
    return normal if isinstance(normal, StreamObject) else None


def is_visible(annotation: DictionaryObject) -> bool:
    """Return True if a viewer on a screen draws the annotation: it is not hidden, and not a link or similar."""
    flags = int(read_number(annotation.get("/F"), 0))
    return not flags & (_HIDDEN | _NO_VIEW) and annotation.get("/Subtype") not in _NOT_DRAWN


def _fit_appearance(form: DictionaryObject, rectangle: Box) -> Matrix | None:
    """Return the matrix that fits an annotation's drawing into its rectangle on the page (ISO 32000-1, algorithm 8.1).

    Return None if the drawing has no area."""
    values = [read_number(item, 0.0) for item in read_array(form.get("/Matrix"))]
    matrix = cast("Matrix", tuple(values)) if len(values) == len(IDENTITY) else IDENTITY
    bounds = read_box(form.get("/BBox"))
    if bounds is None:
        return None
    x0, y0, x1, y1 = transform_box(bounds, matrix)
    if x1 <= x0 or y1 <= y0:
        return None
    left, bottom, right, top = rectangle
    x_scale, y_scale = (right - left) / (x1 - x0), (top - bottom) / (y1 - y0)
    return (x_scale, 0.0, 0.0, y_scale, left - x0 * x_scale, bottom - y0 * y_scale)


def _keep_upright(annotation: DictionaryObject, rectangle: Box, rotation: int) -> Matrix:
    """Return the matrix that turns a note back, if it must stay upright on a page with this rotation in degrees.

    The upper left corner of the note's rectangle stays in place (ISO 32000-2, table 167, NoRotate)."""
    if not int(read_number(annotation.get("/F"), 0)) & _NO_ROTATE:
        return IDENTITY
    left, _, _, top = rectangle
    moved = multiply((1.0, 0.0, 0.0, 1.0, -left, -top), TURNS[rotation])
    return multiply(moved, (1.0, 0.0, 0.0, 1.0, left, top))


def _annotation_form(writer: PdfWriter, annotation: DictionaryObject, rotation: int) -> PlacedForm | None:
    appearance, rectangle = _appearance(annotation), read_box(annotation.get("/Rect"))
    if appearance is None or rectangle is None or not is_visible(annotation):
        return None
    fitted = _fit_appearance(appearance, rectangle)
    if fitted is None:
        return None
    matrix = multiply(fitted, _keep_upright(annotation, rectangle, rotation))
    form = cast("StreamObject", appearance.clone(writer, force_duplicate=True))
    form[NameObject("/Subtype")] = NameObject("/Form")
    return _reference(writer, form), matrix


def collect_layers(writer: PdfWriter, page: PageObject, display: Display) -> list[PlacedForm]:
    """Copy a page's content and visible annotations into the writer, and return the copies as placed forms.

    A placed form is a form XObject with its matrix. The content is first, then the annotations, and then the form
    fields on top of them, as PDFium draws them."""
    layers: list[PlacedForm] = [(import_page_form(writer, page, display), IDENTITY)]
    annotations = [read_dictionary(item) for item in read_array(page.get("/Annots"))]
    for annotation in sorted(annotations, key=lambda item: item.get("/Subtype") == "/Widget"):
        placed = _annotation_form(writer, annotation, display.rotation)
        if placed is not None:
            layers.append(placed)
    return layers


def _draw_layers(layers: list[PlacedForm]) -> tuple[bytes, DictionaryObject]:
    names = DictionaryObject({NameObject(f"/L{index}"): form for index, (form, _) in enumerate(layers)})
    lines = [
        "q " + " ".join(f"{value:.5f}".rstrip("0").rstrip(".") for value in matrix) + f" cm /L{index} Do Q"
        for index, (_, matrix) in enumerate(layers)
    ]
    return "\n".join(lines).encode(), DictionaryObject({NameObject("/XObject"): names})


def append_layered_page(writer: PdfWriter, display: Display, layers: list[PlacedForm]) -> None:
    """Append a page to the writer that shows the drawings in `layers`, the first one at the bottom.

    `display` gives the page's visible box, rotation and UserUnit."""
    page = writer.add_blank_page(1, 1)
    content, resources = _draw_layers(layers)
    page[NameObject("/MediaBox")] = float_array(display.box)
    page[NameObject("/Resources")] = resources
    page[NameObject("/Contents")] = _reference(writer, deflate(content))
    if display.rotation:
        page[NameObject("/Rotate")] = NumberObject(display.rotation)
    if display.unit != 1:
        page[NameObject("/UserUnit")] = FloatObject(display.unit)


def letter_page(*, landscape: bool = False) -> Display:
    """Return the visible box, rotation and UserUnit of a blank US Letter page."""
    return Display((0.0, 0.0, 792.0, 612.0) if landscape else (0.0, 0.0, 612.0, 792.0), 0, 1.0)


def to_displayed_space(layers: list[PlacedForm], display: Display, onto: Matrix) -> list[PlacedForm]:
    """Return the drawings of a page (`layers`), placed on another sheet such as a Letter page.

    The drawings move from the page's user space to points on the displayed page, and then by the matrix `onto`."""
    move = multiply(invert(display.to_user), onto)
    return [(form, multiply(matrix, move)) for form, matrix in layers]


def _strip(item: DictionaryObject) -> None:
    """Remove everything active from one PDF dictionary, such as a script or an embedded file.

    A dictionary that is itself an action becomes empty. Another dictionary loses the entries that hold actions or
    files."""
    kind = item.get("/S")
    if isinstance(kind, NameObject) and kind in _ACTIONS:
        item.clear()
    removed: frozenset[str] = frozenset()
    if item.get("/Subtype") in ("/Form", "/Image"):
        removed = _XOBJECT_EXTRAS
    elif item.get("/Type") in _HOLDER_TYPES:
        removed = _HOLDERS
    for key in removed & item.keys():
        del item[key]


def _scrub(value: PdfObject) -> None:
    """Remove actions and files from a PDF object and all that is inside it, but not from objects that it refers to.

    An object that is inside itself is scrubbed once."""
    pending, seen = [value], set[int]()
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, DictionaryObject):
            _strip(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def write_pdf(writer: PdfWriter, *, title: str, at: datetime, seed: bytes) -> bytes:
    """Return the bytes of the writer's file, without actions and embedded files, and with all fonts of symbols.

    `seed` determines the file's identifier. The same content, title, time and seed give the same bytes."""
    for item in writer._objects:  # noqa: SLF001 - the only way to all objects
        if item is not None:
            _scrub(item)
    embed_symbols(writer)
    stamp = at.astimezone(UTC).strftime("D:%Y%m%d%H%M%S+00'00'")
    writer.add_metadata({"/Title": title, "/Producer": "Provider Portal", "/CreationDate": stamp, "/ModDate": stamp})
    identity = ByteStringObject(hashlib.sha256(seed).digest()[:16])
    writer._ID = ArrayObject([identity, identity])  # noqa: SLF001 - pypdf would draw a random one
    writer.pdf_header = "%PDF-1.7"
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()
