"""Test what is checked before the release of a sealed file: the seal, and each page if there is a source."""

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.services.linked_files import source_link
from chalicelib.services.pdf_function import release_checks
from chalicelib.services.pdf_requests import CheckedRelease, CheckRelease
from tests.support.fakes import FakeFiles
from tests.support.pdf.fake_pdf import FakeLinks

SOURCE, PREPARED, SEALED = b"the original", b"before<0000>after", b"before<ab00>after"


def check(*, with_source: bool = True, shown: bool = True) -> CheckedRelease:
    files = FakeFiles()
    files.put("originals/1.pdf", SOURCE, "application/pdf")
    files.put("work/1.pdf", PREPARED, "application/pdf")
    request = CheckRelease(
        prepared=source_link(files, "work/1.pdf", hashlib.sha256(PREPARED).hexdigest()),
        start=7,
        end=11,
        message=b64encode(b"\xab").decode(),
        pages=2,
        level="B-B",
        certificate="c",
        pins=("p",),
        source=source_link(files, "originals/1.pdf", hashlib.sha256(SOURCE).hexdigest()) if with_source else None,
        shown=shown,
        unseen=(2,),
    )
    return release_checks.check_release(request, FakeLinks(files))


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the checks of the seal and of the page pictures by fakes, and return the list of the seal's faults.

    A test fills the list. The fake check of the pictures reports as a fault what it was asked to compare."""
    found: list[str] = []

    def find(data: bytes, **facts: Any) -> list[str]:
        assert data == SEALED
        assert facts["source"] in (SOURCE, b"")
        return found

    def compare(source: bytes | None, sealed: bytes, _place: object, unseen: tuple[int, ...]) -> Iterator[str]:
        yield ""
        yield f"{source!r} {sealed!r} {unseen}"

    monkeypatch.setattr(release_checks, "find_faults", find)
    monkeypatch.setattr(release_checks, "compare_pages", compare)
    return found


@pytest.mark.parametrize(
    ("with_source", "shown", "fault"),
    [(True, True, f"{SOURCE!r} {SEALED!r} (2,)"), (True, False, f"None {SEALED!r} (2,)"), (False, False, "")],
)
@pytest.mark.usefixtures("faults")
def test_pages_are_compared_with_a_source_that_was_shown(*, with_source: bool, shown: bool, fault: str) -> None:
    assert check(with_source=with_source, shown=shown) == CheckedRelease(hashlib.sha256(SEALED).hexdigest(), fault)


def test_a_fault_of_the_seal_comes_first(faults: list[str]) -> None:
    faults.append("the seal is broken")
    assert check().fault == "the seal is broken"


@pytest.mark.usefixtures("faults")
def test_a_file_that_crashes_the_check_has_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_checks, "find_faults", lambda *_, **__: os._exit(9))
    assert check().fault == "the sealed file cannot be checked"
