"""Test the report of providers who have not decided on a clinic's documents: who is in it, what it counts, its
limits."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.certification.facts import TransmissionChannel
from chalicelib.domain.deliveries import Channel
from chalicelib.domain.documents import Addressee, Decision, DeliveryChoice, Document, Identity, ReturnedMethod, Signer
from chalicelib.domain.documents import SigningMethod as Method
from chalicelib.domain.status import Action
from chalicelib.services.documents import silent_providers as module
from chalicelib.services.documents.silent_providers import SilentProvidersReport, best_channel, summarize
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START
from tests.support.provider_fixtures import a_document

RIVERA = replace(a_document().addressee, first_name="Luis", last_name="Rivera", credential="MD", npi="1234567893")
CHEN = Addressee(first_name="Amy", last_name="Chen", email="amy@example.com", phone="+15125550111")
EMAIL, FAX, BOTH = DeliveryChoice.EMAIL, DeliveryChoice.FAX, DeliveryChoice.BOTH


def plan(number: int, **changes: Any) -> Document:
    """Return a pending document that was sent `number` days before START. `changes` replace its fields."""
    default = {"id": f"doc_{number:04d}", "addressee": RIVERA, "sent_at": at(-number), "external_id": f"POC-{number}"}
    return replace(a_document(), **{**default, **changes})


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def viewed(document: Document, days: float, via: TransmissionChannel | None = None) -> Document:
    """Return the document after its provider opened it `days` days after it was sent, in the way `via`."""
    return replace(document, viewed_at=document.sent_at + timedelta(days=days), transmitted_via=via)


def decide(document: Document, days: float, method: str | None = None) -> Document:
    """Return the document after its provider approved it `days` days after it was sent."""
    identity = Identity(method=method, sent_to=None, supplied_by=None, statement="") if method else None
    signer = Signer(
        name="L", credential=None, npi=None, method=Method.ELECTRONIC, authentication="x", identity=identity
    )
    made = Decision(action=Action.APPROVE, signer=signer, decided_at=document.sent_at + timedelta(days=days))
    decided = document.decide(made)
    assert decided is not None
    return decided


def read(*documents: Document, practice_id: str = a_document().practice_id) -> Any:
    store = FakeStore()
    for document in documents:
        store.commit(Change(at=START, documents=(document,)))
    return SilentProvidersReport(store).read(practice_id)


def test_a_provider_who_has_never_reacted_has_no_median_and_no_channel() -> None:
    report = read(plan(9, delivery=EMAIL), plan(4, delivery=EMAIL))
    assert report == {
        "providers": [
            {
                "name": "Luis Rivera, MD",
                "npi": "1234567893",
                "phone": RIVERA.phone,
                "email": RIVERA.email,
                "fax": RIVERA.fax,
                "open": 2,
                "oldest_sent_at": "2026-11-13T19:00:00.000Z",
                "median_days": None,
                "last_reaction_at": None,
                "best_channel": None,
            }
        ],
        "complete": True,
    }


def test_the_median_and_the_last_reaction_count_closed_documents_too() -> None:
    returned = decide(plan(20), 3).mark_returned(ReturnedMethod.PORTAL, START)
    by_paper = plan(19).mark_returned(ReturnedMethod.PAPER, at(-11))
    assert returned
    assert by_paper
    (row,) = read(plan(2), returned, by_paper, viewed(plan(7, delivery=BOTH), 0.26))["providers"]
    assert (row["open"], row["oldest_sent_at"]) == (2, "2026-11-15T19:00:00.000Z")
    assert row["median_days"] == 3.0, "the median of 0.26, 3 and 8 days"
    assert row["last_reaction_at"] == "2026-11-16T01:14:24.000Z"


def test_the_first_of_view_and_decision_is_the_reaction() -> None:
    (row,) = summarize([decide(viewed(plan(10), 2.56), 6), plan(1)])
    assert row["median_days"] == 2.6
    assert row["last_reaction_at"] == "2026-11-15T08:26:24.000Z"


def test_a_reaction_at_once_is_a_reaction() -> None:
    (row,) = summarize([viewed(plan(3, delivery=EMAIL), 0), plan(1, delivery=EMAIL)])
    assert (row["median_days"], row["best_channel"]) == (0.0, "email")


def test_only_providers_with_a_waiting_document_are_in_the_report_the_longest_wait_first() -> None:
    recalled = plan(40, addressee=CHEN).recall(None, START)
    assert recalled
    assert read(decide(plan(30), 1), recalled)["providers"] == []
    report = read(plan(3), decide(plan(30), 1), plan(5, addressee=CHEN), recalled)
    assert [row["name"] for row in report["providers"]] == ["Amy Chen", "Luis Rivera, MD"]
    assert [row["open"] for row in report["providers"]] == [1, 1]


def test_the_newest_document_says_how_to_reach_the_provider() -> None:
    moved = replace(RIVERA, phone="+15125550188", email="new@example.com", first_name="Luís")
    (row,) = read(plan(2, addressee=moved), plan(8))["providers"]
    assert (row["name"], row["phone"], row["email"]) == ("Luís Rivera, MD", "+15125550188", "new@example.com")


def test_a_provider_without_an_npi_is_known_by_the_name_and_not_by_an_account() -> None:
    spelled = replace(CHEN, first_name="AMY", email="frontdesk@example.com")
    other = replace(CHEN, last_name="Cheng")
    documents = [plan(n, addressee=who, provider_id="prv_1") for n, who in enumerate((CHEN, spelled, other), start=1)]
    assert [(row["name"], row["open"]) for row in read(*documents)["providers"]] == [("Amy Cheng", 1), ("Amy Chen", 2)]


def test_another_practice_changes_nothing_and_sees_nothing() -> None:
    foreign = [
        viewed(replace(plan(n, practice_id="prc_2"), id=f"doc_f{n}"), 1, TransmissionChannel.ACCOUNT) for n in (1, 50)
    ]
    alone, beside = read(plan(3)), read(plan(3), *foreign)
    assert alone == beside
    assert read(plan(3), practice_id="prc_2") == {"providers": [], "complete": True}
    assert read(plan(3), practice_id=plan(3).provider_id)["providers"] == []


CHANNELS = {
    "no reaction": ([plan(1, delivery=EMAIL)], None),
    "by email only": ([viewed(plan(1, delivery=EMAIL), 1)], Channel.EMAIL),
    "by fax only, signed in the account": ([decide(plan(1, delivery=FAX), 1, "account")], Channel.FAX),
    "both, opened in the account": ([viewed(plan(1, delivery=BOTH), 1, TransmissionChannel.ACCOUNT)], Channel.EMAIL),
    "both, opened with an emailed code": (
        [viewed(plan(1, delivery=BOTH), 1, TransmissionChannel.EMAILED_CODE)],
        Channel.EMAIL,
    ),
    "both, opened with the fax's code": (
        [viewed(plan(1, delivery=BOTH), 1, TransmissionChannel.FAX_CODE)],
        Channel.FAX,
    ),
    "both, the fax came first": ([viewed(plan(1, delivery=BOTH), 1, TransmissionChannel.FAX)], None),
    "both, nothing known of the view": ([viewed(plan(1, delivery=BOTH), 1)], None),
    "both, signed in the account": ([decide(plan(1, delivery=BOTH), 1, "account")], Channel.EMAIL),
    "both, signed with an emailed code": ([decide(plan(1, delivery=BOTH), 1, "emailed_code")], Channel.EMAIL),
    "both, signed with the fax's code": ([decide(plan(1, delivery=BOTH), 1, "fax_code")], Channel.FAX),
    "both, a copy came back": ([decide(plan(1, delivery=BOTH), 1, "returned_copy")], Channel.FAX),
    "both, decided without an identity": ([decide(plan(1, delivery=BOTH), 1)], None),
    "the decision is stronger than the view": (
        [decide(viewed(plan(1, delivery=BOTH), 1, TransmissionChannel.ACCOUNT), 2, "fax_code")],
        Channel.FAX,
    ),
    "one email against many faxes": (
        [viewed(plan(1, delivery=EMAIL), 1), *(viewed(plan(n, delivery=FAX), 1) for n in range(2, 9)), plan(9)],
        Channel.FAX,
    ),
    "more emails without a reaction": (
        [
            *(viewed(plan(n, delivery=EMAIL), 1) for n in (1, 2)),
            *(plan(n, delivery=EMAIL) for n in (3, 4)),
            viewed(plan(5, delivery=FAX), 9),
        ],
        Channel.FAX,
    ),
    "a tie, the email was quicker": (
        [viewed(plan(1, delivery=EMAIL), 1), viewed(plan(2, delivery=FAX), 2)],
        Channel.EMAIL,
    ),
    "a tie, the fax was quicker": ([viewed(plan(1, delivery=EMAIL), 2), viewed(plan(2, delivery=FAX), 1)], Channel.FAX),
}


@pytest.mark.parametrize("case", CHANNELS)
def test_the_best_channel_is_that_of_the_most_reactions_for_what_was_sent(case: str) -> None:
    documents, expected = CHANNELS[case]
    assert best_channel(documents) is expected


def test_the_reads_are_bounded_and_the_report_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    monkeypatch.setattr(module, "MAX_OPEN", 4)
    monkeypatch.setattr(module, "MAX_RECENT", 2)
    within = read(*(plan(n) for n in range(1, 5)))
    assert (within["providers"][0]["open"], within["complete"]) == (4, True)
    beyond = read(*(plan(n) for n in range(1, 8)))
    assert (beyond["providers"][0]["open"], beyond["complete"]) == (6, False), "the four oldest and the two newest"
    assert beyond["providers"][0]["oldest_sent_at"] == "2026-11-15T19:00:00.000Z"
