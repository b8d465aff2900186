"""Rebuilding pages from what is drawn on them, and nothing else.

A page becomes a form XObject of its content, with the appearance of each visible annotation over it.
Actions, scripts, files, outlines, tags and fields have no way into the result: they are not copied, and what
hides inside resources is removed.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from pypdf import PageObject, PdfReader, PdfWriter
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

from chalicelib.pdf.geometry import IDENTITY, Box, Matrix, invert, multiply, transform_box
from chalicelib.pdf.reader import Display, read_array, read_box, read_dictionary, read_number, resolve

_HIDDEN, _NO_VIEW = 2, 32
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

PlacedForm = tuple[IndirectObject, Matrix]


def float_array(values: Iterable[float]) -> ArrayObject:
    return ArrayObject(FloatObject(round(value, 5)) for value in values)


def _reference(writer: PdfWriter, item: PdfObject) -> IndirectObject:
    """The item's place in the writer, where it is given one if it has none."""
    place = getattr(item, "indirect_reference", None)
    return place or writer._add_object(item)  # noqa: SLF001 - pypdf's way, if unofficial


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


def _joined_content(page: PageObject) -> StreamObject:
    parts = [resolve(part) for part in read_array(page.get("/Contents"))]
    data = b"\n".join(part.get_data() for part in parts if isinstance(part, StreamObject))
    return deflate(data)


def deflate(data: bytes) -> StreamObject:
    """A deflated stream: the encoding is done here so that the same bytes always come out."""
    stream = StreamObject()
    stream._data = zlib.compress(data, 6)  # noqa: SLF001 - set_data would deflate at another level
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    return stream


def import_page_form(writer: PdfWriter, page: PageObject, display: Display) -> IndirectObject:
    """The page's content as a form XObject in user space, clipped to what is displayed."""
    content = resolve(page.get("/Contents"))
    if isinstance(content, StreamObject):
        # Pages may share a content stream but differ in box and resources.
        stream = cast("StreamObject", content.clone(writer, force_duplicate=True))
    else:
        stream = _joined_content(page)
    resources = read_dictionary(page.get("/Resources")).clone(writer)
    form = _make_form(stream, display.box, resources)
    group = page.get("/Group")
    if group is not None:
        form[NameObject("/Group")] = group.clone(writer)
    return _reference(writer, form)


def _appearance(annotation: DictionaryObject) -> StreamObject | None:
    """The normal appearance, of the state that the annotation is in."""
    normal = resolve(read_dictionary(annotation.get("/AP")).get("/N"))
    if isinstance(normal, DictionaryObject) and not isinstance(normal, StreamObject):
        normal = resolve(normal.get(str(annotation.get("/AS", "/Off"))))
    return normal if isinstance(normal, StreamObject) else None


def is_visible(annotation: DictionaryObject) -> bool:
    """Whether a viewer on a screen draws the annotation."""
    flags = int(read_number(annotation.get("/F"), 0))
    return not flags & (_HIDDEN | _NO_VIEW) and annotation.get("/Subtype") not in _NOT_DRAWN


def _placement(form: DictionaryObject, rectangle: Box) -> Matrix | None:
    """Where the appearance goes: ISO 32000-1, 12.5.5, algorithm 8.1."""
    values = [read_number(item, 0.0) for item in read_array(form.get("/Matrix"))]
    own = cast("Matrix", tuple(values)) if len(values) == len(IDENTITY) else IDENTITY
    bounds = read_box(form.get("/BBox"))
    if bounds is None:
        return None
    x0, y0, x1, y1 = transform_box(bounds, own)
    if x1 <= x0 or y1 <= y0:
        return None
    across, up = (rectangle[2] - rectangle[0]) / (x1 - x0), (rectangle[3] - rectangle[1]) / (y1 - y0)
    return (across, 0.0, 0.0, up, rectangle[0] - x0 * across, rectangle[1] - y0 * up)


def _annotation_form(writer: PdfWriter, annotation: DictionaryObject) -> PlacedForm | None:
    appearance, rectangle = _appearance(annotation), read_box(annotation.get("/Rect"))
    if appearance is None or rectangle is None or not is_visible(annotation):
        return None
    matrix = _placement(appearance, rectangle)
    if matrix is None:
        return None
    form = cast("StreamObject", appearance.clone(writer, force_duplicate=True))
    form[NameObject("/Subtype")] = NameObject("/Form")
    layer = annotation.get("/OC")
    if layer is not None:
        form[NameObject("/OC")] = layer.clone(writer)
    return _reference(writer, form), matrix


