"""The data of `document.sent`, and the comparison of two events with the same `external_id`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from chalicelib.domain.certification.facts import Certification, Payer
from chalicelib.domain.colleagues.hand_overs import as_addressed
from chalicelib.domain.documents import Addressee, Author, DeliveryChoice, Document, FieldBox, Kind, Patient
from chalicelib.domain.errors import Conflict, ConflictCode, FieldError
from chalicelib.services.documents.incoming_pdf import PdfSource

_CERTIFICATION_NAMES = {
    "initial_visit_on": "initial_visit_on",
    "starts_on": "from",
    "ends_on": "to",
    "due_on": "due_on",
    "order_signed_on": "order.signed_on",
    "order_discipline": "order.discipline",
    "order_npi": "order.npi",
    "order_name": "order.name",
}
_NEW_FACTS = frozenset(
    f"data.{name}"
    for name in (
        "payer.kind",
        "provider.phone",
        "certification.due_on",
        *(f"certification.order.{fact}" for fact in ("discipline", "npi", "name")),
    )
)
"""The facts that earlier releases ignored and did not store, so that a comparison with their documents skips them."""

_METADATA = "data.metadata."
"""The start of the dotted names of the EMR's own texts. Earlier releases ignored these texts too."""


@dataclass(frozen=True, kw_only=True)
class SendCommand:
    """The validated data of `document.sent`. `supersedes` is an `external_id` of the same practice.

    `fax_confirmed` is true if the practice has checked a fax number that was reported as wrong. It is no fact of the
    document, so a second event may differ in it. `ignored` are the errors of numbers that were left out."""

    external_id: str
    kind: Kind
    title: str
    patient: Patient
    addressee: Addressee
    delivery: DeliveryChoice
    content: PdfSource
    author: Author | None = None
    payer: Payer | None = None
    certification: Certification | None = None
    signature_field: FieldBox | None = None
    supersedes: str | None = None
    message: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    fax_confirmed: bool = False
    ignored: tuple[FieldError, ...] = ()


def check_same(earlier: Document, command: SendCommand, content_sha256: str) -> None:
    """Check that a second `document.sent` with the same `external_id` has the same content as the stored document.

    Raises `Conflict` with the fields that differ. A field that a later correction changed is not compared."""
    differences = [] if earlier.facts_sha256 == facts_sha256(command) else _differences(earlier, command)
    if earlier.content_sha256 != content_sha256:
        differences.append("data.content")
    if differences:
        problem = "differs from the data sent earlier with this external_id"
        raise Conflict(
            f"This external_id was already sent with other data ({', '.join(differences)}). Send a new "
            "version with a new external_id that `supersedes` this one, or recall this document first.",
            code=ConflictCode.EXTERNAL_ID_USED,
            errors=tuple(FieldError(name, problem) for name in differences),
        )


def facts_sha256(command: SendCommand) -> str:
    """Return the SHA-256 (hex) of an event's data, to recognize the same data later. The PDF has a separate hash."""
    return hashlib.sha256(json.dumps(facts(command), sort_keys=True).encode()).hexdigest()


def certification_data(document: Document) -> Mapping[str, str]:
    """Return the facts on which the certification depends, for the private data of the audit event.

    They are private because dates of treatment may have to be erased one day. The audit trail has only their salted
    hash."""
    flat = {"payer": document.payer.kind if document.payer else None, **_certification(document)}
    return {name.removeprefix("data.certification."): str(value) for name, value in flat.items() if value is not None}


def _certification(source: SendCommand | Document) -> dict[str, Any]:
    return _flatten("certification", source.certification, _CERTIFICATION_NAMES)


def _differences(earlier: Document, command: SendCommand) -> list[str]:
    before, now = facts(as_addressed(earlier)), facts(command)
    names = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    return sorted(name for name in names if not _was_ignored(name, earlier))


def _was_ignored(name: str, earlier: Document) -> bool:
    """Return True if the release that stored the document ignored the fact with this dotted name."""
    if name.startswith(_METADATA):
        return earlier.metadata is None
    return earlier.payer is None and name in _NEW_FACTS


def facts(source: SendCommand | Document) -> dict[str, str]:
    """Return the facts of an event or a document for a comparison: texts by dotted name, without missing facts.

    The names are those of the API, such as `data.provider.npi`."""
    flat: dict[str, Any] = {
        "data.kind": source.kind,
        "data.title": source.title,
        "data.delivery": DeliveryChoice.AUTO if isinstance(source, Document) and source.is_auto else source.delivery,
        "data.message": source.message,
        "data.supersedes": source.supersedes,
        "data.payer.kind": source.payer.kind if source.payer and source.payer.stated else None,
        **_flatten("patient", source.patient),
        **_flatten("provider", source.addressee),
        **_flatten("author", source.author),
        **_certification(source),
        **_flatten("signature_field", source.signature_field),
        **{f"{_METADATA}{name}": text for name, text in (source.metadata or {}).items()},
    }
    return {name: str(value) for name, value in flat.items() if value is not None}


def _flatten(prefix: str, value: Any, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    if value is None:
        return {}
    return {f"data.{prefix}.{(names or {}).get(name, name)}": part for name, part in asdict(value).items()}
