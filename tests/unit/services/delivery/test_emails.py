"""Test the emails that the portal sends: their recipients, texts and headers."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.domain.documents import Decision, Identity, Signer, SigningMethod
from chalicelib.domain.errors import Unprocessable
from chalicelib.domain.expiring_records import CODE_LIFETIME, SecretKind, new_secret, secret_key
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.services.delivery import emails
from chalicelib.services.delivery.mime import Mail, mime
from chalicelib.services.transaction import Change, Claim
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER
from tests.support.worlds.delivery_world import World

ABOUT_ACCOUNTS = ["reset", "password_changed", "email_added", "address_code", "address_taken"]
KINDS = ["ready", "setup", "code", "decided_elsewhere", *ABOUT_ACCOUNTS]
PATIENT = ["Ada", "Byron", "PT-77", "1950", "POC-1001", "Plan of Care", "plan_of_care", "initial evaluation"]
LINK = re.compile(r"https://portal\.test[^\s\"<]*")


@pytest.fixture
def world() -> World:
    return World()


def with_account(world: World, since: datetime = START, practices: tuple[str, ...] = (), **changes: Any) -> World:
    provider = world.store.provider(PROVIDER.id)
    assert provider is not None
    owner = replace(PROVIDER, version=provider.version + 1, account_since=since, practices=practices, **changes)
    world.store.commit(Change(at=world.clock.at, providers=(owner,)))
    return world


def sent(world: World, kind: str) -> EmailMessage:
    """Send an email of this kind, and return it as the mailbox gets it."""
    if kind in ABOUT_ACCOUNTS:
        row_id = with_account(world).own_message(kind)
        if kind == "address_code":
            request = new_secret(SecretKind.ADDRESS, f"newest:{PROVIDER.id}", world.clock.at, CODE_LIFETIME)
            request = replace(request, email="dr.rivera@example.com")
            world.store.commit(Change(at=world.clock.at, secrets=(request,)))
        world.clock.pass_time(seconds=1)
    else:
        row_id = world.message(Channel.EMAIL, MessageType(kind))
    assert world.deliver(row_id).status is DeliveryStatus.SENT
    return world.mail()


def part(mail: EmailMessage, subtype: str) -> str:
    body = mail.get_body((subtype,))
    assert body is not None
    text = body.get_content()
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


def both(mail: EmailMessage) -> list[str]:
    return [part(mail, "plain"), part(mail, "html")]


# Every email


@pytest.mark.parametrize("kind", KINDS)
def test_no_email_contains_patient_data(world: World, kind: str) -> None:
    mail = sent(world, kind)
    everything = [*both(mail), str(mail["Subject"]), str(mail["From"]), str(mail["Message-ID"])]
    assert not [word for word in PATIENT for text in everything if word in text]


@pytest.mark.parametrize("kind", KINDS)
def test_headers_are_those_of_an_automatic_email(world: World, kind: str) -> None:
    mail = sent(world, kind)
    assert mail["To"] == "dr.rivera@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == world.clock.at
    assert re.fullmatch(r"<dlv_[0-9a-f]{32}\.1@portal\.test>", mail["Message-ID"])
    assert mail.get_content_type() == "multipart/alternative"
    assert mail["From"].addresses[0].addr_spec == "no-reply@portal.test"


@pytest.mark.parametrize("kind", KINDS)
def test_text_and_html_have_the_same_links(world: World, kind: str) -> None:
    plain, html = both(sent(world, kind))
    assert set(LINK.findall(plain)) == set(LINK.findall(html)) != set()


@pytest.mark.parametrize("kind", KINDS)
def test_the_tags_of_a_template_leave_no_space_in_the_text(world: World, kind: str) -> None:
    text = part(sent(world, kind), "plain")
    assert "\n\n\n" not in text
    assert [line for line in text.splitlines() if line != line.strip()] == []


def test_the_templates_of_a_deployment_are_read_once() -> None:
    assert emails._environment().auto_reload is False


@pytest.mark.parametrize("kind", KINDS)
def test_html_loads_nothing_from_anywhere(world: World, kind: str) -> None:
    html = part(sent(world, kind), "html")
    assert not re.search(r"<img|<script|<link|url\(|src=", html)


@pytest.mark.parametrize(("kind", "name"), [("ready", True), ("setup", True), ("code", True), ("reset", False)])
def test_the_sender_is_the_clinic_for_emails_about_its_document(world: World, kind: str, *, name: bool) -> None:
    mail = sent(world, kind)
    expected = "Hill Country Therapy via Provider Portal" if name else "Provider Portal"
    assert mail["From"].addresses[0].display_name == expected
    assert mail["Reply-To"] == ("desk@hillcountry.example" if name else None)


@pytest.mark.parametrize(
    ("outcome", "scan", "words"),
    [
        (Outcome.BY_HAND, "evidence/scans/1", "uploaded a copy, as signed by hand"),
        (Outcome.BY_HAND, None, "recorded a document as signed on paper"),
        (Outcome.DECLINED, None, "recorded a document as declined"),
    ],
)
def test_the_owner_reads_what_was_decided_elsewhere(
    world: World, outcome: Outcome, scan: str | None, words: str
) -> None:
    action = Action.DECLINE if outcome is Outcome.DECLINED else Action.SIGN_BY_HAND
    signer = Signer(name="Luis Rivera", credential="MD", npi=None, method=SigningMethod.BY_HAND, authentication="p")
    decision = Decision(action=action, signer=signer, decided_at=START, scan_key=scan)
    world.change_document(outcome=outcome, decision=decision)
    assert all(words in text for text in both(sent(world, "decided_elsewhere")))


@pytest.mark.parametrize("on", [True, False])
def test_the_announcement_offers_signing_without_an_account_only_if_that_is_possible(world: World, *, on: bool) -> None:
    world.switches.set_sign_without_account(world.document.practice_id, on=on)
    for text in both(sent(world, "ready")):
        assert ("Sign without an account" in text) is on
        assert ("Prefer to sign on paper?" in text) is not on
        assert f"https://portal.test/by-hand/{world.document.id}" in text


@pytest.mark.parametrize("on", [True, False])
def test_the_owner_of_an_account_is_led_to_the_account(world: World, *, on: bool) -> None:
    world.switches.set_sign_without_account(world.document.practice_id, on=on)
    for text in both(sent(with_account(world), "ready")):
        assert "Sign without an account" not in text


def test_with_electronic_signature_off_the_announcement_offers_only_paper(world: World) -> None:
    world.switches.set_sign_without_account(world.document.practice_id, on=True)
    world.switches.set_electronic_signature(world.document.practice_id, on=False)
    for text in both(sent(world, "ready")):
        assert "a document to sign by hand" in text
        assert "on the screen" not in text


@pytest.mark.parametrize(("outcome", "verb"), [(Outcome.APPROVED, "signed"), (Outcome.DECLINED, "declined")])
def test_the_owner_reads_that_a_document_was_decided_without_the_account(
    world: World, outcome: Outcome, verb: str
) -> None:
    identity = Identity(method="fax_code", sent_to=None, supplied_by=None, statement="By code.")
    signer = Signer(name="Luis Rivera", credential="MD", npi=None, method=SigningMethod.ELECTRONIC, authentication="c")
    action = Action.DECLINE if outcome is Outcome.DECLINED else Action.APPROVE
    decision = Decision(action=action, signer=replace(signer, identity=identity), decided_at=START)
    world.change_document(outcome=outcome, decision=decision)
    for text in both(sent(world, "decided_elsewhere")):
        assert f"with a code and {verb} it on the screen, without your account." in " ".join(text.split())
        assert "not from your account" not in text


def test_without_a_reply_address_the_email_has_none(world: World) -> None:
    world.change_practice(reply_to=None)
    assert sent(world, "ready")["Reply-To"] is None


# An account's addresses


def test_the_email_with_the_code_names_the_address_and_no_account(world: World) -> None:
    for text in both(sent(world, "address_code")):
        assert re.search(r"\b\d{6}\b", text)
        assert "add" in text
        assert "dr.rivera@example.com" in text
        assert "Luis" not in text
        assert "https://portal.test/account/emails" in text


def test_no_code_is_sent_to_an_address_of_another_account_and_its_owner_hears_of_it(world: World) -> None:
    row_id = with_account(world).own_message("address_code")
    request = new_secret(SecretKind.ADDRESS, f"newest:{PROVIDER.id}", world.clock.at, CODE_LIFETIME)
    request = replace(request, email="dr.rivera@example.com")
    other = replace(OTHER_PROVIDER, email="jane@example.com")
    claim = Claim(key=email_claim("dr.rivera@example.com"), owner=other.id)
    world.store.commit(Change(at=world.clock.at, secrets=(request,), providers=(other,), claims=(claim,)))
    assert world.deliver(row_id).status is DeliveryStatus.CANCELLED
    assert world.mailer.sent == []
    (notice,) = [row for row in world.store.every(Delivery, "deliveries") if row.type == "address_taken"]
    assert world.deliver(notice.id).status is DeliveryStatus.SENT
    assert world.mail()["To"] == "jane@example.com"
    for text in both(world.mail()):
        assert "Someone asked to add" in text
        assert "dr.rivera@example.com" in text
        assert "Luis" not in text


@pytest.mark.parametrize("kind", ["email_added", "email_removed"])
def test_an_email_about_an_address_names_it(world: World, kind: str) -> None:
    row_id = with_account(world).own_message(kind)
    row = world.row(row_id)
    named = replace(row, version=row.version + 1, body="luis@clinic.example")
    world.store.commit(Change(at=world.clock.at, deliveries=(named,)))
    world.deliver(row_id)
    for text in both(world.mail()):
        assert "luis@clinic.example" in text
        assert f"An email address was {kind.removeprefix('email_')}" in text


# A document is ready


def test_the_announcement_links_to_the_document_and_to_signing_by_hand(world: World) -> None:
    plain, _ = both(sent(world, "ready"))
    assert f"https://portal.test/documents/{world.document.id}\n" in plain
    assert f"https://portal.test/by-hand/{world.document.id}\n" in plain
    assert "fax it to (512) 555-0188" in plain


def test_the_announcement_explains_the_portal_only_without_an_account(world: World) -> None:
    assert "First time here?" in part(sent(world, "ready"), "plain")
    with_account(world)
    assert "First time here?" not in part(sent(world, "ready"), "plain")


def test_at_another_persons_username_the_announcement_links_only_to_signing_by_hand(world: World) -> None:
    """Two people share a mailbox, and one of them has an account with this address. The other person cannot set up
    another."""
    world.store.commit(Change(at=START, claims=(Claim(key=email_claim("dr.rivera@example.com"), owner="prv_9"),)))
    for text in both(sent(world, "ready")):
        assert f"https://portal.test/by-hand/{world.document.id}" in text
        assert "/documents/" not in text


def test_with_electronic_signature_off_the_announcement_links_only_to_signing_by_hand(world: World) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    world.switches.on.clear()
    world.deliver(row_id)
    plain, html = both(world.mail())
    links = set(LINK.findall(plain + html))
    assert links == {f"https://portal.test/by-hand/{world.document.id}"}
    for words in ("Print it, sign it and date it", "(512) 555-0188", "upload a scan or photo"):
        assert words in plain
        assert words in re.sub(r"</?strong>", "", html)


def test_the_line_on_the_document_follows_the_email(world: World) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    assert [line.status for line in world.document.deliveries] == ["queued"]
    world.deliver(row_id)
    assert [(line.id, line.status) for line in world.document.deliveries] == [(row_id, "sent")]


def test_sending_an_email_adds_no_audit_event(world: World) -> None:
    world.deliver(world.message(Channel.EMAIL, MessageType.READY))
    assert [event.type for event in world.events()] == ["document.sent"]
    assert world.webhooks() == []


# Links and codes


def test_the_setup_link_expires_ninety_minutes_after_it_is_sent(world: World) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.SETUP)
    world.clock.pass_time(hours=3)
    world.deliver(row_id)
    (token,) = set(re.findall(r"https://portal\.test/setup/(\S+)", part(world.mail(), "plain")))
    secret = world.store.secret(secret_key(SecretKind.SETUP, token))
    assert secret is not None
    assert secret.expires_at == world.clock.at + timedelta(minutes=90)


def test_the_setup_email_of_a_recalled_document_names_the_pending_document(world: World) -> None:
    """The email must name the clinic whose document still waits, not the clinic that has recalled its document."""
    row_id = world.message(Channel.EMAIL, MessageType.SETUP)
    clinic = replace(world.practice, id="prc_other", version=1, name="Lakeside Rehab")
    waits = replace(world.document, id="doc_waits", version=1, practice_id=clinic.id, access=2)
    world.store.commit(Change(at=START, practices=(clinic,), documents=(waits,)))
    world.change_document(recalled_at=START, status=Status.RECALLED, access=2)
    assert world.deliver(row_id).status is DeliveryStatus.SENT
    plain, _ = both(world.mail())
    assert "Lakeside Rehab has sent you" in plain
    assert f"/documents/{waits.id}" in plain


def test_the_setup_email_explains_how_to_request_a_new_link(world: World) -> None:
    plain, _ = both(sent(world, "setup"))
    assert "The link expires in 90 minutes and works once." in plain
    assert "https://portal.test/forgot-password" in plain
    assert f"https://portal.test/documents/{world.document.id}" in plain


def test_no_setup_email_goes_to_a_provider_with_an_account(world: World) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.SETUP)
    with_account(world)
    assert world.deliver(row_id).status is DeliveryStatus.CANCELLED
    assert world.mailer.sent == []


def test_the_code_is_in_the_body_and_in_no_header(world: World) -> None:
    mail = sent(world, "code")
    (code,) = re.findall(r"Your code: (\d{6})", part(mail, "plain"))
    assert code in part(mail, "html")
    assert code not in str(mail["Subject"])
    assert "10 minutes" in part(mail, "plain")


def test_the_first_password_gets_a_welcome_and_a_later_one_a_notice(world: World) -> None:
    with_account(world, since=world.clock.at)
    world.deliver(world.own_message("password_changed"))
    assert world.mail()["Subject"] == "Your account on Provider Portal is ready"
    world.clock.pass_time(days=1)
    world.deliver(world.own_message("password_changed"))
    assert world.mail()["Subject"] == "Your password was changed on Provider Portal"
    assert "November 23, 2026, at 2:00 PM EST" in part(world.mail(), "plain")


@pytest.mark.parametrize(
    ("kind", "recipient", "subject", "says"),
    [
        ("people_separated", "own", "Documents were removed", "addressed to someone else"),
        ("address_released", "own", "An email address was removed", "Your username is still dr.rivera@example.com"),
        ("address_released", "former", "An email address was removed", "removed this email address"),
        ("account_closed", "former", "Your Provider Portal account was closed", "You can't log in anymore"),
        ("move_started", "own", "Your Provider Portal account is being moved", "Nothing changes until"),
        ("move_cancelled", "own", "Your Provider Portal account stays", "your username stays the same"),
        ("account_moved", "own", "Your Provider Portal account was moved", "Your username is now dr.rivera"),
        ("account_moved", "former", "Your Provider Portal account was moved", "You can't log in with this address"),
    ],
)
def test_an_action_of_support_is_reported_to_the_addresses_of_the_account(
    world: World, kind: str, recipient: str, subject: str, says: str
) -> None:
    email = "dr.rivera@example.com" if recipient == "own" else "new@example.com"
    with_account(world, since=START, email=email, emails=(email,))
    world.deliver(world.own_message(kind))
    mail = world.mail()
    assert mail["To"] == "dr.rivera@example.com"
    assert str(mail["Subject"]).startswith(subject)
    for text in (part(mail, "plain"), part(mail, "html").replace("&#39;", "'")):
        assert says in text
        assert "help@portal.test" in text
        assert "November 22, 2026, at 2:00 PM EST" in text
        assert "Ada" not in text


def test_the_link_to_a_new_address_is_in_the_email_of_the_newest_move_only(world: World) -> None:
    row_id = world.own_message("new_address")
    with_account(world, since=START, email="old@example.com", move_link=row_id)
    assert world.deliver(row_id).status is DeliveryStatus.SENT
    (token,) = re.findall(r"https://portal.test/setup/([\w-]+)", part(world.mail(), "plain"))
    assert token in part(world.mail(), "html")
    assert world.setup_links.open(token, START).is_move
    later = world.own_message("new_address")
    assert world.deliver(later).status is DeliveryStatus.CANCELLED


def test_the_email_about_a_document_of_a_closed_account_offers_no_account(world: World) -> None:
    with_account(world, since=START, email=None, password_hash=None, closed_at=START)
    mail = sent(world, "ready")
    assert "by-hand" in part(mail, "plain")
    assert "/documents/" not in part(mail, "plain")


@pytest.mark.parametrize(
    ("zones", "time"),
    [
        ((), "2:00 PM EST"),
        (("America/Denver",), "12:00 PM MST"),
        (("America/Denver", "America/Chicago", "America/Chicago"), "1:00 PM CST"),
    ],
)
def test_a_change_of_an_account_has_the_time_in_the_zone_of_most_clinics(
    world: World, zones: tuple[str, ...], time: str
) -> None:
    others = [replace(PRACTICE, id=f"prc_zone{number}", time_zone=zone) for number, zone in enumerate(zones)]
    with_account(world, since=START, practices=tuple(practice.id for practice in others))
    for other in others:
        world.store.commit(Change(at=START, practices=(other,)))
    world.deliver(world.own_message("passkey_added"))
    assert f"November 22, 2026, at {time}." in part(world.mail(), "plain")


# The message itself


def test_no_name_can_add_a_header(world: World) -> None:
    world.change_practice(name="Evil\r\nBcc: thief@example.com\r\n\r\nbody")
    mail = sent(world, "ready")
    assert mail["Bcc"] is None
    assert mail["From"].addresses[0].addr_spec == "no-reply@portal.test"
    assert len(mail["From"].addresses) == 1


def test_invisible_and_direction_characters_are_removed_from_headers(world: World) -> None:
    world.change_practice(name="Good\x00 Hands\x1b[31m \u202eTherapy\u2028")
    shown = sent(world, "ready")["From"].addresses[0].display_name
    assert shown == "Good Hands [31m Therapy via Provider Portal"


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com, b@example.com",
        "",
        "x",
        "josé@example.com",
        "<a@example.com>",
        "A <a@example.com>",
    ],
)
def test_anything_but_a_single_address_is_refused(address: str) -> None:
    mail = Mail(to=address, name="Portal", subject="s", text="t")
    with pytest.raises(Unprocessable):
        mime(mail, sender="no-reply@portal.test", message_id="dlv_1", now=START)


def test_names_in_any_script_arrive_unchanged(world: World) -> None:
    world.change_practice(name="Clínica Señor, “Łódź” 東京")
    mail = sent(world, "ready")
    assert mail["From"].addresses[0].display_name == "Clínica Señor, “Łódź” 東京 via Provider Portal"
    assert "Clínica Señor" in part(mail, "html")
    assert world.mailer.sent[0][1].isascii()


def test_markup_in_a_name_is_escaped(world: World) -> None:
    world.change_practice(name="<b>Bold & Sons</b>")
    plain, html = both(sent(world, "ready"))
    assert "<b>Bold & Sons</b>" in plain
    assert "&lt;b&gt;Bold &amp; Sons&lt;/b&gt;" in html


def test_lines_end_with_crlf_and_are_not_too_long(world: World) -> None:
    sent(world, "setup")
    lines = world.mailer.sent[0][1].split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line for line in lines)


def test_the_owner_learns_that_a_fax_number_was_reported_as_wrong(world: World) -> None:
    with_account(world)
    world.deliver(world.own_message("fax_reported"))
    mail = world.mail()
    assert mail["Subject"] == "Your fax number was removed from Provider Portal"
    for text in (part(mail, "plain"), part(mail, "html").replace("&#39;", "'")):
        assert "November 22, 2026, at 2:00 PM EST, someone who got a fax for you reported" in " ".join(text.split())
        assert "https://portal.test/account" in text
        assert "logged out" not in text
        assert "Ada" not in text


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("reminders_changed", "Your choices for reminders were changed"),
        ("reminders_stopped", "Reminder emails were stopped"),
        ("reminders_started", "Reminder emails were started again"),
        ("fax_changed", "The fax number for your reminders was changed"),
        ("fax_removed", "The fax number for your reminders was removed"),
    ],
)
def test_a_change_of_reminders_is_reported_to_the_owner(world: World, kind: str, subject: str) -> None:
    with_account(world)
    world.deliver(world.own_message(kind))
    assert str(world.mail()["Subject"]) == f"{subject} on Provider Portal"
    assert "Wasn't you? Reset your password right away" in part(world.mail(), "plain")
