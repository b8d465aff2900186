"""Test that SpamAssassin, with the rules of its Debian package and without the network, finds nothing in any email."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.domain.deliveries import Channel, MessageType
from chalicelib.domain.practices import Logo
from chalicelib.services.delivery.emails import ENVELOPES
from chalicelib.services.delivery.message_sender import look_up
from chalicelib.services.delivery.mime import mime
from chalicelib.services.reminders.reminder_contents import describe_waiting
from tests.support.browser.states.entry import a_png
from tests.support.fakes import START
from tests.support.provider_fixtures import PROVIDER
from tests.support.worlds.delivery_world import World

VERDICT = re.compile(r"X-Spam-Status: \w+, score=(-?[\d.]+) required=[\d.]+\s+tests=(\S+(?:\s+[A-Z]\S+)*)")
LINK = "https://portal.test/documents/doc_abcdef123456"
SETUP = "https://portal.test/setup/9f8Yh2kQ7LrT0vXw3ZbN5mJc1sDgEa4uRpKiOqWt6Ho?document=doc_abcdef123456"
VALUES = {
    "announcement": "a document is waiting for your signature",
    "by_hand_link": "https://portal.test/by-hand/doc_abcdef123456",
    "change": "A passkey was added to your account",
    "changed_at": "November 22, 2026, at 1:00 PM CST",
    "clinic": "Hill Country Therapy",
    "code": "493018",
    "code_link": "https://portal.test/account/emails",
    "decided_at": "November 22, 2026, at 1:00 PM CST",
    "document_link": LINK,
    "email": "dr.rivera@example.com",
    "expires_at": "2:30 PM CST",
    "fax": "(512) 555-0188",
    "giver": None,
    "has_account": False,
    "headline": "Reminder: a plan of care needs your signature",
    "home_link": "https://portal.test/",
    "account_link": "https://portal.test/account",
    "invitation_link": "https://portal.test/invitation/9f8Yh2kQ7LrT0vXw3ZbN5mJc1sDgEa4uRpKiOqWt6Ho",
    "invited_by": "Luis Rivera, MD",
    "is_by_hand": False,
    "is_last": True,
    "is_on_screen": False,
    "is_scan": True,
    "list_link": "https://portal.test/documents",
    "outcome": "by_hand",
    "paragraph": "Support has turned off two-step login for your account.",
    "principal": "Luis Rivera, MD",
    "returned_by": None,
    "setup_link": SETUP,
    "signs_by_code": True,
    "stop_link": "https://portal.test/reminders/stop/9f8Yh2kQ7LrT0vXw3ZbN5mJc1sDgEa4uRpKiOqWt6Ho",
}


def write_emails(folder: Path) -> list[Path]:
    """Write every email that the portal can send, with a clinic's logo, to a file of its own. Return the files."""
    world, logo = World(), Logo(key="logos/prc_1/logo", width=480, height=120)
    world.files.put(logo.key, a_png(logo), "image/png")
    world.change_practice(logo=logo)
    delivery = world.row(world.message(Channel.EMAIL, MessageType.READY))
    facts = replace(look_up(delivery, world.store, START), provider=PROVIDER)
    documents = (world.document, replace(world.document, id="doc_2"))
    values = {**describe_waiting(documents, {each.id: LINK for each in documents}), **VALUES}
    files = []
    for template in ENVELOPES:
        mail = world.emails._render(facts, template, **values)
        message = mime(mail, sender="no-reply@portal.test", message_id=f"{delivery.id}.1", now=START)
        files.append(folder / f"{template}.eml")
        files[-1].write_bytes(message)
    return files


@pytest.mark.skipif(not shutil.which("spamassassin") and not shutil.which("apt-get"), reason="Debian packages it")
def test_no_email_gets_a_point_for_spam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files = write_emails(tmp_path)
    command = ["spamassassin", "--local", "--test-mode", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = VERDICT.findall(done.stdout)
    scores = {file.stem: (float(score), tests) for file, (score, tests) in zip(files, found, strict=True)}
    assert {name: found for name, found in scores.items() if found[0] > 0} == {}
