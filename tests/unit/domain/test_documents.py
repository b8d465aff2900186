from datetime import date

import pytest

from chalicelib.domain.documents import Certification, Kind, due_date

SENT = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("kind", "certification", "due"),
    [
        (Kind.PLAN_OF_CARE, None, date(2026, 12, 22)),
        (Kind.PLAN_OF_CARE, Certification(initial_visit_on=date(2026, 11, 20)), date(2026, 12, 20)),
        (
            Kind.PLAN_OF_CARE,
            Certification(initial_visit_on=date(2026, 11, 20), starts_on=date(2026, 11, 18)),
            date(2026, 12, 18),
        ),
        (Kind.RECERTIFICATION, Certification(starts_on=date(2026, 12, 1)), date(2026, 12, 1)),
        (Kind.RECERTIFICATION, Certification(starts_on=date(2026, 11, 1)), SENT),
        (Kind.RECERTIFICATION, None, date(2026, 12, 22)),
        (Kind.ORDER, Certification(initial_visit_on=date(2026, 1, 1)), date(2026, 12, 22)),
    ],
)
def test_the_day_a_signature_is_due(kind: Kind, certification: Certification | None, due: date) -> None:
    assert due_date(kind, certification, SENT) == due
