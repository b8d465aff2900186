"""Generate the parts of `docs/emr-integration.md` that come from the code. Run `make guide`.

A generated part is between `<!-- generated: NAME -->` and `<!-- end -->`. A single value in a sentence is
between `<!-- value: NAME -->` and `<!-- end -->`. A test fails if the guide and the code differ."""

import base64
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from chalicelib.adapters.webhook_http_client import TOTAL_SECONDS
from chalicelib.domain.carriers.email_receipts import Effect, effect_of
from chalicelib.domain.carriers.ses_reports import MEANINGS, Meaning
from chalicelib.domain.deliveries import MESSAGE_RETRY_AFTER, WEBHOOK_RETRY_AFTER, Channel, DeliveryStatus
from chalicelib.pdf.models import MAX_PAGES
from chalicelib.services import pagination as paging
from chalicelib.services.delivery import webhooks
from chalicelib.services.delivery.staff_notices import NOTICE_TEXTS
from chalicelib.services.documents import idempotent_events as inbound
from chalicelib.services.documents import incoming_pdf as originals
from chalicelib.services.documents import reports, silent_providers
from chalicelib.services.practices import practices, request_authentication
from chalicelib.web.api import emr, event_schemas
from chalicelib.web.api.openapi import WEBHOOKS
from chalicelib.web.api.problem_types import TYPES
from infrastructure.repository import ROOT

GUIDE = ROOT / "docs" / "emr-integration.md"
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105 - published for the test vectors
OLD_SECRET = "whsec_dGhlIHNlY3JldCBiZWZvcmUgdGhhdCBvbmUu"  # noqa: S105 - published for the test vectors
PORTAL = "https://portal.example.org"

_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_VALUE = re.compile(r"(<!-- value: ([a-z-]+) -->).*?(<!-- end -->)")
_MB = 1024 * 1024


def main() -> None:
    GUIDE.write_text(regenerate(GUIDE.read_text()))


def regenerate(text: str) -> str:
    """Return the guide with all generated parts and values up to date.

    Raises `KeyError` for a name that is neither in `PARTS` nor in `VALUES`."""
    text = _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[3]}", text)
    return _VALUE.sub(lambda value: f"{value[1]}{VALUES[value[2]]}{value[3]}", text)


# Test vectors


def vectors() -> Sequence[Mapping[str, Any]]:
    """Return examples of webhooks with their correct signatures, by which an EMR developer can test the verification.

    In each example, the body is signed with each of the `secrets`. The last example has two secrets, as after a
    rotation."""
    inbound_body = '{"type":"document.recalled","timestamp":"2026-11-22T19:00:00Z","data":{"external_id":"POC-1001"}}'
    beyond_ascii = '{"type":"endpoint.test","data":{"note":"Zoë Müller ✓"}}'
    return (
        _vector("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", 1_795_374_000, inbound_body, SECRET),
        _vector("evt_01", 1_795_374_000, beyond_ascii, SECRET),
        _vector("evt_02", 1_795_374_001, "{}", SECRET, OLD_SECRET),
    )


def _vector(message_id: str, seconds: int, body: str, *secrets: str) -> Mapping[str, Any]:
    signatures = " ".join(_signature(secret, message_id, seconds, body) for secret in secrets)
    return {
        "secrets": secrets,
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "body": body,
        "webhook-signature": signatures,
    }


def _signature(secret: str, message_id: str, seconds: int, body: str) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{seconds}.{body}".encode(), "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def _vectors() -> str:
    blocks = []
    for vector in vectors():
        lines = [
            *(f"secret:            {secret}" for secret in vector["secrets"]),
            *(f"{name + ':':<18} {vector[name]}" for name in ("webhook-id", "webhook-timestamp", "body")),
            f"webhook-signature: {vector['webhook-signature']}",
        ]
        blocks.append("```\n" + "\n".join(lines) + "\n```")
    return "\n\n".join(blocks)


# Events out


