"""The patients of the tests, and the search for their names, birth dates and diagnoses in a text.

Tests that use another patient add the patient here. The patients of the sample clinic are included."""

import re
from collections.abc import Iterator, Sequence
from datetime import date

from examples.clinic.sample_plans.plans import PLANS

NAMES = tuple(dict.fromkeys(name for plan in PLANS for name in (plan.patient.first_name, plan.patient.last_name)))
"""The first and last names of the patients. A test's last name may go on with a number, such as `Byron1f`."""

NAMES_OF_OTHERS = frozenset({"Okafor"})
"""Patients' names that also belong to a provider of some test. Only the whole name of the patient gives them away."""

BIRTH_DATES = tuple(dict.fromkeys(plan.patient.date_of_birth for plan in PLANS))
DIAGNOSES = tuple(part for plan in PLANS for diagnosis in plan.diagnoses for part in (diagnosis.code, diagnosis.text))


def find_patient_words(text: str) -> list[str]:
    """Return every name, birth date and diagnosis of a patient that the text has, each as the text writes it."""
    lowered = text.lower()
    if not any(word in lowered for word in _WORDS):
        return []
    return [match[0] for pattern in _PATTERNS for match in pattern.finditer(text)]


def birth_date_formats(day: date) -> Sequence[str]:
    """Return the ways in which the portal or a programmer might write a birth date."""
    year, month, number = day.year, f"{day:%B}", day.day
    short = month[:3]
    return (
        day.isoformat(),
        f"{day:%Y%m%d}",
        f"{day:%m/%d/%Y}",
        f"{day:%m-%d-%Y}",
        f"{day.month}/{number}/{year}",
        f"{day:%m/%d}/{year % 100:02}",
        *(f"{name} {number}, {year}" for name in (month, short)),
        *(f"{number} {name} {year}" for name in (month, short)),
    )


def _whole_word(word: str) -> str:
    """Return a pattern of a name. Random ids in base64 must not match, so no letter, digit or sign may be beside it."""
    spellings = "|".join(map(re.escape, (word, word.upper(), word.lower())))
    return rf"(?<![\w/+-])(?:{spellings})(?![\w/+-])" if len(word) < _LONG else rf"(?<![A-Za-z0-9])(?:{spellings})"


def _patterns() -> Iterator[str]:
    yield from (_whole_word(name) for name in NAMES if name not in NAMES_OF_OTHERS)
    for patient in (plan.patient for plan in PLANS):
        # Between the two names may be anything that separates words in a sentence, a file name or a URL.
        for names in ((patient.first_name, patient.last_name), (patient.last_name, patient.first_name)):
            yield rf"(?i:{names[0]}(?:[\s,_.+-]|%20)+{names[1]})"
    yield from (rf"(?<!\d){re.escape(text)}(?!\d)" for day in BIRTH_DATES for text in birth_date_formats(day))
    yield from (rf"(?<![\w.])(?i:{re.escape(text)})(?![\w])" for text in DIAGNOSES)


_LONG = 5
"""The number of letters from which a name is too long to appear in a random id by chance."""

_WORDS = frozenset(
    word.lower() for word in (*NAMES, *DIAGNOSES, *(text for day in BIRTH_DATES for text in birth_date_formats(day)))
)
"""The words of which every match has one, in lower case. Most texts have none, and this search is much faster."""

_PATTERNS = tuple(re.compile(pattern) for pattern in dict.fromkeys(_patterns()))
