import json
from dataclasses import replace

import pytest

from chalicelib.domain.carriers.document_copies import CopyPage
from chalicelib.domain.carriers.received_faxes import PageMatch, ReceivedFax, received_fax_id
from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, NotFound, Unavailable
from chalicelib.domain.jobs import JobName
from chalicelib.domain.status import Outcome, Status
from chalicelib.domain.timestamps import sort_key
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.fax_webhooks import queue_received_fax
from chalicelib.services.pdf_requests import PageReading, ReadFax
from chalicelib.services.returned_faxes.received_faxes import image_key, is_file_shown, is_shown
from chalicelib.services.returned_faxes.returned_copies import MAX_COPIES
from chalicelib.services.transaction import Change
from chalicelib.workers import run_delivery_job
from tests.support.fakes import START
from tests.support.provider_fixtures import PRACTICE, a_received_fax, only_doing
from tests.support.worlds.returned_fax_world import DOCUMENT, FILE, FILE_SHA256, SENDER, VERSION, ReturnedFaxWorld

STAFF = Actor("practice:prc_1")
STRAY = PageReading(number=2, is_blank=False)
PAGE = PageReading(number=1, is_blank=False, document_id=DOCUMENT.id, version=VERSION, page=1)
OLD_VERSION = replace(PAGE, number=2, version="000000")
OTHER_PRACTICE = replace(PRACTICE, id="prc_2")


@pytest.fixture
def world() -> ReturnedFaxWorld:
    return ReturnedFaxWorld()


def faxes(world: ReturnedFaxWorld) -> tuple[ReceivedFax, ...]:
    return world.received_faxes.page(world.practice, limit=100, before=None).items


def only_fax(world: ReturnedFaxWorld) -> ReceivedFax:
    (fax,) = faxes(world)
    return fax


def event_types(world: ReturnedFaxWorld) -> list[str]:
    return [event.type for event in world.store.events(DOCUMENT.id)]


def webhook_bodies(world: ReturnedFaxWorld) -> list[dict[str, object]]:
    rows = world.store.every(Delivery, "deliveries")
    return [json.loads(row.body or "{}") for row in rows if row.channel is Channel.WEBHOOK]


# A fax comes in


def test_the_webhook_of_a_fax_becomes_a_job_without_the_link(world: ReturnedFaxWorld) -> None:
    queue_received_fax(world.store, world.ids, "0ccc7b54", START)
    (job,) = world.store.jobs()
    assert (job.queue, job.name, job.event_id) == ("deliveries", JobName.RECEIVE_FAX, "0ccc7b54")


def test_a_matched_fax_is_stored_with_its_file_and_its_pages(world: ReturnedFaxWorld) -> None:
    run_delivery_job(world.come_in(world.reading(1, 2), world.reading(2, 1)), world)
    fax = only_fax(world)
    place = sort_key(START, "0ccc7b54")
    assert (fax.id, fax.sort_key, fax.carrier_id) == (received_fax_id(place), place, "0ccc7b54")
    assert (fax.practice_id, fax.received_at, fax.sender) == (PRACTICE.id, START, SENDER)
    assert (fax.sha256, fax.file_key) == (FILE_SHA256, f"evidence/faxes/{PRACTICE.id}/{FILE_SHA256}")
    assert (fax.is_partial, fax.refused) == (False, "")
    assert [(page.number, page.match, page.page) for page in fax.pages] == [
        (1, PageMatch.MATCHED, 2),
        (2, PageMatch.MATCHED, 1),
    ]
    assert world.files.objects[fax.file_key] == (FILE, "application/pdf")


def test_the_pictures_go_where_the_practice_later_finds_them(world: ReturnedFaxWorld) -> None:
    world.receive(world.reading(1, 1))
    (request,) = world.reader.asked
    assert isinstance(request, ReadFax)
    fax = only_fax(world)
    assert request.images.fields["key"] == f"faxes/{PRACTICE.id}/{fax.id}/${{filename}}"
    assert image_key(fax, 1) == f"faxes/{PRACTICE.id}/{fax.id}/1"
    assert request.images.fields["content_type_prefix"] == "image/"
    assert (request.source.sha256, fax.file_key in request.source.url) == (FILE_SHA256, True)


