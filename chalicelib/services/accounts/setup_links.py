"""Links to choose a password, for the first time or again, and what choosing one does (DESIGN 5.2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain import npi as npis
from chalicelib.domain.account_events import UNKNOWN, AccountEventType, Origin, account_event
from chalicelib.domain.claim_keys import email_claim, npi_claim
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.documents import DeliveryChoice, Document
from chalicelib.domain.errors import (
    ConcurrentUpdate,
    FieldError,
    Gone,
    GoneCode,
    Invalid,
    InvalidCode,
    MessageOutdated,
)
from chalicelib.domain.expiring_records import LINK_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable
from chalicelib.services.authentication.password_login import login_counters
from chalicelib.services.authentication.passwords import (
    hash_password,
    is_short,
    least_length,
    password_problem,
)
from chalicelib.services.authentication.second_factor import second_factor_counters
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.delivery_rows import new_delivery, outbox_row
from chalicelib.services.normalization import one_line
from chalicelib.services.optimistic_retry import retry_on_conflict, retry_on_latest
from chalicelib.services.ports import Ids, Listing, Store
from chalicelib.services.transaction import Change, Claim

PORTAL_PRACTICE = "portal"
"""Stands in a delivery that no practice caused, such as the notice that a password was changed."""

MAX_CREDENTIAL = 40

_LOOKED_THROUGH = 50
"""How many of a person's pending documents are looked through for one that keeps a link alive."""

_LINK_KINDS = (SecretKind.SETUP, SecretKind.RESET)
_DEAD = "It is good for 90 minutes and for one use, and only the newest one works."
_OUTDATED = "The link is no longer wanted: the address was corrected, or the account is another's."
_TAKEN_ADDRESS = (
    "This email address already belongs to another person's account. An account is for one person: "
    "ask the clinic to send the document to your own address."
)
_TAKEN_NPI = "This NPI already belongs to someone else here. Check it, or leave it empty and contact support."


class LinkExpired(Gone):
    """A link that is spent, expired or replaced; `document_id` if it is still known what it was for."""

    def __init__(self, document_id: str | None = None) -> None:
        super().__init__(_DEAD, code=GoneCode.LINK_DEAD)
        self.document_id = document_id


@dataclass(frozen=True, kw_only=True)
class ValidLink:
    """A link that works, whose it is, and the document it came with."""

    secret: Secret
    provider: Provider
    document: Document | None

    @property
    def is_setup(self) -> bool:
        """Whether it is for a first password, and not for a forgotten one."""
        return self.secret.kind is SecretKind.SETUP

    @property
    def least(self) -> int:
        """How long the password must be."""
        return least_length(second_factor=self.provider.has_second_factor)

    @property
    def personal(self) -> tuple[str, ...]:
        """Words about its owner that make a poor password."""
        practice = self.document.practice.name if self.document else ""
        known = (self.provider.name, self.secret.email, self.provider.npi, practice)
        return tuple(each for each in known if each)


@dataclass(frozen=True, kw_only=True)
class PasswordForm:
    """What was typed at setup; for a forgotten password only the password counts."""

    password: str
    credential: str = ""
    npi: str = ""
    confirmed: bool = False


# For the deliveries, at the moment of sending


def create_link_token(store: Store, delivery: Delivery, now: datetime, ids: Ids) -> str:
    """A token for the link in the mail being sent, good for `LINK_LIFETIME` from now.

    Links of other mails die with it; another attempt of the same delivery makes another token, and both
    work. Raises `MessageOutdated` when the link must not go out any more: the address was corrected, the
    account belongs to another address, or a setup is no longer needed.
    """
    token = ids.token()

    def step() -> None:
        provider = store.provider(delivery.provider_id or "")
        if provider is None or not _may_go_out(store, delivery, provider):
            raise MessageOutdated(_OUTDATED)
        kind = SecretKind.RESET if provider.has_account else SecretKind.SETUP
        secret = Secret(
            key=secret_key(kind, token),
            version=1,
            kind=kind,
            created_at=now,
            expires_at=now + LINK_LIFETIME,
            provider_id=provider.id,
            document_id=delivery.document_id,
            email=delivery.recipient,
            link=delivery.id,
            access=delivery.access,
        )
        newest = replace(provider, version=provider.version + 1, link=delivery.id)
        providers = () if provider.link == delivery.id else (newest,)
        store.commit(Change(at=now, secrets=(secret,), providers=providers))

    retry_on_conflict(step, retry_on=frozenset({"provider"}))
    return token


def _may_go_out(store: Store, delivery: Delivery, provider: Provider) -> bool:
    if provider.has_account:
        return delivery.type == "reset" and delivery.recipient == provider.email
    return document_of_setup_email(store, delivery, provider) is not None


