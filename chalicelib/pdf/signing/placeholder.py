"""The placeholder: the space reserved in a PDF for the CMS message of a seal, as zeros in hexadecimal digits.

This module handles only bytes, because the Lambda function that uses the sealing key must not parse a PDF."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_MESSAGE = re.compile(rb"<([0-9a-f]{2048,})>")


@dataclass(frozen=True)
class Placeholder:
    """The byte offsets of the space for the CMS message of a seal (the portal's digital signature) in a PDF.

    The space is the hexadecimal digits between `<` and `>`. The seal covers all bytes outside these brackets."""

    start: int
    end: int

    def read(self, data: bytes) -> bytes:
        """Return the bytes that the file's digits encode: zeros, or the CMS message with zeros after it.

        Raise `ValueError` if the file has no hexadecimal digits in brackets at these offsets."""
        digits = data[self.start : self.end] if 0 < self.start < self.end < len(data) else b""
        if not digits or data[self.start - 1 : self.start] != b"<" or data[self.end : self.end + 1] != b">":
            raise ValueError("the file has no placeholder there")
        return bytes.fromhex(digits.decode("ascii"))

    def digest(self, data: bytes) -> bytes:
        """Return the SHA-256 digest of the bytes that the seal covers: the whole file except the placeholder."""
        covered = hashlib.sha256(memoryview(data)[: self.start - 1])
        covered.update(memoryview(data)[self.end + 1 :])
        return covered.digest()

    def insert(self, data: bytes, message: bytes) -> bytes:
        """Return the file with the CMS message in the placeholder: the sealed file, of the same length.

        Raise `ValueError` if the message does not fit, or if the file has no placeholder at these offsets."""
        if len(message) > len(self.read(data)):
            raise ValueError("the message of the seal is larger than the space reserved for it")
        digits = message.hex().encode().ljust(self.end - self.start, b"0")
        return b"".join((memoryview(data)[: self.start], digits, memoryview(data)[self.end :]))


def find_last(data: bytes) -> Placeholder:
    """Return the placeholder of the last CMS message in a sealed file. Raise `ValueError` if there is none.

    The search reads raw bytes, and other bytes can look like a message. So the caller must compare the digest in the
    message with the digest of the file."""
    places = [match.span(1) for match in _MESSAGE.finditer(data)]
    if not places:
        raise ValueError("the file has no seal")
    return Placeholder(*places[-1])
