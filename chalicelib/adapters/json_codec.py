"""Frozen dataclasses to JSON text and back, by their type hints. Made for the domain's values only."""

import json
import types
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from chalicelib.domain.timestamps import from_text, to_text

T = TypeVar("T")


def dump(value: object) -> str:
    """The JSON text of a dataclass; fields that are None by default are left out when they are None."""
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)


def load(kind: type[T], text: str) -> T:
    """The dataclass of that kind; unknown fields are ignored, missing ones take their default."""
    return cast(T, _build(kind, json.loads(text)))


def plain(value: Any) -> Any:
    """JSON-able data: times as RFC 3339 text, enums as their values, tuples as lists."""
    if is_dataclass(value):
        pairs = ((f, getattr(value, f.name)) for f in fields(value))
        return {f.name: plain(each) for f, each in pairs if not (each is None and f.default is None)}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _build(hint: Any, data: Any) -> Any:
    if data is None:
        return None
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _build(next(arg for arg in get_args(hint) if arg is not type(None)), data)
    if origin is tuple:
        return _build_tuple(get_args(hint), data)
    if isinstance(hint, type):
        return _build_plain(hint, data)
    return data


def _build_tuple(args: tuple[Any, ...], data: list[Any]) -> tuple[Any, ...]:
    if args[-1] is Ellipsis:
        return tuple(_build(args[0], each) for each in data)
    return tuple(_build(arg, each) for arg, each in zip(args, data, strict=True))


def _build_plain(hint: type, data: Any) -> Any:
    if is_dataclass(hint):
        hints = _hints(hint)
        return hint(**{name: _build(hints[name], each) for name, each in data.items() if name in hints})
    if issubclass(hint, datetime):
        return from_text(data)
    if issubclass(hint, date):
        return date.fromisoformat(data)
    if issubclass(hint, Enum | float):
        return hint(data)
    return data
