"""Test that malformed and hostile files are either sealed, or refused with the expected code."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.signing.verification import verify
from chalicelib.services.pdf_function.inspection import inspect
from tests.support.pdf import malformed_pdfs as odd
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.malformed_pdfs import MalformedPdf
from tests.support.pdf.sealing_key import seal_or_rebuild
from tests.unit.pdf.signing.test_corpus import accepted
from tests.unit.pdf.signing.test_seal import OURS

SOURCES: tuple[Callable[[], Iterator[MalformedPdf]], ...] = (
    odd.tables,
    odd.shapes,
    odd.trees,
    odd.contents,
    odd.pictures,
    odd.features,
    odd.ciphers,
    odd.harmful,
    odd.loops,
)
FIELD = SignatureBox(page=1, x=40, y=40, width=220, height=48)
HIDDEN = {"unit 0.01"}
"""The small files whose page is smaller than the field."""


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_every_malformed_file_has_its_expected_result(
    source: Callable[[], Iterator[MalformedPdf]], tmp_path: Path
) -> None:
    outcomes = {name: (wanted, certificate_type(name, data, tmp_path)) for name, data, wanted in source()}
    assert {name: both for name, both in outcomes.items() if both[0] != both[1]} == {}


def certificate_type(name: str, data: bytes, folder: Path) -> str:
    """Inspect a PDF and seal it (sign it digitally). Return `sealed`, the code of the refusal, or the faults of the
    result."""
    seen = inspect(data, "pdf")
    if "refused" in seen:
        assert seen["refused"]["detail"].endswith(".")
        return str(seen["refused"]["code"])
    sealed, faults = seal_or_rebuild(data, FIELD)
    if faults:
        return "; ".join(faults)
    verdict = verify(sealed, OURS).verdict
    stamp = "" if name in HIDDEN else misplaced(data, sealed, seen["page_sizes"][0])
    return accepted(sealed, folder) or stamp or ("sealed" if verdict == "intact" else verdict)


def misplaced(before: bytes, after: bytes, size: tuple[float, float]) -> str:
    """Return an empty string if the first page of `after` differs from that of `before` only in the signature box.

    Otherwise return the fault. It is also a fault if the pages do not differ at all."""
    shown = samples.raster(before).size
    unit = max(size) / max(shown)
    scale = min(1.0, 3000 / max(shown))
    box = samples.changed_box(before, after, scale=scale)
    if box is None:
        return "nothing shows"
    left, bottom, right, top = (edge * unit for edge in box)
    slack = 2 * unit / scale
    wide = FIELD.x + FIELD.width
    inside = left >= FIELD.x - slack and bottom >= FIELD.y - slack
    inside = inside and right <= wide + slack and top <= FIELD.y + FIELD.height + slack
    return "" if inside else f"changed at {box}"
