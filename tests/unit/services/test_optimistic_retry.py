"""Test how often a transaction is tried again after another request has changed the same rows."""

import pytest

from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.services.optimistic_retry import MAX_TRIES, retry_on_conflict, retry_on_latest

PARTS = frozenset({"document", "provider"})


class Step:
    """A step (read, decide, commit) whose first tries fail because of another writer. `states` lists the state of each
    try."""

    def __init__(self, failures: int, *parts: str) -> None:
        self.failures, self.parts, self.states = failures, parts, list[str]()

    def __call__(self, state: str) -> str:
        self.states.append(state)
        if len(self.states) <= self.failures:
            raise ConcurrentUpdate(self.parts)
        return f"done with {state}"


def test_a_step_runs_on_the_latest_state_after_every_conflict() -> None:
    step, reads = Step(2, "document"), iter(["second", "third"])
    result = retry_on_latest(step, initial="first", read=lambda: next(reads), retry_on=PARTS)
    assert (result, step.states) == ("done with third", ["first", "second", "third"])


@pytest.mark.parametrize(("failures", "succeeds"), [(MAX_TRIES - 1, True), (MAX_TRIES, False)])
def test_a_step_is_given_up_after_twelve_conflicts(*, failures: int, succeeds: bool) -> None:
    step = Step(failures, "document", "provider")
    if succeeds:
        assert retry_on_conflict(lambda: step("row"), retry_on=PARTS) == "done with row"
    else:
        with pytest.raises(Unavailable, match="try again in a moment"):
            retry_on_conflict(lambda: step("row"), retry_on=PARTS)
    assert len(step.states) == MAX_TRIES


@pytest.mark.parametrize("parts", [("event",), ("document", "event")])
def test_a_conflict_about_another_part_is_raised_at_once(parts: tuple[str, ...]) -> None:
    step = Step(1, *parts)
    with pytest.raises(ConcurrentUpdate):
        retry_on_conflict(lambda: step("row"), retry_on=PARTS)
    assert len(step.states) == 1
