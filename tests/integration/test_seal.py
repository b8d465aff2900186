"""Test the deployed functions from a provider's signature to a sealed PDF that anyone can verify."""

import subprocess
from pathlib import Path

import pytest

from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.pdf.signing import verification
from tests.support.integration.signing import Clinic, a_physician, checked_at_verify
from tests.support.pdf import sample_pdfs as samples
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def clinic(stack: Stack) -> Clinic:
    return Clinic(stack, stack.practice())


@pytest.fixture(scope="module")
def ids(clinic: Clinic, stack: Stack) -> tuple[str, str]:
    """Return the ids of a signed document and of a declined document, which several tests share."""
    signed, declined = clinic.send(samples.plan_of_care()), clinic.send(samples.plan_of_care())
    with a_physician(stack, clinic.address) as physician:
        physician.sign(signed)
        physician.decline(declined)
    return signed, declined


def published(stack: Stack) -> set[str]:
    found = stack.client("s3").get_object(Bucket=stack.outputs["Bucket"], Key="certificates/published.pem")
    return {chain.fingerprint(item) for item in chain.read_pem(found["Body"].read())}


def accepted(data: bytes, folder: Path) -> None:
    """Assert that two other PDF programs, qpdf and pdfsig, accept the sealed (digitally signed) file."""
    file = folder / "sealed.pdf"
    file.write_bytes(data)
    subprocess.run(["qpdf", "--check", file], check=True, capture_output=True)
    seen = subprocess.run(["pdfsig", file], check=False, capture_output=True, text=True).stdout
    assert "Signature is Valid" in seen, seen
    assert "Total document signed" in seen


def test_a_signed_document_is_sealed_with_the_kms_key(
    clinic: Clinic, ids: tuple[str, str], stack: Stack, tmp_path: Path
) -> None:
    document_id, _ = ids
    data = clinic.sealed(document_id)

    accepted(data, tmp_path)
    finding = verification.verify(data, published(stack))
    assert finding.verdict == "intact"
    assert finding.seal is not None
    assert finding.seal.document_id == document_id
    assert finding.seal.reason.startswith("Signed electronically by Luis")
    assert ", MD" in finding.seal.reason
    assert clinic.document(document_id)["sealing"] == "sealed"


def test_a_declined_document_is_sealed_too(clinic: Clinic, ids: tuple[str, str], stack: Stack, tmp_path: Path) -> None:
    _, document_id = ids
    data = clinic.sealed(document_id)

    accepted(data, tmp_path)
    finding = verification.verify(data, published(stack))
    assert (finding.verdict, finding.seal and finding.seal.reason.split()[0]) == ("intact", "Declined")


def test_a_proof_of_transmission_is_sealed_and_genuine(clinic: Clinic, ids: tuple[str, str], stack: Stack) -> None:
    document_id, _ = ids
    assert clinic.get(f"/v1/documents/{document_id}/proof").json()["trail"]["intact"] is True
    data = clinic.proof(document_id)
    text = samples.one_line(" ".join(samples.texts(data)))
    assert "Decision Signed electronically" in text
    assert "Intact. No event was changed or removed." in text
    page = checked_at_verify(stack, data)
    assert "Genuine and unchanged" in page
    assert "Proof of transmission, compiled by the portal from the audit trail" in page
    assert "Byron" not in page


def test_anyone_can_verify_a_sealed_file(clinic: Clinic, ids: tuple[str, str], stack: Stack) -> None:
    _, document_id = ids
    data = clinic.sealed(document_id)

    page = checked_at_verify(stack, data)
    assert "Genuine and unchanged" in page
    assert document_id in page
    assert "Ada" not in page
    assert "Byron" not in page
    assert "Not what was sealed" in checked_at_verify(stack, data.replace(b"/MediaBox", b"/MediaBux"))
    assert "No seal in this file" in checked_at_verify(stack, samples.plan_of_care())
    left = stack.client("s3").list_object_versions(Bucket=stack.outputs["Bucket"], Prefix="uploads/verify/")
    assert (left.get("Versions", []), left.get("DeleteMarkers", [])) == ([], [])
    pem = stack.http.get("/verify/certificates").content
    assert {chain.fingerprint(item) for item in chain.read_pem(pem)} == published(stack)
