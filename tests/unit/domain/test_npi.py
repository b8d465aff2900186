import pytest

from chalicelib.domain.npi import is_valid


@pytest.mark.parametrize("npi", ["1234567893", "1245319599", "2000000002"])
def test_a_valid_npi_is_accepted(npi: str) -> None:
    assert is_valid(npi) is True


@pytest.mark.parametrize(
    "npi", ["1234567890", "123456789", "12345678931", "3234567893", "123456789x", "", "١٢٣٤٥٦٧٨٩٣"]
)
def test_an_invalid_npi_is_refused(npi: str) -> None:
    assert is_valid(npi) is False
