"""Test what an email says to a new reader: for whom and from whom it is, what waits, by when, and where to start."""

import re
from dataclasses import replace
from email.message import EmailMessage

import pytest

from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.deliveries import Channel, DeliveryStatus, MessageType
from chalicelib.domain.follow_up.preferences import ReminderPreferences
from chalicelib.domain.practices import Logo
from chalicelib.services.accounts.new_logins import NewLoginForm, Submission
from chalicelib.services.accounts.setup_links import LinkExpired
from chalicelib.services.delivery.email_parts import format_moment, format_time_of_day, read_logo
from chalicelib.services.transaction import Change, Claim
from tests.support.accounts import PASSWORD, make_new_logins
from tests.support.fakes import START
from tests.support.provider_fixtures import PROVIDER
from tests.support.worlds.delivery_world import World

SETUP = re.compile(r"https://portal\.test/setup/([\w-]+)\?document=(\w+)")
SAID = ("For Luis Rivera, MD", "Hill Country Therapy", "(512) 555-0177", "Plan of care", "December 20, 2026")
PNG = b"\x89PNG\r\n\x1a\n and so on"
LOGO = Logo(key="logos/prc_1/logo", width=400, height=96)


@pytest.fixture
def world() -> World:
    return World()


def send(world: World, kind: MessageType) -> EmailMessage:
    assert world.deliver(world.message(Channel.EMAIL, kind)).status is DeliveryStatus.SENT
    return world.mail()


