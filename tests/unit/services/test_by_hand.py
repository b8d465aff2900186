import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.documents import Document, Sealing
from chalicelib.domain.errors import Conflict, Gone, Invalid
from chalicelib.domain.secrets import Secret, SecretKind, secret_key
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.by_hand import ByHand, Scan, Visitor, create_code, create_fax_code, plain_code
from chalicelib.services.changes import Change
from chalicelib.services.recording import Actor
from chalicelib.services.writing import Writer
from tests.fakes import START, FakeFiles, FakeIds, FakeInspector
from tests.provider_side import a_document, a_store, only_doing

DOCUMENT_ID = a_document().id
KEY = f"uploads/scans/{DOCUMENT_ID}/scn_1"
SCAN = Scan(key=KEY, signer_name="Luis Rivera")


class ReplacingInspector(FakeInspector):
    """Hashes what lies there, and then somebody posts another file with the browser's form."""

    def __init__(self, files: FakeFiles) -> None:
        super().__init__()
        self._files = files

    def inspect(self, key: str, kind: str, *, certificates: Sequence[str] = ()) -> Mapping[str, Any]:
        super().inspect(key, kind, certificates=certificates)
        digest = hashlib.sha256(self._files.get(key)).hexdigest()
        self._files.put(KEY, b"%PDF another", "application/pdf")
        return {"sha256": digest, "media_type": "application/pdf", "pages": 1}


class World:
    """The services of one test, with time that only moves when told to."""

    def __init__(self, document: Document | None = None) -> None:
        self.store = a_store(document or a_document())
        self.files = FakeFiles({KEY: (b"%PDF a scan", "application/pdf")})
        self.inspector = FakeInspector({"sha256": "5ca4", "media_type": "application/pdf", "pages": 1})
        self.ids = FakeIds()
        self.now = START
        writer = Writer(store=self.store, ids=self.ids, portal_url="https://portal.test")
        self.by_hand = ByHand(writer, self.files, self.inspector)

    def by(self) -> Visitor:
        return Visitor(actor=Actor("by-hand", "203.0.113.9", "A desktop"), now=self.now)

    def later(self, **parts: float) -> None:
        self.now += timedelta(**parts)

    def document(self) -> Document:
        found = self.store.document(DOCUMENT_ID)
        assert found is not None
        return found

    def delivery(self) -> Delivery:
        return Delivery(
            id="dlv_1", version=1, practice_id="prc_1", document_id=DOCUMENT_ID, event_id="evt_1",
            channel=Channel.EMAIL, type="code", recipient="dr.rivera@example.com", created_at=self.now,
            access=self.document().access,
        )  # fmt: skip

    def code(self) -> str:
        return create_code(self.store, self.document(), self.delivery(), self.now, self.ids)

    def fax_code(self) -> str:
        return create_fax_code(self.store, self.document(), self.delivery(), self.now, self.ids)

    def ask(self) -> None:
        self.by_hand.ask_for_code(DOCUMENT_ID, self.by())

    def mails(self) -> int:
        return len(self.store.every(Delivery, "deliveries"))

    def enter(self, code: str) -> Secret:
        token = self.by_hand.enter(DOCUMENT_ID, code, self.by())
        visit = self.store.secret(secret_key(SecretKind.BY_HAND, token))
        assert visit is not None
        return visit

    def refuses(self, code: str) -> bool:
        try:
            self.enter(code)
        except Invalid as refused:
            return [each.field for each in refused.errors] == ["code"]
        return False

    def visit(self) -> Secret:
        return self.enter(self.code())

    def event_types(self) -> list[str]:
        return [event.type for event in self.store.events(DOCUMENT_ID)]

    def change(self, change: Callable[[Document], Document | None]) -> None:
        changed = change(self.document())
        assert changed is not None
        self.store.commit(
            Change(at=self.now, documents=(replace(changed, version=self.document().version + 1),))
        )


@pytest.fixture
def world() -> World:
    return World()


# Asking for a code


