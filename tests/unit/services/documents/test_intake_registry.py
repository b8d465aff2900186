"""Test the check of an addressee against the public NPI registry, which is made while a document comes in."""

import json
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pytest

from chalicelib.domain.errors import Unprocessable
from chalicelib.domain.registry.entries import FaxEntry, PersonName, RegistryCheck, RegistryEntry
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.intake import Intake
from chalicelib.services.documents.lifecycle_events import ResendCommand
from chalicelib.services.registry.npi_registry import NpiRegistry
from chalicelib.services.registry.registry_files import encode_entry, encode_fax, fax_file, npi_file, pack
from tests.support.emr_fixtures import RIVERA, Emr, sent
from tests.support.slow_calls import Calls, Slow, in_sequence

DATED = date(2026, 11, 2)
NPI, FAX = RIVERA.npi or "", RIVERA.fax or ""


def an_emr(last_name: str = "RIVERA", holder: str = NPI) -> Emr:
    """Return a portal with a registry that has the addressee's NPI, and the NPI of the holder of the fax number."""
    emr = Emr()
    entry = RegistryEntry(npi=NPI, names=(PersonName(first="LUIS", middle="", last=last_name),))
    fax = FaxEntry(npis=frozenset({holder}), names=("JUNIPER FAMILY MEDICINE",))
    emr.files.put(npi_file(NPI), pack(DATED, [(NPI, encode_entry(entry))]), "application/gzip")
    emr.files.put(fax_file(FAX), pack(DATED, [(FAX, encode_fax(fax))]), "application/gzip")
    return emr


def test_an_addressee_as_in_the_registry_gives_no_warning_and_is_recorded() -> None:
    emr = an_emr()
    answer = emr.intake.receive(emr.inbound(), sent())
    document = emr.stored(answer)
    assert "warnings" not in answer
    assert document.registry == RegistryCheck(dated=DATED, agrees=True)
    data = json.loads(emr.store.events(document.id)[0].body)["data"]
    assert data["registry"] == {"dated": "2026-11-02", "agrees": True}


def test_a_warning_has_a_sentence_and_the_document_is_accepted() -> None:
    emr = an_emr(last_name="SANTOS", holder="1300000043")
    answer = emr.intake.receive(emr.inbound(), sent())
    assert [warning["code"] for warning in answer["warnings"]] == ["npi-other-name", "fax-of-others"]
    assert answer["warnings"][1]["detail"] == (
        "The NPI registry of 2026-11-02 has this fax number for JUNIPER FAMILY MEDICINE, and not for this NPI."
    )
    assert emr.stored(answer).registry == RegistryCheck(dated=DATED, agrees=False)


def test_a_missing_font_is_a_warning_and_kept_with_the_document() -> None:
    emr = Emr()
    emr.inspector.answer = {**emr.inspector.answer, "undrawn_pages": [2]}
    answer = emr.intake.receive(emr.inbound(), sent())
    assert [warning["code"] for warning in answer["warnings"]] == ["font-missing"]
    assert "on page 2." in answer["warnings"][0]["detail"]
    assert emr.stored(answer).undrawn_pages == (2,)


def test_a_warning_of_another_kind_comes_first_and_has_no_sentence() -> None:
    emr = an_emr(last_name="SANTOS")
    emr.send(sent(external_id="POC-1", addressee=replace(RIVERA, first_name="Ann", last_name="Lee", npi=None)))
    answer = emr.intake.receive(emr.inbound(), sent())
    assert answer["warnings"][0] == {"code": "other-person-at-address"}
    assert [warning["code"] for warning in answer["warnings"]] == ["other-person-at-address", "npi-other-name"]


def test_without_a_registry_there_is_no_warning_and_no_record() -> None:
    emr = Emr()
    answer = emr.intake.receive(emr.inbound(), sent())
    document = emr.stored(answer)
    assert "warnings" not in answer
    assert document.registry is None
    assert "registry" not in json.loads(emr.store.events(document.id)[0].body)["data"]


def test_a_repeated_event_gets_the_same_warnings() -> None:
    emr = an_emr(last_name="SANTOS")
    first = emr.intake.receive(emr.inbound("msg_1"), sent())
    emr.files.objects.clear()
    assert emr.intake.receive(emr.inbound("msg_1"), sent()) == first


def test_a_refused_pdf_is_refused_whatever_the_registry_says() -> None:
    emr = an_emr(last_name="SANTOS")
    emr.inspector.answer = {"refused": {"code": "encrypted", "detail": "The PDF is encrypted."}}
    with pytest.raises(Unprocessable):
        emr.intake.receive(emr.inbound(), sent())


@pytest.mark.parametrize(
    ("fax", "codes"), [("+15125551100", ["fax-of-others"]), (FAX, []), ("+15125559100", []), (None, [])]
)
def test_a_corrected_fax_number_of_others_gives_a_warning(fax: str | None, codes: list[str]) -> None:
    emr = an_emr(last_name="SANTOS", holder="1300000043")
    document = emr.send()
    corrected = fax_line("+15125551100")
    emr.files.put(fax_file(FAX), pack(DATED, [fax_line(FAX), corrected]), "application/gzip")
    answer = emr.lifecycle.resend(emr.inbound(), ResendCommand(document=DocumentRef(document_id=document.id), fax=fax))
    assert [warning["code"] for warning in answer.get("warnings", ())] == codes
    for warning in answer.get("warnings", ()):
        assert "has this fax number for JUNIPER FAMILY MEDICINE" in warning["detail"]


def fax_line(number: str) -> tuple[str, str]:
    return number, encode_fax(FaxEntry(npis=frozenset({"1300000043"}), names=("JUNIPER FAMILY MEDICINE",)))


@dataclass
class SlowEmr(Emr):
    """A portal whose files and whose inspection of a PDF are slow. `calls` lists their calls."""

    calls: Calls = field(default_factory=list)

    @property
    def intake(self) -> Intake:
        slow: tuple[Any, Any] = (Slow(self.files, self.calls, each=0.05), Slow(self.inspector, self.calls, each=0.05))
        files, inspector = slow
        registry = NpiRegistry(files)
        return Intake(self.writer, files=files, inspector=inspector, switches=self.switches, npi_registry=registry)


def test_the_registry_is_read_while_the_pdf_is_inspected() -> None:
    emr = SlowEmr(files=an_emr().files)
    emr.intake.receive(emr.inbound(), sent())
    assert sorted(name for name, _, _ in emr.calls) == ["delete", "find", "find", "inspect", "put", "put"]
    assert len(in_sequence(emr.calls)) == 4
