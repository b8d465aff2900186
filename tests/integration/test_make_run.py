"""Test that `make run` keeps its data however the command ends, for example after a kill.

The supervisor, which stops the other processes, has separate unit tests."""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from standardwebhooks import Webhook

from infrastructure.local.localhost_http import LocalhostTransport
from infrastructure.local.paths import LocalPaths
from infrastructure.local.run import refuse_taken_ports
from infrastructure.local.sample_practice import Addresses
from infrastructure.local.stack import LocalStack
from infrastructure.local.warm_up import ONE_PAGE
from infrastructure.repository import ROOT
from infrastructure.user_error import UserError
from tests.support.free_ports import free_port
from tests.support.stack import wait_until

SECONDS_TO_START = 120.0
SECONDS_TO_STOP = 60.0
SECONDS_TO_FAX = 120.0
FAX = "+15125550100"


class Run:
    """One run of the command `make run`, with its own data folder and ports."""

    def __init__(self, paths: LocalPaths, port: int) -> None:
        self.paths = paths
        self.stack = LocalStack(port)
        self.output = paths.home.parent / "output"
        arguments = ["--port", str(port), "--home", str(paths.home)]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infrastructure.local.run", *arguments],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self) -> None:
        wait_until(self._is_ready_or_over, SECONDS_TO_START, "make run to be ready")
        assert self.process.poll() is None, self.output.read_text()

    def _is_ready_or_over(self) -> bool:
        return self.paths.portal.exists() or self.process.poll() is not None

    @property
    def practice(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.paths.portal.read_text())["practice"]
        return found

    def http(self) -> httpx.Client:
        key = {"authorization": f"Bearer {self.practice['api_key']}"}
        return httpx.Client(base_url=self.stack.portal_url, transport=LocalhostTransport(), timeout=30.0, headers=key)

    def send(self, external_id: str, *, fax: str | None = None) -> str:
        """Send a document by email or by fax as the EMR does, and return the document's id."""
        return self._post(f"msg_{external_id}", event(external_id, fax))

    def confirm_copy(self, document_id: str) -> None:
        """Report as the EMR does that a person read a dated signature on the copy that came back."""
        with self.http() as http:
            zone = http.get("/v1/practice").raise_for_status().json()["time_zone"]
        today = datetime.now(ZoneInfo(zone)).date()
        report = {"document_id": document_id, "seen": "signed_and_dated", "signed_on": today.isoformat()}
        named = {"type": "document.copy_confirmed", "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        self._post(f"msg_copy_{document_id}", {**named, "data": report})

    def signed_pdf(self, document_id: str) -> dict[str, Any] | None:
        """Return what the document's resource says about the sealed PDF, or None if the PDF is not yet sealed."""
        with self.http() as http:
            resource = http.get(f"/v1/documents/{document_id}").raise_for_status().json()
        signed: dict[str, Any] | None = resource["signed_pdf"]
        return signed

    def _post(self, message: str, body_json: Mapping[str, Any]) -> str:
        """Send a signed event as the EMR does, and return the id of its document."""
        body, now = json.dumps(body_json), datetime.now(UTC)
        headers = {
            "portal-practice": self.practice["id"],
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.practice["webhook_secret"]).sign(message, now, body),
            "content-type": "application/json",
        }
        with self.http() as http:
            answer = http.post("/v1/events", content=body, headers=headers)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        document_id: str = answer.json()["document_id"]
        return document_id

    def fax_status(self, document_id: str) -> str:
        """Return the status of the fax of a document."""
        with self.http() as http:
            resource = http.get(f"/v1/documents/{document_id}").raise_for_status().json()
        return str(next(line["status"] for line in resource["deliveries"] if line["channel"] == "fax"))

    def faxes_in_mailbox(self) -> int:
        """Return the number of faxes that the fax machine in the mailbox has received."""
        url = json.loads(self.paths.portal.read_text())["mailbox_url"]
        mails = httpx.get(f"{url}/api/messages", params={"to": f"{FAX.removeprefix('+')}@fax.example.net"}).json()
        return len(mails)

    def fax_back(self) -> None:
        """Send the second page of the only fax back to the practice's own number, in the mailbox's fax machine."""
        addresses = json.loads(self.paths.portal.read_text())
        (fax,) = httpx.get(f"{addresses['fax_carrier_url']}/arrived").raise_for_status().json()
        form = {"pages": "2", "to": addresses["return_fax"], "skew": "2", "size": "90"}
        answer = httpx.post(f"{addresses['mailbox_url']}/messages/{fax['id']}/return", data=form, timeout=30)
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text

    def copies(self, document_id: str) -> list[dict[str, Any]]:
        """Return the copies of a document that came back by fax, as the document's resource lists them."""
        with self.http() as http:
            copies: list[dict[str, Any]] = http.get(f"/v1/documents/{document_id}").raise_for_status().json()["copies"]
        return copies

    def picture(self, url: str) -> bytes:
        """Return the picture of a faxed page, to which the portal's API redirects an EMR."""
        with self.http() as http:
            answer = http.get(httpx.URL(url).path)
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
        return httpx.get(answer.headers["location"]).raise_for_status().content

    def documents(self) -> set[str]:
        with self.http() as http:
            answer = http.get("/v1/documents", params={"report": "all"}).raise_for_status()
        return {row["id"] for row in answer.json()["documents"]}

    def originals(self) -> int:
        s3, bucket = self.stack.client("s3"), self.stack.outputs()["EvidenceBucket"]
        count: int = s3.list_objects_v2(Bucket=bucket, Prefix="evidence/originals/")["KeyCount"]
        return count

    def kill(self) -> None:
        """Kill `make run` with SIGKILL, and wait until its supervisor has stopped all other processes."""
        self.process.kill()
        self.process.wait()
        self.wait_for_the_supervisor()

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        self.process.wait(SECONDS_TO_STOP)
        self.wait_for_the_supervisor()

    def wait_for_the_supervisor(self) -> None:
        record = self.paths.supervisor_record
        wait_until(lambda: not record.exists(), SECONDS_TO_STOP, "the supervisor to end")

    def kill_the_emulator(self) -> None:
        os.kill(process_with(f"GATEWAY_PORT={self.stack.port}"), signal.SIGKILL)
        self.process.wait(SECONDS_TO_STOP)
        self.wait_for_the_supervisor()