def test_a_code_is_mailed_to_the_address_on_file(world: World) -> None:
    world.ask()
    (delivery,) = world.store.every(Delivery, "deliveries")
    assert (delivery.channel, delivery.type, delivery.recipient) == ("email", "code", "dr.rivera@example.com")
    assert [(job.queue, job.delivery_id) for job in world.store.jobs()] == [("deliveries", delivery.id)]
    assert world.event_types() == ["code.requested"]


def test_one_code_a_minute_is_mailed(world: World) -> None:
    world.ask()
    world.later(seconds=59)
    world.ask()
    assert world.mails() == 1
    world.later(seconds=1)
    world.ask()
    assert world.mails() == 2


def test_five_codes_an_hour_are_mailed(world: World) -> None:
    for _ in range(8):
        world.ask()
        world.later(minutes=2)
    assert world.mails() == 5
    world.later(minutes=44)
    world.ask()
    assert world.mails() == 6


def test_twenty_codes_a_day_are_mailed(world: World) -> None:
    for _ in range(60):
        world.ask()
        world.later(minutes=20)
    assert world.mails() == 20
    assert world.event_types() == ["code.requested"] * 20
    world.later(hours=4)
    world.ask()
    assert world.mails() == 21


def test_the_mails_of_codes_do_not_make_the_document_any_longer(world: World) -> None:
    world.ask()
    assert world.mails() == 1
    assert world.document().deliveries == ()


def test_two_requests_at_once_mail_one_code(world: World) -> None:
    world.store.before_commit = world.ask
    world.ask()
    assert world.mails() == 1


def test_asking_for_an_unknown_document_writes_nothing(world: World) -> None:
    before = world.store.commits
    world.by_hand.ask_for_code("doc_unknown", world.by())
    assert world.store.commits == before


def test_a_document_without_an_address_gets_no_mail() -> None:
    document = a_document()
    world = World(replace(document, addressee=replace(document.addressee, email=None)))
    world.ask()
    assert world.mails() == 0


def test_a_recalled_document_gets_no_mail(world: World) -> None:
    world.change(lambda document: document.recall(None, START))
    world.ask()
    assert world.mails() == 0


# Entering it


def test_the_code_opens_a_visit_of_an_hour(world: World) -> None:
    visit = world.visit()
    assert visit.kind is SecretKind.BY_HAND
    assert (visit.document_id, visit.access) == (DOCUMENT_ID, 1)
    assert visit.expires_at - START == timedelta(minutes=60)
    assert world.event_types() == ["code.accepted"]


def test_the_code_works_with_blanks_and_once(world: World) -> None:
    code = world.code()
    assert not world.refuses(f" {code[:3]} {code[3:]} ")
    assert world.refuses(code)


def test_the_code_is_good_for_ten_minutes_to_the_second(world: World) -> None:
    code = world.code()
    world.later(minutes=10)
    assert world.refuses(code)
    world.later(seconds=-1)
    assert not world.refuses(code)


def test_the_newest_code_wins(world: World) -> None:
    first, second = world.code(), world.code()
    assert world.refuses(first)
    assert not world.refuses(second)


def test_a_code_dies_after_five_wrong_tries(world: World) -> None:
    code = world.code()
    for _ in range(5):
        assert world.refuses("999999")
    assert world.refuses(code)


def test_a_code_still_works_after_four_wrong_tries(world: World) -> None:
    code = world.code()
    for _ in range(4):
        assert world.refuses("999999")
    assert not world.refuses(code)


@pytest.mark.parametrize("wrong", ["999999", "AAAA-AAAA"])
def test_a_freshly_mailed_code_opens_whatever_was_tried_before(world: World, wrong: str) -> None:
    for _ in range(20):
        world.code()
        for _ in range(10):
            assert world.refuses(wrong)
    assert not world.refuses(world.code())


def test_guesses_at_mailed_codes_do_not_hold_up_the_code_of_a_fax(world: World) -> None:
    code = world.fax_code()
    for _ in range(50):
        assert world.refuses("999999")
    assert not world.refuses(code)


