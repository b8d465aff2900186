"""Test the trial of the seal (digital signature), by which the portal learns before it accepts a PDF that it can seal
it."""

from contextlib import nullcontext

import pypdfium2
import pytest
from PIL import Image
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec

from chalicelib.pdf.assembly import pictures
from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.rendering import render_page
from chalicelib.pdf.signing import trial
from tests.support.pdf import malformed_pdfs as odd
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.attacks import overwritten
from tests.support.pdf.sealing_key import sign_as_another
from tests.support.pdf.signed_pdfs import signed_by_therapist


def try_as_is(pdf: bytes) -> None:
    trial.try_to_seal(pdf, is_scan=False, as_pictures=False)


@pytest.mark.parametrize("as_pictures", [False, True])
@pytest.mark.parametrize("is_scan", [False, True])
def test_a_pdf_passes_in_every_way(*, is_scan: bool, as_pictures: bool) -> None:
    for pdf in (samples.plan_of_care(2), samples.with_annotation(), signed_by_therapist()):
        trial.try_to_seal(pdf, is_scan=is_scan, as_pictures=as_pictures)


@pytest.mark.parametrize("as_pictures", [False, True])
def test_pages_are_drawn_coarsely_and_only_if_the_job_would_draw_them(
    monkeypatch: pytest.MonkeyPatch, *, as_pictures: bool
) -> None:
    scales: list[float] = []

    def note(page: pypdfium2.PdfPage, scale: float) -> Image.Image:
        scales.append(scale)
        return render_page(page, scale)

    monkeypatch.setattr(pictures, "render_page", note)
    plain, layers = samples.plan_of_care(2), {name: pdf for name, pdf, _ in odd.features()}["hidden layer"]
    trial.try_to_seal(plain, is_scan=False, as_pictures=as_pictures)
    assert scales == [12 / 72] * (2 * as_pictures)
    trial.try_to_seal(layers, is_scan=False, as_pictures=as_pictures)
    assert scales == [12 / 72] * (2 * as_pictures + 1)


@pytest.mark.parametrize(
    ("lock", "breaks"),
    [
        (FieldMDPSpec(FieldMDPAction.ALL), True),
        (FieldMDPSpec(FieldMDPAction.EXCLUDE, ["Goals"]), True),
        (FieldMDPSpec(FieldMDPAction.INCLUDE, ["Goals"]), False),
        (None, False),
    ],
)
def test_a_signature_that_the_seal_would_break_is_a_refusal(lock: FieldMDPSpec | None, *, breaks: bool) -> None:
    pdf = signed_by_therapist(lock=lock)
    with pytest.raises(PdfRefused, match="certified_no_changes") if breaks else nullcontext():
        try_as_is(pdf)


def test_a_broken_or_removed_signature_does_not_hinder_another_one() -> None:
    locked = signed_by_therapist(lock=FieldMDPSpec(FieldMDPAction.EXCLUDE, ["Goals"]))
    try_as_is(locked.replace(b"(opensource)", b"(opensourcE)", 1))
    try_as_is(overwritten(locked))


def test_several_earlier_signatures_pass() -> None:
    try_as_is(sign_as_another(signed_by_therapist()))


def test_another_number_of_pages_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "recheck_pages", lambda _data: 9)
    with pytest.raises(PdfRefused, match="number of pages"):
        try_as_is(samples.plan_of_care(2))