def test_a_matched_fax_is_no_signature_and_asks_staff_to_look(world: ReturnedFaxWorld) -> None:
    world.receive(world.reading(1, 2), world.reading(2, 1))
    document = world.document
    assert (document.status, document.outcome, document.decision) == (Status.PENDING, None, None)
    assert document.attention is AttentionReason.COPY_RECEIVED
    (copy,) = document.copies
    assert (copy.fax_id, copy.received_at) == (only_fax(world).id, START)
    assert copy.pages == (CopyPage(number=1, page=2), CopyPage(number=2, page=1))
    assert event_types(world) == ["document.copy_received"]
    assert world.notices() == ["needs_attention"]


def test_a_matched_fax_does_not_hide_a_wrong_fax_number(world: ReturnedFaxWorld) -> None:
    reported = replace(world.document, version=world.document.version + 1, attention=AttentionReason.WRONG_NUMBER)
    world.store.commit(Change(at=START, documents=(reported,)))
    world.receive(world.reading(1, 2), world.reading(2, 1))
    assert world.document.attention is AttentionReason.WRONG_NUMBER
    assert len(world.document.copies) == 1


def test_the_trail_names_the_fax_its_hash_and_the_pages(world: ReturnedFaxWorld) -> None:
    world.receive(world.reading(1, 2), STRAY)
    (event,) = world.store.events(DOCUMENT.id)
    data = json.loads(event.body)["data"]
    assert data == {"fax": only_fax(world).id, "sha256": FILE_SHA256, "pages": [2, None]}
    assert event.actor == "portal"


def test_the_webhook_has_links_to_the_pictures(world: ReturnedFaxWorld) -> None:
    world.receive(world.reading(1, 2))
    (body,) = webhook_bodies(world)
    assert body["type"] == "document.copy_received"
    data = body["data"]
    assert isinstance(data, dict)
    url = f"https://portal.test/v1/faxes/{only_fax(world).id}/pages/1"
    assert data["copies"] == [
        {
            "fax_id": only_fax(world).id,
            "received_at": "2026-11-22T19:00:00.000Z",
            "partial": False,
            "pages": [{"page": 2, "url": url}],
            "missing_pages": [1, 3],
        }
    ]
    assert data["attention"]["reason"] == "copy_received"


def test_one_fax_with_two_documents_reaches_both(world: ReturnedFaxWorld) -> None:
    other = replace(DOCUMENT, id="doc_other", external_id="POC-2", version=1)
    world.store.commit(Change(at=START, documents=(other,)))
    world.receive(world.reading(1, 2), world.reading(2, 1, other), STRAY)
    stored = world.store.document("doc_other")
    assert stored is not None
    assert [copy.pages for copy in stored.copies] == [(CopyPage(number=2, page=1),)]
    assert [copy.pages for copy in world.document.copies] == [(CopyPage(number=1, page=2),)]
    assert len(webhook_bodies(world)) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.APPROVED, "outcome": Outcome.APPROVED},
        {"status": Status.DECLINED, "outcome": Outcome.DECLINED},
        {"status": Status.RETURNED, "outcome": Outcome.BY_HAND},
    ],
    ids=["approved", "declined", "returned"],
)
def test_a_copy_of_a_decided_document_is_recorded_and_disturbs_nobody(
    world: ReturnedFaxWorld, changes: dict[str, object]
) -> None:
    world.change_document(**changes)
    world.receive(world.reading(1, 1))
    assert len(world.document.copies) == 1
    assert (world.document.attention, world.notices()) == (None, [])
    assert event_types(world) == ["document.copy_received"]


