import io
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chalicelib.services.registry.registry_files import RegistryFile, fax_file, npi_file
from infrastructure.registry import build as building
from infrastructure.registry import nppes
from infrastructure.registry.build import BuiltRegistry, Spill, build
from infrastructure.registry.sample import SAMPLE, SAMPLE_LOCATIONS
from infrastructure.user_error import UserError

COLUMNS = SAMPLE.read_text().splitlines()[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def built(folder: Path) -> BuiltRegistry:
    with SAMPLE.open(newline="") as npis, SAMPLE_LOCATIONS.open(newline="") as locations:
        return build(npis, locations, folder)


def entry(folder: Path, npi: str) -> Mapping[str, Any] | None:
    return RegistryFile((folder / npi_file(npi)).read_bytes()).find(npi)


def fax(folder: Path, number: str) -> Mapping[str, Any] | None:
    return RegistryFile((folder / fax_file(number)).read_bytes()).find(number)


def test_the_registry_is_dated_by_its_newest_entry_and_counted(built: BuiltRegistry, folder: Path) -> None:
    assert (built.dated, built.npis, built.faxes) == (date(2026, 11, 2), 6, 5)
    assert len(built.filled) == 6 + 5
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 2000
    assert {RegistryFile(file.read_bytes()).dated for file in files} == {date(2026, 11, 2)}


@pytest.mark.usefixtures("built")
def test_a_person_has_names_and_professions(folder: Path) -> None:
    assert entry(folder, "1234567893") == {"names": [["LUIS", "ALBERTO", "RIVERA"]], "taxonomies": ["207Q00000X"]}
    assert entry(folder, "1100000029") == {
        "names": [["MARGARET", "ROSE", "O'NEILL-SANTOS"], ["PEGGY", "", "O'NEILL"]],
        "taxonomies": ["163W00000X", "363LF0000X"],
    }


@pytest.mark.usefixtures("built")
def test_an_organization_has_its_legal_name(folder: Path) -> None:
    assert entry(folder, "1300000043") == {"organization": "JUNIPER FAMILY MEDICINE, PA", "taxonomies": ["261QP2300X"]}


@pytest.mark.usefixtures("built")
def test_a_deactivated_npi_has_only_its_day_and_a_reactivated_one_is_active(folder: Path) -> None:
    assert entry(folder, "1200000036") == {"deactivated_on": "2024-03-01"}
    assert entry(folder, "1400000059") == {"names": [["JOHN", "", "HALE JR."]], "taxonomies": ["363A00000X"]}
    assert entry(folder, "1234000002") is None


@pytest.mark.usefixtures("built")
def test_a_fax_number_has_all_npis_that_list_it_and_organizations_first(folder: Path) -> None:
    assert fax(folder, "+15125550100") == {"npis": ["1234567893"], "names": ["LUIS ALBERTO RIVERA"], "more": 0}
    assert fax(folder, "+15125550102") == {
        "npis": ["1100000029", "1300000043"],
        "names": ["JUNIPER FAMILY MEDICINE, PA", "MARGARET ROSE O'NEILL-SANTOS"],
        "more": 0,
    }
    assert fax(folder, "+15125550112") == {"npis": ["1000000012"], "names": ["GRACE CHEN"], "more": 0}


@pytest.mark.usefixtures("built")
def test_a_further_location_adds_its_fax_number_but_not_that_of_a_deactivated_npi(folder: Path) -> None:
    assert fax(folder, "+15125550104") == {
        "npis": ["1234567893", "1300000043"],
        "names": ["JUNIPER FAMILY MEDICINE, PA", "LUIS ALBERTO RIVERA"],
        "more": 0,
    }
    assert fax(folder, "+15125550105") is None


def test_the_locations_may_be_missing(tmp_path: Path) -> None:
    with SAMPLE.open(newline="") as npis:
        assert build(npis, None, tmp_path).faxes == 4


def a_file(*rows: Mapping[str, str]) -> io.StringIO:
    columns = [name.strip('"') for name in COLUMNS.split(",")]
    lines = (",".join(f'"{row.get(name, "")}"' for name in columns) for row in rows)
    file = io.StringIO("\n".join((COLUMNS, *lines, "")))
    file.name = "npidata.csv"
    return file


def test_many_owners_of_a_fax_number_are_counted_and_named_once(tmp_path: Path) -> None:
    fields = {nppes.FAXES[0]: "5125550100", nppes.UPDATED: "01/01/2026"}
    names = ["CEDAR", "CEDAR", "ASPEN", "BIRCH", "ELM"]
    numbers = ["1234567893", "1000000012", "1100000029", "1200000036", "1300000043"]
    rows = [{nppes.NPI: npi, nppes.ORGANIZATION: name, **fields} for npi, name in zip(numbers, names, strict=True)]
    build(a_file(*rows), None, tmp_path)
    assert fax(tmp_path, "+15125550100") == {"npis": sorted(numbers), "names": ["ASPEN", "BIRCH", "CEDAR"], "more": 1}


def test_a_row_with_a_wrong_npi_is_left_out(tmp_path: Path) -> None:
    rows = [{nppes.NPI: npi, nppes.UPDATED: "01/01/2026"} for npi in ("1234567890", "1234567893")]
    assert build(a_file(*rows), None, tmp_path).npis == 1


@pytest.mark.parametrize(
    ("off", "on", "is_off"),
    [
        ("03/01/2024", "", True),
        ("03/01/2024", "02/28/2024", True),
        ("03/01/2024", "03/01/2024", False),
        ("", "03/01/2024", False),
    ],
)
def test_an_npi_is_deactivated_unless_it_was_reactivated_since(off: str, on: str, is_off: bool) -> None:  # noqa: FBT001 - a case of the table
    row = {nppes.NPI: "1234567893", nppes.ORGANIZATION: "CEDAR", nppes.DEACTIVATED: off, nppes.REACTIVATED: on}
    (found,) = nppes.read_npis(a_file(row))
    assert (found.entry.deactivated_on is not None) is is_off
    assert (found.entry.organization is None) is is_off
    assert found.changed_on == date(2024, 3, 1)


def test_a_withheld_value_and_a_name_without_a_last_name_are_left_out() -> None:
    row = {
        nppes.NPI: "1234567893",
        nppes.LEGAL_NAME[0]: "<UNAVAIL>",
        nppes.LEGAL_NAME[2]: "RIVERA",
        nppes.OTHER_NAME[0]: "LOU",
    }
    (found,) = nppes.read_npis(a_file(row))
    assert [str(name) for name in found.entry.names] == ["RIVERA"]
    assert found.changed_on is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("(512) 555-0100", "+15125550100"),
        ("1-512-555-0100", "+15125550100"),
        ("5125550", None),
        ("0125550100", None),
        ("51255501000", None),
        ("", None),
    ],
)
def test_only_north_american_fax_numbers_are_kept(text: str, number: str | None) -> None:
    (found,) = nppes.read_npis(a_file({nppes.NPI: "1234567893", nppes.FAXES[1]: text}))
    assert found.faxes == ((number,) if number else ())


def test_a_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    file = io.StringIO('"NPI","Name"\n"1234567893","CEDAR"\n')
    file.name = "other.csv"
    with pytest.raises(UserError, match=r"^other.csv is not a file of NPPES. It has no column 'Provider Organ"):
        build(file, None, tmp_path)
    empty = io.StringIO("")
    empty.name = "empty.csv"
    with pytest.raises(UserError, match="is not a file of NPPES"):
        build(empty, None, tmp_path)


def test_a_file_without_rows_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^npidata.csv has no rows\.$"):
        build(a_file(), None, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_lines_leave_the_memory_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "LINES_IN_MEMORY", 3)
    spill = Spill(tmp_path)
    for number in range(2):
        spill.add("a/1", "key", str(number))
    assert list(tmp_path.iterdir()) == []
    spill.add("a/2", "key", "2")
    assert {file.name for file in tmp_path.iterdir()} == {"a-1", "a-2"}
    spill.add("a/1", "key", "3")
    assert list(spill.read("a/1")) == [["key", "0"], ["key", "1"], ["key", "3"]]
    assert list(spill.read("a/3")) == []
