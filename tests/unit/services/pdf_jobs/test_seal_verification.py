"""Test the service behind the page `/verify`: erased uploads, retries and the number of AWS calls."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.claim_keys import sealed_claim
from chalicelib.domain.documents import StoredPdf
from chalicelib.domain.errors import Invalid, TooManyRequests, Unavailable
from chalicelib.services.pdf_jobs.seal_certificates import PUBLISHED_KEY
from chalicelib.services.pdf_jobs.seal_verification import SealVerification, VerificationResult
from chalicelib.services.transaction import Change, Claim
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeFiles, FakeIds, FakeInspector
from tests.support.provider_fixtures import a_document, a_store
from tests.support.slow_calls import SECONDS_PER_CALL, Calls, Slow, in_sequence

KEY = "uploads/verify/chk_1"
FREE = 30
SEAL = {"document_id": a_document().id, "reason": "Signed electronically by Luis Rivera, MD"}
INTACT = {"verdict": "intact", "seal": SEAL, "sha256": "aa", "revisions": ["00", "aa"]}
RELEASED = StoredPdf(key="signed/1.pdf", sha256="aa", pages=4)


@dataclass
class World:
    store: FakeStore = field(default_factory=lambda: a_store(a_document(signed=RELEASED)))
    files: FakeFiles = field(default_factory=FakeFiles)
    inspector: FakeInspector = field(default_factory=lambda: FakeInspector(INTACT))
    calls: Calls = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files.put(KEY, b"%PDF-1.7", "application/pdf")
        self.files.put(PUBLISHED_KEY, b"", "application/x-pem-file")

    def check(self, key: str = KEY, *, each: float = 0.0) -> str:
        return self.result(key, each=each).verdict

    def result(self, key: str = KEY, *, each: float = 0.0) -> VerificationResult:
        slow: list[Any] = [Slow(inner, self.calls, each=each) for inner in (self.store, self.files, self.inspector)]
        verification = SealVerification(
            store=slow[0], files=slow[1], inspector=slow[2], ids=FakeIds(), portal_url="https://portal.test"
        )
        return verification.check(key, address="198.51.100.7", now=START)


def test_a_verified_upload_is_erased_and_not_verified_again() -> None:
    world = World()
    assert world.check() == "intact"
    assert not world.files.exists(KEY)
    with pytest.raises(Invalid):
        world.check()


def test_an_upload_that_cannot_be_read_for_now_is_left_for_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def unavailable(*_: Any, **__: Any) -> None:
        raise Unavailable("Try again in a moment.")

    with monkeypatch.context() as patched:
        patched.setattr(world.inspector, "inspect", unavailable)
        with pytest.raises(Unavailable):
            world.check()
    assert world.files.exists(KEY)
    assert world.check() == "intact"
    assert not world.files.exists(KEY)


def test_a_client_address_is_slowed_down_with_and_without_an_upload() -> None:
    world = World()
    for _ in range(FREE):
        with pytest.raises(Invalid):
            world.check("uploads/verify/chk_none")
    with pytest.raises(TooManyRequests):
        world.check()
    assert world.files.exists(KEY)
    assert world.inspector.asked == []


@pytest.mark.parametrize("key", ["", "originals/1.pdf", "uploads/verify/../x", "uploads/verify/x/y"])
def test_only_uploads_for_verification_are_read(key: str) -> None:
    world = World()
    world.files.put(key, b"%PDF-1.7", "application/pdf")
    with pytest.raises(Invalid):
        world.check(key)
    assert world.files.exists(key)
    assert world.inspector.asked == []


def ask_for_form(world: World, address: str | None, now: datetime = START) -> None:
    verification = SealVerification(
        store=world.store, files=world.files, inspector=world.inspector, ids=FakeIds(), portal_url="https://portal.test"
    )
    verification.upload_form(address=address, now=now)


def test_one_address_gets_a_limited_number_of_upload_forms() -> None:
    world = World()
    for _ in range(60):
        ask_for_form(world, "198.51.100.7")
    with pytest.raises(TooManyRequests):
        ask_for_form(world, "198.51.100.7")
    ask_for_form(world, "198.51.100.8")
    ask_for_form(world, "198.51.100.7", START + timedelta(hours=1))


def test_everybody_together_gets_a_limited_number_of_upload_forms() -> None:
    world = World()
    for number in range(1_000):
        ask_for_form(world, f"198.51.{number // 250}.{number % 250}")
    with pytest.raises(TooManyRequests) as refused:
        ask_for_form(world, "203.0.113.9")
    assert refused.value.retry_after == 900
    ask_for_form(world, "203.0.113.9", START + timedelta(hours=1))


def test_a_verification_takes_three_round_trips() -> None:
    """A visitor waits for every AWS call made in sequence. Each call of the file adapter is one AWS call."""
    world = World()
    world.check(each=SECONDS_PER_CALL)
    assert {"inspect", "claims", "document", "erase"} <= {name for name, _, _ in world.calls}
    assert len(in_sequence(world.calls)) == 3


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        ({}, "intact"),
        ({"sha256": "bb"}, "added"),
        ({"sha256": "bb", "verdict": "added"}, "added"),
        ({"sha256": "bb", "verdict": "not_signed", "seal": None}, "not_signed"),
        ({"sha256": "bb", "revisions": ["00"]}, "changed"),
        ({"sha256": "bb", "revisions": ["00"], "verdict": "added"}, "changed"),
        ({"sha256": "bb", "revisions": ["00"], "verdict": "broken"}, "broken"),
    ],
)
def test_only_the_released_bytes_are_genuine(finding: dict[str, Any], verdict: str) -> None:
    """`/verify` finds the document of a file by the file's hash. It finds older documents only by the id in the file's
    seal."""
    world = World()
    world.inspector.answer = INTACT | finding
    result = world.result()
    assert result.verdict == verdict
    assert (RELEASED.key in result.revision_url) is (verdict == "added")


@pytest.mark.parametrize(("finding", "verdict"), [({}, "intact"), ({"sha256": "bb"}, "added")])
def test_a_proof_is_genuine_although_no_document_lists_it(finding: dict[str, Any], verdict: str) -> None:
    world = World(store=a_store(a_document()))
    world.store.commit(Change(at=START, claims=(Claim(key=sealed_claim("aa"), owner=a_document().id),)))
    world.inspector.answer = INTACT | finding
    result = world.result()
    assert result.verdict == verdict
    assert (f"evidence/signed/{a_document().id}/aa.pdf" in result.revision_url) is (verdict == "added")


@pytest.mark.parametrize("found", [{"refused": {}}, {"verdict": "not_signed", "seal": None}])
def test_a_released_file_is_recognized_without_a_parser(found: dict[str, Any]) -> None:
    world = World()
    claim = Claim(key=sealed_claim("aa"), owner=a_document().id)
    world.store.commit(Change(at=START, claims=(claim,)))
    world.inspector.answer = {**found, "sha256": "bb", "revisions": ["00", "aa", "bb"]}
    result = world.result()
    assert result.verdict == "added"
    assert RELEASED.key in result.revision_url


def test_an_unreadable_file_is_called_unreadable() -> None:
    world = World()
    world.inspector.answer = {"refused": {"code": "damaged", "detail": ""}}
    assert world.check() == "unreadable"


def test_the_result_has_the_facts_of_the_seal() -> None:
    world = World()
    times = {"claimed_at": "2026-11-20T10:00:00Z", "timestamped_at": "2026-11-20T10:01:00Z"}
    world.inspector.answer = INTACT | {"seal": SEAL | times}
    assert world.result() == VerificationResult(
        verdict="intact",
        reason=SEAL["reason"],
        document_id=SEAL["document_id"],
        sealed_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
        timestamped_at=datetime(2026, 11, 20, 10, 1, tzinfo=UTC),
    )
    world.files.put(KEY, b"%PDF-1.7", "application/pdf")
    world.inspector.answer = {"refused": {}}
    assert world.result() == VerificationResult(verdict="unreadable")


def test_the_longest_released_file_with_which_an_upload_begins_is_offered() -> None:
    later = StoredPdf(key="signed/2.pdf", sha256="bb", pages=4)
    world = World(store=a_store(a_document(signed=RELEASED, timestamped=later)))
    world.inspector.answer = INTACT | {"verdict": "added", "sha256": "cc", "revisions": ["aa", "bb"]}
    assert later.key in world.result().revision_url


def test_the_upload_form_takes_25_mb_within_15_minutes() -> None:
    world = World()
    verification = SealVerification(
        store=world.store, files=world.files, inspector=world.inspector, ids=FakeIds(), portal_url="https://portal.test"
    )
    url, fields = verification.upload_form(address=None, now=START)
    assert url == "https://files.test"
    assert fields["max_bytes"] == str(25 * 1024 * 1024)
    assert fields["seconds"] == str(15 * 60)
    assert fields["success_action_redirect"] == "https://portal.test/verify/checked"
    assert fields["key"].startswith("uploads/verify/chk_")


def test_clients_without_an_address_share_one_count() -> None:
    world = World()
    for _ in range(60):
        ask_for_form(world, None)
    with pytest.raises(TooManyRequests) as refused:
        ask_for_form(world, "unknown")
    assert refused.value.retry_after == 1


def test_the_published_certificates_are_read_as_text() -> None:
    world = World()
    world.files.put(PUBLISHED_KEY, b"-----BEGIN CERTIFICATE-----", "application/x-pem-file")
    verification = SealVerification(
        store=world.store, files=world.files, inspector=world.inspector, ids=FakeIds(), portal_url="https://portal.test"
    )
    assert verification.published_certificates() == "-----BEGIN CERTIFICATE-----"
