import json
from pathlib import Path
from typing import Any

import pytest

from examples.clinic.__main__ import REGISTER_TRIES, register
from examples.clinic.office import Office
from examples.launch import read_portal_file, wait_for_portal_file
from tests.support.portal_fake import FakePortal

CONTENT: dict[str, Any] = {
    "portal_url": "http://portal.localhost:4566/",
    "aws_endpoint_url": "http://127.0.0.1:4566",
    "clinic_url": "http://127.0.0.1:4576",
    "mailbox_url": "http://127.0.0.1:4577",
    "practice": {"id": "p", "api_key": "k", "webhook_secret": "whsec_c2VjcmV0"},
}


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_portal_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "portal.json"
    path.write_text(json.dumps(CONTENT))
    portal_file = read_portal_file(path)
    assert (portal_file.portal_url, portal_file.practice_id) == ("http://portal.localhost:4566", "p")


def test_portal_file_is_waited_for(tmp_path: Path) -> None:
    path, time = tmp_path / "portal.json", Time()

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        half = json.dumps(CONTENT)[:30]
        path.write_text(half if time.now < 1 else json.dumps(CONTENT))

    assert wait_for_portal_file(path, seconds=5, clock=lambda: time.now, sleep=sleep).api_key == "k"
    assert time.now >= 1


@pytest.mark.parametrize(("content", "reason"), [(None, "does not exist"), ("{}", "is not complete")])
def test_the_wait_for_the_portal_file_ends_with_a_sentence(tmp_path: Path, content: str | None, reason: str) -> None:
    path, time = tmp_path / "portal.json", Time()
    if content:
        path.write_text(content)
    with pytest.raises(TimeoutError, match=f"{reason} after 3 seconds. `make run`"):
        wait_for_portal_file(path, seconds=3, clock=lambda: time.now, sleep=time.sleep)


def test_clinic_registers_its_webhook_address(office: Office, fake_portal: FakePortal) -> None:
    register(office, sleep=lambda _: None)
    assert fake_portal.practice["endpoint"]["url"] == "http://127.0.0.1:4576/webhooks/portal"
    assert office.store.fact("endpoint") == ""


def test_clinic_gives_up_registering_after_a_while_and_shows_it(office: Office, fake_portal: FakePortal) -> None:
    fake_portal.away = True
    pauses: list[float] = []
    register(office, sleep=pauses.append)
    assert len(pauses) == REGISTER_TRIES
    assert office.store.fact("endpoint") == "The portal could not be reached."
