import pytest

from infrastructure import package
from infrastructure.user_error import UserError


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_what_lambda_runs_is_packaged(version: tuple[int, int]) -> None:
    package.refuse_other_runtimes(version)


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_a_python_that_lambda_may_not_have_packages_nothing(version: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=r"3\.11, 3\.12, 3\.13 is needed"):
        package.refuse_other_runtimes(version)


def test_the_command_refuses_it_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["package", "--out", "/nowhere/at/all"])
    monkeypatch.setattr(package, "RUNTIMES", ())
    with pytest.raises(UserError, match="would not run in Lambda"):
        package.main()
