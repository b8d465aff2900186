"""The report on accounts with documents that were sent to none of the account's email addresses (DESIGN 2a).

Administrators run the report after the update that brought the present access rules. An account shows a faxed document
if the practice that sent the fax has also sent a document to one of the account's email addresses. So each check of a
provider's documents also stores which practices have done so.

The admin function lists providers and queues a `check` job for each provider. The deliveries function runs the
job, because the admin function has no right to read documents."""

from collections.abc import Iterator
from dataclasses import replace

from chalicelib.domain.claim_keys import known_claims
from chalicelib.domain.documents import Document
from chalicelib.domain.providers import Provider
from chalicelib.domain.visibility import names_person
from chalicelib.services.documents.document_moves import check_job
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Ids, Listing, Store
from chalicelib.services.transaction import Change, Claim, Job, OutboxRow

PROVIDERS_PER_PAGE = 25
MAX_LISTED = 50
_DOCUMENTS_PER_READ = 100
_CLAIMS_PER_CHANGE = 50
_LISTS = (Listing.PROVIDER_PENDING, Listing.PROVIDER_PAST)


class VisibilityReport:
    def __init__(self, store: Store, ids: Ids, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    def page(self, after: str | None) -> dict[str, object]:
        """Return the accounts with documents that were never sent to one of the account's addresses, for one page.

        A page is at most 25 providers. The result lists ids of such documents, as the last `check` job of each account
        found them. The method also queues a new `check` job for every provider of the page, and `checked` is the number
        of these jobs. `next` is the value of `after` for the next page, or None at the end."""
        now = self._clock.now()
        providers = self._store.providers(limit=PROVIDERS_PER_PAGE, after=after)
        jobs = tuple(check_job(provider.id) for provider in providers.items)
        if jobs:
            row = OutboxRow(id=self._ids.new("out"), created_at=now, jobs=jobs)
            self._store.commit(Change(at=now, outbox=(row,)))
        accounts = [
            {"id": provider.id, "documents": list(provider.unaddressed)}
            for provider in providers.items
            if provider.has_account and provider.unaddressed
        ]
        return {"accounts": accounts, "checked": len(jobs), "next": providers.next_after}

    def check(self, job: Job) -> None:
        """Check the documents of a provider, and store the results in the provider's row, for the report.

        The row gets the ids of documents that were sent to none of the provider's email addresses. The row also gets,
        for each practice, the provider's addresses to which the practice has sent a document that names the provider.
        The account then shows this practice's faxes too."""
        retry_on_conflict(lambda: self._check(job.provider_id or ""), retry_on=frozenset({"provider"}))

    def _check(self, provider_id: str) -> None:
        provider = self._store.provider(provider_id)
        if provider is None:
            return
        documents = tuple(self._documents(provider_id))
        own = provider.proven_emails if provider.has_account else (provider.mailed_to,)
        proofs = [document for document in documents if _is_proof(provider, document, own)]
        unaddressed = [
            document.id for document in documents if document.addressee.email not in own and document.granted is None
        ]
        changed = replace(
            provider, addressed_by=_addressed_by(provider, proofs), unaddressed=tuple(unaddressed[:MAX_LISTED])
        )
        if changed != provider:
            self._store.commit(
                Change(at=self._clock.now(), providers=(replace(changed, version=provider.version + 1),))
            )
        self._claim(provider, proofs)

    def _documents(self, provider_id: str) -> Iterator[Document]:
        for listing in _LISTS:
            after: str | None = None
            while True:
                page = self._store.documents(listing, provider_id, limit=_DOCUMENTS_PER_READ, after=after)
                yield from page.items
                after = page.next_after
                if after is None:
                    break

    def _claim(self, provider: Provider, proofs: list[Document]) -> None:
        """Store missing claims, so that the portal matches a practice's later documents, even faxes, to the provider.

        Such a claim is a row with a practice and an NPI or name as its key, and the provider as its owner. `proofs` are
        documents that name the provider and were sent to one of the provider's addresses."""
        keys = sorted({key for proof in proofs for key in known_claims(proof.practice_id, proof.addressee)})
        for start in range(0, len(keys), _CLAIMS_PER_CHANGE):
            batch = keys[start : start + _CLAIMS_PER_CHANGE]
            owners = self._store.claims(batch)
            claims = tuple(Claim(key=key, owner=provider.id) for key in batch if key not in owners)
            if claims:
                self._store.commit(Change(at=self._clock.now(), claims=claims))


def _is_proof(provider: Provider, document: Document, own: tuple[str | None, ...]) -> bool:
    """Return True if the document proves that its practice has addressed the provider at one of the addresses `own`.

    A document that was handed over proves nothing: another provider typed the name and the address."""
    email = document.addressee.email
    is_sent_there = email is not None and email in own and not document.handed_over
    return is_sent_there and names_person(provider, document.addressee, at_address=True)


def _addressed_by(provider: Provider, proofs: list[Document]) -> dict[str, tuple[str, ...]]:
    addressed = {practice_id: set(emails) for practice_id, emails in provider.addressed_by.items()}
    for proof in proofs:
        addressed.setdefault(proof.practice_id, set()).add(proof.addressee.email or "")
    return {practice_id: tuple(sorted(emails)) for practice_id, emails in addressed.items()}
