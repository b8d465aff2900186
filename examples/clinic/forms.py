"""The form that sends a document to the portal.

Its field names are the paths in the event's `data`, so that the portal's errors match the fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from examples.clinic.portal import FieldError, Refused
from examples.clinic.sample_plans.content import Author, Patient, Plan
from examples.clinic.sample_plans.pdfs import Certification, Facts, Referrer, certification_from

Json = Mapping[str, Any]
Values = Mapping[str, str]

UPLOAD = "upload"

PATIENT_FIELDS = ("external_id", "first_name", "last_name", "date_of_birth")

DATES = (
    "patient.date_of_birth",
    "certification.initial_visit_on",
    "certification.from",
    "certification.to",
    "certification.order.signed_on",
)

FIELDS = (
    "external_id",
    "kind",
    "title",
    "patient.external_id",
    "patient.first_name",
    "patient.last_name",
    "patient.date_of_birth",
    "provider.first_name",
    "provider.last_name",
    "provider.credential",
    "provider.npi",
    "provider.email",
    "provider.fax",
    "provider.phone",
    "author.name",
    "author.credential",
    "author.phone",
    "delivery",
    "payer.kind",
    "certification.initial_visit_on",
    "certification.from",
    "certification.to",
    "certification.order.signed_on",
    "certification.order.discipline",
    "certification.order.npi",
    "certification.order.name",
    "supersedes",
    "message",
)

FIRST_PROVIDER: Values = {
    "provider.first_name": "Luis",
    "provider.last_name": "Rivera",
    "provider.credential": "MD",
    "provider.npi": "1234567893",
    "provider.email": "dr.rivera@example.com",
    "provider.fax": "+15125550100",
    "provider.phone": "+15125550190",
}


@dataclass(frozen=True)
class FormError:
    """The reasons why the send form was refused, for its page.

    They are a sentence, a message for each wrong field, and messages about fields that the form does not have."""

    summary: str
    fields: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def propose_values(plan: Plan, *, number: int, today: date) -> Values:
    """Return the values with which the send form first appears for a sample plan of care.

    `number` is the proposed number of the document."""
    dates = certification_from(plan, today)
    return {
        "external_id": f"POC-{number}",
        "kind": plan.kind,
        "title": plan.title,
        **FIRST_PROVIDER,
        **patient_values(plan.patient),
        "author.name": plan.author.name,
        "author.credential": plan.author.credential,
        "author.phone": plan.author.phone,
        "delivery": "email",
        "certification.initial_visit_on": dates.initial_visit_on.isoformat(),
        "certification.from": dates.starts_on.isoformat(),
        "certification.to": dates.ends_on.isoformat(),
        "payer.kind": "medicare",
        "certification.order.signed_on": dates.order_signed_on.isoformat(),
        "certification.order.discipline": plan.key.partition("-")[0].upper(),
        "certification.order.npi": FIRST_PROVIDER["provider.npi"],
        "certification.order.name": "Luis Rivera, MD",
        "supersedes": "",
        "message": "",
    }


def patient_values(patient: Patient) -> Values:
    """Return the values that a patient in the records gives to the send form."""
    return {
        "patient.external_id": patient.external_id,
        "patient.first_name": patient.first_name,
        "patient.last_name": patient.last_name,
        "patient.date_of_birth": patient.date_of_birth.isoformat(),
    }


def read_values(form: Mapping[str, str]) -> Values:
    """Return the values in the submitted send form, without surrounding spaces. A missing value is an empty text."""
    return {name: form.get(name, "").strip() for name in FIELDS}


def event_data(values: Values) -> dict[str, Any]:
    """Return the `data` of the event `document.sent`, made from the send form's values, without the PDF.

    Empty values are left out."""
    data: dict[str, Any] = {}
    for name in FIELDS:
        if values[name]:
            *parents, leaf = name.split(".")
            place = data
            for parent in parents:
                place = place.setdefault(parent, {})
            place[leaf] = values[name]
    return data


def read_patient(values: Values) -> Patient:
    """Return the patient that a person entered in the send form. Raises `ValueError` for an invalid date of birth."""
    return patient_from({name: values[f"patient.{name}"] for name in PATIENT_FIELDS})


def patient_from(sent: Json) -> Patient:
    """Return the patient in the `data` of a sent event. Raises `ValueError` for an invalid date of birth."""
    return Patient(
        external_id=str(sent["external_id"]),
        first_name=str(sent["first_name"]),
        last_name=str(sent["last_name"]),
        date_of_birth=date.fromisoformat(sent["date_of_birth"]),
    )


def copy_values(sent: Json) -> Values:
    """Return the send form's values for a new version of a document, from the `data` with which it was sent.

    The document's number is left out."""
    values: dict[str, str] = {}
    for name in FIELDS:
        value: Any = sent
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str) and name not in ("external_id", "supersedes", "message"):
            values[name] = value
    return values


def is_date(text: str) -> bool:
    """Return True if `text` is a day such as `2026-11-22`."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def sample_facts(plan: Plan, values: Values) -> Facts:
    """Return the facts from the send form that are printed in the sample PDF. Raises `ValueError` for an invalid
    date."""
    usual = certification_from(plan, date.fromisoformat(values["certification.from"]))
    initial, order = values["certification.initial_visit_on"], values["certification.order.signed_on"]
    last = values["certification.to"]
    return Facts(
        number=values["external_id"],
        patient=read_patient(values),
        author=_author(plan, values),
        referrer=Referrer(
            f"{values['provider.first_name']} {values['provider.last_name']}",
            values["provider.credential"],
            values["provider.npi"],
        ),
        certification=Certification(
            initial_visit_on=date.fromisoformat(initial) if initial else usual.initial_visit_on,
            starts_on=usual.starts_on,
            ends_on=date.fromisoformat(last) if last else usual.ends_on,
            order_signed_on=date.fromisoformat(order) if order else usual.order_signed_on,
        ),
    )


def _author(plan: Plan, values: Values) -> Author:
    name = values["author.name"] or plan.author.name
    if name == plan.author.name:
        return plan.author
    return Author(name, values["author.credential"], values["author.phone"], plan.author.license)


def from_refusal(refused: Refused) -> FormError:
    """Return the portal's refusal of an event as errors of the send form, with each message at its field."""
    fields: dict[str, str] = {}
    others: list[str] = []
    for error in refused.errors:
        name = _form_name(error)
        if name:
            fields[name] = error.message
        else:
            others.append(f"{error.field}: {error.message}" if error.field else error.message)
    return FormError(
        ". ".join(part.rstrip(".") for part in (refused.title, refused.detail) if part) + ".", fields, tuple(others)
    )


def _form_name(error: FieldError) -> str | None:
    name = error.field.removeprefix("data.")
    if name == "content" or name.startswith("content."):
        return "content"
    return name if name in FIELDS else None


def number_in(external_id: str) -> int | None:
    """Return the number in a document number of this EMR (1001 for `POC-1001`), or None for another format."""
    digits = external_id.removeprefix("POC-")
    return int(digits) if digits.isascii() and digits.isdigit() and digits != external_id else None
