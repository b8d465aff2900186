"""Test the anchors of audit trails (daily copies of their last hashes), and how a rewritten trail contradicts them."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, utils

from chalicelib.adapters import dynamodb_rows as rows
from chalicelib.domain.documents import Document, ReturnedMethod
from chalicelib.domain.errors import Unavailable
from chalicelib.services.documents import anchor_job
from chalicelib.services.documents.anchor_job import AnchorJob
from chalicelib.services.documents.anchors import day_key, read_anchors
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import RecallCommand
from chalicelib.services.documents.reports import Reports
from chalicelib.services.ports import TimestampAuthority
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import Emr, sent
from tests.support.fakes import START
from tests.support.pdf import sealing_key

DAY = START.date()


class Authority:
    """A fake timestamp authority, which may be down. Its clock is a second slow."""

    up = True

    def __init__(self, emr: Emr) -> None:
        self._emr = emr

    def request(self, query: bytes) -> bytes:
        if not self.up:
            raise ConnectionRefusedError
        return sealing_key.timestamps(query, at=self._emr.now - timedelta(seconds=1))


@pytest.fixture
def emr() -> Emr:
    return Emr()


def job(emr: Emr, authority: TimestampAuthority | None = None) -> AnchorJob:
    pins = sealing_key.pins()
    key = sealing_key.key()
    return AnchorJob(store=emr.store, files=emr.files, clock=emr.clock, key=key, authority=authority, pins=pins)


def trail(emr: Emr, document: Document) -> Mapping[str, Any]:
    return Reports(emr.store, emr.files).audit_trail(document.practice_id, document.id)


def recall(emr: Emr, document: Document) -> None:
    command = RecallCommand(document=DocumentRef(document_id=document.id, external_id=None), reason="Wrong plan")
    emr.lifecycle.recall(emr.inbound(), command)


def signed_object(emr: Emr, day: date = DAY) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the JSON of a day's signed object with copies of audit-trail hashes, and the text that its signature
    covers."""
    envelope = json.loads(emr.files.get(day_key(day)))
    return envelope, json.loads(envelope["anchor"])


def test_a_trail_is_not_anchored_on_its_first_day(emr: Emr) -> None:
    document = emr.send()
    assert trail(emr, document)["anchor"] is None
    assert trail(emr, document)["intact"] is True


def test_a_trail_that_grew_is_anchored_the_next_day(emr: Emr) -> None:
    document = emr.send()
    emr.clock.pass_time(days=1)
    job(emr).anchor()
    assert trail(emr, document)["anchor"] == {
        "day": DAY.isoformat(),
        "sequence": document.sequence,
        "head": document.head,
        "agrees": True,
    }
    assert trail(emr, document)["intact"] is True


def test_the_object_of_a_day_is_signed_over_every_position(emr: Emr) -> None:
    documents = [emr.send(sent(external_id=f"POC-{number}")) for number in range(9)]
    emr.clock.pass_time(days=1)
    job(emr, Authority(emr)).anchor()
    envelope, anchored = signed_object(emr)
    digest = hashlib.sha256(envelope["anchor"].encode()).digest()
    public_key: Any = serialization.load_der_public_key(sealing_key.key().public_key())
    algorithm = utils.Prehashed(hashes.SHA256())
    public_key.verify(base64.b64decode(envelope["signature"]), digest, padding.PKCS1v15(), algorithm)
    token = cms.ContentInfo.load(base64.b64decode(envelope["timestamp"]))
    stamped = token["content"]["encap_content_info"]["content"].parsed["message_imprint"]["hashed_message"].native
    assert stamped == hashlib.sha256(base64.b64decode(envelope["signature"])).digest()
    heads: dict[str, str] = {}
    for shard, sha256 in anchored["parts"].items():
        data = emr.files.get(f"evidence/anchors/{DAY}/{shard}.json")
        assert hashlib.sha256(data).hexdigest() == sha256
        heads |= {name: head for name, _, head in json.loads(data)["heads"]}
    assert heads == {document.id: document.head for document in documents}
    assert set(anchored["parts"]) == set(rows.SHARDS)


def test_only_trails_that_grew_are_read_again(emr: Emr) -> None:
    quiet, busy = emr.send(), emr.send(sent(external_id="POC-2"))
    emr.clock.pass_time(days=1)
    job(emr).anchor()
    recall(emr, busy)
    emr.clock.pass_time(days=1)
    job(emr).anchor()
    assert [anchor.day for anchor in read_anchors(emr.files, quiet.id)] == [DAY]
    assert [anchor.sequence for anchor in read_anchors(emr.files, busy.id)] == [1, 2]