def document_of_setup_email(store: Store, delivery: Delivery, provider: Provider) -> Document | None:
    """The document that a setup mail goes out for: its own or, once that one is recalled, what its link
    leads to then, unless a newer setup mail is on its way. None when it must not go out.
    """
    document = store.document(delivery.document_id) if delivery.document_id else None
    if document is None or document.access == delivery.access:
        return document
    if _is_made_up_for(delivery, provider):
        return None
    return _reached(
        provider,
        document,
        lambda: _waiting(store, provider.id),
        access=delivery.access,
        email=delivery.recipient,
    )


def _is_made_up_for(delivery: Delivery, provider: Provider) -> bool:
    """Whether a document that came later brings a setup mail of its own (`Intake._has_lost_setup`)."""
    mailed_at = provider.setup_mailed_at
    newer = mailed_at is not None and mailed_at >= delivery.created_at
    return newer and provider.setup_document != delivery.document_id


def _reached(
    provider: Provider,
    document: Document | None,
    waiting: Callable[[], Sequence[Document]],
    *,
    access: int,
    email: str | None,
) -> Document | None:
    """What a setup link leads to: the document it came with, when that had this `access`, or, once that one
    is recalled, another that is `waiting` for this person at the very address the link was mailed to.

    Nothing after a correction: its address may have been a stranger's.
    """
    if document is None or document.access == access:
        return document
    only_recalled = document.recalled_at is not None and document.access == access + 1
    if not only_recalled or email is None:
        return None
    return _mailed_to(email, provider, waiting())


def first_pending_document_at(store: Store, provider: Provider, email: str) -> Document | None:
    """A document that waits for this person and was mailed to this address: what is due first, if any."""
    return _mailed_to(email, provider, _waiting(store, provider.id))


def _waiting(store: Store, provider_id: str) -> Sequence[Document]:
    found = store.documents(Listing.PROVIDER_PENDING, provider_id, limit=_LOOKED_THROUGH, after=None)
    return found.items


def _mailed_to(email: str, provider: Provider, waiting: Sequence[Document]) -> Document | None:
    return next((each for each in waiting if _was_mailed_to(each, provider, email)), None)


def _was_mailed_to(document: Document, provider: Provider, email: str) -> bool:
    mailed = document.delivery is not DeliveryChoice.FAX and document.addressee.email == email
    return mailed and document.provider_id == provider.id and is_decidable(document.status)


# The person at the page


class SetupLinks:
    def __init__(self, store: Store, ids: Ids) -> None:
        self._store = store
        self._ids = ids

    def open(self, token: str, now: datetime) -> ValidLink:
        """What the link of this token leads to; looking spends nothing. Raises `LinkExpired`."""
        keys = [secret_key(kind, token) for kind in _LINK_KINDS]
        secret = next(iter(self._store.secrets(keys).values()), None) if token else None
        if secret is None or not secret.live(now):
            raise LinkExpired(secret.document_id if secret else None)
        found, waiting = run_concurrently(
            lambda: self._store.visit(secret.key, secret.provider_id, secret.document_id),
            lambda: self._waiting_for(secret),
        )
        if found.provider is None or not _works(secret, found.provider):
            raise LinkExpired(secret.document_id)
        if secret.kind is SecretKind.RESET:
            return ValidLink(secret=secret, provider=found.provider, document=found.document)
        document = _reached(
            found.provider, found.document, lambda: waiting, access=secret.access, email=secret.email
        )
        if document is None:
            raise LinkExpired(secret.document_id)
        return ValidLink(secret=secret, provider=found.provider, document=document)

    def _waiting_for(self, secret: Secret) -> Sequence[Document]:
        """Read ahead: whether a setup link needs it, the document that it came with tells only later."""
        if secret.kind is not SecretKind.SETUP or secret.provider_id is None:
            return ()
        return _waiting(self._store, secret.provider_id)

    def choose_password(
        self, token: str, chosen: PasswordForm, now: datetime, origin: Origin = UNKNOWN
    ) -> ValidLink:
        """Spends the link together with the new password, and ends every session of the account. What it
        answers has the provider as they are from then on.

        Raises `LinkExpired`, or `Invalid` with the fields to mend; then the link still works.
        """
        link = self.open(token, now)
        _check(link, chosen)
        hashed = hash_password(chosen.password)

        def step(current: ValidLink) -> ValidLink:
            change = self._change(current, chosen, hashed, now, origin)
            self._store.commit(change)
            return replace(current, provider=change.providers[0])

        try:
            return retry_on_latest(
                step,
                initial=link,
                read=lambda: self.open(token, now),
                retry_on=frozenset({"secret", "provider"}),
            )
        except ConcurrentUpdate as lost:
            raise self._taken(link) from lost

    def _change(
        self, link: ValidLink, chosen: PasswordForm, hashed: str, now: datetime, origin: Origin = UNKNOWN
    ) -> Change:
        provider = with_password(link, chosen, hashed, now)
        rival = self._rival(link, provider)
        told = account_notice(self._ids, provider, "password_changed", now)
        failures = (
            *login_counters(told.recipient, provider.id, now),
            *second_factor_counters(provider.id, now),
        )
        happened = AccountEventType.PASSWORD_SET if link.is_setup else AccountEventType.PASSWORD_RESET
        entry = account_event(provider.id, happened, now, origin, unique=told.event_id)
        return Change(
            at=now,
            spent=(link.secret,),
            dropped=failures,
            account_events=(entry,),
            providers=(provider, *((_without_npi(rival),) if rival else ())),
            claims=_claims(link, provider, rival),
            deliveries=(told,),
            outbox=(outbox_row(told),),
        )

    def _rival(self, link: ValidLink, provider: Provider) -> Provider | None:
        """Who must give up the NPI that a clinic gave this person: whoever has no account, or one whose
        owner only typed it.
        """
        if not link.is_setup or provider.npi is None or provider.npi_self_stated:
            return None
        key = npi_claim(provider.npi)
        owner = self._store.claims([key]).get(key, provider.id)
        holder = self._store.provider(owner) if owner != provider.id else None
        gives_way = holder is not None and (not holder.has_account or holder.npi_self_stated)
        return holder if gives_way else None

    def _taken(self, link: ValidLink) -> Invalid:
        """Which claim another person got first."""
        key = email_claim(link.secret.email or "")
        owner = self._store.claims([key]).get(key, link.provider.id)
        if link.is_setup and owner != link.provider.id:
            return Invalid(
                _TAKEN_ADDRESS, code=InvalidCode.ADDRESS_TAKEN, errors=[FieldError("form", _TAKEN_ADDRESS)]
            )
        return Invalid(_TAKEN_NPI, code=InvalidCode.NPI_TAKEN, errors=[FieldError("npi", _TAKEN_NPI)])


