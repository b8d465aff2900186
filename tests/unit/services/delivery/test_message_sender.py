"""Test what a message about a document needs before it can be composed."""

import pytest

from chalicelib.services.delivery.message_sender import MessageFacts
from tests.support.fakes import START
from tests.support.provider_fixtures import a_delivery, a_document


def test_a_message_without_its_document_or_practice_is_an_error() -> None:
    for document in (None, a_document()):
        facts = MessageFacts(
            delivery=a_delivery(a_document()), now=START, document=document, practice=None, provider=None
        )
        with pytest.raises(LookupError):
            facts.require_document()