def collect_layers(writer: PdfWriter, page: PageObject, display: Display) -> list[PlacedForm]:
    """All that the page shows, in drawing order, each with its matrix to user space."""
    layers: list[PlacedForm] = [(import_page_form(writer, page, display), IDENTITY)]
    for item in read_array(page.get("/Annots")):
        placed = _annotation_form(writer, read_dictionary(item))
        if placed is not None:
            layers.append(placed)
    return layers


def _drawing(layers: list[PlacedForm]) -> tuple[bytes, DictionaryObject]:
    names = DictionaryObject({NameObject(f"/L{index}"): form for index, (form, _) in enumerate(layers)})
    lines = [
        "q " + " ".join(f"{value:.5f}".rstrip("0").rstrip(".") for value in matrix) + f" cm /L{index} Do Q"
        for index, (_, matrix) in enumerate(layers)
    ]
    return "\n".join(lines).encode(), DictionaryObject({NameObject("/XObject"): names})


def append_layered_page(writer: PdfWriter, display: Display, layers: list[PlacedForm]) -> None:
    """Appends a page of these layers, with the visible box, rotation and unit given."""
    page = writer.add_blank_page(1, 1)
    content, resources = _drawing(layers)
    page[NameObject("/MediaBox")] = float_array(display.box)
    page[NameObject("/Resources")] = resources
    page[NameObject("/Contents")] = _reference(writer, deflate(content))
    if display.rotation:
        page[NameObject("/Rotate")] = NumberObject(display.rotation)
    if display.unit != 1:
        page[NameObject("/UserUnit")] = FloatObject(display.unit)


def letter_page(*, landscape: bool = False) -> Display:
    """A US Letter sheet."""
    return Display((0.0, 0.0, 792.0, 612.0) if landscape else (0.0, 0.0, 612.0, 792.0), 0, 1.0)


def to_displayed_space(layers: list[PlacedForm], display: Display, onto: Matrix) -> list[PlacedForm]:
    """The layers of a page moved from its user space to its displayed space, then by `onto`."""
    move = multiply(invert(display.to_user), onto)
    return [(form, multiply(matrix, move)) for form, matrix in layers]


def copy_layer_visibility(writer: PdfWriter, reader: PdfReader) -> None:
    """Copies the optional-content settings: without them, hidden layers would show."""
    settings = read_dictionary(reader.trailer["/Root"]).get("/OCProperties")
    if settings is not None:
        writer.root_object[NameObject("/OCProperties")] = settings.clone(writer)


def _strip(item: DictionaryObject) -> None:
    """Empties actions and takes references to files off the rest. Resource names may be any: types decide."""
    kind = item.get("/S")
    if isinstance(kind, NameObject) and kind in _ACTIONS:
        item.clear()
    doomed: frozenset[str] = frozenset()
    if item.get("/Subtype") in ("/Form", "/Image"):
        doomed = _XOBJECT_EXTRAS
    elif item.get("/Type") in _HOLDER_TYPES:
        doomed = _HOLDERS
    for key in doomed & item.keys():
        del item[key]


def _scrub(value: PdfObject) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, DictionaryObject):
            _strip(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def write_pdf(writer: PdfWriter, *, title: str, at: datetime, seed: bytes) -> bytes:
    """The file's bytes: the same writer content, title, time and seed give the same bytes."""
    for item in writer._objects:  # noqa: SLF001 - no other way to reach them all
        if item is not None:
            _scrub(item)
    stamp = at.astimezone(UTC).strftime("D:%Y%m%d%H%M%S+00'00'")
    writer.add_metadata(
        {"/Title": title, "/Producer": "Provider Portal", "/CreationDate": stamp, "/ModDate": stamp}
    )
    identity = ByteStringObject(hashlib.sha256(seed).digest()[:16])
    writer._ID = ArrayObject([identity, identity])  # noqa: SLF001 - pypdf would draw a random one
    writer.pdf_header = "%PDF-1.7"
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()
