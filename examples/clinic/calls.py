"""The telephone calls that staff should make today, from the portal's list of documents that need attention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One telephone call to make: the provider, the number, and the documents to ask about, most urgent first.

    `number` is E.164, or None if this EMR sent no number."""

    name: str
    number: str | None
    documents: Sequence[Json]

    @property
    def pending(self) -> Sequence[Json]:
        """The documents that still wait for the provider. Only for these, the portal accepts a report of the call."""
        return [document for document in self.documents if document.get("status") == "pending"]


def group_calls(resources: Sequence[Json]) -> list[Call]:
    """Return the calls to make about these documents (JSON of the portal), in the order of the documents.

    All documents of one provider at one telephone number belong to one call."""
    groups: dict[tuple[str, str | None], list[Json]] = {}
    for resource in resources:
        attention: Json = resource.get("attention") or {}
        call: Json = attention.get("call") or {}
        groups.setdefault((str(call.get("name", "")), call.get("number")), []).append(resource)
    return [Call(name, number, documents) for (name, number), documents in groups.items()]


def days_left_text(days: int) -> str:
    """Return the days to the due date as text for staff, such as "9 days left" or "2 days overdue"."""
    if days == 0:
        return "due today"
    unit = "day" if abs(days) == 1 else "days"
    return f"{days} {unit} left" if days > 0 else f"{-days} {unit} overdue"


def display_phone(number: str | None) -> str:
    """Return a telephone number (E.164) as Americans write it, such as `(512) 555-0190`.

    A number of another country is unchanged, and None is an empty text."""
    digits = (number or "").removeprefix("+1")
    if not number or not number.startswith("+1") or len(digits) != len("5125550190"):
        return number or ""
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
