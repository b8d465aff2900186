import pytest

from chalicelib.domain.deliveries import Channel, Delivery, NoticeKind
from chalicelib.services.delivery import staff_notices
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.decisions import DeclineForm
from chalicelib.services.review.review import ProviderAction, Review
from tests.support.provider_fixtures import PROVIDER
from tests.support.worlds.delivery_world import World


def test_every_kind_of_notice_has_a_text() -> None:
    assert set(staff_notices.NOTICE_TEXTS) == set(NoticeKind)


@pytest.mark.parametrize("kind", staff_notices.NOTICE_TEXTS)
def test_subjects_are_what_sns_takes(kind: NoticeKind) -> None:
    subject = staff_notices.NOTICE_TEXTS[kind].subject
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) <= 100


def test_staff_learn_of_a_decline_without_patient_reason_or_note() -> None:
    world = World()
    writer = DocumentWriter(store=world.store, ids=world.ids, portal_url="https://portal.test")
    by = ProviderAction(provider=PROVIDER, actor=Actor("provider:prv_1"), now=world.clock.at, authentication="password")
    Review(writer, world.switches).decline(world.document, DeclineForm(reason="other", note="A secret note"), by)
    world.work_off()
    (published,) = world.notifier.published
    assert (published["practice"], published["kind"]) == (world.practice.id, "declined")
    assert world.document.id in published["text"]
    assert not [word for word in ("Byron", "secret note", "other", "Rivera") if word in published["text"]]
    assert [delivery.channel for delivery in world.store.every(Delivery, "deliveries")] == [
        Channel.NOTICE,
        Channel.WEBHOOK,
    ]
