from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
import pytest
from botocore.exceptions import ReadTimeoutError

from infrastructure.local import stack
from infrastructure.local.stack import LocalStack
from infrastructure.user_error import UserError

NOT_READY: tuple[Exception, ...] = (
    httpx.ReadTimeout("timed out"),
    httpx.HTTPStatusError("504", request=httpx.Request("GET", "http://x"), response=httpx.Response(504)),
    ReadTimeoutError(endpoint_url="http://localhost"),
    UserError("The function failed."),
)


@dataclass
class Function:
    """A fake Lambda function that raises each of the `errors` in turn before it succeeds."""

    errors: list[Exception] = field(default_factory=list)
    calls: int = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


@dataclass(frozen=True)
class StackOf(LocalStack):
    """A local stack whose functions, to be called once at the start (warmed up), are these fakes."""

    cold: tuple[Function, ...] = ()

    def _warm_ups(self) -> Sequence[Callable[[], object]]:
        return self.cold


def warm_up(*functions: Function) -> bool:
    return StackOf(4566, functions).warm_up()


def test_each_function_is_called_once() -> None:
    functions = [Function(), Function()]
    assert warm_up(*functions)
    assert [function.calls for function in functions] == [1, 1]


@pytest.mark.parametrize("error", NOT_READY)
def test_a_function_that_fails_once_is_called_again(error: Exception) -> None:
    late = Function([error])
    assert warm_up(Function(), late)
    assert late.calls == 2


@pytest.mark.parametrize("error", NOT_READY)
def test_a_function_that_never_succeeds_does_not_stop_the_others(error: Exception) -> None:
    never, other = Function([error] * 9), Function()
    assert not warm_up(never, other)
    assert (never.calls, other.calls) == (stack.TRIES_TO_WARM_UP, 1)


def test_no_function_is_called_again_after_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "SECONDS_TO_WARM_UP", -1.0)
    never = Function([httpx.ReadTimeout("timed out")] * 9)
    assert not warm_up(never)
    assert never.calls == 1


def test_a_local_aws_that_cannot_list_its_functions_is_no_error() -> None:
    class Silent(LocalStack):
        def _warm_ups(self) -> Sequence[Callable[[], object]]:
            raise ReadTimeoutError(endpoint_url="http://localhost")

    assert not Silent(4566).warm_up()
