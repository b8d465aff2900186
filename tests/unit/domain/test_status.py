from itertools import product
from typing import Any

import pytest

from chalicelib.domain.errors import Conflict
from chalicelib.domain.status import TRANSITIONS, Action, Move, Outcome, Status, is_decidable, is_open, is_past, move

P, A, D, C, R = Status.PENDING, Status.APPROVED, Status.DECLINED, Status.RECALLED, Status.RETURNED
CONFLICT, NOOP, SAME = "conflict", "no-op", "same"
EXPECTED: dict[Status, list[Any]] = {
    P: [A, A, D, C, R],
    A: [SAME, CONFLICT, CONFLICT, CONFLICT, R],
    D: [CONFLICT, CONFLICT, SAME, C, R],
    C: [CONFLICT, CONFLICT, CONFLICT, NOOP, CONFLICT],
    R: [CONFLICT, CONFLICT, CONFLICT, CONFLICT, NOOP],
}
ACTIONS = [Action.APPROVE, Action.SIGN_BY_HAND, Action.DECLINE, Action.RECALL, Action.RETURN]


def test_the_table_covers_every_status_and_action() -> None:
    assert set(TRANSITIONS) == set(product(Status, Action))


@pytest.mark.parametrize(("status", "action"), list(product(Status, ACTIONS)))
def test_every_move_is_as_in_the_contract(status: Status, action: Action) -> None:
    expected = EXPECTED[status][ACTIONS.index(action)]
    if expected in (CONFLICT, SAME):
        with pytest.raises(Conflict) as refused:
            move(status, None, action)
        assert refused.value.code == f"document-{status}"
    elif expected == NOOP:
        assert move(status, None, action) is None
    else:
        made = move(status, None, action)
        assert made is not None
        assert made.status == expected


@pytest.mark.parametrize(("status", "action"), [(A, Action.APPROVE), (D, Action.DECLINE)])
def test_the_same_decision_again_changes_nothing(status: Status, action: Action) -> None:
    assert move(status, None, action, same=True) is None


@pytest.mark.parametrize(
    ("status", "action"), [(A, Action.DECLINE), (D, Action.APPROVE), (C, Action.APPROVE), (R, Action.DECLINE)]
)
def test_same_does_not_allow_another_decision(status: Status, action: Action) -> None:
    with pytest.raises(Conflict):
        move(status, None, action, same=True)


def test_the_outcome_remains_after_the_return() -> None:
    assert move(A, Outcome.APPROVED, Action.RETURN) == Move(R, Outcome.APPROVED)
    assert move(D, Outcome.DECLINED, Action.RETURN) == Move(R, Outcome.DECLINED)


def test_a_return_of_a_pending_document_counts_as_signed_by_hand() -> None:
    assert move(P, None, Action.RETURN) == Move(R, Outcome.BY_HAND)
    assert move(P, None, Action.SIGN_BY_HAND) == Move(A, Outcome.BY_HAND)


def test_the_lists_follow_from_the_table() -> None:
    assert [s for s in Status if is_open(s)] == [P, A, D]
    assert [s for s in Status if is_decidable(s)] == [P]
    assert [s for s in Status if is_past(s)] == [A, D, R]
