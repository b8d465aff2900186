import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from chalicelib.adapters import json_codec as codec
from chalicelib.domain.account_events import AccountEvent, AccountEventType
from chalicelib.domain.carriers.email_receipts import Receipt, ReceiptKind
from chalicelib.domain.certification.facts import Certification
from chalicelib.domain.documents import (
    Addressee,
    Decision,
    DeliveryChoice,
    DeliveryLine,
    Document,
    FieldBox,
    Kind,
    Patient,
    Signer,
    SigningMethod,
    StoredPdf,
)
from chalicelib.domain.expiring_records import Secret, SecretKind
from chalicelib.domain.practices import PracticeCard
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Action
from tests.support.provider_fixtures import PROVIDER

NOON = datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)


def document() -> Document:
    return Document(
        id="doc_1",
        version=3,
        practice_id="prc_1",
        practice=PracticeCard(name="Cedar"),
        external_id="POC-1",
        content_sha256="a",
        facts_sha256="b",
        kind=Kind.ORDER,
        title="Order",
        patient=Patient(external_id="P", first_name="A", last_name="B", date_of_birth=date(1950, 12, 10)),
        addressee=Addressee(first_name="L", last_name="R", email="l@example.com"),
        provider_id="prv_1",
        delivery=DeliveryChoice.EMAIL,
        original=StoredPdf(key="k", sha256="s", pages=2),
        sent_at=NOON,
        due_on=date(2026, 12, 22),
        certification=Certification(starts_on=date(2026, 11, 20)),
        signature_field=FieldBox(page=1, x=1, y=2.5, width=3, height=4),
        deliveries=(DeliveryLine(id="d", channel="email", type="ready", recipient="r", status="sent", at=NOON),),
        decision=Decision(
            action=Action.APPROVE,
            decided_at=NOON,
            strokes=(((0.0, 0.5), (1.0, 0.25)),),
            pages_shown=(1, 2),
            signer=Signer(name="L R", credential=None, npi=None, method=SigningMethod.ELECTRONIC, authentication="x"),
        ),
    )


def test_a_document_survives_the_round_trip() -> None:
    assert codec.load(Document, codec.dump(document())) == document()


def test_fields_of_a_newer_version_are_ignored() -> None:
    text = codec.dump(document())[:-1] + ',"added_later":{"x":1}}'
    assert codec.load(Document, text) == document()


def test_fields_of_an_older_version_take_their_default() -> None:
    text = codec.dump(replace(document(), access=1)).replace(',"access":1', "")
    assert codec.load(Document, text).access == 1


def a_secret() -> Secret:
    return Secret(key="k", version=1, kind=SecretKind.SESSION, created_at=NOON, expires_at=NOON)


@pytest.mark.parametrize(
    ("value", "stored_name"),
    [
        (replace(PROVIDER, session_generation=7), "session_epoch"),
        (replace(a_secret(), session_generation=7), "epoch"),
        (Receipt(carrier_id="c", kind=ReceiptKind.DELIVERED, at=NOON, detail="", lookups=7), "looks"),
        (AccountEvent(provider_id="p", sort_key=7, type=AccountEventType.LOGGED_IN, at=NOON), "place"),
    ],
)
def test_a_renamed_field_keeps_its_name_in_stored_rows(value: object, stored_name: str) -> None:
    text = codec.dump(value)
    assert json.loads(text)[stored_name] == 7
    assert codec.load(type(value), text) == value


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        codec.dump(replace(document(), sent_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - the naive time is under test


def test_a_mapping_is_read_back_as_it_was_written() -> None:
    provider = replace(PROVIDER, addressed_by={"prc_1": ("a@example.com", "b@example.com")})
    assert codec.load(Provider, codec.dump(provider)) == provider


def test_a_providers_row_from_before_several_addresses_is_read() -> None:
    row = {"id": "prv_1", "version": 1, "first_name": "Luis", "last_name": "Rivera"}
    provider = codec.load(Provider, json.dumps(row))
    assert (provider.emails, provider.addressed_by, provider.npi_stated_by) == ((), {}, ())
