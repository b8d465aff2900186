"""What the certificate says of how the pages were read."""

from typing import Any

import pytest

from chalicelib.domain.documents import Decision, Signer
from chalicelib.domain.status import Action
from chalicelib.pdf.facts import CertificateFacts
from chalicelib.services import sealing
from tests.fakes import START
from tests.portal import Portal
from tests.provider_side import a_document, a_store

SIGNER = Signer(
    name="Luis Rivera", credential="MD", npi=None, method="electronic", authentication="account password"
)  # fmt: skip


def certificate(*, pages: int = 3, **reading: Any) -> CertificateFacts:
    decision = Decision(action=Action.APPROVE, signer=SIGNER, decided_at=START, **reading)
    document = a_document()
    sizes = ((612.0, 792.0),) * pages
    original = type(document.original)(key="k", sha256="0123", pages=pages, page_sizes=sizes)
    return sealing._certificate(a_document(original=original), decision, Portal(a_store(document)))


def test_pages_that_were_shown_are_listed_and_nothing_is_said_of_a_statement() -> None:
    facts = certificate(pages_shown=(1, 2, 3))
    assert (facts.pages_shown, facts.read_statement) == ("1, 2, 3", None)


@pytest.mark.parametrize(("pages", "said"), [(1, "the page"), (3, "all 3 pages")])
def test_the_statement_that_was_ticked_instead_is_quoted(pages: int, said: str) -> None:
    facts = certificate(pages=pages, read_statement=True)
    assert facts.pages_shown is None
    assert facts.read_statement == f"Statement ticked: I have read {said}."


def test_pages_that_were_shown_stand_beside_the_statement() -> None:
    facts = certificate(pages_shown=(1,), read_statement=True)
    assert facts.pages_shown == "1"
    assert facts.read_statement == "Statement ticked: I have read all 3 pages."
