"""Handing a document over to a colleague, who decides in the addressee's place (DESIGN 5.6, docs/decisions/056).

Only an account hands over. The provider types the colleague's address, and whoever reads that address can open the
document. So the number of hand-overs of an account is limited, and every hand-over is in the audit trail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain import npi as npis
from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.claim_keys import matching_claims
from chalicelib.domain.colleagues.hand_overs import MAX_HAND_OVERS, had_before, hand_over, is_giver, take_back
from chalicelib.domain.deliveries import Channel, MessageType, NoticeKind
from chalicelib.domain.documents import Addressee, Document
from chalicelib.domain.errors import FieldError, Invalid, NotFound, TooManyRequests
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider, is_same_person
from chalicelib.domain.status import is_readable, require_decidable
from chalicelib.domain.visibility import opens_to
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.identity import mask
from chalicelib.services.documents.provider_matching import ProviderMatcher, mailbox_claim
from chalicelib.services.documents.recorder import Recorder
from chalicelib.services.lookups import require_document
from chalicelib.services.normalization import normalize_credential, normalize_email
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.review.review import ProviderAction
from chalicelib.services.shown_names import normalize_name
from chalicelib.services.throttling import Quota

HAND_OVERS_PER_DAY = Quota(kind=SecretKind.THROTTLE, limit=20, period=timedelta(hours=24))
"""The limit on the hand-overs of one account, because each sends an email to an address that the provider typed."""

MAX_LISTED = 20
"""The most documents in an account's list of documents that the provider handed over. Older ones drop out."""

MAX_NAME = 60
_RETRY_ON = frozenset({"document", "provider", "claim", "secret"})
_HEADING = "Not handed over yet. Please fix the following:"


@dataclass(frozen=True, kw_only=True)
class HandOverForm:
    """What a provider typed about the colleague to whom a document is to be handed over. Only `npi` may be empty."""

    first_name: str
    last_name: str
    credential: str
    email: str
    npi: str = ""


class HandOvers:
    """Service for the documents that a provider hands over to colleagues, lists and takes back."""

    def __init__(self, writer: DocumentWriter) -> None:
        self._writer = writer
        self._store = writer.store

    def hand_over(self, document: Document, form: HandOverForm, action: ProviderAction) -> Document:
        """Hand the document over to the colleague in the form, email the colleague, and return the document.

        Raises `Invalid` with the wrong fields of the form, `Conflict` if the document was decided meanwhile, `NotFound`
        if it does not open to the provider any more, and `TooManyRequests` after too many hand-overs in a day."""
        colleague, errors = _read_colleague(form)

        def step() -> Document:
            current = require_document(self._store, document.id)
            _check_owner(current, action.provider)
            require_decidable(current.status)
            found = errors or _find_rule_errors(current, colleague, action.provider)
            if found:
                raise Invalid(_HEADING, errors=found)
            return self._commit_hand_over(current, colleague, action)

        return retry_on_conflict(step, retry_on=_RETRY_ON)

    def take_back(self, document: Document, action: ProviderAction) -> Document:
        """Take back a document that the provider handed over, and return it. The colleague cannot open it any more.

        Raises `Conflict` if it was decided meanwhile, and `NotFound` if the provider did not hand it over."""

        def step() -> Document:
            current = require_document(self._store, document.id)
            returned = take_back(current, action.provider)
            require_decidable(current.status)
            recorder = self._recorder(returned, action)
            facts = _event_facts(returned.addressee, current.addressee, action)
            recorder.event(DocumentEventType.TAKEN_BACK, facts, webhook=True).notice(NoticeKind.HANDED_OVER)
            return self._writer.commit(recorder)

        return retry_on_conflict(step, retry_on=_RETRY_ON)

    def list_handed_over(self, provider: Provider) -> tuple[Document, ...]:
        """Return the newest documents that the provider handed over and has not taken back, the newest first.

        Recalled documents are left out, as in every list of a provider."""
        if not provider.handed_over:
            return ()
        documents = self._store.documents_by_id(provider.handed_over)
        return tuple(each for each in documents if is_readable(each.status) and is_giver(provider, each))

    def _commit_hand_over(self, current: Document, colleague: Addressee, action: ProviderAction) -> Document:
        count = self._count(action.provider, action.now)
        owners = self._store.claims(matching_claims(current.practice_id, colleague))
        matcher = ProviderMatcher(self._store, self._writer.ids, current.practice_id, colleague, owners)
        match = matcher.match_colleague()
        if match.provider.id == action.provider.id:
            raise Invalid(_HEADING, errors=[_OWN_ADDRESS])
        handed = hand_over(current, colleague, match.provider.id, action.now)
        recorder = self._recorder(handed, action)
        _record(recorder, current, handed, action)
        change = recorder.change()
        providers = (*match.changed_rows(), self._with_listed(action.provider, current.id))
        claims = (*mailbox_claim(handed, owners), *match.claims)
        self._store.commit(replace(change, providers=providers, claims=claims, secrets=(count,)))
        return change.documents[0]

    def _count(self, provider: Provider, now: datetime) -> Secret:
        """Return the counter of the account's hand-overs after one more, to be stored, or raise `TooManyRequests`."""
        key = secret_key(SecretKind.THROTTLE, f"hand-overs:{provider.id}")
        count = HAND_OVERS_PER_DAY.count_use(self._store.secret(key), key, now)
        if count is None:
            limit = HAND_OVERS_PER_DAY.limit
            raise TooManyRequests(
                f"You can hand over {limit} documents a day. Please try again tomorrow.", retry_after=3600
            )
        return count

    def _with_listed(self, provider: Provider, document_id: str) -> Provider:
        """Return the next version of the provider's row, which lists the document as handed over."""
        latest = self._store.provider(provider.id) or provider
        listed = tuple(dict.fromkeys((document_id, *latest.handed_over)))[:MAX_LISTED]
        return replace(latest, version=latest.version + 1, handed_over=listed)

    def _recorder(self, document: Document, action: ProviderAction) -> Recorder:
        practice = action.practice or self._writer.practice_of(document)
        return self._writer.recorder(document, practice, action.actor, action.now)