def events_out() -> Mapping[str, Mapping[str, Any]]:
    """Return an example body, by event type, for each webhook event that the portal sends to an EMR."""
    events: dict[str, Mapping[str, Any]] = {
        name: {"type": name, "timestamp": "2026-11-24T15:02:11.000Z", "data": {**_DOCUMENT, **changes}}
        for name, changes in _CHANGES.items()
    }
    test = {"practice_id": "prc_c1d2e3f4"}
    return {**events, "endpoint.test": {"type": "endpoint.test", "timestamp": "2026-11-22T19:00:00.000Z", "data": test}}


def _line(status: str) -> Mapping[str, Any]:
    return {
        "id": "dlv_7d1c",
        "channel": "email",
        "type": "ready",
        "recipient": "dr.rivera@example.com",
        "status": status,
        "at": "2026-11-22T19:00:06.000Z",
    }


_SIGNED = {
    "status": "approved",
    "outcome": "approved",
    "viewed_at": "2026-11-24T14:58:40.000Z",
    "transmitted_at": "2026-11-24T14:58:40.000Z",
    "decided_at": "2026-11-24T15:02:03.000Z",
    "note": "Please add balance training.",
    "sealing": "sealed",
    "signer": {
        "name": "Luis Rivera",
        "credential": "MD",
        "npi": "1234567893",
        "method": "electronic",
        "on_behalf_of": None,
    },
    "identity": {
        "method": "account",
        "sent_to": "dr.r…@example.com",
        "supplied_by": "practice",
        "npi_source": "practice",
        "registry_on": None,
        "statement": "Account of a person who proved to read email at dr.r…@example.com, an address given by "
        "Hill Country Therapy. NPI stated by Hill Country Therapy.",
    },
    "signed_pdf": {
        "url": f"{PORTAL}/v1/documents/doc_5f0c/signed.pdf",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "level": "B-T",
    },
    "deliveries": [_line("delivered")],
}
_VIEWED = {name: _SIGNED[name] for name in ("viewed_at", "transmitted_at", "deliveries")}
_TRANSMITTED = {**_VIEWED, "certified_by": "order_and_transmission", "certified_on": "2026-11-24"}
_SIGNED |= {"certified_by": "signature", "certified_on": "2026-11-24"}
_DOCUMENT: Mapping[str, Any] = {
    "id": "doc_5f0c",
    "practice_id": "prc_c1d2e3f4",
    "external_id": "POC-1001",
    "patient_external_id": "PT-77",
    "kind": "plan_of_care",
    "title": "Plan of Care, initial evaluation",
    "status": "pending",
    "outcome": None,
    "note": None,
    "decline_reason": None,
    "sent_at": "2026-11-22T19:00:00.000Z",
    "viewed_at": None,
    "transmitted_at": None,
    "decided_at": None,
    "due_on": "2026-12-20",
    "payer": {"kind": "medicare"},
    "certified_by": None,
    "certified_on": None,
    "attention": None,
    "signer": None,
    "identity": None,
    "handed_over_to": None,
    "sealing": "none",
    "signed_pdf": None,
    "supersedes": None,
    "superseded_by": None,
    "returned_at": None,
    "returned_method": None,
    "recalled_reason": None,
    "deliveries": [_line("sent")],
    "copies": [],
    "metadata": {"visit": "V-9"},
    "trail": {"sequence": 3, "head": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"},
}
_CHANGES: Mapping[str, Mapping[str, Any]] = {
    "document.delivered": {"deliveries": [_line("delivered")]},
    "document.delivery_failed": {"deliveries": [_line("failed")]},
    "document.viewed": _TRANSMITTED,
    "document.transmitted": _TRANSMITTED,
    "document.certified": _TRANSMITTED,
    "document.needs_attention": {
        "deliveries": [_line("delivered")],
        "attention": {
            "reason": "verbal_certification_lapsed",
            "call": {"name": "Luis Rivera, MD", "number": "+15125550190"},
            "tries": 2,
            "days_left": 9,
        },
    },
    "document.copy_received": {
        "attention": {
            "reason": "copy_received",
            "call": {"name": "Luis Rivera, MD", "number": "+15125550190"},
            "tries": 1,
            "days_left": 20,
        },
        "copies": [
            {
                "fax_id": "fax_1795532531000000911312",
                "received_at": "2026-11-24T15:02:11.000Z",
                "partial": False,
                "pages": [
                    {"page": 3, "url": f"{PORTAL}/v1/faxes/fax_1795532531000000911312/pages/1"},
                    {"page": None, "url": f"{PORTAL}/v1/faxes/fax_1795532531000000911312/pages/2"},
                ],
                "missing_pages": [1, 2],
            }
        ],
    },
    "document.approved": _SIGNED,
    "document.declined": {
        **_VIEWED,
        "status": "declined",
        "outcome": "declined",
        "decided_at": "2026-11-24T15:02:03.000Z",
        "decline_reason": "change_the_plan",
        "note": "Twice a week is enough.",
        "sealing": "in_progress",
        "signer": _SIGNED["signer"],
        "identity": _SIGNED["identity"],
    },
    "document.recalled": {"status": "recalled", "recalled_reason": "The plan has changed."},
    "document.handed_over": {
        **_TRANSMITTED,
        "viewed_at": None,
        "handed_over_to": {
            "name": "Jane Okafor",
            "credential": "NP",
            "npi": "1000000004",
            "email": "jane.okafor@example.com",
            "at": "2026-11-24T15:02:11.000Z",
            "by": {"name": "Luis Rivera", "credential": "MD", "npi": "1234567893"},
            "warnings": ["order-npi-differs"],
        },
    },
    "document.taken_back": _TRANSMITTED,
}


def _events_out() -> str:
    rows = [(f"`{name}`", about) for name, about in WEBHOOKS.items()]
    rows.append(("`endpoint.test`", 'You sent `POST /v1/endpoint/test`. `data` is `{"practice_id"}`.'))
    examples = [_fold(name, json.dumps(body, indent=2)) for name, body in events_out().items()]
    return "\n\n".join([_table(("event", "occasion"), rows), *examples])


def _fold(name: str, text: str) -> str:
    return f"<details><summary><code>{name}</code></summary>\n\n```json\n{text}\n```\n\n</details>"


# Tables


def _retries() -> str:
    return _table(
        ("failed attempt", "wait before the next attempt", "time since the first attempt"),
        list(_waits(WEBHOOK_RETRY_AFTER)),
    )


def _message_retries() -> str:
    return ", ".join(spoken(wait) for wait in MESSAGE_RETRY_AFTER)


def _waits(schedule: Sequence[timedelta]) -> Iterable[tuple[str, str, str]]:
    elapsed = timedelta()
    for number, wait in enumerate(schedule, start=1):
        elapsed += wait
        yield str(number), spoken(wait), spoken(elapsed)
    yield str(len(schedule) + 1), "none, the message is `failed`", ""


def spoken(wait: timedelta) -> str:
    """Return a duration for a table of the guide, such as `30 min` or `1 d 4 h 35 min`.

    Only durations below one minute have seconds."""
    minutes, seconds = divmod(int(wait.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{value} {unit}" for value, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if value]
    return " ".join(parts) or f"{seconds} s"


def _in_words(time: timedelta) -> str:
    """Return a duration in words for a sentence, such as `5 minutes` or `24 hours`."""
    for unit in ("days", "hours", "minutes"):
        count, rest = divmod(time, timedelta(**{unit: 1}))
        if count > 1 and not rest:
            return f"{count} {unit}"
    return f"{int(time.total_seconds())} seconds"


def _problems() -> str:
    rows = [
        (f"`{problem.code}`", ", ".join(map(str, problem.statuses)), problem.meaning, problem.remedy)
        for problem in TYPES.values()
        if problem.for_emr
    ]
    return _table(("`code`", "HTTP", "meaning", "what to do"), rows)


def _limits() -> str:
    return _table(
        ("subject", "limit"),
        [
            ("body of a request", f"{request_authentication.MAX_BODY_BYTES // _MB} MB"),
            ("PDF inside an event, before base64", f"{event_schemas.MAX_INLINE_BYTES // _MB} MB"),
            ("PDF by upload", f"{originals.MAX_UPLOAD_BYTES // _MB} MB"),
            ("number of pages of a PDF", str(MAX_PAGES)),
            ("lifetime of an upload form", spoken(emr.UPLOAD_LIFETIME)),
            ("lifetime of the `Location` of a PDF", spoken(emr.URL_LIFETIME)),
            ("rows in a response (`limit`)", f"{paging.DEFAULT_LIMIT}, at most {paging.MAX_LIMIT}"),
            (
                "difference of `webhook-timestamp` from the portal's clock",
                spoken(request_authentication.SIGNATURE_TOLERANCE),
            ),
            ("time for which the portal remembers a `webhook-id`", spoken(inbound.RESPONSE_LIFETIME)),
            ("live API keys of a practice", str(practices.LIVE_KEYS)),
            ("lifetime of a webhook secret after its rotation", spoken(practices.OLD_SECRET_LIFETIME)),
            ("time without a success after which an endpoint is switched off", spoken(webhooks.LONG_FAILURE)),
        ],
    )


def _columns() -> str:
    return ", ".join(f"`{name}`" for name in reports.COLUMNS)


def _notices() -> str:
    rows = [(f"`{kind}`", notice.subject) for kind, notice in NOTICE_TEXTS.items()]
    return _table(("`kind`", "subject"), rows)


def _receipts() -> str:
    """Return the table of the reports of SES: the meaning of each, and its effect before and after *delivered*.

    Reports with the same meaning are in one row."""
    names: dict[tuple[str, Meaning], list[str]] = {}
    for report, meaning in MEANINGS.items():
        name = " / ".join(part for part in (report.type, report.sub_type) if part)
        names.setdefault((report.name, meaning), []).append(f"`{name}`" if name else "(no type)")
    rows = [
        (
            f"`{report}`",
            ", ".join(types),
            meaning.detail,
            _consequence(meaning, DeliveryStatus.SENT),
            _consequence(meaning, DeliveryStatus.DELIVERED),
        )
        for (report, meaning), types in names.items()
    ]
    return _table(("report", "type / sub-type", "what the clinic reads", "before *delivered*", "after"), rows)


def _consequence(meaning: Meaning, status: DeliveryStatus) -> str:
    effect = Effect.NOTHING if meaning.kind is None else effect_of(meaning.kind, status, Channel.EMAIL)
    return effect.value.replace("_", " ")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


PARTS: Mapping[str, Callable[[], str]] = {
    "vectors": _vectors,
    "events-out": _events_out,
    "retries": _retries,
    "message-retries": _message_retries,
    "problems": _problems,
    "limits": _limits,
    "columns": _columns,
    "notices": _notices,
    "receipts": _receipts,
}

VALUES: Mapping[str, str] = {
    "signature-tolerance": _in_words(request_authentication.SIGNATURE_TOLERANCE),
    "live-keys": str(practices.LIVE_KEYS),
    "old-secret": _in_words(practices.OLD_SECRET_LIFETIME),
    "inline-pdf": f"{event_schemas.MAX_INLINE_BYTES // _MB} MB",
    "upload-pdf": f"{originals.MAX_UPLOAD_BYTES // _MB} MB",
    "file-url": _in_words(emr.URL_LIFETIME),
    "silent-open": f"{silent_providers.MAX_OPEN:,}",
    "silent-recent": f"{silent_providers.MAX_RECENT:,}",
    "default-limit": str(paging.DEFAULT_LIMIT),
    "max-limit": str(paging.MAX_LIMIT),
    "webhook-timeout": _in_words(timedelta(seconds=TOTAL_SECONDS)),
}

if __name__ == "__main__":
    main()
