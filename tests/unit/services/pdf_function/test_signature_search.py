"""Test the sandboxed search for the signature line, whose failure must not stop a seal."""

import os
from collections.abc import Callable

import pytest

from chalicelib.pdf.placement.finder import find_signature_box
from chalicelib.services.pdf_function import signature_search as placing
from chalicelib.services.pdf_function.signature_search import find_field
from tests.support.pdf import form_layouts as layouts
from tests.support.pdf import sample_pdfs as samples

LAYOUTS = {layout.name: layout.data for layout in layouts.all_layouts()}


@pytest.mark.parametrize("name", ["drawn line", "short line"], ids=["whole", "in parts"])
def test_the_sandboxed_search_gives_the_result_of_the_search(name: str) -> None:
    field = find_field(LAYOUTS[name], 1, samples.BLOCK)
    assert field is not None
    assert field == find_signature_box(LAYOUTS[name], (1.0,), samples.BLOCK)


def test_a_page_without_a_signature_label_gives_no_field() -> None:
    assert find_field(layouts.page((54, 700, "Plan of care")), 1, samples.BLOCK) is None


def fails(*_arguments: object) -> None:
    raise RecursionError


def crashes(*_arguments: object) -> None:
    os._exit(9)


def hangs(*_arguments: object) -> None:
    while True:
        pass


def grows(*_arguments: object) -> None:
    kept = []
    while True:
        kept.append(bytes(64 * 1024 * 1024))


@pytest.mark.parametrize("search", [fails, crashes, hangs, grows])
def test_a_search_that_fails_gives_none(monkeypatch: pytest.MonkeyPatch, search: Callable[..., None]) -> None:
    monkeypatch.setattr(placing, "SECONDS", 0.5)
    monkeypatch.setattr(placing, "find_signature_box", search)
    assert find_field(LAYOUTS["drawn line"], 1, samples.BLOCK) is None
