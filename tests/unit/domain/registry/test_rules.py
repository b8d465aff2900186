from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from chalicelib.domain.registry.entries import FaxEntry, PersonName, RegistryCheck, RegistryEntry
from chalicelib.domain.registry.rules import compare
from tests.support.emr_fixtures import RIVERA

DATED = date(2026, 11, 2)
REGISTRY = "The NPI registry of 2026-11-02"
NPI = RIVERA.npi or ""
LUIS = RegistryEntry(npi=NPI, names=(PersonName(first="LUIS", middle="A", last="RIVERA"),), taxonomies=("207Q00000X",))
OWN_FAX = FaxEntry(npis=frozenset({NPI, "1300000043"}), names=("JUNIPER FAMILY MEDICINE",))


def warnings(entry: RegistryEntry | None, fax: FaxEntry | None = OWN_FAX) -> Mapping[str, str]:
    return compare(RIVERA, entry, fax, DATED).warnings


def agrees(entry: RegistryEntry | None) -> bool:
    return compare(RIVERA, entry, None, DATED).check.agrees


def test_an_addressee_as_in_the_registry_gives_no_warning() -> None:
    findings = compare(RIVERA, LUIS, OWN_FAX, DATED)
    assert findings.check == RegistryCheck(dated=DATED, agrees=True)
    assert findings.warnings == {}


def test_an_npi_that_the_registry_does_not_have_is_named() -> None:
    assert warnings(None) == {"npi-not-in-registry": f"{REGISTRY} does not have this NPI. Check its digits."}
    assert agrees(None) is False


def test_a_deactivated_npi_gives_one_warning_with_its_day() -> None:
    entry = replace(LUIS, deactivated_on=date(2025, 3, 1))
    assert warnings(entry) == {"npi-deactivated": f"{REGISTRY} says that this NPI was deactivated on 2025-03-01."}
    assert agrees(entry) is False


def test_the_npi_of_an_organization_is_not_a_practitioners() -> None:
    entry = RegistryEntry(npi=NPI, organization="JUNIPER FAMILY MEDICINE", taxonomies=("207Q00000X",))
    assert warnings(entry) == {
        "npi-not-practitioner": f"{REGISTRY} has this NPI for an organization: JUNIPER FAMILY MEDICINE."
    }
    assert agrees(entry) is False


def test_the_npi_of_somebody_else_names_the_person() -> None:
    entry = replace(LUIS, names=(PersonName(first="GRACE", middle="", last="CHEN"),))
    assert warnings(entry) == {"npi-other-name": f"{REGISTRY} has this NPI for another name: GRACE CHEN."}
    assert agrees(entry) is False


def test_a_nickname_gives_no_warning_but_does_not_agree() -> None:
    entry = replace(LUIS, names=(PersonName(first="LUIGI", middle="LUIS", last="RIVERA"),))
    assert warnings(entry) == {}
    assert agrees(entry) is False


def test_a_former_name_agrees() -> None:
    former = PersonName(first="LUIS", middle="", last="RIVERA")
    entry = replace(LUIS, names=(PersonName(first="LUIS", middle="", last="GOMEZ"), former))
    assert warnings(entry) == {}
    assert agrees(entry) is True


@pytest.mark.parametrize(
    "code", ["207Q00000X", "208100000X", "363A00000X", "363LF0000X", "364SA2200X", "213E00000X", "152W00000X"]
)
def test_the_professions_that_may_certify_give_no_warning(code: str) -> None:
    assert warnings(replace(LUIS, taxonomies=("163W00000X", code))) == {}


@pytest.mark.parametrize("code", ["111N00000X", "122300000X", "163W00000X", "363000000X", "225100000X", "364000000X"])
def test_another_profession_gives_a_warning(code: str) -> None:
    assert warnings(replace(LUIS, taxonomies=(code,))) == {
        "npi-not-practitioner": f"{REGISTRY} lists no profession for this NPI that may certify a plan of care: "
        "LUIS A RIVERA."
    }


def test_a_resident_and_a_person_without_a_profession_give_no_warning() -> None:
    assert warnings(replace(LUIS, taxonomies=("390200000X",))) == {}
    assert warnings(replace(LUIS, taxonomies=())) == {}


def test_a_fax_number_of_others_names_its_owners() -> None:
    fax = FaxEntry(npis=frozenset({"1300000043"}), names=("JUNIPER FAMILY MEDICINE", "GRACE CHEN"), more=2)
    said = f"{REGISTRY} has this fax number for JUNIPER FAMILY MEDICINE, GRACE CHEN and 2 more, and not for this NPI."
    assert warnings(LUIS, fax) == {"fax-of-others": said}
    assert warnings(LUIS, replace(fax, more=0))["fax-of-others"].endswith(
        "for JUNIPER FAMILY MEDICINE, GRACE CHEN, and not for this NPI."
    )


def test_a_fax_number_that_the_registry_does_not_have_gives_no_warning() -> None:
    assert warnings(LUIS, None) == {}


def test_two_problems_give_two_warnings() -> None:
    entry = replace(LUIS, names=(PersonName(first="GRACE", middle="", last="CHEN"),), taxonomies=("111N00000X",))
    fax = FaxEntry(npis=frozenset({"1300000043"}), names=("JUNIPER FAMILY MEDICINE",))
    assert list(warnings(entry, fax)) == ["npi-other-name", "npi-not-practitioner", "fax-of-others"]
