"""PDFs that other people signed before the portal, with locks and with fields that wait for a signature."""

from __future__ import annotations

import io
from functools import cache

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, SigFieldSpec, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, sign_pdf

from chalicelib.pdf.signing.certificate_chain import Chain
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.sealing import PyHankoSigner
from tests.support.pdf.sealing_key import LocalKey

THERAPIST = "Therapist"
THERAPISTS_BOX = (140, 230, 340, 270)


@cache
def _therapist() -> PyHankoSigner:
    key = LocalKey()
    return PyHankoSigner(Chain((key.certificate(),)), key.sign)


def with_fields(data: bytes, *fields: SigFieldSpec) -> bytes:
    """Return the PDF with these empty signature fields."""
    writer, output = IncrementalPdfFileWriter(io.BytesIO(data)), io.BytesIO()
    for field in fields:
        append_signature_field(writer, field)
    writer.write(output)
    return output.getvalue()


def signed_by_therapist(
    data: bytes | None = None,
    *waiting: SigFieldSpec,
    lock: FieldMDPSpec | None = None,
    permission: MDPPerm | None = None,
) -> bytes:
    """Return the PDF (or else a sample) with the therapist's signature, and with empty fields for other signers.

    The therapist's field has this lock of fields, and allows later changes of the file as `permission` says."""
    own = SigFieldSpec(THERAPIST, box=THERAPISTS_BOX, field_mdp_spec=lock, doc_mdp_update_value=permission)
    pdf = with_fields(samples.plan_of_care(1) if data is None else data, own, *waiting)
    output: io.BytesIO = sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf)),
        PdfSignatureMetadata(field_name=THERAPIST),
        signer=_therapist(),
        existing_fields_only=True,
    )
    return output.getvalue()
