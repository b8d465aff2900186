"""The filters of the report of unsigned documents, and the order in which staff should look at its documents."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum

from examples.clinic.worklist import Json, Step, state_of


class Filter(StrEnum):
    """A filter that staff choose in the report of unsigned documents. It decides which documents the report shows."""

    ALL = "all"
    NOT_DELIVERED = "not_delivered"
    OVERDUE = "overdue"
    WAITING = "waiting"
    COPY_RECEIVED = "copy_received"
    SIGNED = "signed"
    DECLINED = "declined"


FILTERS: Mapping[Filter, str] = {
    Filter.ALL: "All",
    Filter.NOT_DELIVERED: "Not delivered",
    Filter.OVERDUE: "Overdue",
    Filter.WAITING: "Waiting",
    Filter.COPY_RECEIVED: "Copy received",
    Filter.SIGNED: "Signed",
    Filter.DECLINED: "Declined",
}
"""The labels of the filters, in the order in which the page offers them."""

RETURNABLE = frozenset({Step.APPROVED, Step.DECLINED})
"""The steps in which staff have nothing more to do than to mark the document as returned."""

_COPY_REASONS = frozenset({"copy_received", "signed_undated", "copy_not_readable"})

_BY_NEED = (Step.NOT_DELIVERED, Step.CHECK_SCAN, Step.DECLINED, Step.PENDING, Step.APPROVED, Step.SEALING)
"""The steps in the order in which staff should look at the documents."""

_STEPS: Mapping[Filter, frozenset[Step]] = {
    Filter.NOT_DELIVERED: frozenset({Step.NOT_DELIVERED}),
    Filter.WAITING: frozenset({Step.PENDING}),
    Filter.COPY_RECEIVED: frozenset({Step.CHECK_SCAN}),
    Filter.SIGNED: frozenset({Step.SEALING, Step.APPROVED}),
    Filter.DECLINED: frozenset({Step.DECLINED}),
}


def choose(resources: Sequence[Json], chosen: Filter, today: date) -> list[Json]:
    """Return the documents (JSON of the portal) that pass a filter, first those that most need somebody to act.

    `today` is the calendar day at the clinic."""
    return sorted((row for row in resources if _admits(chosen, row, today)), key=lambda row: _need(row, today))


def _admits(chosen: Filter, resource: Json, today: date) -> bool:
    by_facts = {
        Filter.ALL: True,
        Filter.OVERDUE: _is_overdue(resource, today),
        Filter.COPY_RECEIVED: _has_copy(resource),
    }
    return by_facts.get(chosen, False) or state_of(resource).step in _STEPS.get(chosen, ())


def _need(resource: Json, today: date) -> tuple[bool, bool, int, str]:
    """Return the key by which the report of unsigned documents is sorted, the documents that need staff first.

    First come documents that the portal marks for attention, then overdue ones. After that, the stage of the document
    and its due day decide."""
    rank = _BY_NEED.index(state_of(resource).step)
    return not resource.get("attention"), not _is_overdue(resource, today), rank, str(resource.get("due_on") or "")


def _is_overdue(resource: Json, today: date) -> bool:
    due_on = resource.get("due_on")
    return resource.get("status") == "pending" and bool(due_on) and date.fromisoformat(str(due_on)) < today


def _has_copy(resource: Json) -> bool:
    """Return True if a copy came back that nobody has read yet, or that does not count as a signed document.

    Such a copy has no date beside the signature, for example."""
    return (resource.get("attention") or {}).get("reason") in _COPY_REASONS