def test_a_row_keeps_the_newest_twenty_copies(world: ReturnedFaxWorld) -> None:
    for number in range(MAX_COPIES + 1):
        world.clock.pass_time(minutes=1)
        world.receive(world.reading(1, 1), carrier_id=f"fax-{number}")
    assert len(world.document.copies) == MAX_COPIES
    assert world.document.copies[-1].fax_id == faxes(world)[0].id
    assert len(faxes(world)) == MAX_COPIES + 1


# What is not matched


def test_unmatched_pages_are_in_the_practices_list_and_on_no_document(world: ReturnedFaxWorld) -> None:
    world.receive(STRAY, world.reading(3, 1, version="000000"))
    assert [page.match for page in only_fax(world).pages] == [PageMatch.UNREADABLE, PageMatch.OLDER_VERSION]
    assert (world.document.copies, event_types(world), world.webhooks()) == ((), [], [])


def test_another_practices_document_is_reported_and_not_changed(world: ReturnedFaxWorld) -> None:
    foreign = replace(DOCUMENT, id="doc_foreign", practice_id="prc_2", version=1)
    world.store.commit(Change(at=START, documents=(foreign,)))
    world.receive(world.reading(1, 1, foreign))
    (page,) = only_fax(world).pages
    assert (page.match, page.document_id, page.page, is_shown(page)) == (PageMatch.OTHER_PRACTICE, None, None, False)
    assert world.store.document("doc_foreign") == foreign
    assert webhook_bodies(world) == []


@pytest.mark.parametrize("match", [match for match in PageMatch if match is not PageMatch.OTHER_PRACTICE])
def test_every_other_page_is_shown(world: ReturnedFaxWorld, match: PageMatch) -> None:
    world.receive(STRAY)
    (page,) = only_fax(world).pages
    assert is_shown(replace(page, match=match))


