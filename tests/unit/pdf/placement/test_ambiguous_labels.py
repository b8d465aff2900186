"""Test that the portal never puts a signature on a line or field that is, or may be, another person's."""

import pytest
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, NameObject, NumberObject, TextStringObject

from chalicelib.pdf.placement.finder import find_signature_box
from chalicelib.pdf.placement.label_patterns import field_is_for_provider, is_providers_name, names_other_signer
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.form_layouts import Draw, page

NAMES = [
    "Sam Lee PT",
    "Sam Lee, P.T.",
    "Sam Lee MSPT",
    "Sam Lee LPT",
    "Sam Lee DPT",
    "Sam Lee, PT, DPT",
    "Sam Lee OTR/L",
    "Sam Lee O.T.R./L.",
    "Sam Lee CCC-SLP",
    "Sam Lee, M.S., C.C.C.-S.L.P.",
    "Sam Lee PTA",
    "Sam Lee COTA",
    "Sam Lee, COTA/L",
    "Sam J. Lee PT OCS",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_line_beside_a_therapists_name_is_never_the_providers(name: str) -> None:
    assert not is_providers_name(f"Provider: {name}")
    assert names_other_signer(name)
    row = (54, 150, f"Provider: {name}"), (300, 150, "Signature: ____________________")
    assert find_signature_box(page(*row), (1.0,), samples.BLOCK) is None


@pytest.mark.parametrize("text", ["Physician: Luis Rivera, MD", "Provider: Dr. Otto Pratt", "PT Plan of Care"])
def test_other_names_are_not_therapists(text: str) -> None:
    assert not names_other_signer(text)
    assert is_providers_name(text) == (":" in text)


def test_a_distant_name_in_the_row_does_not_count() -> None:
    others = (54, 100, "Signature: ____________________")
    near = page((54, 150, "Physician: Luis Rivera"), (300, 150, "Signature: ____________________"), others)
    far = page((54, 150, "MD: Luis"), (400, 150, "Signature: ____________________"), others)
    assert find_signature_box(near, (1.0,), samples.BLOCK) is not None
    assert find_signature_box(far, (1.0,), samples.BLOCK) is None


@pytest.mark.parametrize(
    "name",
    [
        "physician_signature",
        "PhysicianSig",
        "physicianESig",
        "MDSig",
        "providersignature",
        "doctor-sign",
        "np_sig2",
        "NursePractitionerSignature",
        "nurse_practitioner_sig",
        "PhysicianAssistantSignature",
        "provider.esignature",
        "physiciansig",
        "pa_signature",
    ],
)
def test_field_names_for_the_providers_signature(name: str) -> None:
    assert field_is_for_provider(name, is_signature=False)


@pytest.mark.parametrize(
    "name",
    [
        "physician_assigned",
        "providerDesignee",
        "physician_designation",
        "nurse_physician_sig",
        "provider_staff_signature",
        "provider_assistant_signature",
        "ParentOrProviderSignature",
        "guardian_md_sig",
        "physicianRepresentativeSignature",
        "witness_provider_sig",
        "physicianSigDate",
        "patient_signature",
        "nurse_signature",
        "PTSignature_md",
        "designated provider",
    ],
)
def test_field_names_that_may_be_for_another_person(name: str) -> None:
    assert not field_is_for_provider(name, is_signature=False)


def _lines(*heights: float) -> Draw:
    return lambda canvas: [canvas.line(54, height, 260, height) for height in heights]


PATIENT, PHYSICIAN, WITNESS = "Patient Signature", "Physician Signature", "Witness Signature"


@pytest.mark.parametrize(
    "above", [[PATIENT], [WITNESS, PATIENT], ["Print Name"]], ids=["patient", "two others", "name"]
)
def test_a_line_below_another_label_belongs_to_that_label(above: list[str]) -> None:
    """On a form with labels above their lines, the line above the physician's label belongs to the label before it."""
    labels = [*above, PHYSICIAN]
    texts = [(54.0, 242.0 - 42 * index, text) for index, text in enumerate(labels)]
    data = page(*texts, drawn=_lines(*(242.0 - 28 - 42 * index for index in range(len(labels)))))
    assert find_signature_box(data, (1.0,), samples.BLOCK) is None


@pytest.mark.parametrize("labels", [[PATIENT, PHYSICIAN, WITNESS], [PHYSICIAN, PATIENT], [PATIENT, PHYSICIAN]])
def test_a_line_above_its_label_belongs_to_that_label(labels: list[str]) -> None:
    texts = [(54.0, 200.0 - 42 * index, text) for index, text in enumerate(labels)]
    lines = [214.0 - 42 * index for index in range(len(labels))]
    field = find_signature_box(page(*texts, drawn=_lines(*lines)), (1.0,), samples.BLOCK)
    assert field is not None
    y = field.y + (field.parts.signature[1] if field.parts else 0)
    assert y == pytest.approx(lines[labels.index(PHYSICIAN)] + 1, abs=1)


def _column_of_fields(labels: list[str], names: list[str], *, labels_over: bool) -> bytes:
    """Return a PDF page with a column of form fields of these `names`.

    Each field is 22 points high, with its label directly above (`labels_over`) or below."""
    texts = [(54.0, 220.0 - 42 * index + (28 if labels_over else -10), text) for index, text in enumerate(labels)]
    rects = [(54.0, 220.0 - 42 * index, 260.0, 242.0 - 42 * index) for index in range(len(labels))]

    def change(writer: PdfWriter) -> None:
        places = ArrayObject(
            writer._add_object(
                samples.pdf_dict(
                    Type=samples.name("Annot"),
                    Subtype=samples.name("Widget"),
                    FT=samples.name("Tx"),
                    T=TextStringObject(name),
                    Rect=samples.floats(*rect),
                    F=NumberObject(4),
                )
            )
            for name, rect in zip(names, rects, strict=True)
        )
        writer.pages[0][NameObject("/Annots")] = places
        writer.root_object[NameObject("/AcroForm")] = samples.pdf_dict(Fields=places)

    return samples.edited(samples.drawn_pdf(lambda c, _page: [c.drawString(*text) for text in texts]), change)


@pytest.mark.parametrize("labels_over", [True, False])
@pytest.mark.parametrize("labels", [[PATIENT, PHYSICIAN], [PHYSICIAN, PATIENT], [PATIENT, PHYSICIAN, WITNESS]])
@pytest.mark.parametrize("named", [True, False])
def test_the_field_of_the_label_is_signed_and_not_its_neighbor(
    labels: list[str], *, labels_over: bool, named: bool
) -> None:
    names = [text if named and text != PHYSICIAN else f"Text{index}" for index, text in enumerate(labels)]
    data = _column_of_fields(labels, names, labels_over=labels_over)
    field = find_signature_box(data, (1.0,), samples.BLOCK)
    assert field is not None
    y = field.y + (field.parts.signature[1] if field.parts else 0)
    assert 0 <= y - (220 - 42 * labels.index(PHYSICIAN)) <= 22


def test_a_field_named_for_another_person_is_never_signed() -> None:
    for name in ("patient_signature", "PTSignature", "physician_signature_date", "Date4"):
        data = _column_of_fields([PHYSICIAN], [name], labels_over=False)
        field = find_signature_box(data, (1.0,), samples.BLOCK)
        assert field is None or field.y >= 242 or field.y + field.height <= 220
