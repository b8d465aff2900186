"""The second half of sealing, with the key: the CMS message that signs a prepared file, and its timestamp.

Nothing here parses a PDF, so no hostile file can attack a parser beside the key. The other half, `seal.py`, prepares
the file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from chalicelib.pdf.models import Level
from chalicelib.pdf.signing import cms
from chalicelib.pdf.signing.certificate_chain import Chain, SignDigest
from chalicelib.pdf.signing.placeholder import Placeholder, find_last
from chalicelib.pdf.signing.timestamp_tokens import TimestampSource


@dataclass(frozen=True)
class Message:
    """The CMS message (DER) of a seal (digital signature), and its PAdES level: `B-T` with a timestamp, else `B-B`."""

    data: bytes
    level: Level


@dataclass(frozen=True)
class Sealer:
    """The means to seal (digitally sign) files: the key, its certificate chain, and a timestamp authority, if any."""

    chain: Chain
    sign: SignDigest
    timestamps: TimestampSource | None = None

    @property
    def pins(self) -> Collection[str]:
        """The SHA-256 fingerprints (hex) of the trusted certificates of the timestamp authority; empty without one."""
        return self.timestamps.pins if self.timestamps is not None else ()

    @cached_property
    def reserved_bytes(self) -> int:
        """The number of bytes to reserve in a file for the CMS message and for its timestamp, which may come later."""
        size = len(self._pattern.fill(bytes(32), lambda _: bytes(self.chain.key_bytes)))
        return size + (cms.TOKEN_BYTES if self.timestamps else 0)

    @cached_property
    def _pattern(self) -> cms.MessagePattern:
        return cms.make_pattern(self.chain)

    def make_message(self, data: bytes, placeholder: Placeholder, at: dt.datetime) -> Message:
        """Return the CMS message that seals a prepared file, to be inserted into the file at the placeholder.

        If the timestamp authority fails, the message has no timestamp and its level is B-B. Raise `ValueError` if the
        file has no empty placeholder at this place."""
        reserved = placeholder.read(data)
        if any(reserved):
            raise ValueError("the placeholder is not empty")
        message = self._pattern.fill(placeholder.digest(data), self.sign)
        if self.timestamps is None:
            return Message(message, "B-B")
        try:
            return Message(self._add_timestamp(message, len(reserved), at), "B-T")
        except OSError:
            return Message(message, "B-B")

    def make_timestamped(self, data: bytes, at: dt.datetime) -> tuple[Placeholder, bytes]:
        """Return a sealed file's CMS message with a timestamp near `at` added, and the placeholder to insert it at.

        Raise `OSError` if the authority fails or there is no space, and `ValueError` if the file has no sound seal."""
        placeholder = find_last(data)
        reserved = placeholder.read(data)
        message = cms.strip_padding(reserved)
        if cms.read_digest(message) != placeholder.digest(data):
            raise ValueError("the last message does not seal the file")
        return placeholder, self._add_timestamp(message, len(reserved), at)

    def _add_timestamp(self, message: bytes, reserved: int, at: dt.datetime) -> bytes:
        if self.timestamps is None:
            raise OSError("no timestamp authority is configured")
        timestamped = cms.add_timestamp(message, self.timestamps, at)
        if len(timestamped) > reserved:
            raise OSError("the timestamp is larger than the space reserved for it")
        return timestamped