def part(mail: EmailMessage, subtype: str) -> str:
    body = mail.get_body((subtype,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def images(mail: EmailMessage) -> list[EmailMessage]:
    return [each for each in mail.walk() if each.get_content_maintype() == "image"]


def words(mail: EmailMessage) -> str:
    """Return the text that a mailbox shows of the HTML, from the beginning of the body."""
    body = part(mail, "html").partition("<body")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", "<body" + body).split())


# One way in


def test_the_announcement_to_a_new_reader_leads_to_the_setup_of_its_document(world: World) -> None:
    mail = send(world, MessageType.READY)
    for text in (part(mail, "plain"), part(mail, "html")):
        (found,) = set(SETUP.findall(text))
        assert found[1] == world.document.id
        assert f"https://portal.test/documents/{world.document.id}" in text
        assert "First time here?" in text
    link = world.setup_links.open(found[0], START)
    assert link.is_setup
    assert (link.document, link.secret.email) == (world.document, "dr.rivera@example.com")
    button = re.findall(r'<a class="button" href="([^"]*)"', part(mail, "html"))
    assert [SETUP.match(href) is not None for href in button] == [True]


@pytest.mark.parametrize("used", [0, 1])
def test_either_email_sets_up_the_account_and_then_both_links_are_dead(world: World, used: int) -> None:
    tokens = []
    for kind in (MessageType.READY, MessageType.SETUP):
        (token,) = set(re.findall(r"/setup/([\w-]+)", part(send(world, kind), "plain")))
        tokens.append(token)
    form = NewLoginForm(password=PASSWORD, credential="MD", confirmed=True)
    chosen = make_new_logins(world.store, world.ids).choose(tokens[used], form, Submission(now=START))
    assert chosen.provider.email == "dr.rivera@example.com"
    for token in tokens:
        with pytest.raises(LinkExpired):
            world.setup_links.open(token, START)


def test_the_announcement_to_an_account_has_no_setup_link(world: World) -> None:
    row = world.store.provider(PROVIDER.id)
    assert row is not None
    world.store.commit(Change(at=START, providers=(replace(PROVIDER, version=row.version + 1),)))
    mail = send(world, MessageType.READY)
    assert "/setup/" not in part(mail, "html") + part(mail, "plain")
    assert "First time here?" not in words(mail)


def test_at_another_persons_username_and_on_paper_there_is_no_setup_link(world: World) -> None:
    world.store.commit(Change(at=START, claims=(Claim(key=email_claim("dr.rivera@example.com"), owner="prv_9"),)))
    assert "/setup/" not in part(send(world, MessageType.READY), "html")
    other = World()
    other.switches.on.clear()
    assert "/setup/" not in part(send(other, MessageType.READY), "html")


def test_an_account_that_is_created_while_the_email_is_composed_gets_the_plain_link(world: World) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    row = world.store.provider(PROVIDER.id)
    assert row is not None
    before = world.setup_links.create_token

    def late(*arguments: object) -> str:
        world.store.commit(Change(at=START, providers=(replace(PROVIDER, version=row.version + 1),)))
        return before(*arguments)  # type: ignore[arg-type]  # - passed on as they came

    world.setup_links.create_token = late  # type: ignore[assignment, method-assign]  # - a rival between two calls
    assert world.deliver(row_id).status is DeliveryStatus.SENT
    assert "/setup/" not in part(world.mail(), "plain")
    assert f"/documents/{world.document.id}" in part(world.mail(), "plain")


def test_a_corrected_address_ends_the_link_of_the_announcement(world: World) -> None:
    ((token, _),) = set(SETUP.findall(part(send(world, MessageType.READY), "plain")))
    world.change_document(access=2)
    with pytest.raises(LinkExpired):
        world.setup_links.open(token, START)


# Whom, what and when


@pytest.mark.parametrize("kind", [MessageType.READY, MessageType.SETUP])
def test_an_email_says_for_whom_from_whom_what_and_by_when(world: World, kind: MessageType) -> None:
    mail = send(world, kind)
    for text in (part(mail, "plain"), words(mail)):
        for said in (
            "For Luis Rivera, MD",
            "Hill Country Therapy",
            "(512) 555-0177",
            "Plan of care",
            "December 20, 2026",
        ):
            assert said in text


def test_two_setup_emails_in_one_mailbox_are_told_apart_in_the_list(world: World) -> None:
    subjects = [send(world, MessageType.SETUP)["Subject"]]
    jane = replace(world.document.addressee, first_name="Jane", last_name="Okafor", credential="NP")
    world.change_document(addressee=jane)
    subjects.append(send(world, MessageType.SETUP)["Subject"])
    assert subjects == [
        f"{name}: Set up your password for Provider Portal" for name in ("Luis Rivera, MD", "Jane Okafor, NP")
    ]


def test_the_first_words_of_an_email_are_visible_and_say_what_waits(world: World) -> None:
    mail = send(world, MessageType.READY)
    assert words(mail).startswith("For Luis Rivera, MD: Plan of care, due December 20, 2026. Hill Country Therapy")
    assert "display:none" not in part(mail, "html")
    assert "transparent" not in part(mail, "html")


@pytest.mark.parametrize(
    ("fax", "phone", "zone"),
    [("+13035550142", None, "1:30 PM MST"), (None, "+12125550142", "3:30 PM EST"), (None, None, "2:30 PM CST")],
)
def test_the_end_of_a_setup_link_is_in_the_readers_time_zone(
    world: World, fax: str | None, phone: str | None, zone: str
) -> None:
    world.change_document(addressee=replace(world.document.addressee, fax=fax, phone=phone))
    mail = send(world, MessageType.SETUP)
    assert f"Use it by {zone}." in part(mail, "plain")
    assert f"Use it by {zone}." in words(mail)


def test_the_time_zone_that_the_provider_has_chosen_comes_first(world: World) -> None:
    row = world.store.provider(PROVIDER.id)
    assert row is not None
    chosen = ReminderPreferences(time_zone="America/Anchorage")
    world.store.commit(Change(at=START, providers=(replace(row, version=row.version + 1, reminders=chosen),)))
    world.change_document(addressee=replace(world.document.addressee, fax="+13035550142"))
    assert "Use it by 11:30 AM AKST." in part(send(world, MessageType.SETUP), "plain")


def test_times_of_day_are_written_as_people_say_them() -> None:
    at = START.replace(hour=18, minute=5)
    assert format_time_of_day(at, "America/Chicago") == "12:05 PM CST"
    assert format_moment(at.replace(hour=6), "America/Chicago") == "November 22, 2026, at 12:05 AM CST"


# The logo


def test_the_logo_of_the_clinic_is_inside_the_email(world: World) -> None:
    world.files.put(LOGO.key, PNG, "image/png")
    world.change_practice(logo=LOGO)
    mail = send(world, MessageType.READY)
    (image,) = images(mail)
    assert (image.get_content(), image.get_content_subtype(), image["Content-ID"]) == (PNG, "png", "<logo@portal>")
    assert image.get_content_disposition() == "inline"
    assert '<img src="cid:logo@portal" width="200" height="48" alt="Hill Country Therapy"' in part(mail, "html")
    assert list(mail.iter_attachments()) == []


def test_no_picture_is_fetched_from_a_server_and_a_lost_logo_stops_no_email(world: World) -> None:
    world.change_practice(logo=LOGO)
    mail = send(world, MessageType.READY)
    assert images(mail) == []
    assert "<img" not in part(mail, "html")


SHAPES = [
    ((400, 96), (200, 48)),
    ((600, 30), (200, 10)),
    ((30, 96), (15, 48)),
    ((90, 20), (90, 20)),
    ((1000, 1), (200, 1)),
]
"""Sizes of logos in pixels, and the sizes at which an email shows them."""


@pytest.mark.parametrize(("size", "shown"), SHAPES)
def test_a_logo_keeps_its_shape_within_its_place(world: World, size: tuple[int, int], shown: tuple[int, int]) -> None:
    world.files.put(LOGO.key, b"\xff\xd8\xff jpeg", "image/jpeg")
    logo = replace(LOGO, width=size[0], height=size[1])
    found = read_logo(world.files, replace(world.practice, logo=logo))
    assert found is not None
    assert (found.width, found.height, found.subtype) == (*shown, "jpeg")
    assert read_logo(world.files, replace(world.practice, logo=None)) is None
    assert read_logo(world.files, None) is None
