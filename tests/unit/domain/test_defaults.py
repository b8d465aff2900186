"""Test the defaults of stored values. Rows of earlier releases lack newer fields, so the defaults must never change."""

from dataclasses import MISSING, fields
from typing import Any

import pytest

from chalicelib.domain.carriers.email_receipts import Receipt
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.delivery_attempts import AttemptResult
from chalicelib.domain.documents import Decision, Document, StoredPdf
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.follow_up.progress import FollowUpPlan, FollowUpProgress
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator
from chalicelib.services.pdf_requests import PreparedFile, PrepareDocument
from chalicelib.services.review.decisions import ApprovalForm
from chalicelib.services.review.review import ProviderAction

DEFAULTS: dict[Any, dict[str, Any]] = {
    ApprovalForm: {"remember": False, "read_statement": False},
    AttemptResult: {"tried": True},
    Authenticator: {"last_step": 0},
    Decision: {"read_statement": False, "strokes_aspect": 3.0},
    Delivery: {"access": 1, "never_repeats": False, "unsent": False},
    Document: {"access": 1, "sequence": 0},
    FollowUpPlan: {"emails": True, "faxes": True},
    FollowUpProgress: {"reminders": 0, "is_stopped": False},
    PreparedFile: {"start": 0, "end": 0, "pages": 0, "needs_certificate": False, "searched": False, "is_pdf": True},
    PrepareDocument: {"searched": False},
    Provider: {"npi_self_stated": False, "session_generation": 1, "short_password": False},
    ProviderAction: {"reauthenticated": False},
    Receipt: {"lookups": 0},
    Secret: {"access": 1, "tries": 0, "session_generation": 1},
    StoredPdf: {"timestamp_due": False},
}
"""The defaults other than `None`, an empty text and an empty tuple."""


@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_field_that_a_row_lacks_has_its_old_meaning(kind: Any) -> None:
    defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    assert {name: defaults[name] for name in DEFAULTS[kind]} == DEFAULTS[kind]
