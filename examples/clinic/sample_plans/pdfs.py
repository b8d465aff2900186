"""The PDFs of the sample plans of care, made from the plans and the values of the send form."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from threading import Lock
from types import MappingProxyType

import pypdfium2
from reportlab.platypus import Flowable

from examples.clinic.sample_plans import layout
from examples.clinic.sample_plans.content import Author, Patient, Plan
from examples.clinic.sample_plans.plans import PLANS

SAMPLES: Mapping[str, Plan] = MappingProxyType({plan.key: plan for plan in PLANS})

CERTIFICATION_DAYS = 90
"""The longest period that a certification may cover, in days (42 CFR 424.24(c)(4))."""


THUMBNAIL_SCALE = 0.7

# Only one thread at a time may use PDFium.
_PDFIUM = Lock()


@dataclass(frozen=True)
class Referrer:
    """The provider who has referred the patient, and who is asked to sign the plan."""

    name: str
    credential: str
    npi: str

    @property
    def signs_as(self) -> str:
        return ", ".join(part for part in (self.name, self.credential) if part)


@dataclass(frozen=True)
class Certification:
    """The dates of a plan: the first visit and the plan's period, as days in the clinic's time zone."""

    initial_visit_on: date
    starts_on: date
    ends_on: date
    order_signed_on: date


@dataclass(frozen=True)
class Facts:
    """The facts in the PDF of a sample plan that staff can change in the send form."""

    number: str
    patient: Patient
    author: Author
    referrer: Referrer
    certification: Certification


@dataclass(frozen=True)
class SamplePdf:
    """A sample's PDF, and the box for the provider's signature.

    `signature_field` has the format of the event's `signature_field`: `page` counts from 1, and `x`, `y`,
    `width` and `height` are PDF points from the bottom left of the page."""

    content: bytes
    signature_field: Mapping[str, int]


def certification_from(plan: Plan, today: date) -> Certification:
    """Return the proposed dates of a sample plan that is sent today."""
    initial_visit_on = today - timedelta(days=plan.days_since_initial_visit)
    return Certification(
        initial_visit_on=initial_visit_on,
        starts_on=today,
        ends_on=today + timedelta(days=CERTIFICATION_DAYS - 1),
        order_signed_on=initial_visit_on - timedelta(days=10),
    )


def build_pdf(plan: Plan, facts: Facts) -> SamplePdf:
    """Build the PDF of a plan, with two to four Letter pages. The same input gives the same bytes."""
    signature = layout.ProviderSignature(facts.referrer.signs_as, facts.referrer.npi)
    output = io.BytesIO()
    layout.render(
        output,
        story=_story(plan, facts, signature),
        title=f"{plan.discipline} {plan.title} {facts.number}",
        running=layout.Running(
            patient=f"{facts.patient.last_name}, {facts.patient.first_name}",
            born=layout.us_date(facts.patient.date_of_birth),
            record=facts.patient.external_id,
            document=facts.number,
        ),
    )
    return SamplePdf(output.getvalue(), signature.field())


def first_page(pdf: bytes) -> bytes:
    """Return a small PNG picture of a PDF's first page, with about 50 dots per inch."""
    output = io.BytesIO()
    with _PDFIUM:
        document = pypdfium2.PdfDocument(pdf)
        document[0].render(scale=THUMBNAIL_SCALE).to_pil().save(output, "PNG")
        document.close()
    return output.getvalue()


def _story(plan: Plan, facts: Facts, signature: layout.ProviderSignature) -> list[Flowable]:
    return [
        *layout.heading(f"{plan.discipline} Plan of Care", plan.subtitle),
        layout.fact_grid(_facts_shown(facts)),
        *layout.section("Diagnoses", layout.diagnosis_table(plan.diagnoses)),
        *layout.section("Referral", layout.paragraph(plan.referral)),
        *layout.section("History and current status", layout.paragraph(_history(plan, facts))),
        *layout.section("Prior level of function", layout.paragraph(plan.prior_level)),
        *layout.section("Precautions", layout.paragraph(plan.precautions)),
        *layout.section("Functional limitations", layout.pairs(plan.limitations)),
        *(part for table in plan.tables for part in layout.section(table.title, layout.data_table(table))),
        *layout.section("Assessment and need for skilled services", layout.paragraph(plan.assessment)),
        *layout.section("Short-term goals", layout.goals(plan.short_term, facts.certification.starts_on)),
        *layout.section("Long-term goals", layout.goals(plan.long_term, facts.certification.starts_on)),
        *layout.section("Interventions", layout.intervention_table(plan.interventions)),
        *layout.section("Frequency, duration and outlook", layout.pairs(_outlook(plan))),
        *layout.certification_block(
            statement=_statement(plan, facts),
            therapist=layout.TherapistSignature(facts.author, facts.certification.starts_on),
            provider=signature,
        ),
    ]


def _facts_shown(facts: Facts) -> tuple[tuple[str, str], ...]:
    dates = facts.certification
    return (
        ("Patient", facts.patient.name),
        ("Date of birth", layout.us_date(facts.patient.date_of_birth)),
        ("Record number", facts.patient.external_id),
        ("Document", facts.number),
        ("Referring provider", facts.referrer.signs_as),
        ("NPI", facts.referrer.npi or "not on file"),
        ("Order signed", layout.us_date(dates.order_signed_on)),
        ("Payer", "Medicare Part B"),
        ("Therapist", _author(facts.author)),
        ("Initial visit", layout.us_date(dates.initial_visit_on)),
        ("Certification", f"{layout.us_date(dates.starts_on)} to {layout.us_date(dates.ends_on)}"),
        ("Return fax", layout.CLINIC_FAX),
    )


def _author(author: Author) -> str:
    return f"{author.name}, {author.credential}"


def _history(plan: Plan, facts: Facts) -> str:
    born, today = facts.patient.date_of_birth, facts.certification.starts_on
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return plan.history.format(age=age)


def _outlook(plan: Plan) -> tuple[tuple[str, str], ...]:
    return (
        ("Frequency", plan.frequency),
        ("Duration", plan.duration),
        ("Rehabilitation potential", plan.potential),
        ("Discharge plan", plan.discharge),
    )


def _statement(plan: Plan, facts: Facts) -> str:
    starts, ends = layout.us_date(facts.certification.starts_on), layout.us_date(facts.certification.ends_on)
    verb = "recertify" if plan.kind == "recertification" else "certify"
    return (
        f"I {verb} the need for these {plan.discipline.lower()} services, furnished under this plan of care "
        f"and while under my care, from {starts} to {ends}. "
        "I have reviewed this plan and approve it, with any changes I have written below."
    )
