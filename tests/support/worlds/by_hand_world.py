"""One document that a person signs by hand without an account, with the services in memory, for tests."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Invalid
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.by_hand import ByHand, CodeVisitor
from chalicelib.services.review.hand_codes import create_code, create_fax_code
from chalicelib.services.review.scans import Scans
from chalicelib.services.transaction import Change
from tests.support.fakes import START, FakeFiles, FakeIds, FakeInspector
from tests.support.provider_fixtures import a_delivery, a_document, a_store

DOCUMENT_ID = a_document().id
KEY = f"uploads/scans/{DOCUMENT_ID}/scn_1"


class World:
    """The portal's services for signing one document by hand, in memory. Time passes only by `later`."""

    def __init__(self, document: Document | None = None) -> None:
        self.store = a_store(document or a_document())
        self.files = FakeFiles({KEY: (b"%PDF a scan", "application/pdf")})
        self.inspector = FakeInspector({"sha256": "5ca4", "media_type": "application/pdf", "pages": 1})
        self.ids = FakeIds()
        self.now = START
        self.address = "203.0.113.9"
        self.writer = DocumentWriter(store=self.store, ids=self.ids, portal_url="https://portal.test")
        self.scans = Scans(self.writer, self.files, self.inspector)
        self.by_hand = ByHand(self.writer, self.scans)

    def by(self) -> CodeVisitor:
        return CodeVisitor(actor=Actor("by-hand", self.address, "A desktop"), now=self.now)

    def later(self, **parts: float) -> None:
        self.now += timedelta(**parts)

    def document(self) -> Document:
        document = self.store.document(DOCUMENT_ID)
        assert document is not None
        return document

    def delivery(self) -> Delivery:
        return a_delivery(self.document(), created_at=self.now)

    def code(self) -> str:
        return create_code(self.store, self.document(), self.delivery(), self.now, self.ids)

    def fax_code(self) -> str:
        return create_fax_code(self.store, self.document(), self.delivery(), self.now, self.ids)

    def ask(self) -> None:
        self.by_hand.ask_for_code(DOCUMENT_ID, self.by())

    def mails(self) -> int:
        return len(self.store.every(Delivery, "deliveries"))

    def enter(self, code: str) -> Secret:
        token = self.by_hand.enter_code(DOCUMENT_ID, code, self.by())
        visit = self.store.secret(secret_key(SecretKind.BY_HAND, token))
        assert visit is not None
        return visit

    def refuses(self, code: str) -> bool:
        try:
            self.enter(code)
        except Invalid as refused:
            return [error.field for error in refused.errors] == ["code"]
        return False

    def visit(self) -> Secret:
        return self.enter(self.code())

    def event_types(self) -> list[str]:
        return [event.type for event in self.store.events(DOCUMENT_ID)]

    def change(self, change: Callable[[Document], Document | None]) -> None:
        changed = change(self.document())
        assert changed is not None
        self.store.commit(Change(at=self.now, documents=(replace(changed, version=self.document().version + 1),)))