def test_a_removed_last_event_is_noticed(emr: Emr) -> None:
    """The attacker also sets the document's row back, so the hash chain is complete.

    Only the anchor, the stored copy of the trail's last hash, contradicts the chain."""
    before = emr.send()
    recall(emr, before)
    emr.clock.pass_time(days=1)
    job(emr).anchor()
    events = emr.store.tables["events"]
    events.pop(max(events))
    emr.store.tables["documents"][before.id] = rows.document_row(before)
    shown = trail(emr, before)
    assert [event["sequence"] for event in shown["events"]] == [1]
    assert (shown["intact"], shown["anchor"]["agrees"], shown["anchor"]["sequence"]) == (False, False, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"sent_at": START - timedelta(days=3)},
        {"returned_at": START - timedelta(days=3), "returned_method": ReturnedMethod.FAX},
        {"viewed_at": START - timedelta(days=3)},
        {"sequence": 7},
    ],
)
def test_a_time_without_its_event_is_noticed(emr: Emr, change: Mapping[str, Any]) -> None:
    document = emr.send()
    emr.store.tables["documents"][document.id] = rows.document_row(replace(document, **change))
    assert trail(emr, document)["intact"] is False


def test_a_day_is_anchored_once_and_after_an_outage_of_days(emr: Emr) -> None:
    document = emr.send()
    emr.clock.pass_time(days=3)
    for _ in range(2):
        job(emr, Authority(emr)).anchor()
        emr.clock.pass_time(hours=1)
    assert [anchor.day for anchor in read_anchors(emr.files, document.id)] == [DAY]
    assert len([key for key in emr.files.keys("evidence/anchors/") if key.count("/") == 2]) == anchor_job.DAYS_BACK


def test_a_job_that_died_is_continued(emr: Emr, monkeypatch: pytest.MonkeyPatch) -> None:
    document = emr.send()
    emr.clock.pass_time(days=1)
    real, parts = emr.files.put, list[str]()

    def put(key: str, data: bytes, content_type: str) -> None:
        if key.startswith(f"evidence/anchors/{DAY}/"):
            parts.append(key)
            if len(parts) == len(rows.SHARDS):
                raise Unavailable("The function was stopped.")
        real(key, data, content_type)

    monkeypatch.setattr(emr.files, "put", put)
    with pytest.raises(Unavailable):
        job(emr).anchor()
    assert not emr.files.exists(day_key(DAY))
    job(emr).anchor()
    assert len(parts) == len(rows.SHARDS) + 1
    assert emr.files.exists(day_key(DAY))
    assert trail(emr, document)["anchor"]["agrees"] is True


def test_a_day_waits_for_its_timestamp(emr: Emr) -> None:
    emr.send()
    emr.clock.pass_time(days=1)
    authority = Authority(emr)
    authority.up = False
    with pytest.raises(OSError):  # noqa: PT011 - the error of every failed request
        job(emr, authority).anchor()
    assert not emr.files.exists(day_key(DAY))
    authority.up = True
    job(emr, authority).anchor()
    assert signed_object(emr)[0]["timestamp"]


def test_a_trail_that_grows_every_day_is_anchored(emr: Emr) -> None:
    """An event between midnight and the daily job moves the document from the list of yesterday to that of today."""
    document = emr.send()
    emr.clock.pass_time(days=1)
    recall(emr, document)
    job(emr).anchor()
    assert [anchor.sequence for anchor in read_anchors(emr.files, document.id)] == [2]


def test_documents_of_earlier_releases_have_no_day(emr: Emr) -> None:
    document = emr.send()
    old = replace(document, version=document.version + 1, moved_on=None)
    emr.store.commit(Change(at=START, documents=(old,)))
    emr.clock.pass_time(days=1)
    job(emr).anchor()
    assert trail(emr, document)["anchor"] is None


def test_the_job_knows_the_shards_of_the_index() -> None:
    assert tuple(rows.SHARDS) == anchor_job.SHARDS


def test_the_anchored_bytes_have_one_form(emr: Emr) -> None:
    document = emr.send()
    emr.clock.pass_time(days=1)
    job(emr).anchor()
    keys = [key for key in emr.files.keys("evidence/anchors/") if key.endswith(".json")]
    assert len(keys) == anchor_job.DAYS_BACK * (len(rows.SHARDS) + 1)
    for key in keys:
        data = emr.files.get(key).decode()
        assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"))
    assert signed_object(emr)[0]["timestamp"] is None
    assert signed_object(emr)[1]["made_at"] == "2026-11-23T19:00:00.000Z"
    assert [anchor.sequence for anchor in read_anchors(emr.files, document.id)] == [document.sequence]


def test_a_trail_that_grew_since_midnight_belongs_to_yesterday_and_to_no_earlier_day(emr: Emr) -> None:
    emr.clock.pass_time(days=5)
    document = emr.send()
    emr.clock.pass_time(hours=1)
    job(emr).anchor()
    yesterday = emr.clock.now().date() - timedelta(days=1)
    assert [anchor.day for anchor in read_anchors(emr.files, document.id)] == [yesterday]
