from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
import pytest
from botocore.exceptions import ReadTimeoutError

from infrastructure.local import stack
from infrastructure.local.stack import LocalStack
from infrastructure.user_error import UserError

LATE: tuple[Exception, ...] = (
    httpx.ReadTimeout("timed out"),
    httpx.HTTPStatusError("504", request=httpx.Request("GET", "http://x"), response=httpx.Response(504)),
    ReadTimeoutError(endpoint_url="http://localhost"),
    UserError("The function failed."),
)


@dataclass
class Function:
    """One to be warmed up: it fails with each of these before it answers."""

    troubles: list[Exception] = field(default_factory=list)
    calls: int = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.troubles:
            raise self.troubles.pop(0)


@dataclass(frozen=True)
class StackOf(LocalStack):
    """A stack whose functions are these."""

    asleep: tuple[Function, ...] = ()

    def _warm_ups(self) -> Sequence[Callable[[], object]]:
        return self.asleep


def warm_up(*functions: Function) -> bool:
    return StackOf(4566, functions).warm_up()


def test_each_function_is_called_once() -> None:
    functions = [Function(), Function()]
    assert warm_up(*functions)
    assert [each.calls for each in functions] == [1, 1]


@pytest.mark.parametrize("error", LATE)
def test_a_function_that_is_late_is_called_again(error: Exception) -> None:
    late = Function([error])
    assert warm_up(Function(), late)
    assert late.calls == 2


@pytest.mark.parametrize("error", LATE)
def test_one_that_never_comes_ends_nothing_and_the_others_are_warm(error: Exception) -> None:
    never, other = Function([error] * 9), Function()
    assert not warm_up(never, other)
    assert (never.calls, other.calls) == (stack.TRIES_TO_WARM_UP, 1)


def test_nothing_is_tried_again_once_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "SECONDS_TO_WARM_UP", -1.0)
    never = Function([httpx.ReadTimeout("timed out")] * 9)
    assert not warm_up(never)
    assert never.calls == 1


def test_a_local_aws_that_cannot_name_its_functions_ends_nothing() -> None:
    class Silent(LocalStack):
        def _warm_ups(self) -> Sequence[Callable[[], object]]:
            raise ReadTimeoutError(endpoint_url="http://localhost")

    assert not Silent(4566).warm_up()
