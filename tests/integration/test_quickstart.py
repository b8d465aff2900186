"""Test that the commands in the quickstart of the integration guide work unchanged, against the deployed portal."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.generate_guide import GUIDE
from infrastructure.repository import ROOT
from tests.support.free_ports import free_port
from tests.support.stack import SamplePractice, Stack

BLOCKS = re.findall(r"```(sh|python) quickstart\n(.*?)```", GUIDE.read_text(), re.DOTALL)
SHELL, CLIENT, RECEIVER = (code for _, code in BLOCKS)


@pytest.fixture
def practice(stack: Stack) -> SamplePractice:
    return stack.practice()


@pytest.fixture
def checkout(stack: Stack, practice: SamplePractice, tmp_path: Path) -> Path:
    """Return a folder with the files that the quickstart's commands read, as a checkout has them during `make run`."""
    for name in ("docs", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".local").mkdir()
    content = {"portal_url": stack.portal_url, "practice": vars(practice)}
    (tmp_path / ".local" / "portal.json").write_text(json.dumps(content))
    return tmp_path


def run(command: list[str], code: str, folder: Path, **environment: str) -> list[str]:
    done = subprocess.run(
        command,
        input=code,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.splitlines()


def test_the_guide_has_three_blocks_to_copy() -> None:
    assert [kind for kind, _ in BLOCKS] == ["sh", "python", "python"]


def test_curl_and_openssl_send_a_document_and_find_it_in_the_report(checkout: Path) -> None:
    accepted, report = (json.loads(line) for line in run(["bash", "-eu"], SHELL, checkout))
    assert accepted["status"] == "pending"
    assert [document["id"] for document in report["documents"]] == [accepted["document_id"]]


def test_the_python_client_sends_a_document_once_despite_retries(checkout: Path) -> None:
    answer, due_on, same = run([sys.executable, "-"], CLIENT, checkout)
    assert "'status': 'pending'" in answer
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", due_on)
    assert same == "True"


def test_the_receiver_verifies_the_test_event(checkout: Path) -> None:
    port = str(free_port())
    (line,) = run([sys.executable, "-u", "-"], RECEIVER, checkout, RECEIVER_PORT=port)
    assert re.fullmatch(r"evt_\w+ endpoint\.test", line)
