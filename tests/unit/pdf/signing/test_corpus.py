"""Test PDFs of many shapes: each is refused with a reason, or gets a valid seal (digital signature)."""

import io
import itertools
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, sign_pdf
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pypdf import PdfReader, PdfWriter

from chalicelib.pdf.inspection import inspect_pdf
from chalicelib.pdf.models import MAX_PAGES, PdfRefused, SignatureBox
from chalicelib.pdf.signing.verification import verify
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf import sealing_key
from tests.support.pdf.sealing import PyHankoSigner, seal_plain
from tests.support.pdf.sealing_key import FACTS, certificate, seal_or_rebuild, sealer
from tests.unit.pdf.signing.test_seal import OURS

Sample = tuple[str, bytes]


def shapes() -> Iterator[Sample]:
    for rotate, crop, unit in itertools.product(
        (0, 90, 180, 270), (None, (40, 30, 580, 760), (-20, -20, 700, 500)), (1, 0.5, 3)
    ):
        yield (
            f"shape {rotate} {crop} {unit}",
            samples.shaped(samples.plan_of_care(2), rotate=rotate, crop=crop, unit=unit),
        )


def contents() -> Iterator[Sample]:
    yield "active", samples.active()
    yield "annotation", samples.with_annotation()
    yield "hidden annotation", samples.with_annotation(flags=2)
    yield "field", samples.with_bare_field("Twice a week")
    yield "blank", samples.blank_pdf()
    yield "tiny", samples.blank_pdf(size=(20, 20))
    yield "giant", samples.blank_pdf(size=(14400, 14400))
    yield "many pages", samples.blank_pdf(pages=MAX_PAGES)
    yield "certified for forms", samples.certified(2)
    for level in (1, 3):
        yield f"certified {level}", samples.certified(level)
    yield "encrypted", samples.encrypted(user_password="")
    yield "locked", samples.encrypted(user_password="secret")
    yield "xfa", samples.xfa()
    yield "no pages", samples.without_pages()
    yield "lost content", samples.with_lost_content()
    yield "miscounted", samples.miscounted(3, 7)
    yield "too many pages", samples.blank_pdf(pages=MAX_PAGES + 1)
    yield "compressed objects", _compressed(samples.plan_of_care())


def signed() -> Iterator[Sample]:
    once = sealing_key.sign_as_another(samples.plan_of_care())
    yield "signed once", once
    yield "sealed already", seal_plain(once, sealer(), FACTS).data
    yield "signed, with what proves it for long", _with_proof(once)
    yield "signed, then updated by others", _touched(once)
    for permitted in (MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE):
        for spare in (False, True):
            yield f"certified {permitted} {spare}", _certified(permitted, spare=spare)
    yield "signed, then changed", once.replace(b"Physician", b"Physicain")


def _with_proof(data: bytes) -> bytes:
    """Return the PDF with stored proofs of its signatures' validity, as signatures of the level PAdES B-LT have."""
    output = io.BytesIO(data)
    contents = PdfFileReader(io.BytesIO(data)).embedded_signatures[-1].pkcs7_content.hex().encode()
    DocumentSecurityStore.add_dss(output, contents, certs=[certificate()])
    return output.getvalue()


def _touched(data: bytes) -> bytes:
    writer = PdfWriter(io.BytesIO(data), incremental=True)
    writer.add_metadata({"/Title": "Plan"})
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def _certified(permitted: MDPPerm, *, spare: bool) -> bytes:
    """Return a PDF that its author has certified, so that only the changes `permitted` are allowed.

    With `spare`, it has an empty signature field."""
    writer = IncrementalPdfFileWriter(io.BytesIO(samples.plan_of_care()))
    if spare:
        append_signature_field(writer, SigFieldSpec("Physician", on_page=1, box=(72, 96, 292, 144)))
    signer = PyHankoSigner(sealing_key.chain(), sealing_key.key().sign)
    how = PdfSignatureMetadata(field_name="Author", certify=True, docmdp_permissions=permitted)
    output: io.BytesIO = sign_pdf(writer, how, signer=signer)
    return output.getvalue()


def _compressed(data: bytes) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.compress_identical_objects()
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def rewritten() -> Iterator[Sample]:
    """Yield sample PDFs in the forms in which the program qpdf writes them, such as compressed and linearized."""
    ways = (["--object-streams=generate"], ["--object-streams=disable"], ["--linearize"], ["--qdf"])
    for way, (name, data) in itertools.product(ways, _few()):
        with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
            file.write(data)
            file.flush()
            done = subprocess.run(["qpdf", *way, file.name, "-"], capture_output=True, check=True)
        yield f"{name} {way[0]}", done.stdout


def _few() -> list[Sample]:
    return [
        ("plan", samples.plan_of_care()),
        ("turned", samples.shaped(samples.plan_of_care(), rotate=90)),
        ("field", samples.with_bare_field("Twice a week")),
    ]


def damaged() -> Iterator[Sample]:
    """Yield sample PDFs with random damage: bytes changed, cut off, doubled or put before. The damage is always the
    same."""
    chance = random.Random(11)  # noqa: S311 - to make files, not secrets
    for name, data in _few():
        for number in range(60):
            yield f"{name} flipped {number}", _flipped(data, chance)
        for share in (0.1, 0.5, 0.9, 0.99):
            yield f"{name} cut at {share}", data[: int(len(data) * share)]
        yield f"{name} after rubbish", b"rubbish\n" * 20 + data
        yield f"{name} twice", data + data
        yield f"{name} and rubbish", data + b"\nrubbish" * 30


def _flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


SOURCES: tuple[Callable[[], Iterator[Sample]], ...] = (shapes, contents, signed, rewritten, damaged)


def accepted(data: bytes, folder: Path) -> str:
    """Return an empty string if the programs pdfsig and qpdf accept the sealed file, or else their complaints."""
    file = folder / "sealed.pdf"
    file.write_bytes(data)
    qpdf = subprocess.run(["qpdf", "--check", file], capture_output=True, text=True, check=False)
    seen = subprocess.run(["pdfsig", file], capture_output=True, text=True, check=False).stdout
    whole = [part for part in seen.split("Signature #")[1:] if "- Total document signed" in part]
    good = len(whole) == 1 and "Signature is Valid" in whole[0]
    return "" if good and qpdf.returncode in (0, 3) else f"{qpdf.stdout}{qpdf.stderr}{seen}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_every_file_is_refused_with_its_reason_or_sealed_soundly(
    source: Callable[[], Iterator[Sample]], tmp_path: Path
) -> None:
    outcomes, troubles = {"refused": 0, "sealed": 0}, []
    for name, data in source():
        try:
            inspect_pdf(data)
        except PdfRefused as refusal:
            outcomes["refused"] += bool(refusal.detail)
            continue
        trouble = _sealed(data, tmp_path)
        outcomes["sealed"] += 1
        if trouble:
            troubles.append((name, trouble))
    assert troubles == []
    assert outcomes["sealed"] > 0


def _sealed(data: bytes, folder: Path) -> str:
    sealed, faults = seal_or_rebuild(data, SignatureBox(page=1, x=72, y=96, width=220, height=48))
    if faults:
        return "; ".join(faults)
    verdict = verify(sealed, OURS).verdict
    return accepted(sealed, folder) or ("" if verdict == "intact" else verdict)
