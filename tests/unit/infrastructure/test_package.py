import pytest

from infrastructure import package
from infrastructure.user_error import UserError


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_python_with_a_lambda_runtime_is_accepted(version: tuple[int, int]) -> None:
    package.refuse_other_runtimes(version)


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_another_python_is_refused(version: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=r"3\.11, 3\.12, 3\.13 is needed"):
        package.refuse_other_runtimes(version)


def test_the_command_refuses_another_python_before_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["package", "--out", "/nowhere/at/all"])
    monkeypatch.setattr(package, "RUNTIMES", ())
    with pytest.raises(UserError, match="does not fit Lambda"):
        package.main()
