"""The table of the requests to the Lambda functions without AWS rights, with a Python function for each request.

A Python function and its libraries are imported by the first request that needs them, for a fast cold start."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from chalicelib.services import pdf_requests as requests
from chalicelib.services.ports import LinkedFiles

Work = Callable[[Any, LinkedFiles], object]

_ROOM = "chalicelib.services.pdf_function"
_WORKS: Mapping[type, tuple[str, str]] = {
    requests.RenderPages: ("page_rendering", "render"),
    requests.PrepareDocument: ("seal_preparation", "prepare_file"),
    requests.PrepareCertificate: ("seal_preparation", "prepare_separate_certificate"),
    requests.PrepareProof: ("seal_preparation", "prepare_proof_sheet"),
    requests.CheckRelease: ("release_checks", "check_release"),
    requests.CheckTimestamp: ("release_checks", "check_timestamp"),
    requests.ComposeFax: ("fax_composition", "compose"),
    requests.ReadFax: ("fax_reading", "read"),
    requests.ReadMail: ("mail_reading", "read"),
    requests.DrawPreview: ("pictures", "draw_preview"),
    requests.MeasureLogo: ("pictures", "measure_logo"),
}
REQUESTS: Mapping[str, type] = {kind.__name__: kind for kind in _WORKS}
"""The classes of the requests by their names."""


def do_work(request: object, files: LinkedFiles) -> object:
    """Do the work of a request, and return its result. Both are objects of classes in `services/pdf_requests.py`."""
    module, name = _WORKS[type(request)]
    work: Work = getattr(import_module(f"{_ROOM}.{module}"), name)
    return work(request, files)
