"""Every code that the portal can raise is explained, and nothing is explained that it cannot raise."""

import ast
import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import get_args

import pytest

from chalicelib import bootstrap
from chalicelib.domain import errors
from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.status import TRANSITIONS, is_decidable
from chalicelib.pdf.models import RefusalCode
from chalicelib.services.accounts.setup_links import DeadLink
from chalicelib.services.delivery.practice_deliveries import RETRYABLE
from chalicelib.web.api.problem_types import TYPES
from chalicelib.web.http.error_mapping import TABLE, InternalError
from tests.support.portal import Browser, Portal, header, text

ROOT = Path(__file__).parents[4]
CLASSES: dict[str, type[errors.PortalError]] = {
    each.__name__: each for each in (*TABLE, DeadLink, errors.MessageOutdated) if each is not InternalError
}
FAMILIES = {
    "document-": {
        status.value
        for (status, _), rule in TRANSITIONS.items()
        if (rule.to is None and not rule.noop) or not is_decidable(status)
    },
    "delivery-": {each.value for each in DeliveryStatus if each not in RETRYABLE},
}
"""What may stand after the prefix of a code that is put together."""

ONLY_OF_SCANS = {"not_a_scan", "too_many_pixels"}
"""Refusals of `inspect` that a page shows at its field, without a code."""

PASSED_ON = {("incoming_pdf.py", "code"), ("intake.py", "refusal.code")}
"""Places that pass a code on: of the inspection, and of another error that is raised in its own place."""


def raised() -> Iterator[tuple[str, int]]:
    """Every code and status in the source."""
    for file in sorted((ROOT / "chalicelib").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield from raised_by(file.name, node.func.id, node)
    for refusal in set(get_args(RefusalCode)) - ONLY_OF_SCANS:
        yield refusal.replace("_", "-"), 422
    for code in re.findall(r"/problems/([a-z-]+)", (ROOT / "infrastructure/template.yaml").read_text()):
        yield code, 0
    yield InternalError.code, 500


def raised_by(file: str, name: str, call: ast.Call) -> Iterator[tuple[str, int]]:
    if (file, name) == ("incoming_pdf.py", "_refused") and isinstance(call.args[0], ast.Constant):
        yield str(call.args[0].value), TABLE[errors.Unprocessable].status
    if name in CLASSES:
        kind = CLASSES[name]
        for code in codes(file, kind, call):
            yield code, TABLE[next(each for each in kind.__mro__ if each in TABLE)].status


def codes(file: str, kind: type[errors.PortalError], call: ast.Call) -> set[str]:
    given = next((each.value for each in call.keywords if each.arg == "code"), None)
    if given is None:
        return {kind.code}
    if isinstance(given, ast.Constant):
        return {str(given.value)}
    if isinstance(given, ast.JoinedStr):
        assert isinstance(given.values[0], ast.Constant)
        prefix = str(given.values[0].value)
        return {prefix + each for each in FAMILIES[prefix]}
    assert (file, ast.unparse(given)) in PASSED_ON
    return set()


def test_every_code_that_can_be_raised_is_explained_and_no_other() -> None:
    assert {code for code, _ in raised()} == set(TYPES)


def test_each_code_is_explained_with_the_statuses_it_comes_with() -> None:
    for code, status in raised():
        assert status == 0 or status in TYPES[code].statuses, code


@pytest.fixture
def portal() -> Portal:
    made = Portal()
    bootstrap.install(made)
    return made


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("code", TYPES)
def test_the_address_of_a_type_says_what_it_means_and_what_to_do(code: str) -> None:
    response = Browser().get(f"/problems/{code}")
    shown = text(response)
    assert response.status_code == 200
    assert header(response, "content-type") == "text/html; charset=utf-8"
    # What is set as code has a space on either side once its tags are gone.
    shown = re.sub(r"\s+(\W)", r"\1", unescape(shown))
    for said in (code, TYPES[code].meaning, TYPES[code].remedy):
        assert re.sub(r"\s+(\W)", r"\1", said.replace("`", "")) in shown


@pytest.mark.usefixtures("portal")
def test_a_problem_leads_to_its_page() -> None:
    refusal = Browser().get("/v1/documents")
    kind = json.loads(refusal.body)["type"]
    assert kind.startswith("https://portal.test/problems/")
    assert Browser().get(kind.removeprefix("https://portal.test")).status_code == 200


@pytest.mark.usefixtures("portal")
def test_there_is_no_page_for_a_type_that_does_not_exist() -> None:
    assert Browser().get("/problems/made-up").status_code == 404