def test_guesses_at_the_code_of_a_fax_have_to_wait_longer_and_longer_but_half_a_minute_at_most(
    world: World,
) -> None:
    code = world.fax_code()
    for _ in range(10):
        assert world.refuses("AAAA-AAAA")
    assert world.refuses(code)
    for _ in range(8):
        world.later(seconds=30)
        assert world.refuses("AAAA-AAAA")
    world.later(seconds=29)
    assert world.refuses(code)
    world.later(seconds=1)
    assert not world.refuses(code)


def test_what_is_tried_while_waiting_does_not_prolong_the_wait(world: World) -> None:
    code = world.fax_code()
    for _ in range(20):
        assert world.refuses("AAAA-AAAA")
    before = world.store.commits
    for _ in range(20):
        assert world.refuses("AAAA-AAAA")
    assert world.store.commits == before
    world.later(seconds=1)
    assert not world.refuses(code)


def test_the_right_code_of_a_fax_ends_the_row_of_wrong_tries(world: World) -> None:
    code = world.fax_code()
    for _ in range(10):
        for _ in range(9):
            assert world.refuses("AAAA-AAAA")
        assert not world.refuses(code)


def test_one_code_entered_twice_at_once_opens_one_visit(world: World) -> None:
    code = world.code()
    world.store.before_commit = only_doing(lambda: world.enter(code))
    assert world.refuses(code)
    assert world.event_types() == ["code.accepted"]


def test_a_guess_that_races_a_wrong_one_still_counts_it(world: World) -> None:
    code = world.code()
    for _ in range(4):
        world.refuses("999999")
    world.store.before_commit = only_doing(lambda: world.refuses("999998"))
    assert world.refuses(code)


def test_the_code_of_one_document_opens_no_other(world: World) -> None:
    other = a_document(id="doc_other")
    world.store.commit(Change(at=START, documents=(other,)))
    code = world.code()
    with pytest.raises(Invalid):
        world.by_hand.enter("doc_other", code, world.by())
    assert not world.refuses(code)


def test_an_unknown_document_refuses_in_the_same_words(world: World) -> None:
    with pytest.raises(Invalid) as unknown:
        world.by_hand.enter("doc_unknown", "123456", world.by())
    with pytest.raises(Invalid) as wrong:
        world.by_hand.enter(DOCUMENT_ID, "123456", world.by())
    assert (unknown.value.detail, unknown.value.errors) == (wrong.value.detail, wrong.value.errors)


def test_a_correction_of_the_address_kills_codes_that_were_out(world: World) -> None:
    code, fax_code = world.code(), world.fax_code()
    world.change(lambda document: replace(document, access=document.access + 1))
    assert world.refuses(code)
    assert world.refuses(fax_code)


def test_a_recalled_document_opens_to_no_code(world: World) -> None:
    code = world.code()
    world.change(lambda document: document.recall(None, START))
    assert world.refuses(code)
    assert world.refuses(world.code()), "nor to one that was on its way meanwhile"


def test_the_code_itself_is_stored_nowhere(world: World) -> None:
    code = "271828"
    world.ids.code = lambda: code  # type: ignore[method-assign]
    assert world.code() == code
    assert all(code not in row.record for row in world.store.tables["secrets"].values())


# The code of a fax


def test_the_code_of_a_fax_is_good_for_thirty_days_and_more_than_once(world: World) -> None:
    code = world.fax_code()
    world.later(days=30, seconds=-1)
    assert not world.refuses(code.lower())
    assert not world.refuses(code.replace("-", " "))
    world.later(seconds=1)
    assert world.refuses(code)


def test_an_earlier_fax_keeps_its_code(world: World) -> None:
    first, second = world.fax_code(), world.fax_code()
    assert first != second
    assert not world.refuses(first)
    assert not world.refuses(second)


def test_the_code_of_a_fax_has_no_letters_that_a_fax_confuses(world: World) -> None:
    for _ in range(50):
        code = plain_code(world.fax_code())
        assert len(code) == 8
        assert not set(code) & set("B8IL1O0S5Z2")


# Reading


