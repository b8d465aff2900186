"""The stored emails and text messages of the mailbox, one file each, because the local AWS forgets them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from examples.mailbox.messages import SAFE_ID, Message, parse, stamp


@dataclass(frozen=True)
class Text:
    """A text message to a phone. `received_at` is when the mailbox first saw it, because the local AWS gives no
    time."""

    id: str
    to: str
    text: str
    received_at: datetime


class Box:
    """The stored emails and text messages of the mailbox, in `folder` and in memory. Several threads may use it."""

    def __init__(self, folder: Path) -> None:
        self._mails_at, self._texts_at = folder / "mails", folder / "texts"
        self._mails_at.mkdir(parents=True, exist_ok=True)
        self._texts_at.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._mails: dict[str, Message] = {
            path.stem: parse(path.stem, path.read_bytes()) for path in self._mails_at.glob("*.eml")
        }
        self._texts: dict[str, Text] = {
            path.stem: _text(path.stem, path.read_text("utf-8")) for path in self._texts_at.glob("*.json")
        }

    def add_mail(self, name: str, raw: bytes, *, to: Sequence[str], received_at: datetime, source: str) -> None:
        """Store an email under the id `name`.

        `source` is `smtp` for a complete email, which replaces the same email without its attachments."""
        with self._lock:
            known = self._mails.get(name)
            if known is not None and (known.complete or source != "smtp"):
                return
            stamped = stamp(raw, to=to, received_at=received_at, source=source)
            message = parse(name, stamped)
            _write(self._mails_at / f"{name}.eml", stamped)
            self._mails[name] = message

    def has_mail(self, name: str) -> bool:
        """Return True if the email with this id is stored, with or without its attachments."""
        return name in self._mails

    def mail(self, name: str) -> Message | None:
        """Return the stored email with this id, or None."""
        return self._mails.get(name)

    def mails(self, to: str | None = None) -> Sequence[Message]:
        """Return all stored emails, or only those to one address, newest last."""
        with self._lock:
            mails = list(self._mails.values())
        wanted = [mail for mail in mails if to is None or to.lower() in mail.to]
        return sorted(wanted, key=lambda mail: (mail.received_at, mail.id))

    def add_text(self, name: str, *, to: str, text: str, seen_at: datetime) -> None:
        """Store a text message under the id `name`, unless it is already stored."""
        with self._lock:
            if name in self._texts or not SAFE_ID.fullmatch(name):
                return
            row = {"to": to, "text": text, "received_at": seen_at.isoformat()}
            _write(self._texts_at / f"{name}.json", json.dumps(row).encode())
            self._texts[name] = Text(name, to, text, seen_at)

    def texts(self, to: str | None = None) -> Sequence[Text]:
        """Return all stored text messages, or only those to one phone number, newest last."""
        with self._lock:
            texts = list(self._texts.values())
        return sorted((text for text in texts if to is None or text.to == to), key=lambda text: text.received_at)


def _write(path: Path, content: bytes) -> None:
    """Write the file completely or not at all, even if the process crashes."""
    half = path.with_suffix(".part")
    half.write_bytes(content)
    half.replace(path)


def _text(name: str, content: str) -> Text:
    row: Mapping[str, str] = json.loads(content)
    return Text(name, row["to"], row["text"], datetime.fromisoformat(row["received_at"]).astimezone(UTC))