_OWN_ADDRESS = FieldError("email", "This is your own address. Enter your colleague's.")


def _record(recorder: Recorder, before: Document, handed: Document, action: ProviderAction) -> None:
    """Record the event of a hand-over, with the webhook, the notice to staff and the colleague's email."""
    email = handed.addressee.email or ""
    facts = {
        **_event_facts(before.addressee, handed.addressee, action),
        "address": mask(email),
        "from": before.provider_id,
        "to": handed.provider_id,
    }
    recorder.event(DocumentEventType.HANDED_OVER, facts, webhook=True).notice(NoticeKind.HANDED_OVER)
    recorder.message(Channel.EMAIL, MessageType.READY, email)


def _event_facts(giver: Addressee, colleague: Addressee, action: ProviderAction) -> dict[str, Any]:
    people = {"giver": giver, "colleague": colleague}
    named = {
        role: {"name": person.name, "credential": person.credential, "npi": person.npi}
        for role, person in people.items()
    }
    return {**named, "authentication": action.authentication}


def _check_owner(document: Document, provider: Provider) -> None:
    if not opens_to(provider, document):
        raise NotFound("There is no such document.")


def _find_rule_errors(document: Document, colleague: Addressee, provider: Provider) -> list[FieldError]:
    """Return the reasons why the document cannot be handed over to this person, as errors of the form's fields."""
    own = replace(colleague, first_name=provider.first_name, last_name=provider.last_name, npi=provider.npi)
    if colleague.email in (*provider.proven_emails, document.addressee.email):
        return [_OWN_ADDRESS]
    if is_same_person(colleague, own) or is_same_person(colleague, document.addressee):
        return [FieldError("last_name", "This is you. Enter your colleague's name and NPI.")]
    if had_before(document, colleague):
        return [FieldError("email", "This person handed the document over before, and can take it back.")]
    if len(document.handed_over) >= MAX_HAND_OVERS:
        message = f"It has been handed over {MAX_HAND_OVERS} times. Sign or decline it, or call the clinic."
        return [FieldError("email", message)]
    return []


def _read_colleague(form: HandOverForm) -> tuple[Addressee, list[FieldError]]:
    """Return the colleague whom the form names, and the errors of its fields. With an error, the colleague is of no
    use."""
    values, errors = {}, []
    for name, (label, normalize) in _FIELDS.items():
        try:
            values[name] = normalize(getattr(form, name))
        except ValueError as error:
            values[name] = ""
            errors.append(FieldError(name, f"{label} {error}."))
    npi = form.npi.strip()
    if npi and not npis.is_valid(npi):
        errors.append(FieldError("npi", "Check the 10-digit NPI, or leave it empty."))
    return Addressee(**values, npi=npi or None), errors


def _read_name(text: str) -> str:
    """Return a name or credential that an email to a stranger may show. Raises `ValueError` if it could mislead."""
    if len(text) > MAX_NAME:
        raise ValueError(f"must have at most {MAX_NAME} characters")
    return normalize_name(text)


_FIELDS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "first_name": ("The first name", _read_name),
    "last_name": ("The last name", _read_name),
    "credential": ("The credential", lambda text: _read_name(normalize_credential(text))),
    "email": ("The email address", normalize_email),
}
"""The required fields of the form: how an error names the field, and the function that checks and normalizes it."""
