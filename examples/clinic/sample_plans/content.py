"""The parts of a sample plan of care, such as diagnoses and goals, as a therapist would write them.

Every person is fictional."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Patient:
    """A fictional patient. `external_id` is the EMR's number for the patient."""

    external_id: str
    first_name: str
    last_name: str
    date_of_birth: date

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True)
class Author:
    """The therapist who wrote a sample plan of care."""

    name: str
    credential: str
    phone: str
    license: str


@dataclass(frozen=True)
class Diagnosis:
    """A diagnosis of a sample plan, with its code of ICD-10-CM. `use` is `Medical` or `Treatment`."""

    code: str
    text: str
    use: str


@dataclass(frozen=True)
class Table:
    """A table of measurements in a sample plan, with a title. Every row has one value for each column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]


@dataclass(frozen=True)
class Goal:
    """A measurable goal of the treatment, due `weeks` weeks after the plan's period begins."""

    text: str
    weeks: int


@dataclass(frozen=True)
class Intervention:
    """A treatment in a sample plan, with its CPT code (the code for billing)."""

    code: str
    name: str
    detail: str


@dataclass(frozen=True)
class Plan:
    """A sample plan of care: the values that stay the same, whatever staff enter in the send form."""

    key: str
    kind: str
    title: str
    label: str
    summary: str
    discipline: str
    subtitle: str
    patient: Patient
    author: Author
    diagnoses: tuple[Diagnosis, ...]
    referral: str
    history: str
    prior_level: str
    precautions: str
    limitations: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    assessment: str
    short_term: tuple[Goal, ...]
    long_term: tuple[Goal, ...]
    interventions: tuple[Intervention, ...]
    frequency: str
    duration: str
    potential: str
    discharge: str
    days_since_initial_visit: int = 0
