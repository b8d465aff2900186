"""The rules by which a document's addressee hands it over to a colleague, and takes it back (docs/decisions/056)."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.documents import Addressee, Decision, DeliveryChoice, Document, HandOver
from chalicelib.domain.errors import NotFound
from chalicelib.domain.follow_up.progress import FollowUpProgress
from chalicelib.domain.providers import Provider, is_same_person, name_key
from chalicelib.domain.visibility import opens_to

MAX_HAND_OVERS = 3
"""The most hand-overs of one document, one after another. After them, only a decision or taking back is possible."""


def hand_over(document: Document, colleague: Addressee, provider_id: str, at: datetime) -> Document:
    """Return the document after its addressee handed it over at the time `at`, to be stored.

    `colleague` is the new addressee, and `provider_id` the provider to whom the colleague was matched. The status, the
    due date and the follow-up stay. Links and codes from before stop working, because they open the document to the
    giver's office. The colleague has not viewed the document yet. The clinic calls the colleague at the giver's
    office, because it knows no other number."""
    act = HandOver(
        at=at,
        giver=document.addressee,
        provider_id=document.provider_id,
        delivery=document.delivery,
        granted=document.granted,
        registry=document.registry,
        viewed_at=document.viewed_at,
    )
    return replace(
        document,
        addressee=replace(colleague, phone=document.addressee.phone),
        provider_id=provider_id,
        delivery=DeliveryChoice.EMAIL,
        granted=None,
        registry=None,
        viewed_at=None,
        handed_over=(*document.handed_over, act),
        access=document.access + 1,
        follow_up=_with_reminders(document.follow_up),
    )


def take_back(document: Document, giver: Provider) -> Document:
    """Return the document as it was before this provider handed it over, to be stored. Later hand-overs end too.

    Links and codes that the colleague got stop working. Raises `NotFound` unless `is_giver` is true."""
    if not is_giver(giver, document):
        raise NotFound("There is no such document.")
    before = _as_before(document, find_act(giver, document))
    return replace(before, access=document.access + 1, follow_up=_with_reminders(document.follow_up))


def is_giver(provider: Provider, document: Document) -> bool:
    """Return True if this provider handed the document over, and may see what became of it and take it back.

    The document must open to the provider's account if the hand-over is taken away, by the same rule as every read."""
    act = _find_act(provider, document)
    return act is not None and opens_to(provider, _as_before(document, act))


def find_colleague(giver: Provider, document: Document) -> Addressee:
    """Return the colleague to whom this provider handed the document over. The colleague may have handed it on."""
    later = document.handed_over[document.handed_over.index(find_act(giver, document)) + 1 :]
    return later[0].giver if later else document.addressee


def find_act(giver: Provider, document: Document) -> HandOver:
    """Return the hand-over of the document by this provider. Raises `LookupError` if there is none."""
    act = _find_act(giver, document)
    if act is None:
        raise LookupError("a provider who handed nothing over")
    return act


def _find_act(giver: Provider, document: Document) -> HandOver | None:
    return next((act for act in document.handed_over if act.provider_id == giver.id), None)


def find_represented(document: Document, decision: Decision) -> Addressee | None:
    """Return the provider on whose behalf a colleague decided after a hand-over: the one whom the clinic named.

    Return None without a hand-over, and if the clinic's addressee may have decided: the decision names this provider,
    or the clinic only reported a returned copy (`name_possible_signers`)."""
    identity, named = decision.signer.identity, document.named_by_clinic
    is_unknown = identity is not None and identity.method == "returned_copy"
    is_own = name_key(decision.signer.name, "") == name_key(named.first_name, named.last_name)
    return None if is_unknown or is_own or not document.handed_over else named


def name_possible_signers(document: Document) -> str:
    """Return the names of all who may have signed a paper copy, such as `Luis Rivera or Jane Okafor`.

    After a hand-over, the copy can be one that the clinic's addressee got earlier. Without a hand-over, only the
    addressee has got one."""
    people = (*(act.giver for act in document.handed_over), document.addressee)
    return " or ".join(person.name for person in people)


def as_addressed(document: Document) -> Document:
    """Return the document as the clinic addressed it, as if nobody had handed it over to a colleague."""
    return _as_before(document, document.handed_over[0]) if document.handed_over else document


def had_before(document: Document, person: Addressee) -> bool:
    """Return True if the document is or was addressed to this person or mailbox, so it must not be handed to them.

    Without this rule, a document could go back and forth between two people."""
    earlier = (*(act.giver for act in document.handed_over), document.addressee)
    return any(_is_same_reader(person, addressee) for addressee in earlier)


def _with_reminders(progress: FollowUpProgress | None) -> FollowUpProgress | None:
    """Return the progress of the follow-up for another mailbox: only its own reader can stop the reminders there."""
    return replace(progress, is_stopped=False) if progress else None


def _is_same_reader(one: Addressee, other: Addressee) -> bool:
    return is_same_person(one, other) or (one.email is not None and one.email == other.email)


def _as_before(document: Document, act: HandOver) -> Document:
    """Return the document as it was before this hand-over, with the present counter of access."""
    return replace(
        document,
        addressee=act.giver,
        provider_id=act.provider_id,
        delivery=act.delivery,
        granted=act.granted,
        registry=act.registry,
        viewed_at=act.viewed_at,
        handed_over=document.handed_over[: document.handed_over.index(act)],
    )
