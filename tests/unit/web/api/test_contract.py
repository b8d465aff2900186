"""Compare the API for EMRs with the contract of the last release, which is stored in `contract.json`.

The file holds the routes, the OpenAPI document without its prose, and the bytes of a webhook. Regenerate the
file only for an intended change of the contract: `python -m tests.unit.web.api.test_contract`."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from chalicelib.domain.audit import DocumentEventType
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.web.api.openapi import openapi
from chalicelib.web.api.problem_types import TYPES
from chalicelib.web.routes import ROUTES
from tests.support.fakes import START, FakeIds
from tests.support.provider_fixtures import a_document
from tests.support.worlds.delivery_world import THE_PRACTICE

RECORDED = Path(__file__).with_name("contract.json")
PROSE = frozenset({"description", "summary", "title"})


def meaning(value: Any, document: Any) -> Any:
    """Return the parts of the OpenAPI document on which an EMR's software relies, to compare two releases.

    References are resolved, prose is left out, and lists are in a fixed order."""
    if isinstance(value, list):
        parts = [meaning(part, document) for part in value]
        return sorted(parts, key=lambda part: json.dumps(part, sort_keys=True))
    if not isinstance(value, Mapping):
        return value
    if "$ref" in value:
        return meaning(resolve(value["$ref"], document), document)
    return {
        name: meaning(part, document) for name, part in value.items() if not (name in PROSE and isinstance(part, str))
    }


def resolve(reference: str, document: Any) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def webhook_bytes() -> str:
    """Return the exact body of a sample webhook, about a viewed document, at a fixed time with fixed ids.

    A new release must send the same bytes."""
    viewed = replace(a_document(), viewed_at=START, transmitted_at=START)
    recorder = Recorder(
        viewed, practice=THE_PRACTICE, now=START, ids=FakeIds(), portal_url="https://portal.test", actor=PORTAL
    )
    change = recorder.event(DocumentEventType.VIEWED, webhook=True).change()
    return str(change.deliveries[0].body)


def contract() -> dict[str, Any]:
    document = json.loads(json.dumps(openapi("https://portal.test")))
    described = {name: document[name] for name in ("paths", "webhooks")}
    security = document["components"]["securitySchemes"]
    return {
        "routes": sorted(f"{method} {route.path} {route.access.value}" for route in ROUTES for method in route.methods),
        "openapi": meaning({**described, "security": security}, document),
        "problems": sorted(TYPES),
        "webhook": webhook_bytes(),
    }


def test_the_contract_is_the_one_of_the_last_release() -> None:
    assert contract() == json.loads(RECORDED.read_text())


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(contract(), sort_keys=True, separators=(",", ":")) + "\n")