def test_reading_by_code_is_a_first_view_once(world: World) -> None:
    visit = world.visit()
    opened = world.by_hand.open(world.document(), visit, world.by())
    world.by_hand.open(opened, visit, world.by())
    world.by_hand.downloaded(opened, visit, world.by())
    assert (opened.viewed_at, opened.transmitted_at) == (START, START)
    assert world.event_types() == ["code.accepted", "document.viewed"]


def test_a_visit_ends_after_an_hour(world: World) -> None:
    visit = world.visit()
    world.later(minutes=60)
    with pytest.raises(Gone):
        world.by_hand.open(world.document(), visit, world.by())


def test_a_visit_opens_no_other_document(world: World) -> None:
    visit = world.visit()
    with pytest.raises(Gone):
        world.by_hand.open(a_document(id="doc_other"), visit, world.by())


def test_a_visit_dies_with_a_correction_and_with_a_recall(world: World) -> None:
    visit = world.visit()
    with pytest.raises(Gone):
        world.by_hand.open(replace(world.document(), access=2), visit, world.by())
    world.change(lambda document: document.recall(None, START))
    with pytest.raises(Gone):
        world.by_hand.take_scan(world.document(), SCAN, visit, world.by())


def test_a_session_of_another_kind_opens_nothing(world: World) -> None:
    visit = replace(world.visit(), kind=SecretKind.SESSION)
    with pytest.raises(Gone):
        world.by_hand.open(world.document(), visit, world.by())


# The signed scan


def test_the_upload_goes_below_the_document_and_comes_back_to_it(world: World) -> None:
    url, fields = world.by_hand.upload_form(world.document())
    assert url == "https://files.test"
    assert fields["key"].startswith(f"uploads/scans/{DOCUMENT_ID}/scn_")
    assert fields["max_bytes"] == str(25 * 1024 * 1024)
    assert fields["success_action_redirect"] == f"https://portal.test/by-hand/{DOCUMENT_ID}/uploaded"


def test_a_scan_signs_by_hand(world: World) -> None:
    visit = world.visit()
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    assert (signed.status, signed.outcome, signed.sealing) == (
        Status.APPROVED, Outcome.BY_HAND, Sealing.IN_PROGRESS,
    )  # fmt: skip
    assert signed.decision is not None
    assert (signed.decision.scan_key, signed.decision.scan_sha256) == (f"scans/{DOCUMENT_ID}/5ca4", "5ca4")
    assert world.files.get(f"scans/{DOCUMENT_ID}/5ca4") == b"%PDF a scan"
    assert [kind for _, kind in world.inspector.asked] == ["scan"]
    assert world.event_types() == ["code.accepted", "decision.by_hand"]
    assert [job.name for job in world.store.jobs()] == ["seal"]


def test_the_signer_has_the_npi_only_under_the_name_the_clinic_gave(world: World) -> None:
    visit = world.visit()
    document = world.document()
    other = world.by_hand.take_scan(document, replace(SCAN, signer_name="Jane Okafor"), visit, world.by())
    assert other.decision is not None
    signer = other.decision.signer
    assert (signer.name, signer.npi, signer.credential, signer.provider_id) == (
        "Jane Okafor", None, None, None,
    )  # fmt: skip


def test_the_named_signer_comes_with_credential_and_npi(world: World) -> None:
    signed = world.by_hand.take_scan(world.document(), SCAN, world.visit(), world.by())
    assert signed.decision is not None
    signer = signed.decision.signer
    assert (signer.name, signer.npi, signer.credential, signer.method) == (
        "Luis Rivera", "1234567893", "MD", "by_hand",
    )  # fmt: skip
    assert signer.authentication == "code mailed to the address on file"


def test_a_visit_by_a_faxed_code_says_so(world: World) -> None:
    visit = world.enter(world.fax_code())
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    assert signed.decision is not None
    assert signed.decision.signer.authentication == "code on the fax's cover page"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "scn_1",
        "originals/prc_1/0123.pdf",
        "uploads/scans/doc_other/scn_1",
        f"uploads/scans/{DOCUMENT_ID}/",
        f"uploads/scans/{DOCUMENT_ID}/../../x",
        f"uploads/scans/{DOCUMENT_ID}/a/b",
    ],
)
def test_a_key_elsewhere_is_refused_before_anything_is_read(world: World, key: str) -> None:
    visit = world.visit()
    with pytest.raises(Invalid) as refused:
        world.by_hand.take_scan(world.document(), replace(SCAN, key=key), visit, world.by())
    assert [each.field for each in refused.value.errors] == ["scan"]
    assert world.inspector.asked == []


