"""Test that a PDF is refused if neither the file itself nor pictures of its pages can be sealed within the limits."""

import os
from collections.abc import Callable

import pytest
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec

from chalicelib.pdf.inspection import refuse
from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.signing import trial
from chalicelib.services.pdf_function import sealing_trial
from chalicelib.services.pdf_function.inspection import inspect
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.signed_pdfs import signed_by_therapist


def loop() -> None:
    while True:
        try:
            sum(range(1000))
        except Exception:  # noqa: BLE001, S112 - as parsers do
            continue


def take_memory() -> None:
    bytearray(2 * sealing_trial.MEMORY)


def crash() -> None:
    os._exit(9)


def nest() -> None:
    nest()


def refuse_as_damaged() -> None:
    raise refuse("encrypted")


def refuse_as_locked() -> None:
    raise refuse("certified_no_changes")


def succeed() -> None:
    """Stand in for a trial of the seal that finds nothing wrong."""


def outcome(
    monkeypatch: pytest.MonkeyPatch,
    as_is: Callable[[], None],
    as_pictures: Callable[[], None],
    *,
    is_scan: bool = False,
) -> str:
    """Return the code of the refusal, or `accepted`, if the two trials of a file do this."""

    def try_to_seal(data: bytes, **way: bool) -> None:
        assert (data, way["is_scan"]) == (b"a file", is_scan)
        (as_pictures if way["as_pictures"] else as_is)()

    monkeypatch.setattr(sealing_trial, "_load_trial", lambda: try_to_seal)
    monkeypatch.setattr(sealing_trial, "SECONDS", 0.2)
    monkeypatch.setattr(sealing_trial, "PICTURE_SECONDS", 0.3)
    try:
        sealing_trial.check_sealable(b"a file", is_scan=is_scan)
    except PdfRefused as refusal:
        return refusal.code
    return "accepted"


@pytest.mark.parametrize("fault", [loop, take_memory, crash, nest, refuse_as_damaged])
def test_a_file_that_cannot_be_sealed_is_sealed_from_pictures_or_refused(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[], None]
) -> None:
    assert outcome(monkeypatch, fault, succeed) == "accepted"
    assert outcome(monkeypatch, fault, fault) == "cannot_be_sealed"


def test_pictures_are_only_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(monkeypatch, succeed, crash) == "accepted"
    assert outcome(monkeypatch, succeed, crash, is_scan=True) == "accepted"
    assert outcome(monkeypatch, refuse_as_locked, succeed) == "certified_no_changes"


def test_a_failed_trial_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    outcome(monkeypatch, succeed, succeed)
    assert caplog.messages == []
    outcome(monkeypatch, crash, nest)
    facts = [(record.outcome, record.as_pictures) for record in caplog.records]  # type: ignore[attr-defined]  # extra
    assert facts == [("failed", False), ("failed", True)]


def test_real_files_pass_the_trial() -> None:
    for pdf in (samples.plan_of_care(2), samples.active(), signed_by_therapist()):
        assert inspect(pdf, "pdf")["media_type"] == "application/pdf"
    assert inspect(samples.plan_of_care(2), "scan")["pages"] == 2


def test_a_signature_that_another_signature_would_break_is_refused() -> None:
    spared = FieldMDPSpec(FieldMDPAction.EXCLUDE, ["Goals"])
    assert inspect(signed_by_therapist(lock=spared), "pdf")["refused"]["code"] == "certified_no_changes"
    locked = FieldMDPSpec(FieldMDPAction.INCLUDE, ["Goals"])
    assert inspect(signed_by_therapist(lock=locked), "pdf")["signed"]


def test_fonts_and_libraries_are_loaded_once_before_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    monkeypatch.setattr(trial, "warm_up", lambda: loads.append("warm"))
    sealing_trial._load_trial.cache_clear()
    assert sealing_trial._load_trial() is sealing_trial._load_trial() is trial.try_to_seal
    assert loads == ["warm"]
