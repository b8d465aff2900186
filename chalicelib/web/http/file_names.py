"""Names of downloaded files. No name contains anything about the patient."""

from chalicelib.domain.documents import Document
from chalicelib.domain.status import Outcome


def decision_prefix(document: Document) -> str:
    """Return `signed` or `declined`, the first word in the file name of a document's sealed PDF.

    A declined document has a sealed PDF too, and nobody must file it as a signed document."""
    return "declined" if document.outcome is Outcome.DECLINED else "signed"


def make_file_name(document: Document) -> str:
    """Return the download name of the original PDF, such as `plan-of-care-4k2m1q.pdf`."""
    return f"{document.kind.value.replace('_', '-')}-{document.id[-6:]}.pdf"
