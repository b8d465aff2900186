"""Test what the function `inspect` reports about uploaded files, and its limits of time and memory."""

import os
import time

import pytest

from chalicelib.pdf.inspection import refuse
from chalicelib.pdf.models import ScanKind
from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.services.pdf_function import inspection
from chalicelib.services.pdf_function.sandbox import CpuTimeExceeded, limit_cpu_time, limit_memory
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.sealing import seal_plain
from tests.support.pdf.sealing_key import FACTS, certificate, sealer


def test_a_pdf_is_described() -> None:
    result = inspection.inspect(samples.plan_of_care(), "pdf")
    assert (result["pages"], result["signed"], result["active_content"]) == (3, False, [])
    assert result.keys() == {
        *("sha256", "bytes", "media_type", "pages", "page_sizes", "active_content", "signed", "undrawn_pages")
    }
    assert result["undrawn_pages"] == []
    assert inspection.inspect(samples.active(), "pdf")["active_content"] != []


def test_a_refusal_names_its_code() -> None:
    assert inspection.inspect(b"no PDF", "pdf")["refused"]["code"] == "not_a_pdf"


@pytest.mark.parametrize(("kind", "is_scan"), [("pdf", False), ("scan", True)])
def test_a_pdf_that_cannot_be_sealed_is_refused(monkeypatch: pytest.MonkeyPatch, kind: str, *, is_scan: bool) -> None:
    tried: list[bool] = []

    def check(_data: bytes, *, is_scan: bool) -> None:
        tried.append(is_scan)
        raise refuse("cannot_be_sealed")

    monkeypatch.setattr(inspection, "check_sealable", check)
    assert inspection.inspect(samples.plan_of_care(), kind)["refused"]["code"] == "cannot_be_sealed"
    assert inspection.inspect(samples.picture("PNG"), "scan")["media_type"] == "image/png"
    assert inspection.inspect(b"no PDF", "pdf")["refused"]["code"] == "not_a_pdf"
    assert inspection.inspect(samples.plan_of_care(), "seal")["verdict"] == "not_signed"
    assert tried == [is_scan]


def test_a_scan_that_is_the_original_again_is_refused() -> None:
    plan, signed = samples.plan_of_care(), samples.drawn_pdf(lambda canvas, _: canvas.line(100, 100, 400, 300))
    assert inspection.inspect(plan, "scan", original=plan)["refused"]["code"] == "unsigned_scan"
    assert inspection.inspect(signed, "scan", original=plan)["pages"] == 1


def test_a_seal_is_recognized_by_the_given_certificates() -> None:
    data = seal_plain(samples.plan_of_care(), sealer(), FACTS).data
    ours = [chain.fingerprint(certificate())]
    assert inspection.inspect(data, "seal", certificates=ours)["verdict"] == "intact"
    assert inspection.inspect(data, "seal", certificates=[])["verdict"] == "not_ours"


def test_a_file_to_verify_has_its_hashes_even_if_no_parser_can_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "_read_within_limits", lambda *_: os._exit(9))
    assert inspection.inspect(b"a file", "seal").keys() == {"refused", "sha256", "revisions"}
    assert inspection.inspect(b"a file", "pdf").keys() == {"refused"}


def test_a_file_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(_data: bytes) -> None:
        while True:
            try:
                sum(range(1000))
            except Exception:  # noqa: BLE001, S112 - as parsers do
                continue

    monkeypatch.setattr(inspection, "inspect_pdf", endless)
    monkeypatch.setattr(inspection, "SECONDS", 0.2)
    started = time.process_time()
    refused = inspection.inspect(samples.plan_of_care(), "pdf")["refused"]
    assert time.process_time() - started < 1
    assert (refused["code"], "too long" in refused["detail"]) == ("damaged", True)


@pytest.mark.parametrize(("original", "refused"), [(None, True), (samples.plan_of_care(), False)])
def test_a_comparison_with_the_original_may_take_longer(
    monkeypatch: pytest.MonkeyPatch, *, original: bytes | None, refused: bool
) -> None:
    def slow(_data: bytes) -> ScanKind:
        _busy(0.5)
        return ScanKind(media_type="application/pdf", pages=1, pixels=None)

    monkeypatch.setattr(inspection, "inspect_scan", slow)
    monkeypatch.setattr(inspection, "check_signed", lambda *_: None)
    monkeypatch.setattr(inspection, "check_sealable", lambda *_, **__: None)
    monkeypatch.setattr(inspection, "SECONDS", 0.1)
    assert ("refused" in inspection.inspect(b"a scan", "scan", original=original)) is refused


def test_a_file_that_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "inspect_pdf", lambda _data: bytearray(2 * inspection.MEMORY))
    refused = inspection.inspect(samples.plan_of_care(), "pdf")["refused"]
    assert (refused["code"], "memory" in refused["detail"]) == ("damaged", True)


def _busy(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(1000))


def test_limits_end_with_their_block() -> None:
    with pytest.raises(CpuTimeExceeded), limit_cpu_time(0.05):
        _busy(5)
    with limit_cpu_time(0.1), limit_memory(1024):
        pass
    _busy(0.2)
    assert len(bytearray(64 * 1024 * 1024)) == 64 * 1024 * 1024
