import gzip
from datetime import date

import pytest

from chalicelib.domain.registry.entries import FaxEntry, PersonName, RegistryEntry
from chalicelib.services.registry.registry_files import (
    RegistryFile,
    all_files,
    decode_entry,
    decode_fax,
    encode_entry,
    encode_fax,
    fax_file,
    npi_file,
    pack,
)

DATED = date(2026, 11, 2)
NAME = PersonName(first="LUIS", middle="", last="RIVERA")


def test_every_npi_and_every_fax_number_has_a_file() -> None:
    assert npi_file("1234567893") == "registry/npi/234"
    assert fax_file("+15125550100") == "registry/fax/100"
    files = all_files()
    assert (files[0], files[999], files[1000], files[-1], len(files)) == (
        "registry/npi/000",
        "registry/npi/999",
        "registry/fax/000",
        "registry/fax/999",
        2000,
    )


def test_a_file_is_dated_and_sorted_and_always_the_same() -> None:
    packed = pack(DATED, [("2", '{"b":1}'), ("1", '{"a":1}')])
    assert gzip.decompress(packed) == b'2026-11-02\n1\t{"a":1}\n2\t{"b":1}\n'
    assert packed == pack(DATED, [("1", '{"a":1}'), ("2", '{"b":1}')])


def test_an_entry_is_found_by_its_whole_key_only() -> None:
    file = RegistryFile(pack(DATED, [("12", '{"a":1}'), ("123", '{"a":2}')]))
    assert file.dated == DATED
    assert file.find("12") == {"a": 1}
    assert file.find("123") == {"a": 2}
    assert file.find("23") is None
    assert file.find("1") is None
    assert RegistryFile(pack(DATED, [])).find("12") is None


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (RegistryEntry(npi="1", names=(NAME,), taxonomies=("207Q00000X",)),
         '{"names":[["LUIS","","RIVERA"]],"taxonomies":["207Q00000X"]}'),
        (RegistryEntry(npi="1", organization="JUNIPER"), '{"organization":"JUNIPER"}'),
        (RegistryEntry(npi="1", deactivated_on=date(2025, 3, 1)), '{"deactivated_on":"2025-03-01"}'),
    ],
)  # fmt: skip
def test_an_entry_is_read_as_it_was_written(entry: RegistryEntry, text: str) -> None:
    assert sorted(encode_entry(entry)) == sorted(text)
    facts = RegistryFile(pack(DATED, [("1", encode_entry(entry))])).find("1")
    assert decode_entry("1", {**(facts or {}), "newer": "fact"}) == entry


def test_the_entry_of_a_fax_is_read_as_it_was_written() -> None:
    entry = FaxEntry(npis=frozenset({"2", "1"}), names=("JUNIPER", "GRACE CHEN"), more=1)
    assert encode_fax(entry) == '{"npis":["1","2"],"names":["JUNIPER","GRACE CHEN"],"more":1}'
    facts = RegistryFile(pack(DATED, [("+1", encode_fax(entry))])).find("+1")
    assert decode_fax(facts or {}) == entry
    assert decode_fax({"npis": ["1"], "names": []}).more == 0
