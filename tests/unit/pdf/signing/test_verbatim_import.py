"""Test the fast way to copy drawn pages into a PDF: the result is the same document as by the library pyHanko."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from PIL import ImageChops

from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.signing import incremental_update
from chalicelib.pdf.signing.verification import verify
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf import sealing_key
from tests.support.pdf.sealing import Release, find_faults, seal_declined, seal_signed
from tests.support.pdf.sealing_key import FACTS, certificate, sealer
from tests.support.pdf.shaped_words import FROM_RIGHT, SHAPED
from tests.unit.pdf.signing.test_seal import OURS, assert_accepted

FIELD = SignatureBox(page=1, x=72, y=96, width=220, height=48)
MANY_SCRIPTS = " ".join([*SHAPED.values(), *FROM_RIGHT.values()])
LONG_CERTIFICATE = replace(samples.certificate_of(60), note=MANY_SCRIPTS)


def refuse(_drawing: bytes) -> NoReturn:
    raise ValueError("a drawing of another form")


def seal(original: bytes, *, verbatim: bool, declined: bool = False) -> Release:
    with pytest.MonkeyPatch.context() as patch:
        if not verbatim:
            patch.setattr(incremental_update, "parse_drawing", refuse)
        if declined:
            facts = replace(LONG_CERTIFICATE, certificate_type="declined")
            return seal_declined(original, certificate=facts, sealer=sealer(), facts=FACTS)
        block, by = samples.named("Zoë Łukasiewicz 王小明"), sealer()
        return seal_signed(original, block=block, field=FIELD, certificate=LONG_CERTIFICATE, sealer=by, facts=FACTS)


def signed_before() -> bytes:
    return sealing_key.sign_as_another(samples.plan_of_care())


@pytest.mark.parametrize(
    ("make", "signatures"),
    [
        (samples.plan_of_care, 1),
        (lambda: samples.shaped(samples.plan_of_care(2), rotate=90, crop=(40, 30, 580, 760), unit=1.5), 1),
        (lambda: samples.with_bare_field("Twice a week"), 1),
        (signed_before, 2),
    ],
    ids=["plain", "turned and cropped", "form", "signed by others"],
)
def test_a_file_sealed_both_ways_is_valid_and_looks_the_same(
    make: Callable[[], bytes], signatures: int, tmp_path: Path
) -> None:
    original = make()
    fast, slow = seal(original, verbatim=True), seal(original, verbatim=False)
    compare(fast, slow, original, signatures, tmp_path)
    assert (fast.certificate is None) == (slow.certificate is None)
    if fast.certificate is not None and slow.certificate is not None:
        # The two certificates name different hashes, so only their validity is compared.
        for apart in (fast.certificate, slow.certificate):
            assert verify(apart.sealed.data, OURS).verdict == "intact"
            assert_accepted(apart.sealed.data, tmp_path)


def test_a_decline_sealed_both_ways_is_valid_and_looks_the_same(tmp_path: Path) -> None:
    original = samples.plan_of_care()
    fast, slow = (seal(original, verbatim=verbatim, declined=True) for verbatim in (True, False))
    compare(fast, slow, original, 1, tmp_path)


def compare(fast: Release, slow: Release, original: bytes, signatures: int, folder: Path) -> None:
    """Assert that the files of the fast and the slow way are validly sealed, and have the same texts and pictures.

    `signatures` is the number of digital signatures in each."""
    for release in (fast, slow):
        data = release.sealed.data
        assert verify(data, OURS).verdict == "intact"
        assert find_faults(release, source=original, certificate=certificate()) == []
        assert_accepted(data, folder, signatures)
    kept_bytes = [release.sealed.data.startswith(original) for release in (fast, slow)]
    assert kept_bytes[0] == kept_bytes[1]
    assert fast.pages == slow.pages
    assert samples.texts(fast.sealed.data) == samples.texts(slow.sealed.data)
    for page in range(1, fast.pages + 1):
        images = [samples.raster(release.sealed.data, page, scale=1.5) for release in (fast, slow)]
        assert ImageChops.difference(*images).getbbox() is None