def test_a_file_that_is_no_scan_is_refused_with_its_reason(world: World) -> None:
    world.inspector.refuse("not_a_scan", "A signed scan has to be a PDF, JPEG or PNG file.")
    with pytest.raises(Invalid) as refused:
        world.by_hand.take_scan(world.document(), SCAN, world.visit(), world.by())
    assert refused.value.errors[0].message == "A signed scan has to be a PDF, JPEG or PNG file."
    assert world.document().status is Status.PENDING
    assert world.files.keys("scans/") == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_scan_needs_the_name_of_its_signer(world: World, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.by_hand.take_scan(world.document(), replace(SCAN, signer_name=name), world.visit(), world.by())
    assert [each.field for each in refused.value.errors] == ["signer_name"]


def test_the_same_scan_again_changes_nothing(world: World) -> None:
    visit = world.visit()
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    assert world.by_hand.take_scan(signed, SCAN, visit, world.by()) == signed
    assert world.event_types() == ["code.accepted", "decision.by_hand"]


def test_another_scan_of_a_signed_document_is_a_conflict(world: World) -> None:
    visit = world.visit()
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    world.inspector.answer = {"sha256": "07e4", "media_type": "image/png", "pages": 1}
    with pytest.raises(Conflict):
        world.by_hand.take_scan(signed, SCAN, visit, world.by())


def test_a_correction_while_the_scan_is_looked_at_stops_it(world: World) -> None:
    visit = world.visit()
    document = world.document()
    world.store.before_commit = lambda: world.change(lambda d: replace(d, access=d.access + 1))
    with pytest.raises(Gone):
        world.by_hand.take_scan(document, SCAN, visit, world.by())
    assert world.document().decision is None


def test_an_upload_that_is_replaced_meanwhile_is_not_the_scan_that_is_kept(world: World) -> None:
    """The browser's form stays good for an hour: its key can be written to at any time."""
    visit = world.visit()
    world.inspector = ReplacingInspector(world.files)
    world.by_hand = ByHand(world.by_hand._writer, world.files, world.inspector)
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    assert signed.decision is not None
    kept = world.files.get(signed.decision.scan_key or "")
    assert kept == b"%PDF a scan"
    assert hashlib.sha256(kept).hexdigest() == signed.decision.scan_sha256


def test_a_scan_after_the_decision_is_not_kept(world: World) -> None:
    visit = world.visit()
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    before = dict(world.files.objects)
    world.files.put(KEY, b"%PDF another", "application/pdf")
    for answer in ({"sha256": "07e4"}, {"sha256": "5ca4"}):
        world.inspector.answer = {"media_type": "application/pdf", "pages": 1, **answer}
        with suppress(Conflict):
            world.by_hand.take_scan(signed, SCAN, visit, world.by())
    assert {**world.files.objects, KEY: before[KEY]} == before


@pytest.mark.parametrize("refused", [False, True])
def test_what_was_inspected_is_a_copy_that_is_gone_afterwards(world: World, *, refused: bool) -> None:
    if refused:
        world.inspector.refuse("not_a_scan")
    with suppress(Invalid):
        world.by_hand.take_scan(world.document(), SCAN, world.visit(), world.by())
    ((inspected, _),) = world.inspector.asked
    assert not inspected.startswith("uploads/scans/")
    assert world.files.keys("uploads/") == [KEY]


def test_a_scan_that_was_never_uploaded_is_asked_for_again(world: World) -> None:
    visit = world.visit()
    world.files.delete(KEY)
    with pytest.raises(Invalid) as refused:
        world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    assert [each.field for each in refused.value.errors] == ["scan"]
