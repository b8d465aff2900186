from pathlib import Path

import pytest

from infrastructure.generate_module_table import ARCHITECTURE, PACKAGE, made_anew, modules, summary


def test_the_table_of_modules_is_what_the_code_says() -> None:
    assert made_anew(ARCHITECTURE.read_text()) == ARCHITECTURE.read_text(), "run `make guide`"


def test_the_table_names_every_module() -> None:
    page = ARCHITECTURE.read_text()
    assert [each.name for each in modules() if f"`{each.relative_to(PACKAGE)}`" not in page] == []


def test_a_module_that_says_nothing_is_refused(tmp_path: Path) -> None:
    silent = tmp_path / "silent.py"
    silent.write_text("x = 1\n")
    with pytest.raises(ValueError, match="has no docstring"):
        summary(silent)
