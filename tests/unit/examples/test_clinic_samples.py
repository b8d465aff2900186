from dataclasses import replace
from datetime import date

import pypdfium2
import pytest

from examples.clinic import forms
from examples.clinic.sample_plans.content import Plan
from examples.clinic.sample_plans.pdfs import SAMPLES, SamplePdf, build_pdf, first_page

TODAY = date(2026, 11, 22)


def built(plan: Plan) -> SamplePdf:
    return build_pdf(plan, forms.sample_facts(plan, forms.propose_values(plan, number=1001, today=TODAY)))


def text(pdf: pypdfium2.PdfDocument) -> str:
    return "\n".join(page.get_textpage().get_text_bounded() for page in pdf)


@pytest.mark.parametrize("plan", SAMPLES.values(), ids=SAMPLES.keys())
def test_sample_is_a_plan_of_care_of_two_to_four_pages(plan: Plan) -> None:
    pdf = pypdfium2.PdfDocument(built(plan).content)
    content = text(pdf)
    assert 2 <= len(pdf) <= 4
    for wanted in (plan.patient.name, "Physician/Provider Signature", "NPI: 1234567893", "POC-1001"):
        assert wanted in content
    for diagnosis in plan.diagnoses:
        assert diagnosis.code in content


@pytest.mark.parametrize("plan", SAMPLES.values(), ids=SAMPLES.keys())
def test_signature_field_is_on_the_signature_line(plan: Plan) -> None:
    sample = built(plan)
    field = sample.signature_field
    page = pypdfium2.PdfDocument(sample.content)[field["page"] - 1]
    text_page = page.get_textpage()
    index, _ = text_page.search("Physician/Provider Signature").get_next()
    left, bottom, _, top = text_page.get_charbox(index)
    assert field["x"] > left
    assert field["y"] <= bottom <= top <= field["y"] + field["height"]


def test_the_pdf_contains_the_values_of_the_form() -> None:
    plan = SAMPLES["pt-knee"]
    values = {
        **forms.propose_values(plan, number=1001, today=TODAY),
        "patient.first_name": "Grace",
        "author.name": "Kim Doe",
        "provider.npi": "1245319599",
    }
    content = text(pypdfium2.PdfDocument(build_pdf(plan, forms.sample_facts(plan, values)).content))
    for wanted in ("Grace Byron", "Kim Doe", "1245319599"):
        assert wanted in content
    assert "Ada" not in content


def test_markup_in_a_name_is_printed_unchanged() -> None:
    plan = replace(SAMPLES["pt-knee"], patient=replace(SAMPLES["pt-knee"].patient, last_name="<b>&amp;"))
    assert "<b>&amp;" in text(pypdfium2.PdfDocument(built(plan).content))


def test_same_facts_give_the_same_bytes() -> None:
    plan = SAMPLES["ot-hand"]
    assert built(plan).content == built(plan).content


def test_first_page_is_an_image() -> None:
    assert first_page(built(SAMPLES["slp-stroke"]).content).startswith(b"\x89PNG")
