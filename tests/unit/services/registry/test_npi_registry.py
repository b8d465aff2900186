from dataclasses import replace
from datetime import date

import pytest

from chalicelib.domain.registry.entries import FaxEntry, PersonName, RegistryCheck, RegistryEntry
from chalicelib.services.registry import npi_registry
from chalicelib.services.registry.npi_registry import NpiRegistry
from chalicelib.services.registry.registry_files import encode_entry, encode_fax, fax_file, npi_file, pack
from tests.support.emr_fixtures import RIVERA
from tests.support.fakes import FakeFiles
from tests.support.slow_calls import Calls, Slow, in_sequence

DATED = date(2026, 11, 2)
NPI, FAX = RIVERA.npi or "", RIVERA.fax or ""
LUIS = RegistryEntry(npi=NPI, names=(PersonName(first="LUIS", middle="", last="RIVERA"),), taxonomies=("207Q00000X",))
OTHERS = FaxEntry(npis=frozenset({"1300000043"}), names=("JUNIPER FAMILY MEDICINE",))


def a_registry() -> FakeFiles:
    files = FakeFiles()
    files.put(npi_file(NPI), pack(DATED, [(NPI, encode_entry(LUIS))]), "application/gzip")
    files.put(fax_file(FAX), pack(DATED, [(FAX, encode_fax(OTHERS))]), "application/gzip")
    return files


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for level in ("info", "warning"):

        def keep(message: str, *, cause: str, level: str = level) -> None:
            lines.append((level, f"{message}: {cause}"))

        monkeypatch.setattr(npi_registry.logger, level, keep)
    return lines


def test_the_addressee_is_compared_by_npi_and_fax(log: list[tuple[str, str]]) -> None:
    findings = NpiRegistry(a_registry()).check(RIVERA)
    assert findings is not None
    assert findings.check == RegistryCheck(dated=DATED, agrees=True)
    assert list(findings.warnings) == ["fax-of-others"]
    assert log == []


def test_a_number_that_is_in_no_file_gives_no_warning() -> None:
    for fax in (None, "+15125550199", "+15125551100"):
        findings = NpiRegistry(a_registry()).check(replace(RIVERA, fax=fax))
        assert findings is not None
        assert findings.warnings == {}


def test_another_npi_of_the_same_file_is_not_in_the_registry() -> None:
    findings = NpiRegistry(a_registry()).check(replace(RIVERA, npi="1234000002", fax=None))
    assert findings is not None
    assert list(findings.warnings) == ["npi-not-in-registry"]


def test_an_addressee_without_an_npi_is_not_looked_up(log: list[tuple[str, str]]) -> None:
    calls: Calls = []
    assert NpiRegistry(Slow(a_registry(), calls, each=0)).check(replace(RIVERA, npi=None)) is None
    assert (calls, log) == ([], [])


def test_a_missing_registry_gives_no_result_and_a_line(log: list[tuple[str, str]]) -> None:
    assert NpiRegistry(FakeFiles()).check(RIVERA) is None
    assert log == [("info", "registry not read: missing")]


def test_a_damaged_registry_gives_no_result_and_a_line_without_its_content(log: list[tuple[str, str]]) -> None:
    files = a_registry()
    files.put(npi_file(NPI), b"1234567893 RIVERA", "application/gzip")
    assert NpiRegistry(files).check(RIVERA) is None
    assert log == [("warning", "registry not read: BadGzipFile")]


def test_a_failing_store_gives_no_result_and_a_line(log: list[tuple[str, str]]) -> None:
    class Failing(FakeFiles):
        def find(self, key: str) -> bytes | None:
            raise ConnectionError(key)

    assert NpiRegistry(Failing()).check(RIVERA) is None
    assert log == [("warning", "registry not read: ConnectionError")]


def test_both_files_are_read_in_the_time_of_one() -> None:
    calls: Calls = []
    NpiRegistry(Slow(a_registry(), calls)).check(RIVERA)
    assert [name for name, _, _ in calls] == ["find", "find"]
    assert len(in_sequence(calls)) == 1