def test_a_fax_to_a_number_of_no_practice_is_not_fetched(
    world: ReturnedFaxWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.fax_reception.receive(world.come_in(world.reading(1, 1), to="+15125550999"))
    assert (world.inbound.downloads, faxes(world), world.document.copies) == (0, (), ())
    # An alarm counts this line.
    (line,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert (line.getMessage(), vars(line)["fax"]) == ("fax to a number of no practice", "0ccc7b54")
    assert "5550999" not in str(vars(line))


def test_a_fax_that_cannot_be_read_is_listed_with_the_reason(world: ReturnedFaxWorld) -> None:
    world.fax_reception.receive(world.come_in(refused="The fax is neither a PDF nor a TIFF."))
    fax = only_fax(world)
    assert (fax.refused, fax.pages) == ("The fax is neither a PDF nor a TIFF.", ())
    assert (world.files.exists(fax.file_key), is_file_shown(fax)) == (True, True)


def test_a_tiff_is_stored_as_such(world: ReturnedFaxWorld) -> None:
    job = world.come_in(world.reading(1, 1))
    world.inbound.files["0ccc7b54"] = b"II*\0 a fax"
    world.fax_reception.receive(job)
    assert world.files.objects[only_fax(world).file_key] == (b"II*\0 a fax", "image/tiff")


def test_a_file_that_is_too_large_is_listed_and_not_stored(world: ReturnedFaxWorld) -> None:
    job = world.come_in()
    world.inbound.files["0ccc7b54"] = None
    world.fax_reception.receive(job)
    assert (only_fax(world).refused, only_fax(world).pages) == ("The fax is larger than 20 MB.", ())
    assert (world.files.keys("evidence/faxes/"), is_file_shown(only_fax(world))) == ([], False)
    assert world.reader.asked == []


def test_an_incomplete_fax_says_so(world: ReturnedFaxWorld) -> None:
    job = world.come_in(world.reading(1, 1))
    world.inbound.faxes["0ccc7b54"] = replace(world.inbound.faxes["0ccc7b54"], is_partial=True)
    world.fax_reception.receive(job)
    assert only_fax(world).is_partial
    (copy,) = webhook_bodies(world)[0]["data"]["copies"]  # type: ignore[index]  # - the webhook's JSON
    assert copy["partial"] is True
    assert sorted(world.notices()) == ["fax_waits", "needs_attention"]


# The notice to staff


@pytest.mark.parametrize(
    ("readings", "notices"),
    [
        ((STRAY,), ["fax_waits"]),
        ((OLD_VERSION,), ["fax_waits"]),
        ((PAGE, OLD_VERSION), ["fax_waits", "needs_attention"]),
        ((PAGE,), ["needs_attention"]),
        ((PAGE, STRAY), ["needs_attention"]),
        ((PageReading(number=1, is_blank=True),), []),
        ((replace(PAGE, page=0),), []),
    ],
    ids=["unreadable", "older", "matched-and-older", "matched", "stray-page-of-a-copy", "blank", "cover"],
)
def test_staff_learn_of_a_fax_that_waits_in_the_list(
    world: ReturnedFaxWorld, readings: tuple[PageReading, ...], notices: list[str]
) -> None:
    world.receive(*readings)
    assert sorted(world.notices()) == notices


def test_staff_learn_of_a_fax_that_cannot_be_read(world: ReturnedFaxWorld) -> None:
    world.fax_reception.receive(world.come_in(refused="The fax is neither a PDF nor a TIFF."))
    assert world.notices() == ["fax_waits"]


def test_the_notice_names_the_practice_and_nothing_of_the_fax(world: ReturnedFaxWorld) -> None:
    job = world.come_in(STRAY)
    world.fax_reception.receive(job)
    world.fax_reception.receive(job)
    world.work_off()
    (published,) = world.notifier.published
    assert (published["practice"], published["kind"]) == (PRACTICE.id, "fax_waits")
    assert published["text"].endswith(f"\n\nPractice: {PRACTICE.id}")
    assert not [word for word in (SENDER, only_fax(world).id) if word in published["text"]]


# Jobs that run twice


def test_a_repeated_job_changes_nothing(world: ReturnedFaxWorld) -> None:
    job = world.come_in(world.reading(1, 1))
    world.fax_reception.receive(job)
    world.fax_reception.receive(job)
    assert world.inbound.downloads == 1
    assert (len(faxes(world)), len(world.document.copies), event_types(world)) == (1, 1, ["document.copy_received"])


def test_two_jobs_at_the_same_time_store_one_fax(world: ReturnedFaxWorld) -> None:
    job = world.come_in(world.reading(1, 1))
    world.store.before_commit = only_doing(lambda: world.fax_reception.receive(job))
    world.fax_reception.receive(job)
    assert world.inbound.downloads == 2
    assert (len(faxes(world)), len(world.document.copies), event_types(world)) == (1, 1, ["document.copy_received"])


def test_another_fax_in_the_same_place_is_no_reason_to_lose_a_fax(world: ReturnedFaxWorld) -> None:
    job = world.come_in(world.reading(1, 1))
    other = a_received_fax(sort_key=sort_key(START, "0ccc7b54"), carrier_id="another")
    world.store.commit(Change(at=START, received_faxes=(other,)))
    with pytest.raises(ConcurrentUpdate):
        world.fax_reception.receive(job)
    assert world.document.copies == ()


def test_a_document_that_changes_at_the_same_time_gets_the_copy_too(world: ReturnedFaxWorld) -> None:
    job = world.come_in(world.reading(1, 1))
    world.store.before_commit = only_doing(lambda: world.change_document(calls=1))
    world.fax_reception.receive(job)
    assert (world.document.calls, len(world.document.copies), len(faxes(world))) == (1, 1, 1)


def test_a_fax_without_a_working_link_is_fetched_by_the_next_job(world: ReturnedFaxWorld) -> None:
    job = world.come_in(world.reading(1, 1))
    del world.inbound.files["0ccc7b54"]
    with pytest.raises(Unavailable):
        world.fax_reception.receive(job)
    assert faxes(world) == ()
    world.inbound.files["0ccc7b54"] = FILE
    world.fax_reception.receive(job)
    assert len(faxes(world)) == 1


# The list


def test_the_list_is_newest_first_and_has_pages(world: ReturnedFaxWorld) -> None:
    for number in range(3):
        world.clock.pass_time(minutes=1)
        world.receive(STRAY, carrier_id=f"fax-{number}")
    first = world.received_faxes.page(world.practice, limit=2, before=None)
    assert [fax.carrier_id for fax in first.items] == ["fax-2", "fax-1"]
    assert first.next_after is not None
    second = world.received_faxes.page(world.practice, limit=2, before=int(first.next_after))
    assert ([fax.carrier_id for fax in second.items], second.next_after) == (["fax-0"], None)


def test_a_practice_finds_its_own_faxes_only(world: ReturnedFaxWorld) -> None:
    world.receive(STRAY)
    fax = only_fax(world)
    assert world.received_faxes.find(world.practice, fax.id) == fax
    assert world.received_faxes.page(OTHER_PRACTICE, limit=9, before=None).items == ()
    for practice, fax_id in ((OTHER_PRACTICE, fax.id), (world.practice, f"{fax.id}0"), (world.practice, "fax_x")):
        with pytest.raises(NotFound, match="There is no such fax"):
            world.received_faxes.find(practice, fax_id)


# Staff assign a fax


def assign(world: ReturnedFaxWorld, document_id: str = DOCUMENT.id) -> None:
    world.received_faxes.assign(only_fax(world), document_id, STAFF)


def test_staff_assign_the_unmatched_pages_to_a_document(world: ReturnedFaxWorld) -> None:
    world.receive(PageReading(number=1, is_blank=True), STRAY, world.reading(3, 1, version="000000"))
    assign(world)
    (copy,) = world.document.copies
    assert copy.pages == (CopyPage(number=2, page=None), CopyPage(number=3, page=None))
    assert world.document.attention is AttentionReason.COPY_RECEIVED
    assert [event.actor for event in world.store.events(DOCUMENT.id)] == ["practice:prc_1"]
    assert len(webhook_bodies(world)) == 1
    fax = only_fax(world)
    assert world.received_faxes.assignments([fax]) == {fax.id: DOCUMENT.id}


def test_the_same_assignment_again_changes_nothing(world: ReturnedFaxWorld) -> None:
    world.receive(STRAY)
    assign(world)
    assign(world)
    assert len(world.document.copies) == 1


def test_a_fax_is_assigned_once(world: ReturnedFaxWorld) -> None:
    other = replace(DOCUMENT, id="doc_other", external_id="POC-2", version=1)
    world.store.commit(Change(at=START, documents=(other,)))
    world.receive(STRAY)
    assign(world)
    with pytest.raises(Conflict, match="assigned to another document already"):
        assign(world, "doc_other")


def test_two_people_who_assign_at_the_same_time_assign_once(world: ReturnedFaxWorld) -> None:
    other = replace(DOCUMENT, id="doc_other", external_id="POC-2", version=1)
    world.store.commit(Change(at=START, documents=(other,)))
    world.receive(STRAY)
    world.store.before_commit = only_doing(lambda: assign(world, "doc_other"))
    with pytest.raises(Conflict):
        assign(world)
    assert world.document.copies == ()


def test_a_fax_with_matched_pages_only_cannot_be_assigned(world: ReturnedFaxWorld) -> None:
    world.receive(world.reading(1, 1))
    with pytest.raises(Conflict, match="Every page of the fax is matched"):
        assign(world)


def test_a_fax_goes_to_no_other_practices_document(world: ReturnedFaxWorld) -> None:
    foreign = replace(DOCUMENT, id="doc_foreign", practice_id="prc_2", version=1)
    world.store.commit(Change(at=START, documents=(foreign,)))
    world.receive(STRAY)
    for document_id in ("doc_foreign", "doc_none"):
        with pytest.raises(NotFound, match="There is no such document"):
            assign(world, document_id)
