"""The check of a document's addressee against the public NPI registry, whose files an administrator has loaded.

The check only warns. So whatever goes wrong with the files, the document is accepted without warnings."""

from aws_lambda_powertools.logging import Logger

from chalicelib.domain.documents import Addressee
from chalicelib.domain.registry.rules import RegistryFindings, compare
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.ports import Files
from chalicelib.services.registry.registry_files import RegistryFile, decode_entry, decode_fax, fax_file, npi_file

logger = Logger(service="portal", child=True)


class NpiRegistry:
    """The NPI registry in the private bucket. It may be missing, because loading it is up to the administrator."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def check(self, addressee: Addressee) -> RegistryFindings | None:
        """Return what the registry says about the addressee, in the time of one read.

        Return None for an addressee without an NPI, and if the registry is missing or cannot be read."""
        npi, fax = addressee.npi, addressee.fax
        if npi is None:
            return None
        try:
            return self._compare(addressee, npi, fax)
        except Exception as error:  # noqa: BLE001 - a document must arrive even if the registry is damaged
            logger.warning("registry not read", cause=type(error).__name__)
            return None

    def _compare(self, addressee: Addressee, npi: str, fax: str | None) -> RegistryFindings | None:
        by_npi, by_fax = run_concurrently(lambda: self._find(npi_file(npi)), lambda: fax and self._find(fax_file(fax)))
        if by_npi is None:
            # A metric filter counts this line and the line of an error (docs/operations.md).
            logger.info("registry not read", cause="missing")
            return None
        entry = by_npi.find(npi)
        holders = by_fax.find(fax) if by_fax and fax else None
        return compare(
            addressee,
            decode_entry(npi, entry) if entry is not None else None,
            decode_fax(holders) if holders is not None else None,
            by_npi.dated,
        )

    def _find(self, key: str) -> RegistryFile | None:
        packed = self._files.find(key)
        return None if packed is None else RegistryFile(packed)