def event(external_id: str, fax: str | None = None) -> dict[str, Any]:
    address = {"fax": fax} if fax else {"email": "dr.rivera@example.com"}
    return {
        "type": "document.sent",
        "timestamp": "2026-11-22T19:00:00Z",
        "data": {
            "external_id": external_id,
            "kind": "plan_of_care",
            "title": "Plan of Care",
            "patient": {
                "external_id": "PT-77",
                "first_name": "Ada",
                "last_name": "Byron",
                "date_of_birth": "1950-12-10",
            },
            "provider": {"first_name": "Luis", "last_name": "Rivera", **address},
            "delivery": "fax" if fax else "email",
            # Another file for each document: equal bytes would share one object.
            "content": {"base64": base64.b64encode(ONE_PAGE + b"%" + external_id.encode()).decode()},
        },
    }


def process_with(variable: str) -> int:
    """Return the id of the oldest process that has this environment variable: the local AWS.

    Its Lambda workers, which are younger, have the same variable."""
    pids = sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return next(pid for pid in pids if variable in environment_of(pid))


def environment_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


def port_with_room() -> int:
    """Return a free port whose next ports are free too, for the other programs of `make run`."""
    while True:
        port = free_port()
        with contextlib.suppress(UserError):
            refuse_taken_ports(Addresses(port))
            return port


@pytest.fixture
def start(tmp_path: Path, package_folder: Path) -> Iterator[Callable[[], Run]]:
    """Yield a function that starts `make run`, always with the same data folder. The app is already packaged."""
    paths, port = LocalPaths(tmp_path / "local"), port_with_room()
    shutil.copytree(package_folder, paths.package, ignore=shutil.ignore_patterns("project", "wheels"))
    runs: list[Run] = []

    def start_again() -> Run:
        runs.append(Run(paths, port))
        runs[-1].wait_until_ready()
        return runs[-1]

    yield start_again
    for run in reversed(runs):
        run.stop()
    shutil.rmtree(paths.home)


def test_a_kill_loses_nothing_and_a_killed_emulator_restores_its_last_save(start: Callable[[], Run]) -> None:
    run = start()
    practice = run.practice
    kept = run.send("POC-1")
    faxed = run.send("POC-FAX", fax=FAX)
    wait_until(lambda: run.fax_status(faxed) == "delivered", SECONDS_TO_FAX, "the carrier to confirm the fax")
    wait_until(lambda: run.faxes_in_mailbox() == 1, SECONDS_TO_FAX, "the fax machine to show the fax")
    run.fax_back()
    wait_until(lambda: run.copies(faxed), SECONDS_TO_FAX, "the returned fax to be matched with its document")
    (page,) = run.copies(faxed)[0]["pages"]
    assert page["page"] == 1
    assert run.picture(page["url"]).startswith(b"\x89PNG")
    run.confirm_copy(faxed)
    wait_until(lambda: run.signed_pdf(faxed), SECONDS_TO_FAX, "the confirmed copy to be sealed")
    run.kill()

    run = start()
    assert run.practice == practice
    assert run.documents() == {kept, faxed}
    lost = run.send("POC-2")
    assert run.documents() == {kept, faxed, lost}
    assert run.originals() == 3
    run.kill_the_emulator()
    assert "The process `aws` ended unexpectedly" in run.output.read_text()

    run = start()
    assert "was killed before it could save" in run.output.read_text()
    assert "Removed 1 stored files" in run.output.read_text()
    assert run.documents() == {kept, faxed}
    assert run.originals() == 2
    again = run.send("POC-2")
    assert run.documents() == {kept, faxed, again}
