from dataclasses import replace

import pytest

from chalicelib.domain.carriers.fax_addresses import FaxAddress, fax_address, read_fax_address
from tests.support.provider_fixtures import PRACTICE

DOMAIN = "faxes.example.com"
OWNER = replace(PRACTICE, fax_tokens=("fax_new", "fax_old"))


def test_the_newest_address_is_shown() -> None:
    assert fax_address(OWNER, DOMAIN) == "prc_1.fax_new@faxes.example.com"


@pytest.mark.parametrize(("practice", "domain"), [(PRACTICE, DOMAIN), (OWNER, "")])
def test_without_a_token_or_a_domain_there_is_no_address(practice: object, domain: str) -> None:
    assert fax_address(practice, domain) is None  # type: ignore[arg-type]  # - a practice


@pytest.mark.parametrize("address", ["prc_1.fax_new@faxes.example.com", "PRC_1.FAX_NEW@Faxes.Example.com"])
def test_an_address_names_a_practice_and_its_token(address: str) -> None:
    assert read_fax_address(address, DOMAIN) == FaxAddress("prc_1", "fax_new")


@pytest.mark.parametrize(
    "address",
    [
        "prc_1.fax_new@other.example.com",
        "prc_1.fax_new@x.faxes.example.com",
        "prc_1@faxes.example.com",
        ".fax_new@faxes.example.com",
        "prc_1.@faxes.example.com",
        "faxes.example.com",
        "",
    ],
)
def test_another_address_is_none_of_a_practice(address: str) -> None:
    assert read_fax_address(address, DOMAIN) is None


def test_an_installation_without_a_domain_has_no_addresses() -> None:
    assert read_fax_address("prc_1.fax_new@", "") is None


@pytest.mark.parametrize(
    ("practice_id", "token", "is_of"),
    [
        ("prc_1", "fax_new", True),
        ("prc_1", "fax_old", True),
        ("prc_1", "fax_older", False),
        ("prc_1", "fax_ne", False),
        ("prc_2", "fax_new", False),
        ("prc_1", "fäx", False),
    ],
)
def test_only_a_live_token_of_the_practice_opens_its_address(practice_id: str, token: str, *, is_of: bool) -> None:
    assert FaxAddress(practice_id, token).is_of(OWNER) is is_of


def test_a_practice_without_tokens_takes_nothing() -> None:
    assert not FaxAddress("prc_1", "fax_new").is_of(PRACTICE)
