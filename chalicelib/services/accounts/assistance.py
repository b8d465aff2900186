"""The providers whom an assistant may assist now, from the providers' own lists of assistants."""

from collections.abc import Sequence

from chalicelib.domain.documents import Document
from chalicelib.domain.providers import Provider
from chalicelib.domain.visibility import assists, opens_to
from chalicelib.services.concurrency import run_for_each
from chalicelib.services.ports import Store


class Assistance:
    """The lookup of the providers for whom an assistant acts. Every request reads the providers' rows again.

    So the removal of an assistant takes effect at the assistant's next request, in an open session too."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def principals(self, assistant: Provider) -> Sequence[Provider]:
        """Return the providers who have invited this assistant and have not removed the assistant, in order of name."""
        rows = run_for_each(self._store.provider, assistant.assists)
        principals = (row for row in rows if row is not None and assists(assistant, row))
        return sorted(principals, key=lambda provider: (provider.last_name, provider.first_name, provider.id))

    def principal_of(self, document: Document, assistant: Provider) -> Provider | None:
        """Return the provider in whose lists the document is, if this assistant assists that provider, or None."""
        if document.provider_id not in assistant.assists:
            return None
        provider = self._store.provider(document.provider_id)
        may_open = provider is not None and assists(assistant, provider) and opens_to(provider, document)
        return provider if may_open else None
