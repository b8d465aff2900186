"""Test that the seal (the portal's digital signature) fills the signature field that waits for the provider."""

import io
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, SigFieldSpec, SigSeedValueSpec

from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.signing import verification
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.sample_pdfs import BLOCK, CERTIFICATE
from tests.support.pdf.sealing import Release, find_faults, find_picture_fault, seal_signed
from tests.support.pdf.sealing_key import FACTS, certificate, sealer
from tests.support.pdf.signed_pdfs import signed_by_therapist, with_fields
from tests.unit.pdf.signing.test_corpus import accepted

PHYSICIANS = SigFieldSpec("PhysicianSignature", box=(190, 155, 390, 195))
PATIENTS = SigFieldSpec("PatientSignature", box=(190, 95, 390, 135))
UNNAMED = SigFieldSpec("Signature2", box=(190, 355, 390, 395))
ELSEWHERE = SignatureBox(page=1, x=40, y=500, width=200, height=50)


def seal(pdf: bytes, field: SignatureBox | None = None) -> Release:
    return seal_signed(pdf, block=BLOCK, field=field, certificate=CERTIFICATE, sealer=sealer(), facts=FACTS)


def field_of(release: Release) -> str:
    """Return the name of the field that has the seal."""
    return str(PdfFileReader(io.BytesIO(release.sealed.data)).embedded_signatures[-1].field_name)


def assert_sound(source: bytes, release: Release, folder: Path) -> None:
    """Assert that all signatures of the sealed file are valid for us, for pyHanko and for pdfsig, and that only the
    place of the signature block looks different from the source."""
    assert find_faults(release, source=source, certificate=certificate()) == []
    assert find_picture_fault(source, release) == ""
    reports = verification.read_signatures(release.sealed.data, strict=True)
    assert all(report.sound and report.permitted for report in reports)
    assert reports[-1].locked
    assert not accepted(release.sealed.data, folder)


SIGNED: tuple[tuple[tuple[SigFieldSpec, ...], str], ...] = (
    ((PHYSICIANS,), "PhysicianSignature"),
    ((PATIENTS, PHYSICIANS), "PhysicianSignature"),
    ((PHYSICIANS, PATIENTS), "PhysicianSignature"),
    ((PATIENTS,), "Seal"),
    ((UNNAMED,), "Seal"),
    ((SigFieldSpec("Seal", box=UNNAMED.box),), "Seal 2"),
    ((PHYSICIANS, SigFieldSpec("ProviderSignature", box=UNNAMED.box)), "Seal"),
    ((SigFieldSpec("Signature2", box=UNNAMED.box, readable_field_name="Physician signature"),), "Signature2"),
    ((SigFieldSpec("DoctorSig", box=UNNAMED.box, readable_field_name="Patient signature"),), "Seal"),
    ((SigFieldSpec("DoctorSig", box=UNNAMED.box, seed_value_dict=SigSeedValueSpec(reasons=["x"])),), "Seal"),
)


@pytest.mark.parametrize(("waiting", "name"), SIGNED)
def test_beside_another_signature_the_seal_fills_the_providers_field(
    waiting: tuple[SigFieldSpec, ...], name: str, tmp_path: Path
) -> None:
    source = signed_by_therapist(None, *waiting)
    release = seal(source)
    assert field_of(release) == name
    assert release.certificate is not None
    assert_sound(source, release, tmp_path)


@pytest.mark.parametrize("waiting", [(PHYSICIANS,), (PATIENTS, PHYSICIANS)])
def test_in_an_unsigned_file_the_seal_fills_the_providers_field(
    waiting: tuple[SigFieldSpec, ...], tmp_path: Path
) -> None:
    source = with_fields(samples.plan_of_care(2), *waiting)
    release = seal(source)
    assert release.sealed.data.startswith(source)
    assert (field_of(release), release.certificate, release.pages) == ("PhysicianSignature", None, 3)
    assert release.place == SignatureBox(page=1, x=190, y=155, width=200, height=40)
    assert_sound(source, release, tmp_path)


def test_an_unsigned_file_with_other_fields_is_rebuilt(tmp_path: Path) -> None:
    for source in (
        with_fields(samples.with_bare_field("walks"), PHYSICIANS),
        with_fields(samples.with_annotation(), PHYSICIANS),
        with_fields(samples.active(), PHYSICIANS),
        with_fields(samples.plan_of_care(1), PATIENTS),
    ):
        release = seal(source)
        assert not release.sealed.data.startswith(source)
        assert_sound(source, release, tmp_path)


def test_the_place_that_the_emr_requests_comes_first(tmp_path: Path) -> None:
    source = signed_by_therapist(None, PHYSICIANS, UNNAMED)
    assert field_of(seal(source, ELSEWHERE)) == "Seal"
    assert seal(source, ELSEWHERE).place == ELSEWHERE
    at_field = SignatureBox(page=1, x=180, y=150, width=100, height=20)
    assert field_of(seal(source, at_field)) == "PhysicianSignature"
    off_page = SignatureBox(page=9, x=180, y=150, width=100, height=20)
    assert field_of(seal(source, off_page)) == "PhysicianSignature"
    assert_sound(source, seal(source, at_field), tmp_path)


def test_a_field_at_the_requested_place_is_filled_unless_it_is_for_another_signer() -> None:
    source = signed_by_therapist(None, UNNAMED, PATIENTS)
    at_unnamed = SignatureBox(page=1, x=200, y=360, width=150, height=30)
    at_patients = SignatureBox(page=1, x=200, y=100, width=150, height=30)
    assert field_of(seal(source, at_unnamed)) == "Signature2"
    assert field_of(seal(source, at_patients)) == "Seal"


@pytest.mark.parametrize(("page", "box"), [(0, None), (0, (0, 0, 0, 0))])
def test_an_invisible_field_is_not_filled(page: int, box: tuple[int, int, int, int] | None, tmp_path: Path) -> None:
    source = signed_by_therapist(None, SigFieldSpec("PhysicianSignature", on_page=page, box=box))
    release = seal(source)
    assert field_of(release) == "Seal"
    assert release.place is not None
    assert_sound(source, release, tmp_path)


@pytest.mark.parametrize("lock", [FieldMDPSpec(FieldMDPAction.ALL), FieldMDPSpec(FieldMDPAction.INCLUDE, ["Goals"])])
def test_the_seal_locks_the_file_whatever_the_field_says(lock: FieldMDPSpec, tmp_path: Path) -> None:
    source = signed_by_therapist(None, SigFieldSpec("PhysicianSignature", box=PHYSICIANS.box, field_mdp_spec=lock))
    assert_sound(source, seal(source), tmp_path)
