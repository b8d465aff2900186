"""The `proof` job, which makes the sealed PDF that proves that a plan reached its provider (proof of transmission).

The PDF function, which has no AWS rights, draws the PDF and checks the sealed bytes. This job compiles the facts
itself, so that a web function that was taken over cannot have other facts sealed."""

from contextlib import suppress

from chalicelib.domain.claim_keys import proof_claim, sealed_claim
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.services.pdf_jobs.release_maker import ReleaseMaker
from chalicelib.services.pdf_jobs.sealed_files import sealed_key
from chalicelib.services.pdf_jobs.sealer_cache import SealerCache
from chalicelib.services.ports import Clock, Files, Ids, PdfFunction, Store
from chalicelib.services.proof.proof_sheet import proof_sheet
from chalicelib.services.proof.proofs import Proofs, hash_facts
from chalicelib.services.transaction import Change, Claim, Job


class ProofJob:
    """Service that does the `proof` jobs: it makes the sealed PDF that proves that a plan reached its provider."""

    def __init__(
        self,
        *,
        store: Store,
        files: Files,
        pdf: PdfFunction,
        clock: Clock,
        ids: Ids,
        sealer_cache: SealerCache,
        proofs: Proofs,
        portal_url: str,
    ) -> None:
        self._store = store
        self._files = files
        self._pdf = pdf
        self._clock = clock
        self._ids = ids
        self._sealer_cache = sealer_cache
        self._proofs = proofs
        self._verify_url = f"{portal_url}/verify"

    def make(self, job: Job) -> None:
        """Make, seal and store the PDF with the present facts about a document's transmission to its provider.

        Do nothing if there is a PDF with these facts. Raises `StoredFileCorrupt`, and any error of the storage or of
        the key service."""
        document, now = self._store.document(job.document_id or ""), self._clock.now()
        if document is None:
            return
        proof = self._proofs.compile(document, now)
        if self._proofs.find_pdf(document, proof) is not None:
            return
        sealer = self._sealer_cache.sealer(now)
        maker = ReleaseMaker(
            files=self._files, pdf=self._pdf, ids=self._ids, sealer=sealer, verify_url=self._verify_url, now=now
        )
        sealed = maker.make_proof(document, proof_sheet(proof, verify_url=self._verify_url))
        self._files.put(sealed_key(document.id, sealed.sha256), sealed.data, "application/pdf")
        claims = (
            Claim(key=proof_claim(document.id, hash_facts(proof)), owner=sealed.sha256),
            Claim(key=sealed_claim(sealed.sha256), owner=document.id),
        )
        # Another job may have released its file first. Then this file is never released.
        with suppress(ConcurrentUpdate):
            self._store.commit(Change(at=now, claims=claims))
