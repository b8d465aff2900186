"""Test that the documented table of error codes has exactly the codes that the portal can return."""

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from html import unescape
from pathlib import Path
from typing import get_args

import pytest

from chalicelib.domain import errors
from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.errors import ConflictCode, UnprocessableCode
from chalicelib.domain.status import TRANSITIONS, is_decidable
from chalicelib.pdf.models import RefusalCode
from chalicelib.services.delivery.practice_deliveries import RETRYABLE
from chalicelib.web.api.problem_types import TYPES
from chalicelib.web.http.error_mapping import ERROR_TABLE, InternalError
from tests.support.portal import Browser, header, text

ROOT = Path(__file__).parents[4]
CODES: Mapping[type[errors.PortalError], type[StrEnum]] = {
    errors.Invalid: errors.InvalidCode,
    errors.Forbidden: errors.ForbiddenCode,
    errors.Conflict: ConflictCode,
    errors.Gone: errors.GoneCode,
    errors.Unprocessable: UnprocessableCode,
}
ONLY_OF_SCANS = {"not_a_scan", "unsigned_scan", "too_many_pixels"}
"""Refusals of `inspect` that a page shows next to the field, without a code."""


def list_codes() -> Iterator[tuple[str, int]]:
    """Yield every error code that the portal can return, with its HTTP status.

    Status 0 marks the codes that API Gateway itself returns."""
    for kind, presentation in ERROR_TABLE.items():
        if kind is not errors.NotJson:
            for code in CODES.get(kind) or [kind.code]:
                yield code, presentation.status
    for code in re.findall(r"/problems/([a-z-]+)", (ROOT / "infrastructure/template.yaml").read_text()):
        yield code, 0


def test_every_class_has_its_codes() -> None:
    by_class = {kind.code for kind in ERROR_TABLE if kind not in CODES and kind is not errors.NotJson}
    assert by_class == set(errors.CommonCode)
    assert errors.NotJson("").code is errors.InvalidCode.INVALID_JSON
    assert InternalError.code == "internal-error"


def test_a_conflict_code_exists_for_every_status_that_refuses() -> None:
    statuses = {
        status
        for (status, _), rule in TRANSITIONS.items()
        if (rule.to is None and not rule.noop) or not is_decidable(status)
    }
    assert {code for code in ConflictCode if code.startswith("document-")} == {
        f"document-{status}" for status in statuses
    }
    assert {code for code in ConflictCode if code.startswith("delivery-")} == {
        f"delivery-{status}" for status in DeliveryStatus if status not in RETRYABLE
    }


def test_every_refusal_of_a_pdf_has_a_code() -> None:
    refusals = {refusal.replace("_", "-") for refusal in set(get_args(RefusalCode)) - ONLY_OF_SCANS}
    assert refusals <= set(UnprocessableCode)


def test_every_code_is_explained_and_no_other() -> None:
    assert {code for code, _ in list_codes()} == set(TYPES)


def test_every_code_is_explained_with_its_statuses() -> None:
    for code, status in list_codes():
        assert status == 0 or status in TYPES[code].statuses, code


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("code", TYPES)
def test_the_page_of_a_code_shows_its_meaning_and_its_remedy(code: str) -> None:
    response = Browser().get(f"/problems/{code}")
    shown = text(response)
    assert response.status_code == 200
    assert header(response, "content-type") == "text/html; charset=utf-8"
    # `text` puts a space on either side of a text that is marked as code.
    shown = re.sub(r"\s+(\W)", r"\1", unescape(shown))
    for expected in (code, TYPES[code].meaning, TYPES[code].remedy):
        assert re.sub(r"\s+(\W)", r"\1", expected.replace("`", "")) in shown


@pytest.mark.usefixtures("portal")
def test_the_type_of_a_problem_is_the_url_of_its_page() -> None:
    refusal = Browser().get("/v1/documents")
    kind = json.loads(refusal.body)["type"]
    assert kind.startswith("https://portal.test/problems/")
    assert Browser().get(kind.removeprefix("https://portal.test")).status_code == 200


@pytest.mark.usefixtures("portal")
def test_there_is_no_page_for_a_type_that_does_not_exist() -> None:
    assert Browser().get("/problems/made-up").status_code == 404
