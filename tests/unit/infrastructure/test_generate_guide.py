"""Test that the integration guide for EMR developers matches the code.

The generated parts must be current, and the examples must fit the schemas."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import jsonschema_rs
import pytest
from standardwebhooks import Webhook

from chalicelib.domain.deliveries import WEBHOOK_RETRY_AFTER
from chalicelib.domain.practices import WebhookSecret
from chalicelib.services.delivery.webhooks import FAILED_EVENTS, LONG_FAILURE
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.practices.practices import KEY_PREFIX
from chalicelib.services.practices.request_authentication import RequestAuthentication
from chalicelib.services.transaction import Change
from chalicelib.web.api.event_schemas import read_event
from chalicelib.web.api.openapi import openapi
from chalicelib.web.api.problem_types import TYPES
from infrastructure.generate_guide import (
    GUIDE,
    OLD_SECRET,
    PARTS,
    SECRET,
    VALUES,
    events_out,
    regenerate,
    spoken,
    vectors,
)
from tests.support.emr_fixtures import PRACTICE, Emr
from tests.support.fake_store import FakeStore

TEXT = GUIDE.read_text()
DOCUMENT = openapi("https://portal.example.org")
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```json\n(.*?)```", TEXT, re.DOTALL))


def test_the_made_parts_are_what_the_code_makes_of_them_now() -> None:
    assert regenerate(TEXT) == TEXT, "run `make guide`"
    assert set(re.findall(r"<!-- generated: ([a-z-]+) -->", TEXT)) == set(PARTS)
    assert set(re.findall(r"<!-- value: ([a-z-]+) -->", TEXT)) == set(VALUES)


def check(schema: str, body: Any) -> None:
    whole = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(body)


def test_the_examples_are_those_of_every_event_in_and_of_a_problem() -> None:
    kinds = DOCUMENT["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    named = {each["$ref"].rpartition("/")[2] for each in kinds["oneOf"]}
    assert set(EXAMPLES) == {*named, "Problem"}


@pytest.mark.parametrize("schema", EXAMPLES)
def test_an_example_fits_its_schema(schema: str) -> None:
    check(schema, json.loads(EXAMPLES[schema]))
    if schema != "Problem":
        assert read_event(EXAMPLES[schema].encode(), date(2026, 11, 22))


def test_an_example_that_did_not_fit_would_be_found() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        check("SentEvent", {**json.loads(EXAMPLES["SentEvent"]), "timestamp": 1})


def test_there_is_an_example_of_every_event_out_and_it_fits() -> None:
    assert set(events_out()) == set(DOCUMENT["webhooks"])
    emr = Emr()
    resource = document_resource(emr.send(), "https://portal.example.org", emr.now)
    for name, body in events_out().items():
        schema = DOCUMENT["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
        check(schema["$ref"].rpartition("/")[2], body)
        assert name == "endpoint.test" or list(body["data"]) == list(resource)


def test_every_route_event_and_code_is_in_the_guide() -> None:
    for path in DOCUMENT["paths"]:
        plain = re.sub(r"\{\w+\}", "{id}", path)
        assert plain in TEXT or f"/{plain.rpartition('/')[2]}`" in TEXT, path
    for code, kind in TYPES.items():
        assert (f"| `{code}` |" in TEXT) == kind.for_emr
    assert f"`{KEY_PREFIX}" in TEXT


def test_the_retry_table_is_that_of_the_schedule() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]*) \|$", TEXT, re.MULTILINE)
    assert [wait for _, wait, _ in rows[:-1]] == [spoken(each) for each in WEBHOOK_RETRY_AFTER]
    assert rows[-1][0] == str(len(WEBHOOK_RETRY_AFTER) + 1)
    assert rows[-2][2] == spoken(sum(WEBHOOK_RETRY_AFTER, timedelta()))


def test_when_an_endpoint_is_switched_off_is_said_as_it_is() -> None:
    events = {2: "two", 3: "three", 4: "four"}[FAILED_EVENTS]
    assert f"after **{LONG_FAILURE.days} days** in which at least {events} different events failed" in TEXT


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (timedelta(seconds=5), "5 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=24), "1 d"),
        (timedelta(hours=28, minutes=35, seconds=5), "1 d 4 h 35 min"),
    ],
)
def test_waits_are_spoken(wait: timedelta, words: str) -> None:
    assert spoken(wait) == words


# Test vectors


def each_signature() -> Iterator[tuple[Mapping[str, Any], str, str]]:
    for vector in vectors():
        signatures = vector["webhook-signature"].split(" ")
        yield from ((vector, *pair) for pair in zip(vector["secrets"], signatures, strict=True))


def test_the_vectors_are_what_the_official_library_makes() -> None:
    for vector, secret, signature in each_signature():
        at = datetime.fromtimestamp(vector["webhook-timestamp"], UTC)
        assert Webhook(secret).sign(vector["webhook-id"], at, vector["body"]) == signature


def test_the_vectors_are_taken_by_the_portal() -> None:
    for vector, secret, _ in each_signature():
        headers = {
            "portal-practice": PRACTICE.id,
            "webhook-id": vector["webhook-id"],
            "webhook-timestamp": str(vector["webhook-timestamp"]),
            "webhook-signature": vector["webhook-signature"],
        }
        now = datetime.fromtimestamp(vector["webhook-timestamp"], UTC)
        authentication = RequestAuthentication(with_secret(secret, now))
        assert authentication.authenticate_signature(headers, vector["body"].encode(), now)


def with_secret(secret: str, now: datetime) -> FakeStore:
    store = FakeStore()
    made = replace(PRACTICE, webhook_secrets=(WebhookSecret(value=secret, created_at=now),))
    store.commit(Change(at=now, practices=(made,)))
    return store


def test_the_published_secrets_are_of_the_form_that_the_portal_makes() -> None:
    for secret in (SECRET, OLD_SECRET):
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) >= 24
