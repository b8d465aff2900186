"""The faxes that the local fax carrier has delivered, copied into the mailbox, so that its fax machine shows them."""

import logging
import threading
import time
from datetime import datetime
from email.message import EmailMessage

import httpx

from examples.mailbox.box import Box
from examples.mailbox.emulator import POLL_SECONDS
from examples.mailbox.messages import message_id

LOG = logging.getLogger("examples.mailbox")


class FaxCarrier:
    """The reader of the local fax carrier, the program that replaces a fax service.

    It stores each delivered fax like a fax by the email-to-fax gateway, so that the same pages show both."""

    def __init__(self, url: str, box: Box, fax_domain: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, transport=transport or httpx.HTTPTransport(), timeout=5.0)
        self._box = box
        self._fax_domain = fax_domain

    def poll(self) -> None:
        """Copy the faxes that the local carrier has delivered since the last call into the mailbox's files."""
        for row in self._http.get("/arrived").raise_for_status().json():
            name = message_id(row["id"])
            if not self._box.has_mail(name):
                pdf = self._http.get(f"/arrived/{row['id']}.pdf").raise_for_status().content
                to = f"{row['to'].removeprefix('+')}@{self._fax_domain}"
                at = datetime.fromisoformat(row["updated_at"])
                self._box.add_mail(name, as_email(to, pdf), to=[to], received_at=at, source="smtp")

    def send_back(self, pdf: bytes, *, to: str, sender: str, is_partial: bool) -> str:
        """Fax pages to a clinic's number at the carrier, and return the carrier's id of this fax.

        With `is_partial`, the carrier reports that the call ended too early. Raises `httpx.HTTPError` if the carrier
        does not accept the fax."""
        query = {"to": to, "from": sender, **({"partial": "1"} if is_partial else {})}
        fax_id: str = self._http.post("/returned", params=query, content=pdf).raise_for_status().json()["id"]
        return fax_id

    def picture_url(self, fax_id: str) -> str:
        """Return the URL of the pages of a fax to a clinic, as the clinic gets them."""
        return f"{self._url}/media/{fax_id}.pdf"

    def start(self) -> None:
        """Start a thread that copies new faxes again and again."""
        threading.Thread(target=self._keep_polling, daemon=True).start()

    def _keep_polling(self) -> None:
        while True:
            try:
                self.poll()
            except (httpx.HTTPError, ValueError, KeyError) as problem:
                LOG.warning("the fax carrier does not list its faxes: %s", type(problem).__name__)
            time.sleep(POLL_SECONDS)


def as_email(to: str, pdf: bytes) -> bytes:
    """Return the email that stands for a fax in the mailbox. `to` is the fax number's address, `pdf` has the pages."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "fax-carrier@localhost", to, "Fax"
    mail.set_content("The fax is attached.\n")
    mail.add_attachment(pdf, maintype="application", subtype="pdf", filename="document.pdf")
    return mail.as_bytes()
