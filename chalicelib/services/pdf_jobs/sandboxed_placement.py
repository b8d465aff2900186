"""Where a document asks for the signature, searched in a copy of this process.

Whatever a file does to the search, the seal comes: the signature then stands on the certificate page alone.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from chalicelib.pdf.models import SignatureBlock, SignatureField, SignatureParts
from chalicelib.pdf.placement.finder import find_signature_field
from chalicelib.services.pdf_jobs.resource_limits import limit_memory
from chalicelib.services.pdf_jobs.sandbox import SandboxKilled, run_sandboxed

logger = Logger(service="portal", child=True)

SECONDS = 8.0
"""Of the processor; a plan of care of 200 pages takes 0.2 of it."""

MEMORY = 512 * 1024 * 1024
"""Bytes beyond what the function has already."""


def find_field_sandboxed(
    data: bytes, units: tuple[float, ...], block: SignatureBlock
) -> SignatureField | None:
    """As `pdf/placement.py` finds it; None, too, where the search fails or takes too much."""

    def work() -> Iterator[bytes]:
        with limit_memory(MEMORY):
            found = find_signature_field(data, units, block)
        yield json.dumps(found and asdict(found)).encode()

    try:
        (answer,) = run_sandboxed(work, seconds=SECONDS)
    except SandboxKilled as lost:
        facts = {"document_id": block.document_id, "by_time": lost.by_time}
        logger.warning("search for the signature's place lost", extra=facts)
        return None
    return _field(json.loads(answer))


def _field(found: dict[str, Any] | None) -> SignatureField | None:
    if found is None:
        return None
    parts = found.pop("parts")
    named = parts and SignatureParts(signature=tuple(parts["signature"]), words=tuple(parts["words"]))
    return SignatureField(**found, parts=named)
