"""The search for the line on which a document asks for the provider's signature, in a forked process.

A file that breaks the search is sealed all the same. The signature is then only on the certificate page."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from chalicelib.pdf.models import SignatureBlock, SignatureBox, SignatureParts
from chalicelib.pdf.placement.finder import find_signature_box
from chalicelib.pdf.reader import read_units
from chalicelib.services.pdf_function.sandbox import SandboxKilled, run_sandboxed_json

logger = Logger(service="portal", child=True)

SECONDS = 8.0
"""The CPU time limit. A plan of care of 200 pages takes 0.2 seconds."""

MEMORY = 512 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already."""


def find_field(data: bytes, pages: int, block: SignatureBlock) -> SignatureBox | None:
    """Return the signature box that `find_signature_box` finds, or None if the search fails or exceeds a limit."""

    def work() -> dict[str, Any] | None:
        field = find_signature_box(data, read_units(data, pages), block)
        return asdict(field) if field else None

    try:
        values: dict[str, Any] | None = run_sandboxed_json(work, seconds=SECONDS, memory=MEMORY)
    except SandboxKilled as killed:
        facts = {"document_id": block.document_id, "by_time": killed.by_time}
        logger.warning("search for the signature's place lost", extra=facts)
        return None
    return read_box(values)


def read_box(values: dict[str, Any] | None) -> SignatureBox | None:
    """Return the signature box that a forked process described as JSON, or None if it found no box."""
    if values is None:
        return None
    parts = values.pop("parts")
    named = parts and SignatureParts(signature=tuple(parts["signature"]), words=tuple(parts["words"]))
    return SignatureBox(**values, parts=named)
