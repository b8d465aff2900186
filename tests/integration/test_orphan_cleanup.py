"""Test the cleanup of files that belong to no document, on the bucket and tables of the local stack.

An intake that is killed before its transaction leaves no file after a day. A slow intake loses no file. The test sets
the time."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from chalicelib.services.transaction import Change
from infrastructure.local.warm_up import ONE_PAGE
from tests.support.integration.emr_client import Emr
from tests.support.integration.local_workers import Killed, Works


def kept(works: Works, practice_id: str) -> list[str]:
    """Return the keys of all S3 objects that belong to this practice."""
    settings, keys = works.services.settings, []
    for bucket in (settings.bucket, settings.evidence_bucket):
        keys += works.services.clients.s3.list_objects_v2(Bucket=bucket).get("Contents", ())
    return [item["Key"] for item in keys if practice_id in item["Key"]]


def sweeps(works: Works, **later: float) -> int:
    works.catch_up()
    works.clock.pass_time(**later)
    return works.services.scheduled_sweep.run()["orphans"]


def kill(_: Change) -> None:
    raise Killed


def test_an_intake_killed_before_its_transaction_leaves_nothing_after_a_day(works: Works, clinic: Emr) -> None:
    post = clinic.prepared()
    with works.replaced("store", commit=kill), pytest.raises(Killed):
        post()
    left = kept(works, clinic.practice.id)
    assert sorted(item.partition("/")[0] for item in left) == ["evidence", "intake"]
    assert sweeps(works, hours=23) == 0
    assert kept(works, clinic.practice.id) == left
    assert sweeps(works, hours=2) == 1
    assert kept(works, clinic.practice.id) == []

    works.clock.at = datetime.now(UTC)
    assert post().status_code == httpx.codes.ACCEPTED


def test_a_slow_intake_keeps_its_files(works: Works, clinic: Emr) -> None:
    real: Any = works.services.store.commit
    post = clinic.prepared()

    def hang(change: Change) -> None:
        for _ in range(3):
            assert sweeps(works, hours=7) == 0
        real(change)

    with works.replaced("store", commit=hang):
        answer = post()
    assert answer.status_code == httpx.codes.ACCEPTED, answer.body
    assert sweeps(works, days=3) == 0
    document_id = answer.json_body["document_id"]
    assert kept(works, clinic.practice.id) == [f"evidence/originals/{clinic.practice.id}/{document_id}.pdf"]
    assert clinic.original(document_id) == ONE_PAGE
