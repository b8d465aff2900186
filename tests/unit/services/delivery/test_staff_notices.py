import re
from pathlib import Path

import pytest

from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.services.delivery import staff_notices
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.review import DeclineForm, ProviderAction, Review
from tests.support.delivery_world import World
from tests.support.provider_fixtures import PROVIDER

SERVICES = Path(staff_notices.__file__).parents[1]


def test_every_kind_that_is_sent_has_words_and_every_word_is_sent() -> None:
    text = "".join(path.read_text() for path in SERVICES.rglob("*.py"))
    sent = set(re.findall(r"notice\(\s*\"(\w+)\"", text))
    assert sent == set(staff_notices.NOTICE_TEXTS)


@pytest.mark.parametrize("kind", staff_notices.NOTICE_TEXTS)
def test_subjects_are_what_sns_takes(kind: str) -> None:
    subject = staff_notices.NOTICE_TEXTS[kind].subject
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) <= 100


def test_a_decline_is_told_to_staff_without_patient_reason_or_note() -> None:
    world = World()
    writer = DocumentWriter(store=world.store, ids=world.ids, portal_url="https://portal.test")
    by = ProviderAction(
        provider=PROVIDER, actor=Actor("provider:prv_1"), now=world.clock.at, authentication="password"
    )
    Review(writer, world.switches).decline(
        world.document, DeclineForm(reason="other", note="A secret note"), by
    )
    world.work_off()
    (published,) = world.notifier.published
    assert (published["practice"], published["kind"]) == (world.practice.id, "declined")
    assert world.document.id in published["text"]
    assert not [word for word in ("Byron", "secret note", "other", "Rivera") if word in published["text"]]
    assert [each.channel for each in world.store.every(Delivery, "deliveries")] == [
        Channel.NOTICE,
        Channel.WEBHOOK,
    ]
