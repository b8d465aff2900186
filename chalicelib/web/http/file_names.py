"""Names of downloaded files. No name contains anything about the patient."""

from chalicelib.domain.documents import Document
from chalicelib.domain.status import Outcome


def decision_prefix(document: Document) -> str:
    """Return the file name's prefix `signed` or `declined`. Nobody must file a declined document as a signed one."""
    return "declined" if document.outcome is Outcome.DECLINED else "signed"


def make_file_name(document: Document) -> str:
    """Return the download name of the original PDF, such as `plan-of-care-4k2m1q.pdf`."""
    return f"{document.kind.value.replace('_', '-')}-{document.id[-6:]}.pdf"
