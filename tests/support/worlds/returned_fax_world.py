"""The portal's services in memory, with a fax carrier at which faxes come in to a practice's number."""

import hashlib
from dataclasses import dataclass, field, replace

from chalicelib.domain.claim_keys import own_fax_number_claim
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.pdf_requests import FaxReadings, PageReading
from chalicelib.services.ports import IncomingFax
from chalicelib.services.transaction import Change, Claim, Job
from tests.support.fakes import START
from tests.support.provider_fixtures import PRACTICE, a_document
from tests.support.worlds.delivery_world import World

NUMBER = "+15125550188"
SENDER = "+15125550100"
FILE = b"%PDF-1.7 a fax that came in"
VERSION = "9f86d0"
DOCUMENT = replace(a_document(), original=replace(a_document().original, sha256=VERSION * 10, pages=3))


@dataclass
class InboundCarrier:
    """A fake fax carrier at which faxes come in. `files` maps a fax's id to its file, or to None for a too large
    one."""

    faxes: dict[str, IncomingFax] = field(default_factory=dict)
    files: dict[str, bytes | None] = field(default_factory=dict)
    downloads: int = 0

    def received(self, fax_id: str) -> IncomingFax:
        return self.faxes[fax_id]

    def download(self, fax: IncomingFax, max_bytes: int) -> bytes | None:
        self.downloads += 1
        if fax.id not in self.files:
            raise Unavailable("The link to the pages of the fax does not work.")
        assert max_bytes == 20 * 1024 * 1024
        return self.files[fax.id]


@dataclass
class ReadingPdf:
    """A fake of the Lambda function `pdf` that reads no file. It returns the page readings that a test chose.

    `asked` lists the requests."""

    readings: FaxReadings = field(default_factory=lambda: FaxReadings((), ""))
    asked: list[object] = field(default_factory=list)

    def run(self, request: object, _result: object) -> FaxReadings:
        self.asked.append(request)
        return self.readings


class ReturnedFaxWorld(World):
    """The portal's services in memory, with a document of three pages, to test faxes that come in.

    Its practice has a number at the fax carrier."""

    def __init__(self) -> None:
        super().__init__()
        self.change_document(original=DOCUMENT.original)
        self.inbound = InboundCarrier()
        self.fax_carrier = self.inbound  # type: ignore[assignment]  # - only what comes in
        self.reader = ReadingPdf()
        self.pdf = self.reader  # type: ignore[assignment]  # - only reads faxes
        claim = Claim(key=own_fax_number_claim(NUMBER), owner=PRACTICE.id)
        self.store.commit(Change(at=START, claims=(claim,)))

    def reading(self, number: int, page: int, document: Document = DOCUMENT, version: str = VERSION) -> PageReading:
        return PageReading(number=number, is_blank=False, document_id=document.id, version=version, page=page)

    def come_in(self, *readings: PageReading, carrier_id: str = "0ccc7b54", to: str = NUMBER, refused: str = "") -> Job:
        """Let a fax come in on whose pages the portal reads `readings`, and return the job that receives the fax.

        With `refused`, the file cannot be read for this reason."""
        self.inbound.faxes[carrier_id] = IncomingFax(
            id=carrier_id, at=self.clock.now(), to=to, sender=SENDER, url="https://files.test/fax", is_partial=False
        )
        self.inbound.files[carrier_id] = FILE
        self.reader.readings = FaxReadings(readings, refused)
        return Job(queue=QueueName.DELIVERIES, name=JobName.RECEIVE_FAX, event_id=carrier_id)

    def receive(self, *readings: PageReading, carrier_id: str = "0ccc7b54") -> None:
        self.fax_reception.receive(self.come_in(*readings, carrier_id=carrier_id))


FILE_SHA256 = hashlib.sha256(FILE).hexdigest()
