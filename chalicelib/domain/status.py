"""The statuses of a document and the allowed changes between them (DESIGN section 2, contract).

Only `TRANSITIONS` compares statuses. All other code calls the functions of this module."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from chalicelib.domain.errors import Conflict, ConflictCode


class Status(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    RECALLED = "recalled"
    RETURNED = "returned"


class Action(StrEnum):
    APPROVE = "approve"
    SIGN_BY_HAND = "sign_by_hand"
    DECLINE = "decline"
    RECALL = "recall"
    RETURN = "return"


class Outcome(StrEnum):
    """The provider's decision on a document. The outcome does not change when the status becomes `returned`."""

    APPROVED = "approved"
    DECLINED = "declined"
    BY_HAND = "by_hand"


@dataclass(frozen=True)
class Rule:
    """The effect of one action on a document that has one status, such as to approve a pending document.

    The action gives the document the status `to` (and `outcome`), or changes nothing (`noop`), or else is a conflict.
    `same_only` means that the same decision by the same person changes nothing, and that any other decision is a
    conflict."""

    to: Status | None = None
    outcome: Outcome | None = None
    same_only: bool = False
    noop: bool = False


@dataclass(frozen=True)
class Move:
    """The status and outcome of a document after an action."""

    status: Status
    outcome: Outcome | None


_NOOP = Rule(noop=True)
_SAME = Rule(same_only=True)
_ALLOWED = {
    (Status.PENDING, Action.APPROVE): Rule(Status.APPROVED, Outcome.APPROVED),
    (Status.PENDING, Action.SIGN_BY_HAND): Rule(Status.APPROVED, Outcome.BY_HAND),
    (Status.PENDING, Action.DECLINE): Rule(Status.DECLINED, Outcome.DECLINED),
    (Status.PENDING, Action.RECALL): Rule(Status.RECALLED),
    (Status.PENDING, Action.RETURN): Rule(Status.RETURNED, Outcome.BY_HAND),
    (Status.APPROVED, Action.APPROVE): _SAME,
    (Status.APPROVED, Action.RETURN): Rule(Status.RETURNED),
    (Status.DECLINED, Action.DECLINE): _SAME,
    (Status.DECLINED, Action.RECALL): Rule(Status.RECALLED),
    (Status.DECLINED, Action.RETURN): Rule(Status.RETURNED),
    (Status.RECALLED, Action.RECALL): _NOOP,
    (Status.RETURNED, Action.RETURN): _NOOP,
}
TRANSITIONS: Mapping[tuple[Status, Action], Rule] = {
    case: _ALLOWED.get(case, Rule()) for case in product(Status, Action)
}
"""The effect of each action in each status. An action that `_ALLOWED` does not list is a conflict."""

_DONE = {
    Status.PENDING: "is still pending",
    Status.APPROVED: "has already been signed",
    Status.DECLINED: "has already been declined",
    Status.RECALLED: "has been recalled by the clinic",
    Status.RETURNED: "has been marked as returned",
}


def move(status: Status, outcome: Outcome | None, action: Action, *, same: bool = False) -> Move | None:
    """Return the document's new status and outcome after an action, or None if the action changes nothing.

    `same` is true if the same person has already made the same decision. Raises `Conflict` if `TRANSITIONS` does not
    allow the action."""
    rule = TRANSITIONS[status, action]
    if rule.to is not None:
        return Move(rule.to, rule.outcome or outcome)
    if rule.noop or (rule.same_only and same):
        return None
    raise Conflict(f"This document {_DONE[status]}.", code=ConflictCode(f"document-{status}"))


def require_decidable(status: Status) -> None:
    """Raise `Conflict` unless a provider can still approve or decline the document."""
    if not is_decidable(status):
        raise Conflict(f"This document {_DONE[status]}.", code=ConflictCode(f"document-{status}"))


def status_conflict(status: Status, detail: str) -> Conflict:
    """Return the error for an event of an EMR that the document's status does not allow.

    `detail` is a sentence without its period that says what is not allowed."""
    return Conflict(f"{detail}. This document is {status}.", code=ConflictCode(f"document-{status}"))


def is_open(status: Status) -> bool:
    """Return True if the document is neither marked as returned nor recalled.

    A signed or declined document stays in the clinic's report `unsigned` until it is marked as returned or recalled."""
    return TRANSITIONS[status, Action.RETURN].to is not None


def is_decidable(status: Status) -> bool:
    """Return True if a provider can still approve or decline the document."""
    return TRANSITIONS[status, Action.APPROVE].to is not None


def is_readable(status: Status) -> bool:
    """Return True if people may read the document. Nobody may read a recalled document."""
    return is_decidable(status) or is_past(status)


def is_past(status: Status) -> bool:
    """Return True if the provider's list of past documents has the document: decided or returned, but not recalled."""
    return not is_decidable(status) and TRANSITIONS[status, Action.RECALL] is not _NOOP
