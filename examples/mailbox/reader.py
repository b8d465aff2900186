"""What the pages of the mailbox read: the stored messages, the local AWS and the local fax carrier."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from flask import abort, current_app

from examples.mailbox import fax
from examples.mailbox.box import Box
from examples.mailbox.emulator import Emulator
from examples.mailbox.fax_carrier import FaxCarrier
from examples.mailbox.messages import Message


@dataclass(frozen=True)
class Reader:
    """What the mailbox's pages read, and where its fax machine sends pages.

    `fax_domain` is the domain of the email-to-fax gateway. `carrier` is None if no local fax carrier runs. `return_fax`
    is the fax number of the sample practice, or empty."""

    box: Box
    emulator: Emulator
    fax_domain: str
    clinic_url: str
    carrier: FaxCarrier | None = None
    return_fax: str = ""

    def fax_number(self, message: Message) -> str | None:
        """Return the fax number to which an email is sent by the email-to-fax gateway, or None for an email to a
        person."""
        numbers = [fax.number_of(address, self.fax_domain) for address in message.to]
        return next((number for number in numbers if number), None)


def reader() -> Reader:
    """Return what the pages read (messages and settings) from the running Flask app."""
    return cast("Reader", current_app.extensions["reader"])


def find_message(name: str) -> Message:
    """Return the email with this id in the mailbox, for a page. Without one, the page is not found."""
    return reader().box.mail(name) or abort(HTTPStatus.NOT_FOUND)
