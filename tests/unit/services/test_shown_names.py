"""Test how long a practice's name can be. `test_admin_actions.py` tests the names that could mislead a provider."""

import pytest

from chalicelib.services.shown_names import normalize_name


def test_a_name_has_at_most_120_characters() -> None:
    assert normalize_name("x" * 120) == "x" * 120
    with pytest.raises(ValueError, match="at most 120 characters"):
        normalize_name("x" * 121)
