"""Whose line or field it is: what is somebody else's, or may be, is never signed."""

import pytest

from chalicelib.pdf.placement import find_signature_field
from chalicelib.pdf.wording import is_anothers, is_providers_name, names_providers_signature
from tests.unit.pdf import samples
from tests.unit.pdf.layouts import page

NAMES = [
    "Sam Lee PT", "Sam Lee, P.T.", "Sam Lee MSPT", "Sam Lee LPT", "Sam Lee DPT", "Sam Lee, PT, DPT",
    "Sam Lee OTR/L", "Sam Lee O.T.R./L.", "Sam Lee CCC-SLP", "Sam Lee, M.S., C.C.C.-S.L.P.", "Sam Lee PTA",
    "Sam Lee COTA", "Sam Lee, COTA/L", "Sam J. Lee PT OCS",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_therapists_name_never_makes_the_line_the_providers(name: str) -> None:
    assert not is_providers_name(f"Provider: {name}")
    assert is_anothers(name)
    row = (54, 150, f"Provider: {name}"), (300, 150, "Signature: ____________________")
    assert find_signature_field(page(*row), (1.0,), samples.BLOCK) is None


@pytest.mark.parametrize(
    "text", ["Physician: Luis Rivera, MD", "Provider: Dr. Otto Pratt", "PT Plan of Care"]
)
def test_other_names_are_no_therapists(text: str) -> None:
    assert not is_anothers(text)
    assert is_providers_name(text) == (":" in text)


def test_a_name_far_off_in_its_row_tells_nothing() -> None:
    others = (54, 100, "Signature: ____________________")
    near = page((54, 150, "Physician: Luis Rivera"), (300, 150, "Signature: ____________________"), others)
    far = page((54, 150, "MD: Luis"), (400, 150, "Signature: ____________________"), others)
    assert find_signature_field(near, (1.0,), samples.BLOCK) is not None
    assert find_signature_field(far, (1.0,), samples.BLOCK) is None


@pytest.mark.parametrize(
    "name",
    [
        "physician_signature", "PhysicianSig", "physicianESig", "MDSig", "providersignature", "doctor-sign",
        "np_sig2", "NursePractitionerSignature", "nurse_practitioner_sig", "PhysicianAssistantSignature",
        "provider.esignature", "physiciansig", "pa_signature",
    ],
)  # fmt: skip
def test_fields_named_for_the_providers_signature(name: str) -> None:
    assert names_providers_signature(name, is_signature=False)


@pytest.mark.parametrize(
    "name",
    [
        "physician_assigned", "providerDesignee", "physician_designation", "nurse_physician_sig",
        "provider_staff_signature", "provider_assistant_signature", "ParentOrProviderSignature",
        "guardian_md_sig", "physicianRepresentativeSignature", "witness_provider_sig", "physicianSigDate",
        "patient_signature", "nurse_signature", "PTSignature_md", "designated provider",
    ],
)  # fmt: skip
def test_fields_that_may_be_for_somebody_else(name: str) -> None:
    assert not names_providers_signature(name, is_signature=False)