def account_notice(ids: Ids, provider: Provider, told: str, now: datetime) -> Delivery:
    """Tells the owner of a change to their account, in case it was not them."""
    return new_delivery(
        Channel.EMAIL,
        told,
        provider.email or "",
        event_id=ids.new("evt"),
        practice_id=PORTAL_PRACTICE,
        now=now,
        provider_id=provider.id,
    )


# Rules


def with_password(link: ValidLink, chosen: PasswordForm, hashed: str, now: datetime) -> Provider:
    """The provider with this password: an account, if it was none, and no session of before."""
    provider = link.provider
    changed = replace(
        provider,
        version=provider.version + 1,
        password_hash=hashed,
        link=None,
        session_generation=provider.session_generation + 1,
        short_password=is_short(chosen.password),
    )
    if not link.is_setup:
        return changed
    return replace(
        changed,
        email=link.secret.email,
        account_since=now,
        npi=provider.npi or chosen.npi or None,
        npi_self_stated=provider.npi is None and bool(chosen.npi),
        credential=one_line(chosen.credential),
    )


def _works(secret: Secret, provider: Provider) -> bool:
    newest = provider.link == secret.link
    if secret.kind is SecretKind.RESET:
        return newest and provider.has_account and provider.email == secret.email
    return newest and not provider.has_account


def _claims(link: ValidLink, provider: Provider, rival: Provider | None) -> tuple[Claim, ...]:
    if not link.is_setup or provider.email is None:
        return ()
    mine = [Claim(key=email_claim(provider.email), owner=provider.id)]
    if provider.npi:
        replaces = rival.id if rival else None
        mine.append(Claim(key=npi_claim(provider.npi), owner=provider.id, replaces=replaces))
    return tuple(mine)


def _without_npi(rival: Provider) -> Provider:
    """Written with the claim, so that a rival who sets up at the same moment makes one of the two fail."""
    return replace(rival, version=rival.version + 1, npi=None, npi_self_stated=False)


def _check(link: ValidLink, chosen: PasswordForm) -> None:
    wrong = [*(_check_person(link, chosen) if link.is_setup else ())]
    personal = (*link.personal, chosen.npi)
    problem = password_problem(chosen.password, personal, least=link.least)
    if problem:
        wrong.append(FieldError("password", problem))
    if wrong:
        raise Invalid("Please look at the marked fields.", errors=wrong)


def _check_person(link: ValidLink, chosen: PasswordForm) -> list[FieldError]:
    wrong = []
    if not _is_credential(chosen.credential):
        wrong.append(FieldError("credential", "Enter your credential, such as MD, DO, NP or PA-C."))
    if link.provider.npi is None and chosen.npi and not npis.is_valid(chosen.npi):
        wrong.append(FieldError("npi", "This is not a valid NPI of ten digits. Check it, or leave it empty."))
    if not chosen.confirmed:
        wrong.append(FieldError("confirmed", f"Confirm that you are {link.provider.name}."))
    return wrong


def _is_credential(text: str) -> bool:
    try:
        return len(one_line(text)) <= MAX_CREDENTIAL
    except ValueError:
        return False
