"""The query parameters of the EMR's API that take one of a few values, for the handlers and the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.services.pagination import invalid_parameter


@dataclass(frozen=True)
class Choice:
    """A query parameter of the EMR's API that takes one of the `values`. The first value is the default."""

    name: str
    values: tuple[str, ...]
    description: str = ""

    def read(self, query: Mapping[str, str], default: str | None = None) -> str:
        """Return the parameter's value from the query of a request, or the default if the query lacks the parameter.

        Raises `Invalid` for a value that is not allowed. `default` replaces the first value as the default."""
        value = query.get(self.name, default or self.values[0])
        if value not in self.values:
            raise invalid_parameter(self.name, f"must be one of {', '.join(self.values)}")
        return value


REPORT = Choice(
    "report",
    ("unsigned", "all", "attention"),
    "`unsigned` and `all`: newest first. `attention`: the documents on which a person should act, as the document's "
    "`attention` says. The fewest days left come first, then the oldest.",
)
PROVIDERS_REPORT = Choice("report", ("silent",))
FORMAT = Choice("format", ("json", "csv"), "`csv` is also chosen by `Accept: text/csv`.")
DELIVERY_STATUS = Choice("status", ("all", "failed", "held"))
VERSION = Choice(
    "version",
    ("announced", "timestamped", "certificate", "timestamped-certificate"),
    "`announced`: the signed PDF that the webhook `document.approved` announced. `timestamped`: the PDF with "
    "the same seal and a timestamp that came late, so that its hash differs. `certificate`: the certificate "
    "page as a file of its own, for a PDF that others had signed before. `timestamped-certificate`: this "
    "file with a timestamp that came late.",
)


def check_parameters(query: Mapping[str, str], *known: str) -> None:
    """Raise `Invalid` if the query has a parameter whose name is not in `known`.

    If the portal ignored a misspelled filter, an EMR would take the whole list for the filtered one."""
    unknown = tuple(FieldError(name, "is not a parameter of this list") for name in query if name not in known)
    if unknown:
        names = ", ".join(error.field for error in unknown)
        raise Invalid(f"Unknown query parameter: {names}. Allowed: {', '.join(known)}.", errors=unknown)
