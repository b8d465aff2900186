"""Functions that bring a browser to the pages of a provider's assistants: invitations, lists and documents.

Each function shows the page in one state, for tests of accessibility and for screenshots."""

from datetime import timedelta

from chalicelib.domain.assistants import Assistant, ReadyMark
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.providers import Provider
from chalicelib.services.transaction import Change
from tests.support.assistants import ASSISTANT, assist, entry_of
from tests.support.browser.states.scene import (
    ID,
    JUNIPER,
    REVIEW,
    Scene,
    decided_document,
    patient,
    state,
    with_password,
)
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, addressed_to

WAITING = Assistant(
    id="ast_2",
    name="Maximiliana Featherstonehaugh",
    email="a.very.long.name.of.a.mailbox@hospital.example",
    invited_at=START - timedelta(days=1),
    invitation="dlv_2",
)

READY = ReadyMark(
    provider_id=PROVIDER.id,
    assistant_id=ASSISTANT.id,
    name=ASSISTANT.name,
    at=START,
    remark="New since March: three times a week.\nHer daughter called and asks to start on Monday.",
)


@state
def account_with_assistants(scene: Scene) -> None:
    with_password(scene)
    scene.provider(assistants=(entry_of(ASSISTANT), WAITING))
    scene.log_in()
    scene.open("/account?done=assistant-invited")


@state
def account_with_a_refused_invitation(scene: Scene) -> None:
    with_password(scene)
    scene.log_in()
    scene.open("/account")
    scene.page.get_by_label("Name of the assistant").fill("Susan Park")
    scene.page.get_by_label("Email address of the assistant").fill("susan@")
    scene.press("Send an invitation")


@state
def invitation(scene: Scene) -> None:
    open_invitation(scene)


@state
def invitation_of_an_assistant_with_an_account(scene: Scene) -> None:
    assist(scene.memory.portal, ASSISTANT, OTHER_PROVIDER)
    open_invitation(scene)


@state
def invitation_expired(scene: Scene) -> None:
    scene.open("/invitation")


@state
def assistant_account(scene: Scene) -> None:
    log_in(scene, PROVIDER, OTHER_PROVIDER)
    scene.open("/account")


@state
def assistant_pending(scene: Scene) -> None:
    some_documents(scene)
    log_in(scene, PROVIDER, OTHER_PROVIDER)
    scene.open(f"/assistant/documents?for={PROVIDER.id}")


@state
def assistant_past(scene: Scene) -> None:
    decided_document(scene)
    log_in(scene, PROVIDER)
    scene.open("/assistant/documents/past")


@state
def assistant_document(scene: Scene) -> None:
    scene.put(ready=READY)
    log_in(scene, PROVIDER)
    scene.open(f"/assistant/documents/{ID}")


@state
def assistant_document_with_a_long_remark(scene: Scene) -> None:
    scene.put()
    log_in(scene, PROVIDER)
    scene.open(f"/assistant/documents/{ID}")
    scene.page.get_by_label("Remark").evaluate("(area, text) => { area.value = text; }", "Too long. " * 31)
    scene.press("Mark as ready")


@state
def pending_with_a_ready_mark(scene: Scene) -> None:
    scene.put(ready=READY)
    scene.log_in()
    scene.open("/documents")


@state
def review_with_a_ready_mark(scene: Scene) -> None:
    scene.put(ready=READY)
    scene.log_in()
    scene.open(REVIEW)


def open_invitation(scene: Scene) -> None:
    """Open the link of an invitation of the sample provider to the sample assistant."""
    portal = scene.memory.portal
    waiting = Assistant(
        id="ast_1", name=ASSISTANT.name, email=ASSISTANT.email or "", invited_at=START, invitation="dlv_1"
    )
    scene.provider(assistants=(waiting,))
    mail = Delivery(
        id="dlv_1",
        version=1,
        practice_id="portal",
        document_id=None,
        event_id="evt_1",
        channel=Channel.EMAIL,
        type="invitation",
        recipient=waiting.email,
        created_at=START,
        provider_id=PROVIDER.id,
    )
    scene.open(f"/invitation/{portal.invitations.create_token(mail, portal.time.now())}")


def some_documents(scene: Scene) -> None:
    scene.put(ready=READY)
    scene.put(id="doc_2", external_id="POC-2", patient=patient("Grace", "Hopper"), practice=JUNIPER)
    scene.put(id="doc_3", external_id="POC-3", patient=patient("Alan", "Turing"), due_on=START.date())
    document = addressed_to(OTHER_PROVIDER, scene.stored())
    other = scene.put(id="doc_4", external_id="POC-4", addressee=document.addressee, provider_id=OTHER_PROVIDER.id)
    assert other.provider_id == OTHER_PROVIDER.id


def log_in(scene: Scene, *providers: Provider) -> None:
    """Log in an assistant of these providers: give the browser a session cookie."""
    portal = scene.memory.portal
    assistant = assist(portal, ASSISTANT, *providers)
    row, cookie = portal.sessions.start(assistant, portal.time.now())
    portal.store.commit(Change(at=portal.time.now(), secrets=(row,)))
    scene.cookie("__Host-session", cookie)
