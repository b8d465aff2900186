"""Conversion of the domain's frozen dataclasses to JSON text and back, for the database and the queues.

The type hints of a dataclass say how its JSON is read. A field whose metadata has `stored_as` is stored under that
name, so that old rows can be read after the field was renamed."""

import json
import types
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from chalicelib.domain.timestamps import from_text, to_text

T = TypeVar("T")


def dump(value: object) -> str:
    """Return a dataclass as JSON text, for `load`. A field is left out if both its value and its default are None."""
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)


def load(kind: type[T], text: str) -> T:
    """Return the dataclass of the class `kind` from the JSON text that `dump` made, maybe in another release.

    Unknown fields are ignored, and missing fields get their default."""
    return cast(T, _build(kind, json.loads(text)))


def plain(value: Any) -> Any:
    """Return the value as data for `json.dumps`: dataclasses as objects, times as RFC 3339 text, tuples as lists.

    Enums become their values."""
    if is_dataclass(value):
        pairs = ((f, getattr(value, f.name)) for f in fields(value))
        return {_stored(f): plain(item) for f, item in pairs if not (item is None and f.default is None)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def _stored(field: Field[Any]) -> str:
    return str(field.metadata.get("stored_as", field.name))


@cache
def _stored_fields(kind: Any) -> dict[str, tuple[str, Any]]:
    """Return the fields of a dataclass: a dict from the field's name in JSON to its name in Python and its type."""
    hints = get_type_hints(kind)
    return {_stored(field): (field.name, hints[field.name]) for field in fields(kind)}


def _build(hint: Any, data: Any) -> Any:
    if data is None:
        return None
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _build(next(arg for arg in get_args(hint) if arg is not type(None)), data)
    if origin is tuple:
        return _build_tuple(get_args(hint), data)
    if origin is Mapping:
        return {key: _build(get_args(hint)[1], item) for key, item in data.items()}
    if isinstance(hint, type):
        return _build_plain(hint, data)
    return data


def _build_tuple(args: tuple[Any, ...], data: list[Any]) -> tuple[Any, ...]:
    if args[-1] is Ellipsis:
        return tuple(_build(args[0], item) for item in data)
    return tuple(_build(arg, item) for arg, item in zip(args, data, strict=True))


def _build_plain(hint: type, data: Any) -> Any:
    if is_dataclass(hint):
        known = _stored_fields(hint)
        facts = ((*known[stored], item) for stored, item in data.items() if stored in known)
        return hint(**{name: _build(kind, item) for name, kind, item in facts})
    if issubclass(hint, datetime):
        return from_text(data)
    if issubclass(hint, date):
        return date.fromisoformat(data)
    if issubclass(hint, Enum | float):
        return hint(data)
    return data
