"""The state of check boxes and radio buttons that do not say which of their drawings to show (no valid `/AS`).

PDF readers disagree on such a box: Acrobat and PDFium go by the field's value, Poppler shows an empty box. The value
is what the author of the file stated, so the box shows it."""

from __future__ import annotations

from collections.abc import Iterator

from pypdf.generic import DictionaryObject, NameObject, PdfObject, StreamObject

from chalicelib.pdf.reader import read_array, read_dictionary, read_number, resolve

_PUSH_BUTTON = 1 << 16
_MAX_DEPTH = 32
_OFF = "Off"


def choose_state(widget: DictionaryObject, *, redrawn: bool) -> DictionaryObject | None:
    """Return the entry `/AS` by which a check box or radio button shows its field's value; None if nothing is missing.

    A box that names one of its drawings stays as it is, and so does a box that is expressly off. If the file asks its
    readers to draw all fields from their values (`redrawn`), a box that is off shows its value too."""
    if not _is_box(widget):
        return None
    stated, states = _name(widget.get("/AS")), _on_states(widget)
    if stated in states or (stated and not states) or (stated == _OFF and not redrawn):
        return None
    state = _find_state(widget, states)
    return DictionaryObject({NameObject("/AS"): NameObject(f"/{state}")}) if state != stated else None


def _is_box(widget: DictionaryObject) -> bool:
    flags = int(read_number(_inherited(widget, "/Ff"), 0))
    return (
        widget.get("/Subtype") == "/Widget"
        and _name(_inherited(widget, "/FT")) == "Btn"
        and not flags & _PUSH_BUTTON
        and not isinstance(resolve(read_dictionary(widget.get("/AP")).get("/N")), StreamObject)
    )


def _ancestry(widget: DictionaryObject) -> Iterator[DictionaryObject]:
    """Yield a widget (the box of a field on a page) and the fields above it, which hold what the widget inherits."""
    item = widget
    for _ in range(_MAX_DEPTH):
        yield item
        item = read_dictionary(item.get("/Parent"))


def _inherited(widget: DictionaryObject, key: str) -> PdfObject | None:
    return next((item[key] for item in _ancestry(widget) if key in item), None)


def _name(value: PdfObject | None) -> str:
    """Return the text of a PDF name or string, without the slash of a name; an empty text for another value."""
    target = resolve(value)
    return target.removeprefix("/") if isinstance(target, str) else ""


def _on_states(widget: DictionaryObject) -> list[str]:
    names = read_dictionary(read_dictionary(widget.get("/AP")).get("/N"))
    return [str(name).removeprefix("/") for name in names if name != f"/{_OFF}"]


def _find_state(widget: DictionaryObject, states: list[str]) -> str:
    """Return the state in which a box shows the field's value: one of its `states`, or `Off`.

    The value names a state, or is one of the field's options (`/Opt`), whose index names the state. A box that is alone
    in its field shows every other value by its only state."""
    value = _name(_inherited(widget, "/V"))
    if not value or value in (_OFF, *states):
        return value or _OFF
    options = [_name(option) for option in read_array(_inherited(widget, "/Opt"))]
    index = options.index(value) if value in options else None
    if str(index) in states:
        return str(index)
    if len(states) > 1 or (not _is_alone(widget) and (index is None or not _is_kid(widget, index))):
        return _OFF
    return states[0] if states else value


def _siblings(widget: DictionaryObject) -> list[DictionaryObject]:
    own = "/FT" in widget and "/T" in widget
    kids = [] if own else read_array(read_dictionary(widget.get("/Parent")).get("/Kids"))
    return [read_dictionary(kid) for kid in kids]


def _is_alone(widget: DictionaryObject) -> bool:
    return len(_siblings(widget)) <= 1


def _is_kid(widget: DictionaryObject, index: int) -> bool:
    siblings = _siblings(widget)
    return index < len(siblings) and siblings[index] is widget
